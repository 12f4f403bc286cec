"""Rows beside the ledger are only added."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, insert, update
from sqlalchemy.exc import DatabaseError

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_cost_adjustments
from tests.conftest import NOW


@pytest.mark.parametrize("change", [update(ai_cost_adjustments).values(cost_usd=1), delete(ai_cost_adjustments)])
def test_a_written_adjustment_never_changes(engine: Engine, change: object) -> None:
    with engine.begin() as connection:
        company = add_company(connection, "a", CompanyChanges(csv_url="https://a.example/a.csv"), now=NOW).id
        batch = {"company_id": company, "model": "m", "endpoint": "e", "key_fingerprint": "k", "request_count": 0}
        batch |= {"body_bytes": 0, "token_estimate": 0, "created_at": NOW, "status_changed_at": NOW}
        made = connection.execute(
            insert(ai_batch_requests).values(batch).returning(ai_batch_requests.c.id)
        ).scalar_one()
        row = {"kind": "unattributed", "company_id": company, "batch_id": made, "reason": "r", "incurred_at": NOW}
        connection.execute(insert(ai_cost_adjustments).values(row | {"created_at": NOW}))
    with pytest.raises(DatabaseError, match="never changes"), engine.begin() as connection:
        connection.execute(change)  # type: ignore[call-overload]
