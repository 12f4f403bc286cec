"""Records of files that profiles describe: what becomes of each line, whatever the file holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO, StringIO
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.workbooks.opened import OpenSheet, SheetLostError
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault
from livedash_pipeline.intake.rules.csv_fields import read_record
from livedash_pipeline.intake.rules.csv_layout import COLUMNS
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.csv_records import Block, gather
from livedash_pipeline.intake.rules.csv_rejects import MAX_RECORD_LENGTH
from livedash_pipeline.intake.rules.profiles.cells import CellRules, UnreadableFileError, reading_of
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.records import open_records
from livedash_pipeline.intake.rules.profiles.sheet_records import SheetLimits, SheetRecords, first_rows
from livedash_pipeline.intake.rules.profiles.transcoding import to_utf_8, without_lines
from tests.support.workbook_traps import REFUSED, trap

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
COLUMNS_OF_THREE = {"external_session_id": 1, "start_time": 2}


def profile(**fields: Any) -> CsvProfile:
    given_columns = fields.pop("columns", COLUMNS_OF_THREE)
    return CsvProfile.model_validate({"columns": given_columns, **fields}, strict=False)


def read(content: bytes, described: CsvProfile, piece: int = 1 << 18) -> Block:
    pieces = [content[at : at + piece] for at in range(0, len(content), piece)]
    (block,) = gather(open_records(lambda: iter(pieces), described).blocks(), 1 << 30)
    return block


def cells(block: Block, *names: str) -> list[tuple[str, ...]]:
    places = [COLUMNS.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in block.rows]


def workbook(rows: Iterable[Iterable[object]], sheet: str = "Sheet1") -> bytes:
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        dates = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        for line, row in enumerate(rows):
            for place, cell in enumerate(row):
                page.write(line, place, cell, *([dates] if isinstance(cell, datetime) else []))
    return content.getvalue()


def only_charts() -> bytes:
    content = BytesIO()
    with suppress(Exception), xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.add_chartsheet()
    return content.getvalue()


CHARTS = only_charts()


def test_a_header_says_where_columns_stand_and_what_else_there_is() -> None:
    described = profile(
        delimiter=";", header=True, skip_lines=1, encoding="cp1252", decimal=",", thousands=".", nothing=["NULL"],
        categories={"Klacht": "Complaint"}, times=["%d/%m/%Y %H:%M"],
        columns={"external_session_id": "id", "start_time": ["Date", "Time"], "tokens_eur": "Cost", "category": "Soort"},
    )  # fmt: skip
    content = (
        "made today\n\nID;Date;Time;Cost;Soort;Région;\n"
        'a;1/5/2025;12:00;1.234,5;klacht;"Île\nde France";\n'
        ";;;;;;\n"
        "b;1/5/2025;12:01;null;Vraag;NULL;x\n"
        "c;1/5/2025\n"
        '"d;1/5/2025;12:00;1;;;\n'
        "e;1/5/2025;12:02;12abc;;;\n"
    )
    block = read(content.encode("cp1252"), described, piece=7)
    assert cells(block, "external_session_id", "start_time_raw", "tokens_eur", "category") == [
        ("a", "1/5/2025 12:00", "1234.5", "Complaint"),
        ("b", "1/5/2025 12:01", "", "Vraag"),
        ("e", "1/5/2025 12:02", "12abc", ""),
    ]
    assert (block.lines, block.line_counts, block.blank_lines) == ([4, 7, 10], [2, 1, 1], 1)
    assert [json.loads(extra or "{}") for extra in block.extras] == [
        {"Région": "Île\nde France"},
        {"column 7": "x"},
        {},
    ]
    assert [(reject.line, reject.reason) for reject in block.rejects] == [
        (8, "wrong_column_count"),
        (9, "unclosed_quote"),
    ]


def test_a_stray_quote_ends_at_the_next_record_whatever_stands_before_its_time() -> None:
    described = profile(header=True, columns={"external_session_id": "id", "start_time": "at"}, times=["iso8601"])
    rows = [f'a{n},"Hi, ""there""",2025-05-01 12:00\n' for n in range(50)]
    content = "".join(["id,subj,at\n", *rows[:10], 'x,"oops" bad,2025-05-01 12:00\n', *rows[10:]])
    block = read(content.encode(), described)
    assert (len(block.rows), [each.line_count for each in block.rejects]) == (50, [1])
    escaped = profile(
        escape="\\", header=True, columns={"external_session_id": "id", "start_time": "at"}, times=["iso8601"]
    )
    assert len(read(content.replace('""', '\\"').encode(), escaped).rows) == 50
    bare = profile(quote="", header=True, columns={"external_session_id": "id", "start_time": "at"}, times=["iso8601"])
    assert len(read(b"id,x,at\na,b,2025-05-01\n", bare).rows) == 1


