"""Writes answers to their sessions: analysis, questions, and the stages that are complete with them.

Settlement of a batch and the return of an input that was answered before share these statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests, session_questions


def apply_kept_answers(connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
    """Applies the answers that complete requests kept, and returns how many sessions took one."""
    connection.execute(
        statement("analysis/create_scratch_answers"), {"batch_id": None, "request_ids": list(request_ids)}
    )
    written = write_scratch_answers(connection, now=now)
    connection.execute(text("DROP TABLE scratch_answers"))
    return written


def apply_kept_questions(connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
    """Gives sessions the questions of answers that complete requests kept, and returns how many; nothing else changes."""
    connection.execute(statement("analysis/create_kept_questions"), {"request_ids": list(request_ids)})
    _write_scratch_questions(connection, now=now)
    completed = connection.execute(statement("analysis/complete_question_stages"), {"now": now}).rowcount
    connection.execute(text("DROP TABLE scratch_answers"))
    return completed


def apply_batch_answers(connection: Connection, batch_id: UUID, *, now: datetime) -> None:
    """Writes the answers that a batch brought to their sessions, and to stages how its other requests ended."""
    connection.execute(statement("analysis/create_scratch_answers"), {"batch_id": batch_id, "request_ids": []})
    write_scratch_answers(connection, now=now)
    connection.execute(statement("analysis/settle_stages"), {"batch_id": batch_id, "now": now})
    connection.execute(text("DROP TABLE scratch_answers"))


def start_stages(connection: Connection, batch_id: UUID, *, now: datetime) -> None:
    """Sets the analysis of sessions whose requests were claimed for a batch IN_PROGRESS."""
    connection.execute(statement("analysis/start_stages"), {"batch_id": batch_id, "now": now})


def lock_sessions(connection: Connection, batch_id: UUID) -> None:
    """Locks the sessions of all requests that were tried in a batch."""
    connection.execute(statement("analysis/lock_batch_sessions"), {"batch_id": batch_id})


def fail_stages(connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
    """Fails the analysis of sessions whose requests failed before anything was bought for them."""
    if request_ids:
        connection.execute(statement("analysis/fail_stages"), {"request_ids": list(request_ids), "now": now})


def reset_failed_stages(connection: Connection, request_ids: Sequence[UUID]) -> None:
    """Sets the failed analysis of sessions whose requests were requeued back to PENDING."""
    connection.execute(statement("analysis/reset_failed_stages"), {"request_ids": list(request_ids)})


def fail_late_stages(connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
    """Fails the analysis of sessions whose requests failed by what showed late."""
    connection.execute(statement("analysis/fail_late_stages"), {"request_ids": list(request_ids), "now": now})


def write_scratch_answers(connection: Connection, *, now: datetime) -> int:
    """Writes what is staged to sessions, questions and stages, and returns how many sessions took an answer."""
    connection.execute(text("ANALYZE scratch_answers (session_id, import_id)"))
    written = connection.execute(statement("analysis/write_session_answers"), {"now": now}).rowcount
    _write_scratch_questions(connection, now=now)
    connection.execute(statement("analysis/complete_answer_stages"), {"now": now})
    return written


def _write_scratch_questions(connection: Connection, *, now: datetime) -> None:
    """Gives sessions the questions of what is staged."""
    connection.execute(statement("analysis/create_scratch_asked"))
    # Without figures the planner takes a hundred questions a session for granted, and looks all of them up for each session.
    connection.execute(text("ANALYZE scratch_asked"))
    connection.execute(statement("analysis/insert_questions"), {"now": now})
    connection.execute(statement("analysis/delete_session_questions"))
    connection.execute(statement("analysis/insert_session_questions"))
    connection.execute(text("DROP TABLE scratch_asked"))


def batch_questions(connection: Connection, batch_id: UUID) -> int:
    """How many questions the sessions of a batch's answers have."""
    linked = session_questions.c
    requests = ai_processing_requests.c
    query = (
        select(func.count())
        .select_from(session_questions)
        .join(ai_processing_requests, requests.session_id == linked.session_id)
        .where(requests.batch_id == batch_id, requests.processing_status == RequestStatus.PROCESSING_COMPLETE)
    )
    return int(connection.execute(query).scalar_one())
