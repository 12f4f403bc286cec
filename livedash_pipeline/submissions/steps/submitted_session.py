"""Describes and erases one session for its company, by the company's own id: its progress and its result.

Add what a company may know of a single session. A session of another company counts as absent. `overview.steps.session_report`
tells engineers more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, RowMapping

from livedash_pipeline.analysis.steps.document import analysis_document
from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.overview.store import session_history
from livedash_pipeline.retention.rules.retention import PruneRequest
from livedash_pipeline.retention.steps.prune import prune
from livedash_pipeline.submissions.store.feed import find_import_id, find_summary

_OVER = {StageStatus.COMPLETED, StageStatus.SKIPPED}


def describe_submitted(engine: Engine, company: Company, external_id: str) -> Document | None:
    """A session's stages, and its result once there is one; None if the company has no such session.

    `stage` and `status` are those of the first stage that is not over, or of the last one. An erased session has its times and
    stages, and no result.
    """
    with engine.connect() as connection:
        import_id = find_import_id(connection, company.id, external_id)
        row = None if import_id is None else session_history.find_session(connection, import_id)
        if import_id is None or row is None:
            return None
        stages = session_history.session_stages(connection, import_id)
        summary, questions = find_summary(connection, import_id)
    reached = _reached(stages)
    return {
        "ok": True,
        "session": {
            "externalId": row["external_session_id"],
            "stage": reached["stage"].lower(),
            "status": _status(reached).lower(),
            "errorMessage": reached["error_message"],
            "source": row["source"],
            "startTime": moment(row["start_time"]),
            "endTime": moment(row["end_time"]),
            "receivedAt": moment(row["created_at"]),
            "changedAt": moment(row["updated_at"]),
            "erasedAt": moment(row["erased_at"]),
            "stages": [_stage(stage) for stage in stages],
            "result": (
                _result(row, stages) | {"summary": summary, "questions": list(questions)}
                if row["analysed_at"] and not row["erased_at"]
                else None
            ),
        },
    }


def erase_submitted(
    engine: Engine,
    company: Company,
    external_id: str,
    *,
    clock: Callable[[Connection], datetime] = database_now,
) -> Document | None:
    """Erases the texts of a session for good; None if the company has no such session. A second call changes nothing."""
    with engine.connect() as connection:
        if find_import_id(connection, company.id, external_id) is None:
            return None
    request = PruneRequest(company=company.slug, external_ids=(external_id,), dry_run=False)
    report = prune(engine, request, clock=clock)
    return {"ok": True, "externalId": external_id, "erased": True, "inFlightCount": report.in_flight}


def _status(stage: RowMapping) -> StageStatus:
    return StageStatus(stage["status"] or StageStatus.PENDING)


def _reached(stages: Sequence[RowMapping]) -> RowMapping:
    return next((stage for stage in stages if _status(stage) not in _OVER), stages[-1])


def _stage(row: RowMapping) -> Document:
    return {
        "stage": row["stage"].lower(),
        "status": _status(row).lower(),
        "errorMessage": row["error_message"],
        "completedAt": moment(row["completed_at"]),
    }


def _result(row: RowMapping, stages: Sequence[RowMapping]) -> Document:
    analysis = next(stage for stage in stages if stage["stage"] == Stage.AI_ANALYSIS)
    return {
        # False: the session has changed since and waits to be analysed again.
        "current": _status(analysis) == StageStatus.COMPLETED and not row["stale"],
        **analysis_document(row),
    }