def test_backslashes_that_escape_nothing_stay() -> None:
    described = profile(
        escape="\\", nothing=["\\N"], columns={"external_session_id": 1, "start_time": 2, "category": 3}
    )
    content = b'DOM\\user,01.05.2025 10:00,\\N\nb,01.05.2025 10:00,"C:\\temp \\"x\\" \\\\"\n'
    assert cells(read(content, described), "external_session_id", "category") == [
        ("DOM\\user", ""),
        ("b", 'C:\\temp "x" \\'),
    ]


def test_further_columns_of_one_name_are_all_kept_in_one_order() -> None:
    described = profile(header=True, columns={"external_session_id": "id", "start_time": "at"})
    first = read(b"id,at,note,note\na,b,1,2\n", described)
    assert json.loads(first.extras[0]) == {"note (column 3)": "1", "note (column 4)": "2"}
    assert read(b"id,at,q,p\na,b,1,2\n", described).extras == read(b"id,at,p,q\na,b,2,1\n", described).extras


def test_what_lies_beside_a_mapped_value_of_json_is_kept_and_renamed_keys_are_refused() -> None:
    places = {"external_session_id": "id", "start_time": "at", "country_code": "visitor.country", "language": "l.x"}
    described = profile(format="jsonl", columns=places)
    line = b'{"id": "a", "at": "x", "visitor": {"country": "NL", "city": "Ede"}, "l": {"x": "nl"}, "more": 1}\n'
    assert json.loads(read(line, described).extras[0]) == {"visitor": {"city": "Ede"}, "more": 1}
    assert len(read(line.replace(b'"country"', b'"land"') * 49, described).rows) == 49
    with pytest.raises(UnreadableFileError, match=r"no 'visitor\.country' in any of its 50 records"):
        read(line.replace(b'"country"', b'"land"') * 50, described)
    assert read(line.replace(b'{"country": "NL", "city": "Ede"}', b"7"), described).rows[0][4] == ""
    assert json.loads(read(b'{"id": "a", "at": "x"}\n', described).extras[0] or "{}") == {}


def test_encodings_that_cannot_go_on_refuse_the_file() -> None:
    with pytest.raises(UnreadableFileError, match="no iso2022_jp"):
        read(b"a,b\n\x1b$B\x7f\x7f\n" + b"c,d\n" * 9, profile(encoding="iso2022_jp"))


def test_records_are_found_once_more_by_their_lines() -> None:
    content = b"ID,At\n" + b'a,"x\ny"\nb,z\n'
    described = profile(header=True, columns={"external_session_id": "ID", "start_time": "At"})
    assert list(open_records(lambda: iter([content]), described).again([(2, 2), (4, 1)])) == [
        (2, 'a,"x\ny"\n'),
        (4, "b,z\n"),
    ]
    assert list(open_records(lambda: iter([content]), SEED_PROFILE).again([(4, 1)])) == [(4, "b,z\n")]


@pytest.mark.parametrize(
    ("columns", "content", "said"),
    [
        ({"external_session_id": "ID", "start_time": "At"}, b"ID,Begin\na,b\n", "has no column 'At'"),
        ({"external_session_id": "ID", "start_time": "At"}, b"ID,At,at\na,b,c\n", "has the column 'At' 2 times"),
        ({"external_session_id": "ID", "start_time": "At"}, b'"ID,At\n' + b"x\n" * 600_000, "quotes are not closed"),
        (
            {"external_session_id": "ID", "start_time": "At"},
            b",".join(b"c%d" % n for n in range(30)) + b"\n",
            "among its 30",
        ),
        ({"external_session_id": 1, "start_time": 3}, b"a,b\n", "has 2 columns, and its profile names column 3"),
    ],
    ids=["missing", "twice", "open quote", "many", "narrow"],
)
def test_a_file_without_the_columns_of_its_profile_is_refused(
    columns: dict[str, Any], content: bytes, said: str
) -> None:
    with pytest.raises(UnreadableFileError, match=said):
        read(content, profile(header=isinstance(columns["start_time"], str), columns=columns))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_records(content: bytes) -> None:
    for described in (profile(), profile(format="jsonl", columns={"external_session_id": "a", "start_time": "b"})):
        assert not read(content, described).rows
        assert not list(open_records(lambda: iter([content]), described).again([]))


