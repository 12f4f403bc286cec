"""One chat of an existing LiveDash database, row by row: what is kept, what is repaired with a note, and what is left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.intake.rules.messages import Message, transcript_hash
from livedash_pipeline.intake.rules.profiles.documents import read_profile
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.takeover.rules.chats import (
    HANGS_ON_SKIPPED,
    IN_OPEN_BATCH,
    NOT_SENT,
    ChatRules,
    SourceChat,
    TakenChat,
    take_chat,
)
from livedash_pipeline.takeover.rules.companies import credential_variables, free_slug
from livedash_pipeline.takeover.rules.imports import END_FIRST, NO_ROW, NO_TIME
from livedash_pipeline.takeover.rules.requests import ABANDONED, OldBatch
from livedash_pipeline.takeover.rules.sessions import NO_QUESTION
from livedash_pipeline.takeover.rules.stages import OPEN_BATCH, Evidence, TakenStage, take_stages
from livedash_pipeline.takeover.rules.values import Note, whole

ZONE = ZoneInfo("Europe/Amsterdam")
BATCHES = {"open": OldBatch("batch_1", "COMPLETED"), "over": OldBatch("batch_2", "PROCESSED")}
RULES = ChatRules(ZONE, ("Robin",), BATCHES)
START, END = datetime(2025, 5, 1, 8, tzinfo=UTC), datetime(2025, 5, 1, 8, 5, tzinfo=UTC)
TEXT = "[01.05.2025 10:00:00] User: When does my shift start?\n[01.05.2025 10:00:05] Robin: At nine."

IMPORT: dict[str, Any] = {
    "id": "import-1",
    "externalSessionId": "chat-1",
    "startTimeRaw": "01.05.2025 10:00:00",
    "endTimeRaw": "01.05.2025 10:05:00",
    "countryCode": "NL",
    "language": "dutch",
    "sentimentRaw": "happy",
    "escalatedRaw": "no",
    "forwardedHrRaw": "yes",
    "messagesSent": 2,
    "tokensEur": Decimal("0.001"),
    "fullTranscriptUrl": "https://acme.example/1.txt",
    "rawTranscriptContent": TEXT,
    "createdAt": "2025-05-02T00:00:00",
}
SESSION: dict[str, Any] = {
    "id": "session-1",
    "startTime": "2025-05-01T08:00:00",
    "endTime": "2025-05-01T08:05:00",
    "country": "NL",
    "avgResponseTime": Decimal("1.5"),
    "messagesSent": 2,
    "language": "nl",
    "sentiment": "POSITIVE",
    "escalated": False,
    "forwardedHr": True,
    "category": "SCHEDULE_HOURS",
    "summary": "Asks when the shift starts.",
    "updatedAt": "2025-05-03T00:00:00",
}
MESSAGES = [
    {"id": "m0", "sessionId": "session-1", "order": 0, "role": "User", "content": "When does my shift start?"},
    {"id": "m1", "sessionId": "session-1", "order": 1, "role": "Assistant", "content": "At nine."},
]
REQUEST: dict[str, Any] = {
    "id": "request-1",
    "model": "gpt-4o",
    "success": True,
    "promptTokens": 1000,
    "completionTokens": 100,
    "promptTokenCost": Decimal("0.000001"),
    "completionTokenCost": Decimal("0.000002"),
    "totalCostEur": Decimal("0.0011"),
    "requestedAt": "2025-05-02T10:00:00",
    "completedAt": "2025-05-02T10:01:00",
}
QUESTION = {"id": "q0", "order": 0, "content": "When does my shift start?"}


def stage_row(stage: Stage, status: str, **columns: Any) -> dict[str, Any]:
    return {"stage": stage.value, "status": status, **columns}


def chat(**parts: Any) -> SourceChat:
    rows: dict[str, Any] = {
        "imported": IMPORT,
        "session": SESSION,
        "messages": MESSAGES,
        "stages": [stage_row(stage, "COMPLETED") for stage in Stage],
        "questions": [QUESTION],
        "requests": [REQUEST],
    }
    return SourceChat(**(rows | parts))


def moved(**parts: Any) -> tuple[TakenChat, list[Note]]:
    notes: list[Note] = []
    found = take_chat(chat(**parts), RULES, notes)
    assert found is not None, notes
    return found, notes


def reasons(notes: list[Note]) -> list[str]:
    return [note.reason for note in notes]


def test_a_whole_chat_is_moved_without_a_note() -> None:
    found, notes = moved()
    assert notes == []
    imported = found.imported
    assert (imported.external_session_id, imported.start_time, imported.end_time) == ("chat-1", START, END)
    assert (imported.field("tokens_eur"), imported.field("messages_sent")) == ("0.0010", "2")
    assert (imported.country, imported.language_code, imported.sentiment_score) == ("NL", "nl", Decimal(1))
    assert (imported.escalated, imported.forwarded_hr) == (False, True)
    assert found.transcript is not None and (found.transcript.status, found.transcript.content) == ("FETCHED", TEXT)
    assert [(place, message.role) for place, message in found.messages] == [(0, "user"), (1, "assistant")]
    assert found.session is not None and found.session.duration_seconds == 300
    assert found.session.avg_response_time == Decimal("1.500")
    assert {stage.status for stage in found.stages} == {StageStatus.COMPLETED}
    assert found.analysed_at == datetime(2025, 5, 2, 10, 1, tzinfo=UTC)
    assert found.kept_answer is not None and found.kept_answer["questions"] == [QUESTION["content"]]
    assert {"readsAs", "saysAs"} <= found.stage(Stage.AI_ANALYSIS).metadata.keys()


def test_an_answered_request_is_moved_with_its_costs() -> None:
    (request,) = moved()[0].requests
    assert (request.outcome, request.answered, request.error_message) == (Outcome.PARSED, True, None)
    assert request.input_hash == "livedash:request-1"
    assert request.tokens["prompt_tokens"] == 1000
    assert request.total_cost_usd == Decimal("0.0012")
    assert request.total_cost_eur == Decimal("0.0011")


@pytest.mark.parametrize(
    ("changes", "outcome", "message"),
    [
        ({"errorMessage": "Rate limit"}, Outcome.INVALID_OUTPUT, "Rate limit"),
        ({"errorMessage": "Refused", "promptTokens": None, "completionTokens": None}, Outcome.REJECTED, "Refused"),
        ({"processingStatus": "BATCHING_IN_PROGRESS", "batchId": "over"}, Outcome.ARTIFACT_UNAVAILABLE, ABANDONED),
    ],
)
def test_an_unanswered_request_gets_the_outcome_that_is_known(
    changes: dict[str, Any], outcome: Outcome, message: str
) -> None:
    (request,) = moved(requests=[REQUEST | {"success": False} | changes])[0].requests
    assert (request.answered, request.outcome, request.error_message) == (False, outcome, message)


def test_what_a_request_cannot_say_is_left_out_with_a_note() -> None:
    changes = {"promptTokens": -1, "totalCostEur": -1, "completedAt": "2025-05-01T00:00:00", "completionTokenCost": 0}
    found, notes = moved(requests=[REQUEST | changes])
    (request,) = found.requests
    assert request.completed_at == request.requested_at
    assert (request.prompt_cost_usd, request.total_cost_usd, request.total_cost_eur) == (None, None, None)
    assert reasons(notes) == [
        "completedAt lies before requestedAt: set to that",
        "promptTokens is no count: left out",
        "totalCostEur is no amount: left out",
    ]


def test_a_request_without_its_time_is_skipped() -> None:
    found, notes = moved(requests=[REQUEST | {"requestedAt": None}])
    assert found.requests == ()
    assert [(note.table, note.skipped) for note in notes] == [("AIProcessingRequest", True)]


def test_an_open_batch_holds_all_requests_of_its_chat_back() -> None:
    in_batch = REQUEST | {"id": "r2", "success": False, "processingStatus": "BATCHING_IN_PROGRESS", "batchId": "open"}
    waiting = REQUEST | {"id": "r3", "success": False, "processingStatus": "PENDING_BATCHING"}
    failed = REQUEST | {"id": "r4", "success": False}
    stages = [stage_row(Stage.AI_ANALYSIS, "IN_PROGRESS")]
    bare = SESSION | dict.fromkeys(("language", "sentiment", "category", "summary"))
    found, notes = moved(session=bare, stages=stages, requests=[in_batch, waiting, failed])
    analysis = found.stage(Stage.AI_ANALYSIS)
    assert (analysis.status, analysis.metadata[OPEN_BATCH]) == (StageStatus.FAILED, "batch_1")
    assert analysis.error_message is not None and "batch_1" in analysis.error_message
    assert (found.requests, found.kept_answer, found.analysed_at) == ((), None, None)
    assert reasons(notes) == [IN_OPEN_BATCH] * 3


def test_a_batch_that_nobody_knows_counts_as_open_under_its_old_id() -> None:
    lost = REQUEST | {"success": False, "processingStatus": "BATCHING_IN_PROGRESS", "batchId": "lost"}
    found, _ = moved(session=None, stages=[], requests=[lost])
    assert found.stage(Stage.AI_ANALYSIS).metadata[OPEN_BATCH] == "lost"


def test_a_request_that_waits_is_left_to_this_pipeline() -> None:
    waiting = REQUEST | {"success": False, "processingStatus": "PENDING_BATCHING"}
    found, notes = moved(requests=[waiting])
    assert (found.requests, reasons(notes)) == ((), [NOT_SENT])


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (Evidence(answered=True), "has lost the answer"),
        (Evidence(abandoned=True), "it may have been paid"),
        (Evidence(), "Rate limit"),
    ],
)
def test_a_failed_analysis_says_why_it_is_not_bought(evidence: Evidence, said: str) -> None:
    rows = [stage_row(Stage.AI_ANALYSIS, "FAILED", errorMessage="Rate limit", metadata={"tries": 2})]
    analysis = take_stages(rows, evidence, "s", [])[3]
    assert analysis.stage is Stage.AI_ANALYSIS
    assert analysis.error_message is not None and said in analysis.error_message
    assert json.loads(analysis.metadata_text) == {"tries": 2}


def test_numbers_of_metadata_stay_numbers_while_a_float_is_large_enough() -> None:
    stage = TakenStage(Stage.CSV_IMPORT, StageStatus.COMPLETED, metadata={"a": Decimal("1.5"), "b": Decimal("1e999")})
    assert json.loads(stage.metadata_text) == {"a": 1.5, "b": "1E+999"}


def test_a_stage_that_ends_before_it_begins_keeps_its_end() -> None:
    notes: list[Note] = []
    row = stage_row(Stage.CSV_IMPORT, "COMPLETED", startedAt="2025-05-02T00:00:00", completedAt="2025-05-01T00:00:00")
    stage = take_stages([row], Evidence(), "s", notes)[0]
    assert (stage.started_at, stage.completed_at) == (None, datetime(2025, 5, 1, tzinfo=UTC))
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("evidence", "told", "fetch", "creation"),
    [
        (Evidence(), "PENDING", "SKIPPED", "PENDING"),
        (Evidence(has_url=True), "PENDING", "PENDING", "PENDING"),
        (Evidence(has_text=True, has_session=True), "PENDING", "COMPLETED", "PENDING"),
        (Evidence(has_messages=True, has_session=True), "PENDING", "COMPLETED", "COMPLETED"),
        (Evidence(has_session=True), "FAILED", "FAILED", "FAILED"),
        (Evidence(), "FAILED", "FAILED", "PENDING"),
    ],
)
def test_where_fetch_and_creation_stand(evidence: Evidence, told: str, fetch: str, creation: str) -> None:
    rows = [stage_row(stage, told) for stage in (Stage.TRANSCRIPT_FETCH, Stage.SESSION_CREATION)]
    found = {stage.stage: stage.status for stage in take_stages(rows, evidence, "s", [])}
    assert (found[Stage.TRANSCRIPT_FETCH], found[Stage.SESSION_CREATION]) == (fetch, creation)


def test_times_that_cannot_be_are_those_of_the_session() -> None:
    for changes, said in (
        ({"startTimeRaw": "30.02.2025 10:00:00"}, "not readable"),
        ({"endTimeRaw": "01.05.2025 09:00:00"}, "its end lies before its start"),
    ):
        found, notes = moved(imported=IMPORT | changes)
        assert (found.imported.start_time, found.imported.end_time) == (START, END)
        assert [said in reason for reason in reasons(notes)] == [True]


def test_times_of_a_session_that_cannot_be_are_those_of_its_row() -> None:
    found, notes = moved(session=SESSION | {"startTime": "infinity"})
    assert found.session is not None and (found.session.start_time, found.session.end_time) == (START, END)
    assert len(notes) == 1


def test_an_import_keeps_what_can_be_and_says_what_cannot() -> None:
    changes = {"externalSessionId": " ", "messagesSent": -3, "sentimentRaw": "?", "tokens": "many"}
    found, notes = moved(imported=IMPORT | changes)
    assert found.imported.external_session_id == "livedash-import-1"
    assert (found.imported.field("messages_sent"), found.imported.field("tokens")) == ("", "")
    assert found.imported.sentiment_score is None
    assert len(notes) == 3


def test_a_session_without_a_row_of_the_csv_gets_one() -> None:
    found, notes = moved(imported=None)
    assert found.imported.external_session_id == "livedash-session-1"
    assert found.imported.field("start_time_raw") == "01.05.2025 10:00:00"
    assert (found.transcript, reasons(notes)) == (None, [NO_ROW])


def test_a_transcript_that_was_read_once_is_not_fetched_again() -> None:
    found, _ = moved(imported=IMPORT | {"rawTranscriptContent": None})
    assert found.transcript is not None and (found.transcript.status, found.transcript.content) == ("PRUNED", None)


def test_a_transcript_is_read_by_the_companys_profile() -> None:
    profile = read_profile(TranscriptProfile, {"lines": ["({clock}) {name}: {text}"], "assistant_names": ["Emma"]})
    source = chat(imported=IMPORT | {"rawTranscriptContent": "(10:00) User: hi\n(10:01) Emma: ho"})
    found = take_chat(source, replace(RULES, profile=profile), [])
    assert found is not None
    said = [Message("user", "hi", START), Message("assistant", "ho", START + timedelta(minutes=1))]
    assert found.stage(Stage.AI_ANALYSIS).metadata["readsAs"] == transcript_hash(said)


def test_a_transcript_that_our_grammar_refuses_leaves_no_hash() -> None:
    found, _ = moved(imported=IMPORT | {"rawTranscriptContent": "no transcript"})
    assert found.stage(Stage.AI_ANALYSIS).metadata == {}


@pytest.mark.parametrize(
    ("imported", "session", "reason"),
    [
        (IMPORT | {"startTimeRaw": ""}, None, NO_TIME),
        (IMPORT | {"endTimeRaw": "01.05.2025 09:00:00"}, None, END_FIRST),
        (None, SESSION | {"startTime": None}, NO_TIME),
    ],
)
def test_a_chat_without_any_time_is_left_behind_with_all_of_its_rows(
    imported: dict[str, Any] | None, session: dict[str, Any] | None, reason: str
) -> None:
    notes: list[Note] = []
    assert take_chat(chat(imported=imported, session=session), RULES, notes) is None
    assert reasons(notes) == [reason] + [HANGS_ON_SKIPPED] * 4
    assert all(note.skipped for note in notes)


def test_values_of_a_session_that_cannot_be_are_left_out() -> None:
    changes = {
        "country": "Atlantis",
        "avgResponseTime": -1,
        "messagesSent": True,
        "language": "klingonish",
        "sentiment": "so-so",
        "escalated": "perhaps",
        "category": "",
    }
    found, notes = moved(session=SESSION | changes)
    session = found.session
    assert session is not None
    assert (session.country, session.avg_response_time, session.messages_sent) == (None, None, None)
    assert (session.language, session.sentiment, session.escalated, session.category) == (None, None, None, None)
    assert len(notes) == 6
    assert found.kept_answer is None, "an answer with gaps cannot be applied again"


def test_a_code_of_two_letters_is_a_language_whatever_it_stands_for() -> None:
    found, notes = moved(session=SESSION | {"language": "XX"})
    assert found.session is not None and (found.session.language, notes) == ("xx", [])


@pytest.mark.parametrize("orders", [(0, 0), (-1, 0), (None, 1)])
def test_messages_without_sound_numbers_are_numbered_anew(orders: tuple[int | None, int]) -> None:
    rows = [message | {"order": order} for message, order in zip(MESSAGES, orders, strict=True)]
    found, notes = moved(messages=rows)
    assert [place for place, _ in found.messages] == [0, 1]
    assert len(notes) == 1


def test_a_message_of_another_role_is_unknown() -> None:
    found, notes = moved(messages=[MESSAGES[0] | {"role": "Robin"}])
    assert [message.role for _, message in found.messages] == ["unknown"]
    assert len(notes) == 1


def test_questions_are_kept_once_and_cut() -> None:
    rows = [
        QUESTION,
        QUESTION | {"id": "q1", "order": 1},
        {"id": "q2", "order": 2, "content": " "},
        {"id": "q3", "order": 3, "content": "x" * 501},
    ]
    found, notes = moved(questions=rows)
    assert found.questions == (QUESTION["content"], "x" * 500)
    assert reasons(notes)[:2] == [NO_QUESTION] * 2


def test_a_chat_without_its_session_has_no_answer() -> None:
    found, _ = moved(session=None, messages=[], questions=[], requests=[], stages=[])
    assert (found.session, found.kept_answer, found.analysed_at) == (None, None, None)
    assert found.stage(Stage.AI_ANALYSIS).status is StageStatus.PENDING


def test_a_count_beyond_its_column_is_none() -> None:
    assert [whole(value, 10) for value in (0, 10, 11, -1)] == [0, 10, None, None]


def test_a_slug_that_is_taken_gets_the_next_free_number() -> None:
    assert free_slug("acme", {"acme", "acme-2"}) == "acme-3"
    assert credential_variables("acme-b") == ("LIVEDASH_ACME_B_CSV_USERNAME", "LIVEDASH_ACME_B_CSV_PASSWORD")
