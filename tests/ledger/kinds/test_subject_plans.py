"""Postgres puts `request_subject` in the place of its call: a subject is looked up by its key, and no function is run."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.ledger.store.results.settlement import open_scratch
from tests.conftest import NOW
from tests.ledger.kinds.parcels import INSTALL

STATEMENTS = (
    "claim_pending_requests",
    "preview_claim",
    "find_capped_requests",
    "requeue_requests",
    "erase_scratch_results",
)
GIVEN: dict[str, Any] = {
    "company_id": uuid.UUID(int=1),
    "cap": 1,
    "max_bytes": 1,
    "max_request_tokens": 1,
    "now": NOW,
    "request_ids": [],
    "dry_run": False,
    "model": "m",
    "processing_type": "session_analysis",
    "prompt_version": "1",
    "working_companies": ["ACTIVE"],
    "max_lines": 10,
}


@pytest.mark.parametrize("kinds", [1, 2])
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_subject_is_looked_up_beside_its_request(untouched_engine: Engine, name: str, kinds: int) -> None:
    query = statement(f"ledger/{name}")
    with untouched_engine.connect() as connection:
        if kinds == 2:
            connection.exec_driver_sql(INSTALL)
        open_scratch(connection)
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        values = {each: GIVEN.get(each) for each in query.compile().params}
        plan = "\n".join(connection.execute(text(f"EXPLAIN {query.text}"), values).scalars())
    assert "Function Scan on request_subject" not in plan
    assert "pk_sessions" in plan
    # No parcel is ever erased, so that nobody looks for it.
    assert ("parcels_pkey" in plan) is (kinds == 2 and name != "erase_scratch_results")