@pytest.mark.parametrize(
    ("fields", "content", "expected"),
    [
        ({"quote": "'"}, b"'it''s, me',01.05.2025 10:00,x\n", "it's, me"),
        ({"quote": ""}, b'say "hi,01.05.2025 10:00,x\n', 'say "hi'),
        ({"escape": "\\"}, b'"a \\"b\\", c",01.05.2025 10:00,x\n', 'a "b", c'),
        ({"escape": "\\"}, b'"a \\"b\\"\rc",01.05.2025 10:00,x\n', 'a "b"\rc'),
        ({"quote": "'"}, b"'a\r''b',01.05.2025 10:00,x\n", "a\r'b"),
        ({"quote": ""}, b"a\rb,01.05.2025 10:00,x\n", "a\rb"),
        ({"escape": "\\"}, b'"a \\"b\\"",01.05.2025 10:00,x\ry\n', 'a "b"'),
        ({}, b'"a\rb",01.05.2025 10:00,x\n', "a\rb"),
        ({"delimiter": "\t", "encoding": "utf-16"}, "é\t01.05.2025 10:00\tx\n".encode("utf-16"), "é"),
    ],
)
def test_quotes_and_signs_are_those_of_the_profile(fields: dict[str, Any], content: bytes, expected: str) -> None:
    assert cells(read(content, profile(**fields)), "external_session_id") == [(expected,)]


def test_bytes_that_are_none_of_the_encoding_are_rejects() -> None:
    block = read(b"\x81a,b,c\nd,e,f\n", profile(encoding="cp1252"))
    assert (cells(block, "external_session_id"), [each.reason for each in block.rejects]) == (
        [("d",)],
        ["bad_encoding"],
    )
    odd = read("a,b\n".encode("utf-16-le") + b"\x00\xd8\n\x00x", profile(encoding="utf-16-le"))
    assert [each.reason for each in odd.rejects] == ["bad_encoding", "bad_encoding"], (
        "a half of a pair, and half a character"
    )


def test_json_lines_are_read_by_their_paths() -> None:
    described = profile(
        format="jsonl", skip_lines=1,
        columns={"external_session_id": "id", "start_time": ["on.day", "on.hour"], "escalated": "up", "category": "id.x"},
    )  # fmt: skip
    lines = [
        b"# exported",
        b'{"id": 7, "on": {"day": "01.05.2025", "hour": "10:00"}, "up": true, "tags": ["a"], "none": null, "text": ""}',
        b"",
        b"[1]",
        b'{"id": "\\u0000"}',
        b'{"id": ["\\ud800"]}',
        b'{"id": {"\\u0041": ["\\ud83d\\ude00", 1]}}',
        b'{"id": "\xff"}',
        b'{"id": 1, "id": 2}',
        b'{"id": "' + b"x" * MAX_RECORD_LENGTH + b'"}',
    ]
    block = read(b"\n".join(lines), described)
    assert cells(block, "external_session_id", "start_time_raw", "escalated_raw", "category") == [
        ("7", "01.05.2025 10:00", "true", ""),
        ('{"A": ["😀", 1]}', "", "", ""),
    ]
    assert (block.extras, block.lines, block.blank_lines) == (['{"tags": ["a"]}', ""], [2, 7], 1)
    assert [(each.line, each.reason) for each in block.rejects] == [
        (4, "not_json"), (5, "nul_character"), (6, "bad_encoding"), (8, "bad_encoding"), (9, "not_json"), (10, "field_too_long"),
    ]  # fmt: skip
    again = open_records(lambda: iter([b"\n".join(lines)]), described).again([(2, 1), (4, 1)])
    assert [line for line, _ in again] == [2, 4]
    unkept = read(b"\n".join(lines), described.model_copy(update={"keep_extra": False}))
    assert unkept.extras == ["", ""]


