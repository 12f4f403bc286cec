"""Describes one session in one document: its stages, its requests with every try, its transcript.

Add a fact about a session here. The document omits texts unless they are asked for, since it may end in shells and logs.
"""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping

from livedash_pipeline.analysis.steps.document import analysis_document
from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.steps.batches.request_documents import attempt_document, request_document
from livedash_pipeline.ledger.store.batches import request_history
from livedash_pipeline.overview.store import session_history


def describe_session(engine: Engine, some_id: str, *, show_text: bool = False) -> Document:
    """Describes one session.

    Args:
        engine: Our database.
        some_id: The session's id or that of its import.
        show_text: With messages, summary, questions, IP address and the transcript's address.

    Raises:
        UsageError: It is no id, or there is no such session.
    """
    wanted = read_id(some_id)
    if wanted is None:
        raise UsageError(
            f"{some_id!r} is no id of a session.", remedy="Ids look like 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b."
        )
    with engine.connect() as connection:
        row = session_history.find_session(connection, wanted)
        if row is None:
            raise UsageError(
                f"There is no session {some_id!r}.",
                remedy="Give the id of a session or of its import, as `livedash failed` and `livedash requests` show them.",
            )
        requests = _requests(connection, row["session_id"]) if row["session_id"] else []
        session: Document = {
            **_facts(row),
            "stages": [_stage(stage) for stage in session_history.session_stages(connection, row["import_id"])],
            "requests": requests,
            "transcript": _transcript(row),
            "messages": row["messages"],
            "questions": row["questions"],
        }
        if show_text:
            session["texts"] = _texts(session_history.session_texts(connection, row["import_id"]))
    return {"ok": True, "session": session}


def _facts(row: RowMapping) -> Document:
    return {
        "sessionId": None if row["session_id"] is None else str(row["session_id"]),
        "importId": str(row["import_id"]),
        "company": row["company"],
        "externalSessionId": row["external_session_id"],
        "source": row["source"],
        "startTime": moment(row["start_time"]),
        "endTime": moment(row["end_time"]),
        "durationSeconds": row["duration_seconds"],
        "country": row["country"],
        "messagesSent": row["messages_sent"],
        "avgResponseTime": money(row["avg_response_time"]),
        **analysis_document(row),
        "stale": bool(row["stale"]),
        # Names the columns of its row that could not be read, never their contents, which may be anything.
        "unread": sorted(row["unread"] or ()),
        "importedAt": moment(row["created_at"]),
        "changedAt": moment(row["updated_at"]),
        "erasedAt": moment(row["erased_at"]),
    }


def _stage(row: RowMapping) -> Document:
    return {
        "stage": row["stage"].lower(),
        "status": (row["status"] or StageStatus.PENDING).lower(),
        "errorMessage": row["error_message"],
        "retryCount": row["retry_count"] or 0,
        "startedAt": moment(row["started_at"]),
        "completedAt": moment(row["completed_at"]),
    }


def _requests(connection: Connection, session_id: UUID) -> list[Document]:
    requests = request_history.read_requests(connection, session_id=session_id)
    tries: dict[UUID, list[Document]] = defaultdict(list)
    for attempt in request_history.read_attempts(connection, [request.id for request in requests]):
        tries[attempt.request_id].append(attempt_document(attempt))
    return [request_document(request) | {"tries": tries[request.id]} for request in requests]


def _transcript(row: RowMapping) -> Document | None:
    if row["transcript_status"] is None:
        return None
    return {
        "status": row["transcript_status"].lower(),
        "bytes": row["transcript_bytes"],
        "fetchedAt": moment(row["transcript_fetched_at"]),
        "errorCode": row["transcript_error_code"],
        "errorMessage": row["transcript_error_message"],
        "attempts": row["transcript_attempts"],
        "nextAttemptAt": moment(row["transcript_next_attempt_at"]),
    }


def _texts(texts: session_history.SessionTexts) -> Document:
    return {
        "initialMessage": texts.initial_message,
        "summary": texts.summary,
        "questions": list(texts.questions),
        "messages": [_message(row) for row in texts.messages],
        "ipAddress": texts.ip_address,
        "fullTranscriptUrl": texts.full_transcript_url,
    }


def _message(row: RowMapping) -> Document:
    return {"position": row["position"], "role": row["role"], "at": moment(row["sent_at"]), "text": row["content"]}
