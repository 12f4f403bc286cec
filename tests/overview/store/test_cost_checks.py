"""The checks of costs: what nobody knows, and what was answered on another tier, against the rules that specify them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts
from livedash_pipeline.money.rules.pricing import BATCH, charged_tier
from livedash_pipeline.overview.rules.health import Level
from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from livedash_pipeline.overview.steps.cost_checks import disagreeing_costs, open_costs
from livedash_pipeline.settings import Settings
from tests.support.rows import insert_company

TIERS = [None, "", " ", "auto", "Default", "standard", "batch", " BATCH", "flex", "Priority ", "scale"]
SAME = {"endpoint": "e", "key_fingerprint": "k", "request_count": 1, "body_bytes": 1, "token_estimate": 1}


def add_tries(
    connection: Connection, company_id: uuid.UUID, tries: list[dict[str, Any]], model: str = "m"
) -> uuid.UUID:
    """A settled batch with such tries; about no request, since only money is looked at."""
    now = database_now(connection)
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    batch = SAME | {
        "model": model,
        "status": "PROCESSED",
        "created_at": now,
        "status_changed_at": now,
        "processed_at": now,
    }
    batch_id: uuid.UUID = connection.execute(
        insert(ai_batch_requests).values(batch | {"company_id": company_id}).returning(ai_batch_requests.c.id)
    ).scalar_one()
    usual = {"created_at": now, "settled_at": now, "outcome": "parsed", "reserved_eur": Decimal("0.25")}
    for each in tries:
        row = usual | {"batch_id": batch_id, "request_id": uuid.uuid4()} | each
        connection.execute(insert(ai_request_attempts).values(row))
    return batch_id


def test_open_costs_are_counted_by_company_model_and_what_is_missing(engine: Engine) -> None:
    parts = {"prompt_tokens": 1, "completion_tokens": 1}
    with engine.connect() as connection:
        acme, initech = (insert_company(connection, slug) for slug in ("acme", "initech"))
        batch = add_tries(
            connection,
            acme.id,
            [
                *[parts] * 2,
                {"total_tokens": 2},
                parts | {"total_cost_usd": 1},
                {},
                {"prompt_tokens": 1},
                {"outcome": "artifact_unavailable"},
                {"outcome": "missing"},
                # Known, or never charged.
                parts | {"total_cost_usd": 1, "total_cost_eur": 1},
                {"outcome": "rejected"},
                {"outcome": None, "settled_at": None},
            ],
        )
        add_tries(connection, initech.id, [parts], model="other")
        found = open_costs(connection, Settings())
    shown = [(row["company"], row["model"], row["reason"], row["entries"], row["reserved_eur"]) for row in found.rows]
    assert shown == [
        ("acme", "m", "no_price", 3, "0.75"),
        ("acme", "m", "no_rate", 1, "0.25"),
        ("acme", "m", "no_usage", 4, "1"),
        ("initech", "other", "no_price", 1, "0.25"),
    ]
    assert (found.level, found.count, found.rows[0]["sample_ids"]) == (Level.ERROR, 9, [str(batch)])
    assert "livedash price backfill" in CHECKS_BY_NAME["no_cost_is_unknown"].remedy.advice


@pytest.mark.parametrize("tier", TIERS)
def test_a_line_on_another_tier_is_yellow_as_the_rule_says(engine: Engine, tier: str | None) -> None:
    with engine.connect() as connection:
        acme = insert_company(connection)
        cost = {"total_cost_eur": 1, "service_tier": tier}
        batch = add_tries(connection, acme.id, [cost, cost, {"total_cost_eur": 1}])
        old = database_now(connection) - timedelta(days=8)
        add_tries(connection, acme.id, [cost | {"created_at": old, "settled_at": old}])
        found = disagreeing_costs(connection, Settings())
    unusual = charged_tier(tier, batch=True) != BATCH
    assert [row["batch_id"] for row in found.rows] == [batch] * unusual
    if unusual:
        said = f"answered on the tier {charged_tier(tier, batch=True)}: 2"
        assert (found.level, found.rows[0]["problem"]) == (Level.WARN, said)


def test_the_checks_read_no_more_of_the_ledger_than_is_open(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text(
                "INSERT INTO ai_request_attempts (request_id, batch_id, created_at, settled_at, outcome, total_cost_eur)"
                " SELECT gen_random_uuid(), gen_random_uuid(), now(), now(), 'parsed', 1 FROM generate_series(1, 20000)"
            )
        )
        connection.execute(text("ANALYZE ai_request_attempts"))
    with engine.connect() as connection:
        for query, index in (
            ("SELECT * FROM cost_entries WHERE is_open", "ix_ai_request_attempts_open_cost"),
            (
                "SELECT * FROM ai_request_attempts WHERE batch_id IS NOT NULL AND settled_at >= now()"
                " AND lower(btrim(service_tier)) NOT IN ('', 'auto', 'default', 'standard', 'batch')",
                "ix_ai_request_attempts_other_tier",
            ),
        ):
            plan = "\n".join(connection.execute(text(f"EXPLAIN {query}")).scalars())
            assert index in plan and "Seq Scan on ai_request_attempts" not in plan, plan
