"""Generated sessions are the same for the same seed, cover everything, and their transcripts agree with their rows."""

import csv
import re
import tracemalloc
from datetime import UTC, date, datetime
from io import StringIO
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.local.sample_data.dialogue import Chat
from livedash_pipeline.local.sample_data.files import GeneratedSource, csv_chunks, csv_text
from livedash_pipeline.local.sample_data.generate import (
    SampleCompany,
    SampleSession,
    generate_sessions,
    session_at,
    session_index,
)
from livedash_pipeline.local.sample_data.phrases.model import CATEGORIES

ALL_LANGUAGES = (("en", 1), ("nl", 1), ("de", 1), ("fr", 1), ("tr", 1))
COMPANY = SampleCompany("acme", "Acme", "Europe/Amsterdam", ALL_LANGUAGES)
WITH_BOT = SampleCompany("bolt", "Bolt", "Europe/Berlin", ALL_LANGUAGES, bot_name="Robin")
BASE_URL = "http://source.example/acme/chats"
MESSAGE = re.compile(r"^\[(\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d)\] (\w+): ")


def sessions(count: int, seed: int = 1, company: SampleCompany = COMPANY) -> list[SampleSession]:
    return list(generate_sessions(company, count, seed, transcript_base_url=BASE_URL))


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%d.%m.%Y %H:%M:%S").replace(tzinfo=UTC)


def parsed(transcript: str) -> list[tuple[str, str, str]]:
    """Read a transcript independently of the pipeline's parser: (time, role, content)."""
    messages: list[tuple[str, str, str]] = []
    for line in transcript.removesuffix("\n").split("\n"):
        if start := MESSAGE.match(line):
            messages.append((start[1], start[2], line[start.end() :]))
        else:
            sent_at, role, content = messages[-1]
            messages[-1] = (sent_at, role, f"{content}\n{line}")
    return messages


def test_the_same_seed_gives_the_same_rows_and_transcripts_and_another_seed_gives_others() -> None:
    first, again, other = sessions(50), sessions(50), sessions(50, seed=2)
    assert first == again
    assert [session.transcript for session in first] == [session.transcript for session in again]
    assert not {session.external_id for session in first} & {session.external_id for session in other}


def test_two_companies_with_one_seed_share_no_session() -> None:
    ids = {session.external_id for session in sessions(200)}
    assert len(ids) == 200
    assert not ids & {session.external_id for session in sessions(200, company=WITH_BOT)}


@given(index=st.integers(0, 2**48 - 1), seed=st.integers(0, 2**63))
def test_an_id_leads_back_to_its_session(index: int, seed: int) -> None:
    slow = SampleCompany("acme", "Acme", "Europe/Amsterdam", ALL_LANGUAGES, sessions_per_day=2**40)
    session = session_at(slow, index, seed, transcript_base_url=BASE_URL)
    assert session_index(slow, seed, session.external_id) == index
    assert session_index(slow, seed + 1, session.external_id) is None


@pytest.mark.parametrize("foreign", ["", "no-uuid", "3b2fc2a1-5a0e-4f1b-9d53-0c7f3f0f5e11"])
def test_a_foreign_id_has_no_session(foreign: str) -> None:
    assert session_index(COMPANY, 1, foreign) is None
    assert GeneratedSource(COMPANY, 10, 1).transcript(foreign) is None


def test_a_source_has_no_transcript_beyond_its_last_session() -> None:
    tenth, eleventh = islice(sessions(11), 9, None)
    source = GeneratedSource(COMPANY, 10, 1)
    assert source.transcript(tenth.external_id) == tenth.transcript
    assert source.transcript(eleventh.external_id) is None


