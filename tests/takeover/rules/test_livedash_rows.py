"""Rows of an existing LiveDash database, judged without it: whatever they hold, they become rows that our tables take."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.states import CompanyStatus, Stage, StageStatus
from livedash_pipeline.intake.rules.csv_fields import content_hash
from livedash_pipeline.takeover.rules.chats import ChatRules, SourceChat, take_chat
from livedash_pipeline.takeover.rules.companies import (
    TakenCompany,
    credential_variables,
    free_slug,
    slug_of,
    take_company,
    take_model,
    take_price,
)
from livedash_pipeline.takeover.rules.requests import OldBatch, RequestEnd, request_end
from livedash_pipeline.takeover.rules.stages import Evidence, take_stages, text_without_unstorable
from livedash_pipeline.takeover.rules.values import Note, complaint, decimal_text, kept_id, moment

ZONE = ZoneInfo("Europe/Amsterdam")
BATCHES = {"open": OldBatch("batch_1", "COMPLETED"), "over": OldBatch("batch_2", "PROCESSED")}
RULES = ChatRules(ZONE, ("Robin",), BATCHES)

anything = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
times = st.sampled_from(
    ["2025-05-01T10:00:00+00:00", "2025-05-01T09:00:00", "infinity", "10000-01-01T00:00:00", None, "", 5]
)
good_times = st.just("2025-05-01T10:00:00")
raw_times = st.sampled_from(["01.05.2025 10:00:00", "01.05.2025 09:59:59"]) | st.sampled_from(
    ["30.02.2025 10:00:00", "", 5]
)
words = st.sampled_from(["COMPLETED", "PENDING", "IN_PROGRESS", "FAILED", "SKIPPED", "completed", "?"]) | anything
stages = st.sampled_from([stage.value for stage in Stage]) | anything


def row(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A row with all of these columns, or without some, as an older branch has it."""
    ids = {"id": st.uuids().map(str) | st.text(min_size=1, max_size=9)}
    return st.fixed_dictionaries(ids | columns) | st.fixed_dictionaries(ids, optional=columns)


imports = row(
    externalSessionId=anything | st.text(min_size=250, max_size=300),
    startTimeRaw=raw_times,
    endTimeRaw=raw_times,
    countryCode=anything,
    language=anything,
    messagesSent=anything,
    avgResponseTimeSeconds=anything,
    tokens=anything,
    tokensEur=anything,
    fullTranscriptUrl=anything,
    rawTranscriptContent=anything | st.sampled_from(["User: hello", "[01.05.2025 10:00:00] Robin: hi"]),
    createdAt=times,
)
sessions = row(
    startTime=good_times | times,
    endTime=good_times | times,
    language=anything | st.sampled_from(["NL", "english", "xx"]),
    sentiment=anything | st.sampled_from(["POSITIVE", "negative"]),
    category=anything | st.sampled_from(["ONBOARDING", "GENERAL"]),
    country=anything,
    messagesSent=anything,
    avgResponseTime=anything,
    escalated=anything,
    forwardedHr=anything,
    summary=anything,
    updatedAt=times,
)
messages = row(role=anything, content=anything, order=st.integers(-2, 9), timestamp=times, sessionId=st.just("s"))
scratch_rows = row(
    stage=stages,
    status=words,
    startedAt=times,
    completedAt=times,
    retryCount=anything,
    errorMessage=anything,
    metadata=st.none() | st.dictionaries(st.text(max_size=5), anything, max_size=3),
)
questions = row(order=st.integers(-2, 9), content=anything | st.text(min_size=490, max_size=510))
requests = row(
    model=anything,
    success=st.booleans() | anything,
    processingStatus=st.sampled_from(["PENDING_BATCHING", "BATCHING_IN_PROGRESS", "PROCESSING_COMPLETE", None]),
    batchId=st.sampled_from(["open", "over", "unknown", None]),
    errorMessage=anything,
    requestedAt=times,
    completedAt=times,
    promptTokens=anything,
    promptTokenCost=anything,
    totalCostEur=anything,
)
chats = st.builds(
    SourceChat,
    imports,
    st.none() | sessions,
    st.lists(messages, max_size=4),
    st.lists(scratch_rows, max_size=4),
    st.lists(questions, max_size=4),
    st.lists(requests, max_size=3),
) | st.builds(SourceChat, st.none(), sessions)


