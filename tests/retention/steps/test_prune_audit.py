"""Deletion of old audit entries: those and no others, a page at a time, and recorded as a count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from livedash_pipeline.access.store.tokens import AuditEntry, write_audit
from livedash_pipeline.base.store.tables import audit_log
from livedash_pipeline.errors import UsageError
from livedash_pipeline.retention.rules.retention import PruneRequest
from livedash_pipeline.retention.steps.prune import PruneReport, prune
from livedash_pipeline.retention.steps.prune_audit import prune_audit
from tests.conftest import NOW
from tests.support.rows import insert_company


def write(engine: Engine, ages: Sequence[float]) -> None:
    """Entries of so many days ago; every other one is a company's."""
    with engine.begin() as connection:
        company_id = insert_company(connection).id
        for number, age in enumerate(ages):
            entry = AuditEntry("read", "refused", "test", company_id=company_id if number % 2 else None)
            write_audit(connection, entry, now=NOW - timedelta(days=age))


def ages(engine: Engine) -> list[float]:
    """How old the entries are that are left, oldest first."""
    with engine.connect() as connection:
        moments = connection.scalars(select(audit_log.c.at).order_by(audit_log.c.at)).all()
    return [(NOW - at) / timedelta(days=1) for at in moments]


def records(engine: Engine) -> list[tuple[Any, ...]]:
    """What was recorded: kind, counts, company, and whether it came to its end."""
    with engine.connect() as connection:
        query = "SELECT kind, counts, company_id, finished_at IS NOT NULL FROM prune_runs ORDER BY id"
        return [tuple(row) for row in connection.execute(text(query))]


def prune_at_now(engine: Engine, **request: Any) -> PruneReport:
    return prune(engine, PruneRequest(**request), clock=lambda _: NOW)


def test_only_older_entries_go_and_their_number_is_kept(engine: Engine) -> None:
    write(engine, [400, 40.1, 40, 39.9, 0])
    assert prune_at_now(engine, audit_older_than_days=40, dry_run=False).audit_entries == 2
    assert ages(engine) == [40, 39.9, 0]
    assert records(engine) == [("audit", {"auditEntries": 2}, None, True)]
    assert prune_at_now(engine, audit_older_than_days=40, dry_run=False).audit_entries == 0
    assert len(records(engine)) == 1, "where nothing is deleted nothing is recorded"


def test_a_dry_run_counts_the_same_and_changes_nothing(engine: Engine) -> None:
    write(engine, [50, 41, 39])
    assert prune_at_now(engine, audit_older_than_days=40).audit_entries == 2
    assert (ages(engine), records(engine)) == ([50, 41, 39], [])


def test_entries_stay_unless_their_deletion_is_asked_for(engine: Engine) -> None:
    write(engine, [4000])
    assert prune_at_now(engine, dry_run=False).audit_entries == 0
    for refused in ({"audit_older_than_days": 29}, {"audit_older_than_days": 30, "session_ids": ("a",)}):
        with pytest.raises(UsageError):
            prune_at_now(engine, dry_run=False, **refused)
    assert ages(engine) == [4000]


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_pages_add_up_whether_the_last_one_is_full_or_not(engine: Engine, count: int) -> None:
    write(engine, [31 + number for number in range(count)] + [1])
    assert prune_audit(engine, 30, dry_run=False, clock=lambda _: NOW, page_size=2) == count
    assert ages(engine) == [1]
    assert records(engine) == [("audit", {"auditEntries": count}, None, True)] * (count > 0)


def test_a_killed_deletion_has_recorded_how_far_it_came_and_the_next_one_goes_on(engine: Engine) -> None:
    write(engine, [35, 34, 33, 32, 31])
    with engine.begin() as connection:
        # The third oldest cannot be deleted, as if the process had ended before it.
        connection.execute(text("CREATE TABLE stop AS SELECT id FROM audit_log ORDER BY at OFFSET 2 LIMIT 1"))
        connection.execute(text("ALTER TABLE stop ADD FOREIGN KEY (id) REFERENCES audit_log"))
    with pytest.raises(Exception, match="stop"):
        prune_audit(engine, 30, dry_run=False, clock=lambda _: NOW, page_size=2)
    assert ages(engine) == [33, 32, 31], "the page before is committed"
    assert records(engine) == [("audit", {"auditEntries": 2}, None, False)]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE stop"))
    assert prune_audit(engine, 30, dry_run=False, clock=lambda _: NOW, page_size=2) == 3
    assert ages(engine) == []
