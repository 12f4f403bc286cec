"""The demo's set has its 600 records, every oddity where the expectation says, and is the same each time."""

import csv
import re
from datetime import UTC, datetime
from io import StringIO

import pytest

from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.local.sample_data.demo_set import (
    DemoReject,
    DemoSource,
    demo_companies,
    demo_expectation,
    demo_sources,
)
from livedash_pipeline.local.sample_data.phrases.model import CATEGORIES

BASE_URL = "http://source.example/chats"
EXPECTED = demo_expectation()
SOURCES = {source.company.slug: source for source in demo_sources()}


def content(source: DemoSource) -> bytes:
    return b"".join(source.csv_chunks(BASE_URL))


def rejected_text(reason: str) -> str:
    """The first record rejected for this reason, cut out of the file by its physical line."""
    reject = next(reject for reject in EXPECTED.rejects if reject.reason == reason)
    return content(SOURCES[reject.slug]).decode("utf-8", "surrogateescape").split("\n")[reject.line - 1]


def good_rows(source: DemoSource) -> list[list[str]]:
    """Every record that is not rejected, each read alone by Python's csv module."""
    line = 1
    rows: list[list[str]] = []
    lines = {reject.line for reject in EXPECTED.rejects if reject.slug == source.company.slug}
    for record in source.records(BASE_URL):
        if line not in lines:
            rows.extend(csv.reader(StringIO(record, newline=""), strict=True))
        line += record.count("\n")
    return rows


def test_demo_has_three_companies_in_three_time_zones_one_with_a_bot_name_and_two_with_a_password() -> None:
    companies = demo_companies()
    assert {company.time_zone for company in companies} == {"Europe/Amsterdam", "Europe/Berlin", "Europe/Istanbul"}
    assert [company.bot_name for company in companies].count(None) == 2
    assert [company.password is None for company in companies].count(True) == 1
    assert all(re.fullmatch(r"[a-z0-9-]{1,63}", company.slug) for company in companies)


def test_demo_has_600_records_of_which_590_are_good() -> None:
    good = [row for source in SOURCES.values() for row in good_rows(source)]
    assert EXPECTED.csv_records == 600
    assert EXPECTED.imported == len(good) == 590
    assert {len(row) for row in good} == {COLUMN_COUNT}
    assert len({row[0] for row in good}) == 590


def test_good_rows_have_dates_in_order_and_a_transcript_address() -> None:
    for row in (row for source in SOURCES.values() for row in good_rows(source)):
        start, end = (datetime.strptime(text, "%d.%m.%Y %H:%M:%S").replace(tzinfo=UTC) for text in row[1:3])
        assert start <= end
        assert row[10] == f"{BASE_URL}/{row[0]}.txt"


def test_demo_rejects_are_of_nine_kinds_on_the_lines_named() -> None:
    assert EXPECTED.rejects_by_reason == {
        "wrong_column_count": 2,
        "bad_start_time": 1,
        "empty_id": 1,
        "duplicate_id": 1,
        "end_before_start": 1,
        "unclosed_quote": 1,
        "nul_character": 1,
        "stray_quote": 1,
        "bad_encoding": 1,
    }
    assert len(rejected_text("wrong_column_count").split(",")) == 9
    assert ",30.02.2025 " in rejected_text("bad_start_time")
    assert rejected_text("empty_id").startswith(",")
    assert ",14.05.2025 12:00:00,14.05.2025 11:59:00," in rejected_text("end_before_start")
    assert rejected_text("unclosed_quote").count('"') == 1
    assert "\0" in rejected_text("nul_character")
    assert re.search(r',My manager said "ask HR" and left', rejected_text("stray_quote"))
    assert re.search("[\udc80-\udcff]", rejected_text("bad_encoding"))


def test_the_too_long_record_has_one_column_more() -> None:
    too_long = [reject for reject in EXPECTED.rejects if reject.reason == "wrong_column_count"][1]
    line = content(SOURCES[too_long.slug]).split(b"\n")[too_long.line - 1]
    assert len(next(csv.reader([line.decode()]))) == COLUMN_COUNT + 1