def test_worksheets_are_read_with_cells_as_people_see_them() -> None:
    described = profile(
        format="xlsx",
        header=True,
        skip_lines=1,
        sheet="Chats",
        columns={"external_session_id": "ID", "start_time": "At"},
    )
    rows: list[list[object]] = [
        ["title"],
        [],
        ["ID", "At", "More"],
        ["a", datetime.fromisoformat("2025-05-01T10:00"), 3.0],
        ["", "", ""],
        ["b\0", "x", "y"],
        ["c" * 30_000, *["x" * 30_000] * 5],
        *([f"d{n}", "01.05.2025 10:00", n] for n in range(2_500)),
    ]
    content = workbook(rows, "Chats")
    block = read(content, described)
    assert cells(block, "external_session_id", "start_time_raw")[0] == ("a", "2025-05-01T10:00:00")
    assert (len(block.rows), block.lines[0], block.lines[-1], block.extras[0]) == (2501, 4, 2507, '{"More": "3"}')
    assert [(each.line, each.reason) for each in block.rejects] == [(6, "nul_character"), (7, "field_too_long")]
    records = open_records(lambda: iter([content]), described)
    assert [json.loads(raw)[0] for _, raw in records.again([(4, 1), (8, 1)])] == ["a", "d0"]
    assert len(first_rows(lambda: iter([content]), 3)) == 3
    plain = read(workbook([["a", "01.05.2025 10:00"]]), profile(format="xlsx"))
    assert cells(plain, "external_session_id") == [("a",)]
    assert not list(SheetRecords(lambda: iter([workbook([])]), profile(format="xlsx")).blocks())


@pytest.mark.parametrize(
    ("content", "fields", "said"),
    [
        (b"PK\x03\x04 no archive", {}, "damaged zip archive"),
        (workbook([["a"]]), {"sheet": "Other"}, "has no sheet 'Other'"),
        (
            workbook([["a"]]).replace(b"xl/worksheets/sheet1.xml", b"xl/worksheets/sheet9.xml"),
            {},
            "The workbook is damaged",
        ),
        (CHARTS, {}, "has no worksheet"),
        (b"x" * 100_001, {}, "over 100,000 bytes"),
    ],
)
def test_workbooks_that_cannot_be_read_are_refused(content: bytes, fields: dict[str, Any], said: str) -> None:
    records = SheetRecords(
        lambda: iter([content]), profile(format="xlsx", **fields), limits=SheetLimits(max_bytes=100_000)
    )
    with pytest.raises(UnreadableFileError, match=said):
        list(records.blocks())


@pytest.mark.parametrize("name", REFUSED)
def test_workbooks_that_are_traps_are_refused(name: str) -> None:
    with pytest.raises(UnreadableFileError, match=r"^cannot be read: .*([Ss]ave|Delete)"):
        list(SheetRecords(lambda: iter([trap(name)]), profile(format="xlsx")).blocks())


def test_rows_that_are_lost_on_the_way_make_a_workbook_unreadable() -> None:
    def rows() -> Iterator[tuple[int, list[str]]]:
        yield 1, ["a", "b"]
        raise SheetLostError(WorkbookFault("unsafe_xlsx", "It is too large."))

    records = open_records(
        lambda: iter([b""]), profile(format="xlsx"), opener=lambda *_: OpenSheet(("Sheet1",), rows())
    )
    with pytest.raises(UnreadableFileError, match="cannot be read: It is too large"):
        list(records.blocks())


def test_a_reading_is_that_of_the_profile() -> None:
    seed = reading_of(SEED_PROFILE, AMSTERDAM)
    assert (seed.key, seed.times, seed.end_is_needed) == ("Europe/Amsterdam", None, True)
    assert reading_of(SEED_PROFILE, AMSTERDAM, transcript_digest="ab").key == "Europe/Amsterdam ab"
    described = profile(yes=["Sí"], no=["Nunca"], times=["%d/%m/%Y"])
    reading = reading_of(described, AMSTERDAM)
    assert reading.key.startswith("Europe/Amsterdam ")
    said = reading.meaning("escalated_raw", lambda word: word == "known")
    assert [said(word) for word in (" sí", "NUNCA", "known", "other")] == [True, False, True, False]
    assert reading.meaning("country_code", len) is len
    assert reading.moment("1/5/2025") == datetime(2025, 4, 30, 22, tzinfo=UTC)
    in_utc = reading_of(profile(time_zone="UTC", times=["%d/%m/%Y"]), AMSTERDAM)
    assert in_utc.moment("1/5/2025") == datetime(2025, 5, 1, tzinfo=UTC)
    assert reading_of(profile(format="xlsx", times=["iso8601"]), AMSTERDAM).moment("2025-05-01T00:00:00") is not None
    assert reading_of(profile(format="xlsx"), AMSTERDAM).moment("01.05.2025 10:00") is not None
    assert reading_of(profile(), AMSTERDAM).times is None


