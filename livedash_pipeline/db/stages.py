"""Where sessions stand: counts per stage and status. A session without a row at a stage is PENDING there.

Add reads about stages. Writes belong to the statements that do the work of a stage, so that both happen or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_pipeline.core.states import StageStatus
from livedash_pipeline.db.statements import statement
from livedash_pipeline.db.tables import processing_stages, session_imports


@dataclass(frozen=True)
class PipelineStatus:
    """Sessions altogether, and per stage (in order) and status; every status is present."""

    total_sessions: int
    stages: dict[str, dict[StageStatus, int]]


def pipeline_status(connection: Connection, company_id: UUID | None = None) -> PipelineStatus:
    """Counts over all companies, or of one."""
    total = select(func.count()).select_from(session_imports)
    if company_id is not None:
        total = total.where(session_imports.c.company_id == company_id)
    names = connection.execute(select(processing_stages.c.name).order_by(processing_stages.c.position)).scalars()
    stages = {name: dict.fromkeys(StageStatus, 0) for name in names}
    for row in connection.execute(statement("count_pipeline_stages"), {"company_id": company_id}):
        stages[row.stage][StageStatus(row.status)] = row.sessions
    return PipelineStatus(connection.execute(total).scalar_one(), stages)


def count_unsettled_sessions(connection: Connection) -> int:
    """Sessions that are not done: something is under way, or waits without a failure before it."""
    return int(connection.execute(statement("count_unsettled_sessions")).scalar_one())
