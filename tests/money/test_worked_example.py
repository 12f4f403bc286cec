"""The worked example of docs/money.md, computed: its tries in a ledger, and the report on them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts, ai_surplus_batches
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.steps.costs.unattributed import book_unattributed
from livedash_pipeline.ledger.steps.results.result_files import Tariff
from livedash_pipeline.ledger.store.results.finished import read_batch
from livedash_pipeline.money.rules.pricing import cost_of
from livedash_pipeline.money.store.prices import price_for
from livedash_pipeline.overview.steps.spend import report_spend
from tests.support.prices import have_prices
from tests.support.rows import insert_company, insert_requests

TEXT = (Path(__file__).parents[2] / "docs" / "money.md").read_text()
SENT = datetime(2026, 11, 10, 12, tzinfo=UTC)
RATE = Decimal("0.9")
MODEL = "gpt-5-mini"
A, B, C = TokenUsage(2000, 500, cached_tokens=1000), TokenUsage(2000, 300), TokenUsage(2000, 4000)
B_AGAIN, SURPLUS = TokenUsage(2000, 400), TokenUsage(2000, 100)
OF_BATCH = {
    "input_tokens": 8000,
    "cached_tokens": 1000,
    "output_tokens": 5300,
    "total_tokens": 13_300,
    "reasoning_tokens": 0,
}


def test_the_example_is_what_the_report_says(engine: Engine) -> None:
    with engine.begin() as connection:
        have_prices(connection, now=SENT)
        _live_through(connection, insert_company(connection))
    report = report_spend(engine, start="2026-11-01", end="2026-11-30")
    stated = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", TEXT, re.MULTILINE))
    assert len(stated) == 9
    assert {name: report["total"][name] for name in stated} == stated
    assert report["complete"] is True


def test_each_line_costs_what_the_example_says(engine: Engine) -> None:
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (?:.* = )?([\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 6
    with engine.begin() as connection:
        have_prices(connection, now=SENT)
        _, price = price_for(connection, MODEL, SENT) or (None, None)
    assert price is not None
    for row in rows:
        given, cached, made = (int(count.replace(",", "")) for count in row[:3])
        cost = cost_of(TokenUsage(given, made, cached_tokens=cached), price)
        assert cost is not None and cost.total_usd == Decimal(row[3])


def test_what_is_set_aside_is_what_the_example_says(engine: Engine) -> None:
    with engine.begin() as connection:
        have_prices(connection, now=SENT)
        _, price = price_for(connection, MODEL, SENT) or (None, None)
    assert price is not None
    budget = admission.budget(model=MODEL, room=None, rates=price.batch, usd_eur=RATE)
    assert budget is not None
    (stated,) = re.findall(r"had set aside `([\d.]+)` euro", TEXT)
    assert budget.of(2000, 8000, 4000) == Decimal(stated)


def _live_through(connection: Connection, company: Company) -> None:
    pricing_id, price = price_for(connection, MODEL, SENT) or (None, None)
    tariff = Tariff(pricing_id, price, RATE)
    a, b, c, d = insert_requests(connection, company, 4, model=MODEL)
    first, second = (_batch(connection, company, usage) for usage in (OF_BATCH, None))
    for batch, request_id, outcome, usage in (
        (first, a, "parsed", A),
        (first, b, "refused", B),
        (first, c, "truncated", C),
        (first, d, "missing", TokenUsage()),
        (second, b, "parsed", B_AGAIN),
    ):
        _try(connection, batch, request_id, outcome, usage, tariff)
    settled = read_batch(connection, first, settled=True)
    assert settled is not None
    book_unattributed(connection, settled, tariff, now=SENT)
    _surplus(connection, first, tariff)


def _batch(connection: Connection, company: Company, usage: dict[str, int] | None) -> uuid.UUID:
    sent = {"created_at": SENT, "submitted_at": SENT, "processed_at": SENT, "status_changed_at": SENT}
    values = {
        "company_id": company.id, "model": MODEL, "endpoint": "e", "key_fingerprint": "k", "request_count": 4,
        "body_bytes": 1, "token_estimate": 1, "status": "PROCESSED", "usage": usage,
    }  # fmt: skip
    made: Any = connection.execute(insert(ai_batch_requests).values(values | sent).returning(ai_batch_requests.c.id))
    return uuid.UUID(str(made.scalar_one()))


def _try(
    connection: Connection, batch: uuid.UUID, request_id: uuid.UUID, outcome: str, usage: TokenUsage, tariff: Tariff
) -> None:
    assert tariff.price is not None
    cost = cost_of(usage, tariff.price)
    # The second batch was bought later than the first.
    connection.execute(
        insert(ai_request_attempts).values(
            request_id=request_id,
            batch_id=batch,
            created_at=SENT,
            settled_at=SENT,
            outcome=outcome,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            pricing_id=tariff.pricing_id if cost else None,
            total_cost_usd=cost.total_usd if cost else None,
            usd_eur=RATE if cost else None,
            total_cost_eur=cost.total_usd * RATE if cost else None,
        )
    )


def _surplus(connection: Connection, batch: uuid.UUID, tariff: Tariff) -> None:
    assert tariff.price is not None
    cost = cost_of(SURPLUS, tariff.price)
    assert cost is not None
    connection.execute(
        insert(ai_surplus_batches).values(
            remote_batch_id="batch_nobody_wanted",
            batch_id=batch,
            endpoint="e",
            remote_status="cancelled",
            found_at=SENT,
            ended_at=SENT,
            usage={"input_tokens": 2000, "output_tokens": 100, "cached_tokens": 0, "total_tokens": 2100},
            pricing_id=tariff.pricing_id,
            total_cost_usd=cost.total_usd,
            usd_eur=RATE,
            total_cost_eur=cost.total_usd * RATE,
        )
    )
