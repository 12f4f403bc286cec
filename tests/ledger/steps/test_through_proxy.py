"""The steps around batches behind a gateway that keeps its own order and its own ids, and keeps them everywhere."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.support.hostile_proxy import HostileProxy, Plan
from tests.support.rows import insert_requests, rows_of

PLANS = {
    "nothing": Plan(),
    "other ids everywhere": Plan(batch_prefix="gw_", file_prefix="enc_"),
    "reversed pages": Plan(order="reversed"),
    "repeated items": Plan(repeats_items=True),
    "no metadata in the listing": Plan(drops_metadata_in=frozenset({"list_batches"})),
}


@pytest.mark.parametrize("plan", PLANS)
def test_batch_is_submitted_followed_and_taken_in(
    engine: Engine, company: Company, through_proxy: BatchContext, proxy: HostileProxy, plan: str
) -> None:
    proxy.plan = PLANS[plan]
    with engine.begin() as connection:
        insert_requests(connection, company, 3)
    submit_pending(through_proxy, ignore_minimum=True)
    poll_batches(through_proxy)
    ingest_finished(through_proxy)
    assert Counter(row.outcome for row in rows_of(engine, ai_request_attempts)).total() == 3
    (batch,) = rows_of(engine, ai_batch_requests)
    assert batch.openai_batch_id.startswith(f"{PLANS[plan].batch_prefix}batch_")
    assert batch.processed_at is not None
    assert Counter(proxy.calls)["create_batch"] == 1
    assert "cancel_batch" not in proxy.calls