@given(chats)
def test_whatever_a_chat_holds_it_becomes_rows_that_our_tables_take_or_notes(chat: SourceChat) -> None:
    notes: list[Note] = []
    moved = take_chat(chat, RULES, notes)
    if moved is None:
        assert any(note.skipped for note in notes)
        return
    imported, session = moved.imported, moved.session
    assert 0 < len(imported.external_session_id) <= 255
    assert imported.start_time <= imported.end_time
    assert imported.content_hash == content_hash(imported.fields, ZONE.key)
    assert (session is None) == (chat.session is None)
    if session is not None:
        assert session.start_time <= session.end_time
        assert session.language is None or re.fullmatch("[a-z]{2}", session.language)
        assert session.sentiment in {None, "POSITIVE", "NEUTRAL", "NEGATIVE"}
        assert session.messages_sent is None or 0 <= session.messages_sent < 2**31
    positions = [position for position, _ in moved.messages]
    assert len(positions) == len(chat.messages) == len(set(positions))
    assert all(position >= 0 for position in positions)
    assert {message.role for _, message in moved.messages} <= {"user", "assistant", "system", "unknown"}
    assert all(1 <= len(question) <= 500 for question in moved.questions)
    assert len(set(moved.questions)) == len(moved.questions)
    for stage in moved.stages:
        assert not (stage.started_at and stage.completed_at and stage.completed_at < stage.started_at)
        assert stage.retry_count >= 0
        assert isinstance(json.loads(stage.metadata_text), dict)
        assert "\\u0000" not in stage.metadata_text
    for request in moved.requests:
        assert request.requested_at <= request.completed_at
        assert all(count is None or count >= 0 for count in request.tokens.values())
        assert request.total_cost_eur is None or request.total_cost_eur > 0
        assert not re.fullmatch("[0-9a-f]{64}", request.input_hash)


@given(chats)
def test_no_row_is_lost_without_a_note(chat: SourceChat) -> None:
    notes: list[Note] = []
    moved = take_chat(chat, RULES, notes)
    skipped = {table: sum(note.count for note in notes if note.skipped and note.table == table) for table in _TABLES}
    kept = {
        "Session": int(moved is not None and moved.session is not None),
        "Message": len(moved.messages) if moved else 0,
        "SessionQuestion": len(moved.questions) if moved else 0,
        "AIProcessingRequest": len(moved.requests) if moved else 0,
    }
    there = {
        "Session": int(chat.session is not None),
        "Message": len(chat.messages),
        "SessionQuestion": len(chat.questions),
        "AIProcessingRequest": len(chat.requests),
    }
    assert {table: kept[table] + skipped[table] for table in _TABLES} == there


@given(chats)
def test_what_was_answered_or_is_in_an_open_batch_is_never_pending(chat: SourceChat) -> None:
    moved = take_chat(chat, RULES, [])
    ends = {request_end(request, BATCHES) for request in chat.requests}
    event(", ".join(sorted(end.name for end in ends)))
    if moved is not None and ends & {RequestEnd.ANSWERED, RequestEnd.OPEN, RequestEnd.ABANDONED}:
        assert moved.stage(Stage.AI_ANALYSIS).status is not StageStatus.PENDING


_TABLES = ("Session", "Message", "SessionQuestion", "AIProcessingRequest")


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (Decimal("0.001"), 4, "0.0010"),
        (Decimal("1e-05"), 4, "0.00001"),
        (Decimal("2.051"), 3, "2.051"),
        (Decimal("12"), 3, "12.000"),
        (7, 3, "7.000"),
        (6470, 0, "6470"),
        (Decimal("1E+3"), 0, "1000"),
        (None, 3, ""),
        ("NaN", 3, ""),
        (True, 0, ""),
    ],
)
def test_a_number_reads_as_the_csv_had_it(value: object, places: int, expected: str) -> None:
    assert decimal_text(value, places) == expected