def test_an_end_is_not_needed_by_a_profile() -> None:
    reading = reading_of(profile(), AMSTERDAM)
    start = "01.05.2025 10:00:00"
    for end, noted in (("", ""), ("soon", "soon")):
        times = read_record(["a", start, end], reading)
        assert (times.start, times.end, times.unread_end) == (times.start, times.start, noted)  # type: ignore[union-attr]
    assert read_record(["a", start, "soon"], Reading(AMSTERDAM)).reason == "bad_end_time"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("decimal", "thousands", "text", "stored"),
    [
        (",", ".", "1.234,50", "1234.50"),
        (",", ".", "-12,5e3", "-12.5e3"),
        (",", ".", "1.23", "1.23"),
        (",", "", "0,5", "0.5"),
        (".", ",", "1,234", "1234"),
        (".", " ", "1\u202f234.5", "1234.5"),
        (".", "'", "1'234'567", "1234567"),
        (".", "", "1,5", "1,5"),
    ],
)
def test_numbers_are_written_with_a_point(decimal: str, thousands: str, text: str, stored: str) -> None:
    rules = CellRules(profile(decimal=decimal, thousands=thousands))
    assert rules.column("tokens_eur", [text]) == [stored]
    assert rules.column("initial_message", [text]) == [text]


def test_lines_are_taken_away_across_pieces() -> None:
    assert b"".join(without_lines([b"a\nb", b"\nc\n", b"d"], 2)) == b"c\nd"
    assert b"".join(without_lines([b"a\nb"], 0)) == b"a\nb"
    assert b"".join(without_lines([b"a\n"], 3)) == b""


@given(st.text(), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-8-sig"]), st.integers(1, 9))
def test_text_comes_through_another_encoding(text: str, encoding: str, size: int) -> None:
    data = text.encode(encoding, "surrogatepass")
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert (
        b"".join(to_utf_8(pieces, encoding)).decode("utf-8-sig", "surrogatepass") == text.removeprefix("\ufeff")
        or "\ufeff" in text
    )


DESCRIBED = st.builds(
    profile,
    delimiter=st.sampled_from(",;\t|"),
    quote=st.sampled_from(['"', "'", ""]),
    escape=st.sampled_from(["", "\\"]),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16", "shift_jis"]),
    skip_lines=st.integers(0, 2),
    keep_extra=st.booleans(),
    times=st.sampled_from([(), ("iso8601",), ("%d/%m/%Y", "unix")]),
)
FRAGMENTS = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([
            b"a,01.05.2025 10:00:00,x\n", b"id;2025-05-01;\n", b"1|1/5/2025|", b'"', b"'", b"\\", b"\n",
            b"\r\n", b",,\n", b"\t\t\n", b"\x00", b"\xff", b'"x\ny",',
        ]),
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(FRAGMENTS, DESCRIBED, st.integers(1, 40))
def test_no_bytes_and_no_profile_lose_a_record(content: bytes, described: CsvProfile, size: int) -> None:
    try:
        block = read(content, described, size)
        whole = read(content, described)
    except UnreadableFileError:
        return
    assert (block.rows, block.rejects, block.lines) == (whole.rows, whole.rejects, whole.lines), "however it is cut"
    assert len(block.rows) == len(block.lines) == len(block.line_counts) == len(block.raws)
    assert all(len(row) == len(COLUMNS) for row in block.rows)
    spans = sorted([(line, count) for line, count in zip(block.lines, block.line_counts, strict=True)])
    spans_of_rejects = [(each.line, each.line_count) for each in block.rejects]
    counted = block.blank_lines + sum(count for _, count in spans + spans_of_rejects)
    covered = sorted(spans + spans_of_rejects)
    assert all(a + count <= b for (a, count), (b, _) in pairwise(covered)), "no line counts twice"
    text = b"".join(without_lines(to_utf_8([content], described.encoding), described.skip_lines))
    lines = text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    assert not covered or counted == len(list(StringIO(lines, newline="\n"))), "every line is a record's, or blank"
    again = dict(open_records(lambda: iter([content]), described).again(spans))
    assert list(again) == [line for line, _ in spans], "every record is found once more"
