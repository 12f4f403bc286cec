"""What is said of spending against what the claims count: the same money, whatever became of a try."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import product
from typing import Any

from sqlalchemy import Engine, insert, text

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts, ai_surplus_batches, companies
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.money.rules.caps import Period
from livedash_pipeline.overview.store.spending import company_spending
from tests.conftest import NOW

# The day before, which is the month before as well.
BEFORE = NOW - timedelta(days=1)
MONTH = Period.MONTH.start(NOW)
# A try's outcome, its cost, what was set aside, when it was settled, and whether it showed late once more, at which cost.
SETTLED = product(Outcome, (None, 5), (None, 7), (BEFORE, NOW), ((), (None,), (3,)))
TRIES = [(None, None, reserved, None, ()) for reserved in (None, 7)] + list(SETTLED)
BATCH = {
    "model": "m",
    "endpoint": "e",
    "key_fingerprint": "k",
    "request_count": 1,
    "body_bytes": 1,
    "token_estimate": 1,
}


def test_the_check_counts_what_the_claims_count(engine: Engine) -> None:
    owners, batches, attempts, surplus = [], [], [], []
    for number, (outcome, cost, reserved, settled_at, late) in enumerate(TRIES):
        company_id, batch_id, request_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        owners.append(
            {"id": company_id, "slug": f"c{number}", "name": "C", "csv_url": "", "created_at": NOW, "updated_at": NOW}
        )
        batches.append(BATCH | {"id": batch_id, "company_id": company_id, "created_at": NOW, "status_changed_at": NOW})
        row: dict[str, Any] = {
            "request_id": request_id,
            "batch_id": batch_id,
            "created_at": BEFORE,
            "settled_at": settled_at,
        }
        tried = {"outcome": outcome, "total_cost_eur": cost, "reserved_eur": reserved, "is_late": False}
        again = {"outcome": "parsed", "total_cost_eur": late and late[0], "reserved_eur": None, "is_late": True}
        attempts += [row | tried, *([row | again] if late else [])]
        ended = {"ended_at": settled_at, "total_cost_eur": cost}
        surplus.append(
            ended
            | {
                "batch_id": batch_id,
                "remote_batch_id": str(batch_id),
                "endpoint": "e",
                "remote_status": "x",
                "found_at": BEFORE,
            }
        )
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table, rows in (
            (companies, owners), (ai_batch_requests, batches), (ai_request_attempts, attempts), (ai_surplus_batches, surplus),
        ):  # fmt: skip
            connection.execute(insert(table), rows)
        found = {each.company: each.month.committed for each in company_spending(connection, now=NOW, company_id=None)}
        for owner, case in zip(owners, TRIES, strict=True):
            committed = committed_eur(connection, uuid.UUID(str(owner["id"])), since=MONTH)
            assert found[str(owner["slug"])] == committed, case
        standings = company_spending(connection, now=NOW, company_id=None)
        assert len(standings) == len(TRIES), "those that have spent nothing as well"
        for each in standings:
            for spent, period in ((each.day, Period.DAY), (each.month, Period.MONTH)):
                committed = committed_eur(connection, each.company_id, since=period.start(NOW))
                assert spent.committed == committed, each
            assert company_spending(connection, now=NOW, company_id=each.company_id) == [each]
        everything = sum(each.month.committed for each in standings)
        assert everything == committed_eur(connection, None, since=MONTH) > 0
    assert len(set(found.values())) > 3