def test_ids_stay_or_become_the_same_uuid_each_time() -> None:
    known = "0196a1b2-3c4d-4e5f-8a9b-0c1d2e3f4a5b"
    assert (str(kept_id("Session", known)[0]), kept_id("Session", known)[1]) == (known, None)
    assert kept_id("Session", "c1") == kept_id("Session", "c1")
    assert kept_id("Session", "c1")[0] != kept_id("Message", "c1")[0]
    assert kept_id("Session", known.replace("-", ""))[1] == known.replace("-", "")


def test_a_moment_without_a_zone_is_utc() -> None:
    assert moment("2025-05-01T10:00:00") == moment("2025-05-01T12:00:00+02:00") == datetime(2025, 5, 1, 10, tzinfo=UTC)
    assert moment("infinity") is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme B.V.", "acme-b-v"),
        ("Café  Größe", "cafe-grosse"),
        ("日本", "company"),
        ("-" * 90, "company"),
        ("x" * 90, "x" * 63),
    ],
)
def test_a_name_becomes_a_slug(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text(max_size=80), st.integers(0, 12))
def test_slugs_are_valid_and_free(name: str, others: int) -> None:
    taken: set[str] = set()
    for _ in range(others + 1):
        slug = free_slug(slug_of(name), taken)
        assert re.fullmatch("[a-z0-9-]{1,63}", slug)
        assert slug not in taken
        taken.add(slug)
    assert all(re.fullmatch("[A-Z][A-Z0-9_]*", variable) for variable in credential_variables(slug))


def company(notes: list[Note] | None = None, **values: object) -> TakenCompany:
    return take_company(
        {"id": "c", "name": "Acme", "csvUrl": "https://h/a.csv", **values}, [] if notes is None else notes
    )


@pytest.mark.parametrize(
    ("url", "stored", "has_credentials"),
    [
        ("https://u:p@h:8443/a.csv?x=1", "https://h:8443/a.csv?x=1", True),
        ("https://u:p@q@h/a.csv", "https://h/a.csv", True),
        ("https://h/a@b.csv", "https://h/a@b.csv", False),
        ("https://h/a.csv?mail=a@b", "https://h/a.csv?mail=a@b", False),
        ("https://u:12/3@h/a.csv", "", True),
        ("https://u:p/w@h/a.csv", "", True),
        ("https://h:x/a.csv", "https://h:x/a.csv", False),
        ("/data/a.csv", "/data/a.csv", False),
    ],
)
def test_credentials_in_an_address_are_not_stored(url: str, stored: str, has_credentials: bool) -> None:
    moved = company(csvUrl=url)
    assert (moved.csv_url, moved.has_credentials) == (stored, has_credentials)


def test_a_company_works_unless_it_says_otherwise() -> None:
    notes: list[Note] = []
    assert company().status is CompanyStatus.ACTIVE
    assert company(status="ARCHIVED").status is CompanyStatus.ARCHIVED
    assert company(notes, status="GONE", csvUsername="u").status is CompanyStatus.SUSPENDED
    assert company(csvUsername="u", csvPassword="p").has_credentials
    assert len(notes) == 2


def test_prices_are_per_million_and_impossible_ones_are_skipped() -> None:
    notes: list[Note] = []
    good = {"id": "p", "aiModelId": "m", "promptTokenCost": Decimal("1.5e-07"), "completionTokenCost": Decimal("6e-07")}
    begins = {"effectiveFrom": "2025-01-01T00:00:00"}
    moved = take_price(good | begins | {"effectiveUntil": "2024-01-01T00:00:00"}, notes)
    assert moved is not None
    assert (moved.input_usd, moved.output_usd, moved.effective_until) == (Decimal("0.15"), Decimal("0.6"), None)
    ended = take_price(good | begins | {"effectiveUntil": "2025-02-01T00:00:00"}, [])
    assert ended is not None and ended.effective_until == datetime(2025, 2, 1, tzinfo=UTC)
    assert take_price(good, notes) is None
    assert take_price(good | begins | {"promptTokenCost": -1}, notes) is None
    assert [note.skipped for note in notes] == [False, True, True]
    assert take_model({"id": "m", "name": "gpt-4o", "isActive": False}).is_active is False


