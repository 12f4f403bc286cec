"""Deletes old entries of the audit log, a page at a time, each with its part of the record in one transaction.

`retention.rules.retention` checks the request. Add nothing here about texts of companies: `retention.steps.prune` deletes those.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.logs import get_logger
from livedash_pipeline.retention.store import retention

log = get_logger(__name__)

# Entries of one transaction: a fraction of a second.
PAGE_SIZE = 5_000


def prune_audit(
    engine: Engine, days: int, *, dry_run: bool, clock: Callable[[Connection], datetime], page_size: int = PAGE_SIZE
) -> int:
    """Deletes audit entries older than `days`, of all companies and those without one; returns how many.

    Args:
        engine: Our database.
        days: How old they are at least.
        dry_run: Count, and delete nothing.
        clock: The time of a transaction.
        page_size: Entries of one transaction.
    """
    with engine.connect() as connection:
        started_at = clock(connection)
        before = started_at - timedelta(days=days)
        deleted = retention.count_audit_entries(connection, before=before) if dry_run else 0
    record: UUID | None = None
    page = 0 if dry_run else page_size
    while page == page_size:
        # Counted after the commit, since a transaction that is run again must not count twice.
        step = partial(_prune_page, record=record, deleted=deleted, before=before, most=page_size, at=started_at)
        page, record = in_transaction(engine, step)
        deleted += page
    if record is not None:
        with engine.begin() as connection:
            _write(connection, record, deleted, started_at, clock(connection))
    log.info("audit entries deleted", dry_run=dry_run, entries=deleted)
    return deleted


def _prune_page(
    connection: Connection, *, record: UUID | None, deleted: int, before: datetime, most: int, at: datetime
) -> tuple[int, UUID | None]:
    page = retention.prune_audit_entries(connection, before=before, most=most)
    return page, _write(connection, record, deleted + page, at) if page else record


def _write(
    connection: Connection, record: UUID | None, deleted: int, started_at: datetime, finished_at: datetime | None = None
) -> UUID:
    return retention.record_deletion(
        connection,
        record,
        "audit",
        {"auditEntries": deleted},
        company_id=None,
        started_at=started_at,
        finished_at=finished_at,
    )
