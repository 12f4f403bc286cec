"""Kept counts against the rows: whatever is written, put back or taken back, and while they are merged."""

from __future__ import annotations

import random

from alembic import command
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.rules.states import RequestStatus, Stage, StageStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.kept_counts import count_differences, count_rows, merge_counts, recount
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.stages import pipeline_status
from livedash_pipeline.base.store.tables import session_imports, sessions
from livedash_pipeline.ledger.store.batches.requests import count_by_status
from livedash_pipeline.overview.store.row_counts import differing_counts
from tests.conftest import NOW
from tests.support.rows import insert_company, insert_requests

_STATUSES = ["PENDING_BATCHING", "PROCESSING_COMPLETE", "PROCESSING_FAILED"]


def counted(connection: Connection) -> dict[str, int]:
    """Requests per status, counted row by row."""
    query = text("SELECT processing_status, count(*) FROM ai_processing_requests GROUP BY 1")
    return dict.fromkeys(RequestStatus, 0) | {RequestStatus(row[0]): row[1] for row in connection.execute(query)}


def _merge(connection: Connection) -> None:
    # As if there were many.
    connection.execute(text("INSERT INTO kept_counts (table_name, company_id, found)"
                            " SELECT 'sessions', id, found FROM companies, generate_series(1, 600),"
                            " unnest(ARRAY[1, -1]) AS found WHERE slug = 'acme'"))  # fmt: skip
    merge_counts(connection)


def _move(connection: Connection, draw: random.Random) -> None:
    """Some requests to another status, or away."""
    if draw.random() < 0.2:
        connection.execute(
            text("DELETE FROM ai_processing_requests WHERE mod(body_bytes, 5) = :n"), {"n": draw.randint(0, 4)}
        )
        return
    connection.execute(
        text(
            "UPDATE ai_processing_requests SET processing_status = :status, completed_at = requested_at WHERE random() < 0.5"
        ),
        {"status": draw.choice(_STATUSES)},
    )


def _move_stages(connection: Connection, draw: random.Random) -> None:
    """Some stage rows come, move or go."""
    values = {"stage": draw.choice(list(Stage)), "status": draw.choice(list(StageStatus))}
    came = """
        INSERT INTO session_processing_status AS rows (import_id, stage, status)
        SELECT id, :stage, :status FROM session_imports WHERE random() < 0.5
        ON CONFLICT (import_id, stage) DO UPDATE SET status = :status
    """
    went = "DELETE FROM session_processing_status WHERE stage = :stage AND random() < 0.5"
    connection.execute(text(came), values)
    if draw.random() < 0.3:
        connection.execute(text(went), values)


def _stages(connection: Connection) -> dict[str, dict[StageStatus, int]]:
    """Sessions per stage and status, counted row by row; those without a row are pending."""
    total = connection.execute(text("SELECT count(*) FROM session_imports")).scalar_one()
    found = {stage.value: dict.fromkeys(StageStatus, 0) for stage in Stage}
    rows = text("SELECT stage, status, count(*) FROM session_processing_status GROUP BY 1, 2")
    for stage, status, count in connection.execute(rows):
        found[stage][StageStatus(status)] = count
    for counts in found.values():
        counts[StageStatus.PENDING] += total - sum(counts.values())
    return found


def test_counts_are_those_of_the_rows_whatever_happens(engine: Engine) -> None:
    draw = random.Random(3)
    with engine.connect() as connection:
        companies = [insert_company(connection, slug) for slug in ("acme", "globex")]
        for _ in range(40):
            with connection.begin_nested() as savepoint:
                insert_requests(connection, draw.choice(companies), draw.randint(1, 3), body_bytes=draw.randint(1, 9))
                _move(connection, draw)
                _move_stages(connection, draw)
                if draw.random() < 0.3:
                    _merge(connection)
                if draw.random() < 0.3:
                    savepoint.rollback()
            assert count_by_status(connection) == counted(connection)
            assert pipeline_status(connection).stages == _stages(connection)
            assert [count_differences(connection, company.id) for company in companies] == [[], []]
        rows = text("SELECT count(*) FROM sessions WHERE company_id = :id")
        for company in companies:
            there = connection.execute(rows, {"id": company.id}).scalar_one()
            assert (
                count_rows(connection, sessions, company.id)
                == count_rows(connection, session_imports, company.id)
                == there
            )


def test_few_counts_are_left_alone_and_one_transaction_merges_many(engine: Engine) -> None:
    kept = text("SELECT count(*) FROM kept_counts")
    with engine.begin() as connection:
        company = insert_company(connection)
        insert_requests(connection, company, 2)
        before = connection.execute(kept).scalar_one()
        named = text("SELECT count(DISTINCT (table_name, company_id, kind, status)) FROM kept_counts")
        different = connection.execute(named).scalar_one()
        merge_counts(connection)
        assert connection.execute(kept).scalar_one() == before
        connection.execute(text("INSERT INTO kept_counts (table_name, company_id, found)"
                                " SELECT 'sessions', id, 0 FROM companies, generate_series(1, 1100)"))  # fmt: skip
    with engine.connect() as first, engine.connect() as second:
        merge_counts(first)
        merge_counts(second)
        assert (first.execute(kept).scalar_one(), second.execute(kept).scalar_one()) == (different, before + 1100)
        assert count_by_status(second) == count_by_status(first)


def test_the_check_finds_rows_that_nobody_counted_and_a_recount_adds_them(engine: Engine) -> None:
    with engine.connect() as connection:
        company: Company = insert_company(connection)
        insert_requests(connection, company, 2)
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE ai_processing_requests SET processing_status = 'PROCESSING_COMPLETE'"))
        found = {(row["status"], row["missing"]) for row in differing_counts(connection, now=NOW)}
        assert found == {("PENDING_BATCHING", -2), ("PROCESSING_COMPLETE", 2)}
        recount(connection)
        assert differing_counts(connection, now=NOW) == []
        assert count_by_status(connection) == counted(connection)


def test_an_upgrade_counts_what_was_there(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection), 3)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0025_spend_sums")
    upgrade(engine)
    with engine.connect() as connection:
        assert count_by_status(connection) == counted(connection)
        assert count_by_status(connection)[RequestStatus.PENDING_BATCHING] == 3
        assert pipeline_status(connection).stages == _stages(connection)
