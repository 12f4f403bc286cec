"""Look-ups of health find their rows through an index, however many there are."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.store.statements import statement
from tests.conftest import NOW

PLANS = {
    "check_waiting_requests": "ix_ai_processing_requests_pending",
    "check_open_batches": "ix_ai_batch_requests_unprocessed",
    "check_failed_requests": "ix_ai_request_attempts_settled_at",
    "sum_spending": "ix_ai_request_attempts_settled_at",
    "sum_waiting": "ix_ai_processing_requests_pending",
    "check_rejected_rows": "ix_import_runs_company_id_started_at",
    "check_speakers": "ix_sessions_company_id_start_time",
    "check_overdue_imports": "ix_import_runs_company_id_started_at",
}


def _fill_attempts(connection: Connection) -> None:
    """So many tries that it matters by which index they are found; of no request, since only the plan is looked at."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(
        text(
            "INSERT INTO ai_request_attempts (id, request_id, batch_id, created_at, settled_at, outcome)"
            " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), settled_at, settled_at, 'parsed'"
            " FROM generate_series(1, 5000) AS n, LATERAL (SELECT :now - n * interval '1 hour') AS past (settled_at)"
        ),
        {"now": NOW},
    )
    connection.execute(text("ANALYZE ai_request_attempts"))


@pytest.mark.parametrize(("name", "index"), PLANS.items())
def test_an_index_fits_the_look_up(engine: Engine, name: str, index: str) -> None:
    query = statement(f"overview/{name}")
    values: dict[str, Any] = {key: given or NOW for key, given in query.compile().params.items()}
    values |= {"sample": 10, "newest": 10, "failures": 3, "batch_window": NOW - NOW, "company_id": None}
    with engine.begin() as connection:
        _fill_attempts(connection)
    with engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        given = {key: value for key, value in values.items() if key in query.compile().params}
        plan = connection.execute(text(f"EXPLAIN {query.text}"), given).scalars().all()
    assert index in "\n".join(plan)
