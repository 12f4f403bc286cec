"""Money that was spent: answered requests with their costs, as the ledger has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, insert, select

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts
from tests.api.world import add_batch, add_requests

USD, EUR = Decimal("1.23456789"), Decimal("1.1111111101")


def spend_something(
    engine: Engine,
    slug: str,
    *,
    days: Sequence[datetime | None],
    outcome: Outcome = Outcome.PARSED,
    priced: bool = True,
) -> None:
    """Has a company's requests answered at these moments (None: now), one each, at a known cost or an unknown one."""
    with engine.connect() as connection:
        now = database_now(connection)
    requests = add_requests(engine, {"PROCESSING_COMPLETE": len(days)}, slug=slug)
    with engine.begin() as connection:
        owner = select(ai_processing_requests.c.company_id).where(ai_processing_requests.c.id == requests[0])
        company_id = connection.execute(owner).scalar_one()
        for request_id, day in zip(requests, days, strict=True):
            at = day or now
            batch_id = add_batch(
                connection,
                company_id,
                status="PROCESSED",
                created_at=at,
                status_changed_at=at,
                submitted_at=at,
                processed_at=at,
            )
            connection.execute(
                insert(ai_request_attempts).values(
                    request_id=request_id,
                    batch_id=batch_id,
                    created_at=at,
                    settled_at=at,
                    outcome=outcome,
                    prompt_tokens=1000,
                    completion_tokens=100,
                    total_tokens=1100,
                    total_cost_usd=USD if priced else None,
                    total_cost_eur=EUR if priced else None,
                )
            )