def test_the_record_after_an_unclosed_quote_starts_like_a_record() -> None:
    reject = next(reject for reject in EXPECTED.rejects if reject.reason == "unclosed_quote")
    following = content(SOURCES[reject.slug]).split(b"\n")[reject.line + 1]
    assert re.match(rb"[0-9a-f-]{36},\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d,", following)


def test_the_repeated_id_comes_again_with_more_messages() -> None:
    reject = next(reject for reject in EXPECTED.rejects if reject.reason == "duplicate_id")
    external_id = rejected_text("duplicate_id").split(",")[0]
    lines = content(SOURCES[reject.slug]).split(b"\n")
    numbers = [number for number, line in enumerate(lines, 1) if line.startswith(external_id.encode())]
    assert numbers[0] == reject.line
    assert len(numbers) == 2
    (later,) = [row for row in good_rows(SOURCES[reject.slug]) if row[0] == external_id]
    assert rejected_text("duplicate_id").split(",")[6] == "1"
    assert int(later[6]) > 1


def test_one_transcript_is_missing_one_is_empty_and_one_has_no_message() -> None:
    ((missing,), (empty,), (silent,)) = (
        EXPECTED.missing_transcripts,
        EXPECTED.empty_transcripts,
        EXPECTED.without_messages,
    )
    assert SOURCES[missing.slug].transcript(missing.external_id) is None
    assert SOURCES[empty.slug].transcript(empty.external_id) == ""
    text = SOURCES[silent.slug].transcript(silent.external_id)
    assert text and not re.search(r"^(\[[^]]*\] *)?\w+:", text, re.MULTILINE)
    (row,) = [row for row in good_rows(SOURCES[silent.slug]) if row[0] == silent.external_id]
    assert row[6] == "0" and row[15] == ""


def test_every_other_session_has_a_transcript_with_messages() -> None:
    odd = {*EXPECTED.missing_transcripts, *EXPECTED.empty_transcripts, *EXPECTED.without_messages}
    odd_ids = {session.external_id for session in odd}
    for source in SOURCES.values():
        texts = dict(source.transcripts())
        for row in good_rows(source):
            if row[0] not in odd_ids:
                users = re.findall(r"^\[[\d.]+ [\d:]+\] User: ", texts[row[0]], re.MULTILINE)
                assert len(users) == int(row[6])
                assert f"] User: {row[15]}\n[" in texts[row[0]]
                assert texts[row[0]].startswith(f"[{row[1]}] User: ")
                assert f"\n[{row[2]}] " in texts[row[0]]


def test_one_session_has_messages_of_several_lines_with_an_empty_one() -> None:
    (session,) = EXPECTED.multi_line
    text = SOURCES[session.slug].transcript(session.external_id) or ""
    assert re.search(r"^\[.*\] User: .*\n1\. .*\n2\. .*\n\n\w+ \w+\n\[", text)


def test_one_user_orders_another_category_and_the_id_of_another_session() -> None:
    (session,) = EXPECTED.giving_orders
    source = SOURCES[session.slug]
    text = source.transcript(session.external_id) or ""
    (demanded,) = re.findall(r'"session_id": "([^"]+)"', text)
    truth = next(made.truth for made in source.sessions("") if made.external_id == session.external_id)
    assert demanded != session.external_id
    assert demanded in {row[0] for row in good_rows(source)}
    assert re.findall(r'"category": "([^"]+)"', text) != [truth.category]


def test_all_languages_and_categories_occur_and_the_set_is_the_same_each_time() -> None:
    truths = [session.truth for source in SOURCES.values() for session in source.sessions(BASE_URL)]
    assert {truth.language for truth in truths} == {"en", "nl", "de", "fr", "tr"}
    assert {truth.category for truth in truths} == set(CATEGORIES)
    assert [content(source) for source in demo_sources()] == [content(source) for source in SOURCES.values()]


@pytest.mark.parametrize("reject", EXPECTED.rejects, ids=lambda reject: reject.reason)
def test_rejects_are_a_small_part_of_each_company(reject: DemoReject) -> None:
    # Above a fifth an import of 50 records or more fails as a whole.
    assert sum(other.slug == reject.slug for other in EXPECTED.rejects) / 200 < 0.05
