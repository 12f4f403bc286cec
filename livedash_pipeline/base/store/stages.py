"""Where sessions stand at each stage, and the moves between statuses. A session without a row at a stage is PENDING there.

Add reads about stages, and moves that every stage knows, one that was added as a row included; which are legal says
`base.rules.states.STAGE_MOVES` alone. The pipeline writes its own stages in the statements that do their work, so that both
happen or neither.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_pipeline.base.rules.states import STAGE_MOVES, Stage, StageStatus, sources_of
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import kept_counts, processing_stages, session_imports

NEVER_ENDED = "The stage began, was not ended, and has been freed too often."


@dataclass(frozen=True)
class PipelineStatus:
    """Sessions altogether, and per stage (in order) and status; every status is present."""

    total_sessions: int
    stages: dict[str, dict[StageStatus, int]]


def pipeline_status(connection: Connection, company_id: UUID | None = None) -> PipelineStatus:
    """Counts over all companies, or of one."""
    kept = kept_counts.c
    total = select(func.coalesce(func.sum(kept.found), 0)).where(kept.table_name == session_imports.name)
    if company_id is not None:
        total = total.where(kept.company_id == company_id)
    stages = {name: dict.fromkeys(StageStatus, 0) for name in stage_names(connection)}
    for row in connection.execute(statement("base/count_pipeline_stages"), {"company_id": company_id}):
        stages[row.stage][StageStatus(row.status)] = row.sessions
    return PipelineStatus(int(connection.execute(total).scalar_one()), stages)


def count_unsettled_sessions(connection: Connection, company_id: UUID | None = None) -> int:
    """Sessions that are not done: something is under way, or waits without a failure before it."""
    return int(connection.execute(statement("base/count_unsettled_sessions"), {"company_id": company_id}).scalar_one())


def all_sessions_settled(connection: Connection, company_id: UUID | None = None) -> bool:
    """Whether `count_unsettled_sessions` is 0, by kept counts and a look at the sessions that have failed alone."""
    return connection.execute(statement("base/find_unsettled_stage"), {"company_id": company_id}).first() is None


def stage_names(connection: Connection) -> list[str]:
    """All stages in their order, those that were added as rows included."""
    return list(connection.execute(select(processing_stages.c.name).order_by(processing_stages.c.position)).scalars())


def has_added_stages(connection: Connection, *, before: Stage) -> bool:
    """Whether a stage that this program does not work on stands before one that it does."""
    names = stage_names(connection)
    return not set(names[: names.index(before)]) <= set(Stage)


@dataclass(frozen=True)
class WaitingSession:
    """An import that is ready for a stage; there is no session before SESSION_CREATION."""

    import_id: UUID
    session_id: UUID | None


def sessions_needing(
    connection: Connection,
    stage: str,
    *,
    limit: int,
    after_id: UUID | None = None,
    company_id: UUID | None = None,
) -> list[WaitingSession]:
    """Imports that are PENDING at a stage while every earlier one is COMPLETED or SKIPPED, in the order of their ids."""
    rows = connection.execute(
        statement("base/find_sessions_needing_stage"),
        {"stage": stage, "chunk_size": limit, "after_id": after_id or UUID(int=0), "company_id": company_id},
    )
    return [WaitingSession(**row) for row in rows.mappings()]


@dataclass(frozen=True)
class StageMove:
    """What a move did: the imports that it moved, how many do not exist, and how many stood where it is not allowed."""

    moved: tuple[UUID, ...]
    not_found: int
    not_eligible: int


def start_stage(connection: Connection, stage: str, import_ids: Iterable[UUID], *, now: datetime) -> StageMove:
    """Begins a stage of imports that are ready for it: every earlier one is COMPLETED or SKIPPED."""
    return _move(connection, stage, StageStatus.IN_PROGRESS, import_ids, now=now, ready_only=True)


def complete_stage(
    connection: Connection,
    stage: str,
    import_ids: Iterable[UUID],
    *,
    now: datetime,
    metadata: Mapping[str, object] | None = None,
) -> StageMove:
    """Completes a stage of imports that are ready for it; `metadata` is added to what is kept with it."""
    return _move(connection, stage, StageStatus.COMPLETED, import_ids, now=now, ready_only=True, metadata=metadata)


def fail_stage(
    connection: Connection, stage: str, import_ids: Iterable[UUID], *, reason: str, now: datetime
) -> StageMove:
    """Fails a stage with a reason, which counts as a try."""
    return _move(connection, stage, StageStatus.FAILED, import_ids, now=now, message=reason)


def skip_stage(
    connection: Connection, stage: str, import_ids: Iterable[UUID], *, reason: str, now: datetime
) -> StageMove:
    """Skips a stage with a reason; a skipped analysis skips the extraction of questions."""
    done = _move(connection, stage, StageStatus.SKIPPED, import_ids, now=now, message=reason)
    if stage == Stage.AI_ANALYSIS:
        _move(connection, Stage.QUESTION_EXTRACTION, StageStatus.SKIPPED, done.moved, now=now, message=reason)
    return done


def reset_stage(
    connection: Connection,
    stage: str,
    import_ids: Iterable[UUID],
    *,
    now: datetime,
    expected: Iterable[StageStatus] = (StageStatus.FAILED,),
    max_retries: int | None = None,
) -> StageMove:
    """Sets a stage back to PENDING; its retry count stays.

    Args:
        connection: In a transaction.
        stage: Its name.
        import_ids: Of which sessions.
        now: The time of the move.
        expected: From which statuses: failed ones alone, unless given; an illegal one is left out.
        max_retries: Only those that have failed less often: for retries that nobody asks for.
    """
    return _move(
        connection, stage, StageStatus.PENDING, import_ids, now=now, expected=expected, max_retries=max_retries
    )


@dataclass(frozen=True)
class StuckStage:
    """A stage of an import that began and has not ended."""

    import_id: UUID
    stage: str
    started_at: datetime


@dataclass(frozen=True)
class StuckStages:
    """The oldest stuck stages, and how many there are in all."""

    oldest: tuple[StuckStage, ...]
    total: int


def find_stuck_stages(
    connection: Connection, *, started_before: datetime, most: int, company_id: UUID | None = None
) -> StuckStages:
    """Stages that began before a moment and have not ended; one whose session has an open request is not stuck."""
    values = {"started_before": started_before, "most": most, "company_id": company_id}
    rows = connection.execute(statement("base/find_stuck_stages"), values).all()
    found = tuple(StuckStage(row.import_id, row.stage, row.started_at) for row in rows)
    return StuckStages(found, rows[0].total if rows else 0)


def free_stuck_stages(
    connection: Connection,
    *,
    started_before: datetime,
    max_retries: int,
    now: datetime,
    most: int,
    company_id: UUID | None = None,
) -> Counter[str]:
    """Frees what `find_stuck_stages` finds, and counts it by stage: it waits again, or fails after `max_retries` times."""
    found = find_stuck_stages(connection, started_before=started_before, most=most, company_id=company_id).oldest
    values = {
        "import_ids": [each.import_id for each in found],
        "stages": [each.stage for each in found],
        "starts": [each.started_at for each in found],
        "max_retries": max_retries,
        "reason": NEVER_ENDED,
        "now": now,
    }
    return Counter(row.stage for row in connection.execute(statement("base/free_stuck_stages"), values))


def _move(
    connection: Connection,
    stage: str,
    status: StageStatus,
    import_ids: Iterable[UUID],
    *,
    now: datetime,
    expected: Iterable[StageStatus] | None = None,
    message: str | None = None,
    metadata: Mapping[str, object] | None = None,
    ready_only: bool = False,
    max_retries: int | None = None,
) -> StageMove:
    legal = sources_of(STAGE_MOVES, status)
    allowed = legal if expected is None else [before for before in expected if before in legal]
    row = connection.execute(
        statement("base/move_stages"),
        {
            "import_ids": list(import_ids),
            "stage": stage,
            "status": status.value,
            "expected": [before.value for before in allowed],
            "ready_only": ready_only,
            "max_retries": max_retries,
            "error_message": message,
            "metadata": json.dumps(dict(metadata or {})),
            "now": now,
        },
    ).one()
    moved = tuple(row.moved)
    return StageMove(moved, row.asked - row.found, row.found - len(moved))