def test_csv_reads_back_with_all_columns_in_order_of_time() -> None:
    made = sessions(1_200)
    rows = list(csv.reader(StringIO(csv_text(made), newline=""), strict=True))
    assert [tuple(row) for row in rows] == [session.fields for session in made]
    assert {len(row) for row in rows} == {COLUMN_COUNT}
    starts = [moment(row[1]) for row in rows]
    assert starts == sorted(starts)
    assert all(row[10] == f"{BASE_URL}/{row[0]}.txt" for row in rows)
    assert all(re.fullmatch(r"\d+\.\d{3}", row[11]) and re.fullmatch(r"\d+\.\d{4}", row[13]) for row in rows)


def test_all_languages_categories_tones_and_lengths_occur() -> None:
    made = sessions(1_200)
    assert {session.truth.language for session in made} == {"en", "nl", "de", "fr", "tr"}
    assert {session.truth.category for session in made} == set(CATEGORIES)
    assert {session.truth.sentiment for session in made} == {"POSITIVE", "NEUTRAL", "NEGATIVE"}
    assert {session.truth.escalated for session in made} == {session.truth.forwarded_hr for session in made}
    assert {int(session.fields[6]) for session in made} == set(range(1, 9))


def test_columns_of_the_vendors_analysis_are_empty_together() -> None:
    blank = [session.fields for session in sessions(400) if session.fields[5] == ""]
    assert 0 < len(blank) < 100
    assert all(fields[7:10] == ("", "", "") and fields[14] == "" for fields in blank)
    assert any("," in session.fields[14] for session in sessions(400))


@pytest.mark.parametrize(("company", "bot"), [(COMPANY, "Assistant"), (WITH_BOT, "Robin")])
def test_transcripts_agree_with_their_rows(company: SampleCompany, bot: str) -> None:
    several_lines = 0
    for session in sessions(1_000, company=company):
        messages = parsed(session.transcript or "")
        assert messages[0][0] == session.fields[1]
        assert messages[-1][0] == session.fields[2]
        assert messages[0][2] == session.fields[15]
        assert [role for _, role, _ in messages] == ["User", bot] * int(session.fields[6])
        times = [moment(sent_at) for sent_at, _, _ in messages]
        assert times == sorted(times)
        several_lines += any("\n" in content for _, _, content in messages)
        assert isinstance(session.chat, Chat)
        assert messages == [
            (f"{message.sent_at:%d.%m.%Y %H:%M:%S}", message.role, message.content)
            for message in session.chat.messages()
        ]
    assert several_lines > 50


def test_escalations_and_hr_contacts_are_in_the_transcript() -> None:
    for session in sessions(600):
        text = session.transcript or ""
        assert ("4400" in text or bool(re.search(r"\bHR\b|\bRH\b|\bİK\b", text))) >= session.truth.forwarded_hr
        assert "{" not in text


def test_local_times_exist_and_are_unambiguous_all_year() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    rare = SampleCompany("rare", "Rare", "Europe/Amsterdam", ALL_LANGUAGES, sessions_per_day=20)
    for session in generate_sessions(rare, 365 * 20, 1, transcript_base_url=BASE_URL, start=date(2025, 1, 1)):
        assert isinstance(session.chat, Chat)
        local = session.chat.start.replace(tzinfo=zone)
        assert local.utcoffset() == local.replace(fold=1).utcoffset()


def test_ten_million_sessions_give_their_first_rows_at_once() -> None:
    source = GeneratedSource(COMPANY, 10**7, 1)
    assert len(list(islice(generate_sessions(COMPANY, 10**7, 1, transcript_base_url=BASE_URL), 3))) == 3
    assert next(source.csv_chunks(BASE_URL)).count(b".txt,") == 500
    last = session_at(COMPANY, 10**7 - 1, 1, transcript_base_url=BASE_URL)
    assert source.transcript(last.external_id) == last.transcript


def test_memory_stays_flat_while_rows_stream() -> None:
    chunks = csv_chunks(generate_sessions(COMPANY, 20_000, 1, transcript_base_url=BASE_URL))
    next(chunks)
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in chunks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 4_000_000
    assert peak < 2_000_000