@pytest.mark.parametrize(
    ("values", "end"),
    [
        ({"success": True, "processingStatus": "PENDING_BATCHING"}, RequestEnd.ANSWERED),
        ({"success": False, "processingStatus": "PROCESSING_COMPLETE"}, RequestEnd.ANSWERED),
        ({"success": False}, RequestEnd.FAILED),
        ({"success": False, "processingStatus": "PROCESSING_FAILED", "batchId": "open"}, RequestEnd.FAILED),
        ({"success": False, "processingStatus": "BATCHING_IN_PROGRESS", "batchId": "open"}, RequestEnd.OPEN),
        ({"success": False, "processingStatus": "PENDING_BATCHING", "batchId": "open"}, RequestEnd.OPEN),
        ({"success": False, "processingStatus": "BATCHING_IN_PROGRESS", "batchId": "lost"}, RequestEnd.OPEN),
        ({"success": False, "processingStatus": "BATCHING_IN_PROGRESS", "batchId": "over"}, RequestEnd.ABANDONED),
        ({"success": False, "processingStatus": "BATCHING_IN_PROGRESS"}, RequestEnd.WAITING),
        ({"success": False, "processingStatus": "PENDING_BATCHING"}, RequestEnd.WAITING),
        (
            {
                "success": False,
                "processingStatus": "PENDING_BATCHING",
                "errorMessage": "x",
                "completedAt": "2025-01-01",
            },
            RequestEnd.FAILED,
        ),
    ],
)
def test_how_a_request_stands_is_read_from_all_its_traces(values: dict[str, object], end: RequestEnd) -> None:
    assert request_end(values, BATCHES) is end


def test_json_without_what_jsonb_refuses_keeps_the_rest() -> None:
    written = json.dumps({"a\x00": ["\ud800", "😀", 1]})
    assert json.loads(text_without_unstorable(written)) == {"a\ufffd": ["\ufffd", "😀", 1]}
    assert text_without_unstorable('{"a": 1}') == '{"a": 1}'


def test_a_chat_without_any_row_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="without a row"):
        take_chat(SourceChat(None, None), RULES, [])


@pytest.mark.parametrize(
    ("told", "evidence", "status"),
    [
        (None, Evidence(has_values=True), "COMPLETED"),
        (None, Evidence(), "PENDING"),
        ("IN_PROGRESS", Evidence(), "PENDING"),
        ("IN_PROGRESS", Evidence(has_values=True), "COMPLETED"),
        ("PENDING", Evidence(has_values=True, answered=True), "COMPLETED"),
        ("FAILED", Evidence(has_values=True, answered=True), "COMPLETED"),
        ("IN_PROGRESS", Evidence(answered=True), "FAILED"),
        ("PENDING", Evidence(has_values=True), "PENDING"),
        ("PENDING", Evidence(has_values=True, has_summary=True), "COMPLETED"),
        ("PENDING", Evidence(open_batch="batch_1"), "FAILED"),
        ("PENDING", Evidence(abandoned=True), "FAILED"),
        ("COMPLETED", Evidence(open_batch="batch_1"), "COMPLETED"),
        ("FAILED", Evidence(), "FAILED"),
        ("SKIPPED", Evidence(), "SKIPPED"),
    ],
)
def test_where_an_analysis_stands(told: str | None, evidence: Evidence, status: str) -> None:
    rows = [{"stage": "AI_ANALYSIS", "status": told}] if told else []
    stages = {stage.stage: stage for stage in take_stages(rows, evidence, "s", [])}
    assert stages[Stage.AI_ANALYSIS].status == status
    extraction = "SKIPPED" if status == "SKIPPED" else "PENDING"
    assert stages[Stage.QUESTION_EXTRACTION].status == extraction


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (
            "Unexpected token 'I', \"I'm sorry, Anna…\" is not valid JSON",
            "Unexpected token 'I', \"…\" is not valid JSON",
        ),
        ('Unexpected end, "the answer was cut', 'Unexpected end, "…"'),
        ("Rate limit reached", "Rate limit reached"),
        ("", None),
    ],
)
def test_what_an_old_error_message_quotes_of_an_answer_is_left_out(written: str, kept: str | None) -> None:
    assert complaint(written) == kept
