"""What a look at a file proposes: the profile that reads its records, why, and what nobody can tell from it."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.detection.csv_detection import detect_csv, fitting
from livedash_pipeline.intake.rules.detection.encodings import guess_encoding
from livedash_pipeline.intake.rules.detection.numbers import number_signs
from livedash_pipeline.intake.rules.detection.proposals import CsvProposal, NoProposalError
from livedash_pipeline.intake.rules.detection.tables import cut_tables, table_of
from livedash_pipeline.intake.rules.detection.times import find_forms
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.sheet_records import first_rows
from tests.intake.exports.made_up import EXPORTS, Export
from tests.support.csv_rows import csv_line

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def detect(content: bytes | str, **said: Any) -> CsvProposal:
    return detect_csv(content.encode() if isinstance(content, str) else content, AMSTERDAM, now=NOW, **said)


def lines(*rows: str) -> str:
    return "".join(row + "\n" for row in rows)


UNPACKED = [each for each in EXPORTS if not each.file.endswith((".gz", ".zst", ".zip"))]


def columns(**places: Any) -> dict[str, Any]:
    return {"columns": {"external_session_id": "id", "start_time": "at"} | places}


@pytest.mark.parametrize("export", UNPACKED, ids=lambda each: each.name)
def test_nothing_is_unclear_about_the_exports_of_many_tools(export: Export) -> None:
    rows = first_rows(lambda: iter([export.content])) if export.file.endswith(".xlsx") else None
    proposal = detect(export.content, sheet_rows=rows)
    assert not proposal.unclear
    assert proposal.evidence
    assert fitting(proposal.profile, export.content, AMSTERDAM) == 3
    assert CsvProfile.model_validate_json(proposal.profile.model_dump_json()) == proposal.profile


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (lines("id|Start", "a|2025-05-01 10:00", "b|2025-05-02 10:00"), {"delimiter": "|"}),
        (lines("'id','at'", "'a','2025-05-01 10:00'", "'b','2025-05-01 11:00'"), {"quote": "'"}),
        (
            lines("id,start,said", 'a,2025-05-01 10:00,5" nail', "b,2025-05-01 10:00,c"),
            columns(start_time="start"),
        ),
        (lines("key,when", "a,2025-05-01 10:00", "b,2025-05-01 10:00"), {"header": True}),
        (lines("a,2025-05-01 10:00", "b,2025-05-01 10:00"), columns(external_session_id=1, start_time=2)),
        (
            lines("2025-05-01 10:00,2025-05-01 10:01,a", "2025-05-02 10:00,2025-05-02 10:01,b"),
            columns(external_session_id=3, start_time=1, end_time=2),
        ),
        (
            lines("id,at,tokens,tokens_eur", 'a,2025-05-01 10:00,"1,234",0.5', "b,2025-05-01 10:00,7,"),
            {"thousands": ","},
        ),
        (
            lines("id,created,closed", "a,2025-05-02 10:00,2025-05-01 10:00", "b,2025-05-01 10:00,2025-05-02 10:00"),
            columns(start_time="created"),
        ),
        (lines("id,id,created", "a,b,2025-05-02 10:00", "a,c,2025-05-02 10:00", "x,d,2025-05-02 10:00"), None),
        (lines("id,date,text", "a,2025-05-01,x", "b,2025-05-02,y"), {"times": ("iso8601",)}),
        (
            lines("id,date,uhrzeit", "a,1 september 2025,10:00", "b,2 september 2025,11:00"),
            columns(start_time=("date", "uhrzeit")),
        ),
        (
            lines("number,id,at", "7,a,2025-05-01 10:00", "7,b,2025-05-01 10:00"),
            columns(),
        ),
        (
            lines("id,at", "a,2025-05-01 10:00", "a,2025-05-01 10:00", "b,2025-05-01 10:00"),
            columns(),
        ),
        (
            lines("id,start time,transcript", "a,2025-05-01 10:00,https://x.example/a.txt", "b,2025-05-01 10:00,"),
            columns(start_time="start time", full_transcript_url="transcript"),
        ),
        (
            lines("id,start time,link", "a,2025-05-01 10:00,hello there", "b,2025-05-01 10:00,you"),
            columns(start_time="start time"),
        ),
        (
            lines("id,start time,transcript", "a,2025-05-01 10:00,hello there", "b,2025-05-01 10:00,you"),
            columns(start_time="start time"),
        ),
        (
            lines(
                '{"id": "a", "at": "01.05.2025 10:00:00"}',
                "no json",
                '{"id": "b", "at": "01.05.2025 10:00:00", "x.y": 1}',
            ),
            {"times": ("%d.%m.%Y %H:%M:%S",)},
        ),
        (lines("id;at;cost", "a;2025-05-01 10:00;1,234", "b;2025-05-01 10:00;2,5"), {"decimal": ","}),
    ],
)
def test_a_profile_is_proposed_that_reads_all_records(content: str, fields: dict[str, Any] | None) -> None:
    if fields is None:
        with pytest.raises(NoProposalError, match="id of a session"):
            detect(content)
        return
    proposal = detect(content)
    assert fields.items() <= dict(proposal.profile).items(), proposal
    has_header = proposal.profile.header
    assert fitting(proposal.profile, content.encode(), AMSTERDAM) == content.count("\n") - has_header - (
        "no json" in content
    )


def test_the_seeds_own_file_needs_no_profile() -> None:
    content = csv_line("a", full_transcript_url="a.txt") + csv_line("b", initial_message='"x, y"')
    assert detect(content).profile == SEED_PROFILE
    legacy = "".join(csv_line(name, initial_message="Zoë naïef café") for name in "abc")
    assert detect(legacy.encode("cp1252")).profile == CsvProfile(encoding="cp1252")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no records of several columns"),
        ("hello\nworld\n", "no records of several columns"),
        ("a,b\nc,d\n", "none can be the start"),
        ("at,x\n2025-05-01 10:00,y\n2025-05-02 10:00,y\n", "none can be the id"),
        ('"', "no records of several columns"),
        ("a;" + "x" * 200_000 + "\n" + "b;c\n" * 3, "none can be the start"),
    ],
    ids=["empty", "text", "no time", "no id", "quote", "long"],
)
def test_what_is_no_table_of_sessions_is_told(content: str, said: str) -> None:
    with pytest.raises(NoProposalError, match=said):
        detect(content)


def test_a_worksheet_without_a_table_is_told() -> None:
    for rows in ([], [["only a title"], [""]]):
        assert table_of(rows) is None
        with pytest.raises(NoProposalError, match="without a table"):
            detect(b"", sheet_rows=rows)
    texts = [["ID", "At"], ["a", "01.05.2025 10:00:00"], ["b", "01.05.2025 10:00:00"]]
    assert detect(b"", sheet_rows=texts).profile.times == ("%d.%m.%Y %H:%M:%S",)


@pytest.mark.parametrize(
    ("texts", "order", "expected"),
    [
        (["1/5/2025 12:00", "2/5/2025 12:00"], None, ("%d/%m/%Y %H:%M", True)),
        (["1/5/2025 12:00", "2/5/2025 12:00"], "month", ("%m/%d/%Y %H:%M", False)),
        ([f"{day}/{month}/2025 12:00" for month in (5, 6) for day in range(1, 8)], None, ("%d/%m/%Y %H:%M", False)),
        ([f"{month}/{day}/2025 12:00" for month in (5, 6) for day in range(1, 8)], None, ("%m/%d/%Y %H:%M", False)),
        (["1/5/2025 12:00", "2/3/2025 12:00", "3/4/2025 12:00"], None, ("%d/%m/%Y %H:%M", True)),
        (["2025-05-01T10:00", "3/4/2025 12:00"], None, ("iso8601", True)),
        (["5/13/2025 12:00", "3/4/2025"], None, ("%m/%d/%Y %H:%M", False)),
        (["25-05-01 12:00", "25-05-20 12:00"], None, ("%d-%m-%y %H:%M", True)),
        (["25-05-01 12:00", "25-05-20 12:00"], "year", ("%y-%m-%d %H:%M", False)),
        (["12:00 3/4/2025"], "month", ("%H:%M %m/%d/%Y", False)),
        (["Thu 3/4/2025 12:00"], "day", ("%a %d/%m/%Y %H:%M", False)),
        (["1/12/2026 12:00", "1/11/2026 12:00"], None, ("%m/%d/%Y %H:%M", False)),
        (["1/2/2025 1:00 PM"], None, ("%m/%d/%Y %I:%M %p", True)),
        (["13/2/2025 1:00 PM"], None, ("%d/%m/%Y %I:%M %p", False)),
        (["2/13/2025 1:00 PM"], None, ("%m/%d/%Y %I:%M %p", False)),
        (["1/1/2025 10:00"], None, ("%d/%m/%Y %H:%M", False)),
        (["13/1/2025", "1/13/2025"], None, ("%d/%m/%Y", True)),
        (["13 de mayo de 2025"], None, ("%d de %b de %Y", False)),
        (["01.05.2025"], None, ("%d.%m.%Y", False)),
        (["2025-05-01T10:00:00Z"], None, ("iso8601", False)),
        (["1746093600"], None, ("unix", False)),
    ],
)
def test_day_and_month_are_told_apart_by_what_can_be(texts: list[str], order: Any, expected: tuple[str, bool]) -> None:
    found = find_forms(texts, AMSTERDAM, now=NOW, order=order)
    assert (found.names[0], found.is_unclear) == expected
    assert found.read == len(texts)


def test_several_forms_of_one_column_are_all_found() -> None:
    found = find_forms(["hello", "01.05.2025 10:00:00", "2025-05-01", "1 mei 2025"], AMSTERDAM, now=NOW)
    assert (set(found.names), found.read) == ({"%d.%m.%Y %H:%M:%S", "iso8601", "%d %b %Y"}, 3)
    bound = find_forms(["5/13/2025 12:00", "3/4/2025"], AMSTERDAM, now=NOW)
    assert bound.names == ("%m/%d/%Y %H:%M", "%m/%d/%Y"), "what comes first in one form does so in the other"
    assert find_forms(["99/05/2025"], AMSTERDAM, now=NOW).names == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines("Nr;Chat ID;Start", "1;a;2025-05-01 12:00", "2;a;2025-05-01 12:00", "3;a;2025-05-01 12:00"), "repeats"),
        (lines("Lp.;Rozmowa;Start", "1;a;2025-05-01 12:00", "2;a;2025-05-01 12:00", "3;b;2025-05-01 12:00"), "counts"),
        (lines("id,conversation_id,at", *(f"m{n},c{n // 9},2025-05-01" for n in range(20))), "repeats"),
    ],
)
def test_a_column_that_may_be_no_id_of_a_session_is_unclear(content: str, said: str) -> None:
    (sentence,) = detect(content).unclear
    assert said in sentence


def test_one_repeated_id_is_a_slip_and_no_reason_for_another_column() -> None:
    rows = [f"{n};c{min(n, 18)};2025-05-01 12:00" for n in range(1, 20)]
    proposal = detect(lines("Nr;Chat ID;Start", *rows))
    assert (proposal.unclear, (proposal.profile.columns or {})["external_session_id"]) == ([], "Chat ID")


def test_times_of_utc_are_read_as_such() -> None:
    header = "Chat ID,Start Time UTC,End Time UTC"
    content = lines(header, "a,2025-05-01 12:00:00,2025-05-01 12:01:00", "b,2025-05-02 12:00:00,")
    proposal = detect(content)
    assert (proposal.profile.time_zone, proposal.unclear) == ("UTC", [])
    assert detect(content.replace("12:00:00", "12:00:00Z")).profile.time_zone is None
    assert detect(lines("id,start time utc", "a,1746093600", "b,1746093601")).profile.time_zone is None


def test_durations_are_no_times_of_day() -> None:
    content = lines("Chat ID;Date;Duration", "a;13/05/2025;00:12:10", "b;14/05/2025;00:02:10")
    assert (detect(content).profile.columns or {})["start_time"] == "Date"


def test_an_end_with_a_slip_is_one_and_another_is_told() -> None:
    rows = [f"{name},2025-05-02 10:00,2025-05-02 1{int(name > 'b')}:00" for name in "abcdefghijklmnopqrstuvwxy"]
    good = detect(lines("id,at,closed", *rows, "z,2025-05-02 10:00,2025-05-01 10:00"))
    assert (good.profile.columns or {})["end_time"] == "closed"
    told = detect(lines("id,at,closed", "a,2025-05-02 10:00,2025-05-01 10:00", "b,2025-05-02 10:00,2025-05-03 10:00"))
    assert "is not taken for the end" in "".join(each.reason for each in told.evidence)


def test_half_converted_dates_of_a_sheet_are_unclear() -> None:
    rows = [["ID", "Start"], ["a", "2025-05-04T10:00:00"], ["b", "13/05/2025 10:00"], ["c", "14/05/2025 10:00"]]
    assert detect(b"", sheet_rows=rows).unclear


def test_keys_that_are_data_are_no_columns() -> None:
    content = "".join(f'{{"id": "a{n}", "at": "2025-05-01", "q{n}": 1}}\n' for n in range(2_000))
    assert detect(content).profile.columns == {"external_session_id": "id", "start_time": "at"}


def test_the_end_shows_what_comes_first_in_the_start() -> None:
    content = lines("id,start,end", "a,5/1/2025 10:00,5/13/2025 10:00", "b,5/2/2025 10:00,5/14/2025 10:00")
    proposal = detect(content)
    assert (proposal.unclear, proposal.profile.times) == ([], ("%m/%d/%Y %H:%M",))


def test_words_and_numbers_that_mean_something_stay() -> None:
    content = lines("id;at;country;cost", "a;2025-05-01;NA;0,05", "b;2025-05-01;NL;1.234")
    profile = detect(content).profile
    assert (profile.nothing, profile.decimal, profile.thousands) == ((), ",", ".")


def test_unclear_dates_say_which_option_decides() -> None:
    content = lines("id,at", "a,1/5/2025 12:00", "b,2/5/2025 12:00")
    (sentence,) = detect(content).unclear
    assert "--date-order" in sentence
    decided = detect(content, order="month")
    assert (decided.unclear, decided.profile.times) == ([], ("%m/%d/%Y %H:%M",))


@pytest.mark.parametrize(
    ("text", "encoding", "is_sure"),
    [
        ("Zoë", "utf-8", True),
        ("Zoë", "utf-8-sig", True),
        ("Zoë", "utf-16", True),
        ("Zoë en Anna", "utf-16-le", True),
        ("Zoë en Anna", "utf-16-be", True),
        ("Zoë kan naïef “zijn” voor €5", "cp1252", True),
        ("Привет, как вернуть деньги за заказ? " * 20, "cp1251", True),
        ("Здравствуйте", "cp1251", False),
    ],
)
def test_encodings_are_guessed_and_short_texts_are_doubtful(text: str, encoding: str, is_sure: bool) -> None:
    guessed = guess_encoding(text.encode(encoding))
    assert text.encode(encoding).decode(guessed.name).removeprefix("\ufeff") == text or not is_sure
    assert guessed.is_sure == is_sure


def test_a_doubtful_encoding_is_unclear_and_a_given_one_is_not() -> None:
    content = "id;at;вопрос\na;2025-05-01 10:00;да\nb;2025-05-01 10:00;нет\n".encode("cp1251")
    (sentence,) = detect(content).unclear
    assert "--encoding" in sentence
    given_one = detect(content, encoding="cp1251")
    assert (given_one.unclear, given_one.profile.encoding) == ([], "cp1251")
    assert not guess_encoding(bytes(range(128, 256))).is_sure


@pytest.mark.parametrize(
    ("texts", "prefers_comma", "signs"),
    [
        (["1.234,5"], False, (",", ".")),
        (["1,234.5"], False, ("", ",")),
        (["0,5", "1"], False, (",", "")),
        (["0,5", "0.5"], False, ("", "")),
        (["1,234"], False, ("", ",")),
        (["1,234"], True, (",", "")),
        (["1,234", "0.5"], True, ("", ",")),
        (["7", "2.5"], True, ("", "")),
        ([], True, ("", "")),
    ],
)
def test_signs_of_numbers(texts: list[str], prefers_comma: bool, signs: tuple[str, str]) -> None:
    found = number_signs(texts, prefers_comma=prefers_comma)
    assert (found.decimal, found.thousands) == signs


def test_titles_above_a_table_are_skipped() -> None:
    (best, *_) = cut_tables("Report\n\na;b;c\n1;2;3\n4;5;6\n")
    assert (best.delimiter, best.skipped, best.rows[0]) == (";", 2, ["a", "b", "c"])
    far = "x\n" * 40 + "a;b\n" * 60
    assert cut_tables(far)[0].skipped == 0


def test_a_long_file_is_looked_at_from_its_beginning() -> None:
    (best, *_) = cut_tables("a;b\n" * 6_000)
    assert len(best.rows) == 5_000


def test_what_only_begins_like_json_is_none() -> None:
    with pytest.raises(NoProposalError):
        detect("{oh\n{no\n")


def test_names_that_stand_twice_are_left_alone() -> None:
    proposal = detect(lines("id,at,topic,Topic", "a,2025-05-01 10:00,x,y", "b,2025-05-01 10:00,x,y"))
    assert dict(proposal.profile.columns or {}) == columns()["columns"]


def test_a_damaged_archive_is_no_table() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "x")
    with pytest.raises(NoProposalError):
        detect(content.getvalue())


ROWS = st.lists(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "a",
                    "b7",
                    "",
                    "NULL",
                    "01.05.2025 10:00:00",
                    "5/1/2025",
                    "10:00",
                    "2025-05-01T10:00:00Z",
                    "1,5",
                    "ja",
                    "x.txt",
                ]
            ),
            st.text(max_size=5),
        ),
        min_size=1,
        max_size=5,
    ),
    max_size=8,
)


@given(ROWS, st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "utf-16"]))
def test_whatever_a_file_holds_a_proposal_reads_as_many_records_as_the_seeds_form(
    rows: list[list[str]], delimiter: str, encoding: str
) -> None:
    content = "\n".join(delimiter.join(row) for row in rows).encode(encoding, "replace")
    try:
        proposal = detect(content)
    except NoProposalError:
        assert not fitting(SEED_PROFILE, content, AMSTERDAM)
        return
    assert fitting(proposal.profile, content, AMSTERDAM) >= fitting(SEED_PROFILE, content, AMSTERDAM)
