"""Frees what a process that was killed has left behind: stages that never ended, and imports that still count as running.

Freeing buys nothing, so that companies of every status are looked at; what becomes of their sessions is decided by who works on
them next. Add something that is begun, may never be ended, and keeps somebody waiting.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.intake.store import imports
from livedash_pipeline.logs import get_logger
from livedash_pipeline.settings import Settings

log = get_logger(__name__)

_CHUNK = 10_000


def free_abandoned(engine: Engine, settings: Settings) -> None:
    """Frees stuck stages and ends interrupted imports, of all companies."""
    free_stuck(engine, settings)
    ended = in_transaction(
        engine, lambda connection: imports.end_interrupted_runs(connection, now=database_now(connection))
    )
    if ended:
        log.warning("interrupted imports ended", imports=ended)


def free_stuck(engine: Engine, settings: Settings, *, company_id: UUID | None = None) -> Counter[str]:
    """Frees stages that began `LIVEDASH_STUCK_AFTER` ago and never ended; after `LIVEDASH_MAX_ATTEMPTS` times they fail.

    Args:
        engine: Our database.
        settings: When a stage counts as stuck, and how often it is freed.
        company_id: Only this company's.
    """

    def work(connection: Connection) -> Counter[str]:
        now = database_now(connection)
        return stages.free_stuck_stages(
            connection,
            started_before=now - timedelta(seconds=settings.livedash_stuck_after),
            max_retries=settings.livedash_max_attempts,
            now=now,
            company_id=company_id,
            most=_CHUNK,
        )

    freed: Counter[str] = Counter()
    while chunk := in_transaction(engine, work):
        freed += chunk
    for stage, count in sorted(freed.items()):
        log.warning("stuck stages freed", stage=stage, sessions=count)
    return freed
