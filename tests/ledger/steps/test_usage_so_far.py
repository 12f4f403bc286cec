"""What a batch has used so far is not all that it uses: it counts for nothing, should the batch never be seen again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alembic import command
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_surplus_batches
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.support.batch_round import Begin, Round, at
from tests.support.bills import entries, usage
from tests.support.rows import rows_of

BESIDE = "batch_beside"
SO_FAR = usage(300, 20)
# LIVEDASH_VANISHED_AFTER, and a little.
OVER = timedelta(hours=30)


def seen_running(going: Round, name: str, status: str) -> None:
    """The service shows a batch that has done a part of its work."""
    own = going.service.batches[going.name]
    going.service.batches[name] = own | {"id": name, "status": status, "usage": SO_FAR}


@pytest.mark.parametrize("status", ["in_progress", "finalizing", "cancelling"])
def test_lines_of_a_batch_that_vanishes_stay_open(begin: Begin, engine: Engine, status: str) -> None:
    going = begin(2)
    seen_running(going, going.name, status)
    poll_batches(going.context)
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.openai_status, row.usage) == (status, None)
    del going.service.batches[going.name]
    for later in (timedelta(0), OVER):
        reconcile_batches(at(going.context, later), accept_vanished=True)
    going.ingest(OVER)
    assert set(going.outcomes().values()) == {"artifact_unavailable"}
    lines = [entry for entry in entries(engine) if entry.entry == "line"]
    assert [(entry.is_open, entry.cost_eur, entry.reserved_eur > 0) for entry in lines] == [(True, None, True)] * 2


def test_a_surplus_batch_that_vanishes_has_no_tokens(begin: Begin, engine: Engine) -> None:
    going = begin(1)
    seen_running(going, BESIDE, "in_progress")
    reconcile_batches(going.context)
    (row,) = rows_of(engine, ai_surplus_batches)
    assert (row.ended_at, row.usage) == (None, None)
    seen_running(going, BESIDE, "cancelled")
    poll_batches(going.context)
    (row,) = rows_of(engine, ai_surplus_batches)
    assert (row.ended_at is None, row.usage["total_tokens"]) == (False, SO_FAR["total_tokens"])


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ("status = 'IN_PROGRESS'", False),
        ("status = 'FAILED', error_code = 'batch_vanished', completed_at = now()", False),
        ("status = 'COMPLETED', completed_at = now()", True),
    ],
)
def test_figures_of_batches_under_way_are_forgotten_by_the_migration(
    begin: Begin, engine: Engine, change: str, kept: bool
) -> None:
    begin(1)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0027_references")
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE ai_batch_requests SET {change}, usage = '{{}}'"))
    upgrade(engine)
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.usage is not None) is kept
