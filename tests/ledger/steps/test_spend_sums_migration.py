"""Migration 0025 on a ledger in use: what was spent before counts from its first moment on, summed or not."""

from __future__ import annotations

from decimal import Decimal

from alembic import command
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.revisions import head_revision
from livedash_pipeline.ledger.steps.costs.spend_sums import bring_sums_up_to_date
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.money.rules.caps import Period
from livedash_pipeline.overview.store.spend import differing_sums
from tests.support.batch_round import Begin

BEFORE = "0024_archive"


def committed(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        now = database_now(connection)
        assert differing_sums(connection, now=now) == []
        return committed_eur(connection, None, since=Period.MONTH.start(now))


def marks(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM spend_marks")).scalar_one())


def test_nothing_that_was_spent_before_is_missing(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    going.end(output=[going.answer(going.ids[0])]).ingest()
    with engine.begin() as connection:
        # A single call, hours ago and without a batch.
        connection.execute(
            text("""
                INSERT INTO ai_request_attempts (
                    request_id, is_call, created_at, settled_at, outcome, total_cost_usd, total_cost_eur
                )
                SELECT id, true, moment, moment, 'parsed', 1, 1
                FROM ai_processing_requests CROSS JOIN (VALUES (now() - interval '3 hours'), (now())) AS moments (moment)
                WHERE id = :id
            """),
            {"id": going.ids[0]},
        )
    before = committed(engine)
    assert before > 0
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), BEFORE)
    assert upgrade(engine) == (BEFORE, head_revision())
    assert committed(engine) == before
    assert marks(engine) >= 2
    assert bring_sums_up_to_date(engine) >= 2
    assert committed(engine) == before
    # The hour that it is goes on.
    assert marks(engine) <= 1
