"""What the report sums, against the rules that specify it: parts, synchronous prices, days, groups and currencies."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text

from livedash_pipeline.base.rules.outcomes import CHARGED_OUTCOMES, Outcome
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.statements import statement, with_lists
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_model_pricing,
    ai_processing_requests,
    ai_request_attempts,
    reporting_rates,
)
from livedash_pipeline.money.rules.pricing import STANDARD, Price, Rates, cost_of
from livedash_pipeline.overview.rules.spend import Days, Dimension, SpendRow, part_of, sum_of
from livedash_pipeline.overview.store.spend import OurDay, billed_days, read_spend
from tests.conftest import NOW
from tests.support.rows import insert_company

MAY = Days(date(2025, 5, 1), date(2025, 5, 31))
BATCH: dict[str, Any] = {
    "model": "m", "endpoint": "e", "key_fingerprint": "k", "request_count": 1, "body_bytes": 1, "token_estimate": 1,
    "created_at": NOW, "status_changed_at": NOW,
}  # fmt: skip
REQUEST: dict[str, Any] = {
    "model": "m", "prompt_version": "p", "transcript_hash": "t", "input_hash": "i", "body_bytes": 1, "token_estimate": 1,
    "max_output_tokens": 1, "requested_at": NOW, "updated_at": NOW,
}  # fmt: skip


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction in which rows need nothing that they refer to."""
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


def entries_of(connection: Connection, column: str) -> dict[uuid.UUID, Any]:
    """A column of all entries."""
    found = connection.execute(with_lists(statement("ledger/find_spend_entries").text)).mappings()
    return {row["entry_id"]: row[column] for row in found}


def batch(connection: Connection, company_id: uuid.UUID, **values: Any) -> uuid.UUID:
    """A batch of a company."""
    query = insert(ai_batch_requests).returning(ai_batch_requests.c.id)
    return uuid.UUID(str(connection.execute(query, BATCH | {"company_id": company_id} | values).scalar_one()))


def _drawn_price(draw: random.Random) -> Price:
    def rate(least: int = 0) -> Decimal | None:
        return Decimal(draw.randint(1, 10**7)).scaleb(-6) if draw.random() > 0.3 or least else None

    limit = draw.choice([None, 100, 1000])
    long = [rate() if limit else None for _ in range(4)]
    return Price(standard=Rates(rate(1), rate(), rate(), rate(1), limit, *long))


def _drawn_usage(draw: random.Random) -> TokenUsage:
    def count() -> int | None:
        return draw.choice([None, 0, 1, 99, 100, 101, draw.randint(0, 5000)])

    return TokenUsage(count(), count(), count(), count(), count())


def test_the_synchronous_price_is_what_the_rules_of_pricing_say(connection: Connection) -> None:
    draw = random.Random(7)
    company = insert_company(connection)
    batch_id, expected = batch(connection, company.id), {}
    for _ in range(60):
        price = _drawn_price(draw)
        rates = price.standard
        row = {
            "ai_model_id": uuid.uuid4(), "effective_from": NOW, "source": "test", "created_at": NOW, "id": uuid.uuid4(),
            "input_usd": rates.input, "cached_input_usd": rates.cached_input, "cache_write_usd": rates.cache_write,
            "output_usd": rates.output, "long_context_tokens": rates.long_context_tokens, "long_input_usd": rates.long_input,
            "long_cached_input_usd": rates.long_cached_input, "long_cache_write_usd": rates.long_cache_write,
            "long_output_usd": rates.long_output,
        }  # fmt: skip
        connection.execute(insert(ai_model_pricing), row)
        tries = []
        for _ in range(40):
            usage, known = _drawn_usage(draw), draw.random() > 0.1
            tried: dict[str, Any] = {
                "id": uuid.uuid4(), "request_id": uuid.uuid4(), "batch_id": batch_id, "created_at": NOW,
                "settled_at": NOW, "outcome": draw.choice(list(Outcome)), "pricing_id": row["id"] if known else None,
                "total_cost_usd": 1, "total_cost_eur": 1, "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens, "total_tokens": usage.total_tokens,
                "cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens,
            }  # fmt: skip
            tries.append(tried)
            cost = cost_of(usage, price, tier=STANDARD)
            charged = tried["outcome"] in CHARGED_OUTCOMES
            expected[tried["id"]] = cost.total_usd if cost and known and charged else None
        connection.execute(insert(ai_request_attempts), tries)
    comparable, prices = entries_of(connection, "is_comparable"), entries_of(connection, "standard_usd")
    assert {each: prices[each] if comparable[each] else None for each in expected} == expected
    assert len({*expected.values()}) > 500
    (summed,) = read_spend(connection, MAY, (), now=NOW)
    amounts = [amount for amount in expected.values() if amount is not None]
    assert summed.spend.synchronous_usd == sum(amounts)
    assert summed.spend.saved_usd == sum(amounts) - len(amounts)


def test_parts_are_those_of_the_rule(connection: Connection) -> None:
    company = insert_company(connection)
    expected = {}
    cases = product([Outcome.PARSED, Outcome.TRUNCATED], [None, 1], [None, *Outcome], [True, False])
    for number, (outcome, cost, later, complete) in enumerate(cases):
        bought = NOW + timedelta(minutes=number)
        batches = [batch(connection, company.id, submitted_at=bought + timedelta(seconds=place)) for place in range(2)]
        status = "PROCESSING_COMPLETE" if complete else "PROCESSING_FAILED"
        request_id, first, second = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        about = {"id": request_id, "session_id": uuid.uuid4(), "company_id": company.id, "processing_status": status}
        connection.execute(insert(ai_processing_requests), REQUEST | about)
        row = {"request_id": request_id, "created_at": NOW, "settled_at": NOW, "total_cost_usd": cost}
        connection.execute(insert(ai_request_attempts), row | {"id": first, "batch_id": batches[0], "outcome": outcome})
        if later is not None:
            again = {"id": second, "batch_id": batches[1], "outcome": later, "total_cost_usd": None}
            connection.execute(insert(ai_request_attempts), row | again)
        expected[first] = part_of(
            "line", outcome, is_known=cost is not None, bought_again=later in CHARGED_OUTCOMES, is_complete=complete
        )
    found = entries_of(connection, "part")
    assert {each: found[each] for each in expected} == expected
    assert len({*expected.values()}) == 4


def test_a_late_answer_is_as_old_as_its_batch(connection: Connection) -> None:
    company = insert_company(connection)
    first, second = (batch(connection, company.id, submitted_at=NOW + timedelta(hours=hour)) for hour in (0, 1))
    row = {"request_id": uuid.uuid4(), "outcome": "parsed", "total_cost_usd": 1, "created_at": NOW}
    late, retry = uuid.uuid4(), uuid.uuid4()
    tries = [
        {"id": retry, "batch_id": second, "settled_at": NOW + timedelta(hours=2), "is_late": False},
        {"id": late, "batch_id": first, "settled_at": NOW + timedelta(hours=3), "is_late": True},
    ]
    connection.execute(insert(ai_request_attempts), [row | each for each in tries])
    assert entries_of(connection, "part") == {late: "retried", retry: "useful"}


def _spend(connection: Connection) -> tuple[uuid.UUID, uuid.UUID]:
    acme, other = insert_company(connection), insert_company(connection, "other")
    own, mini = batch(connection, acme.id), batch(connection, other.id, model="mini", processing_type="chat_turn")
    moments = (
        datetime(2025, 4, 30, 23, 59, 59, 999999, UTC), datetime(2025, 5, 1, tzinfo=UTC),
        datetime(2025, 5, 31, 23, 59, 59, 999999, UTC), datetime(2025, 6, 1, tzinfo=UTC), None,
    )  # fmt: skip
    rows = [
        {
            "request_id": uuid.uuid4(), "batch_id": batch_id, "created_at": NOW - timedelta(days=9), "settled_at": settled,
            "outcome": settled and "parsed", "total_cost_usd": settled and 1, "total_cost_eur": settled and Decimal("0.9"),
            "reserved_eur": 7, "prompt_tokens": settled and 10, "completion_tokens": settled and 2, "cached_tokens": 1,
        }
        for batch_id in (own, mini, mini)
        for settled in moments
    ]  # fmt: skip
    connection.execute(insert(ai_request_attempts), rows)
    return acme.id, other.id


def _groups(rows: list[SpendRow]) -> list[tuple[Any, ...]]:
    return [(*row.group.values(), row.spend.entries, row.spend.usd, row.spend.in_flight_entries) for row in rows]


def test_spending_is_grouped_by_what_was_asked_for(connection: Connection) -> None:
    acme, _ = _spend(connection)

    def grouped(*by: Dimension, days: Days = MAY, now: datetime = NOW, **only: Any) -> list[tuple[Any, ...]]:
        return _groups(read_spend(connection, days, by, now=now, **only))

    assert grouped() == [(9, 6, 3)]
    assert grouped(company_id=acme) == [(3, 2, 1)]
    assert grouped(now=NOW + timedelta(days=60)) == [(6, 6, 0)]
    assert grouped(Dimension.COMPANY) == [("acme", 3, 2, 1), ("other", 6, 4, 2)]
    assert grouped(Dimension.DAY) == [("2025-05-01", 6, 3, 3), ("2025-05-31", 3, 3, 0)]
    year = Days(date(2025, 1, 1), date(2025, 12, 31))
    assert grouped(Dimension.MONTH, days=year) == [("2025-04", 3, 3, 0), ("2025-05", 9, 6, 3), ("2025-06", 3, 3, 0)]
    assert grouped(Dimension.KIND, Dimension.MODEL) == [
        ("m", "session_analysis", "batch", 3, 2, 1),
        ("mini", "chat_turn", "batch", 6, 4, 2),
    ]
    assert grouped(Dimension.OUTCOME) == [("in_flight", 3, 0, 3), ("parsed", 6, 6, 0)]
    every = read_spend(connection, MAY, tuple(Dimension), now=NOW)
    assert sum_of(row.spend for row in every) == read_spend(connection, MAY, (), now=NOW)[0].spend


def test_dollars_are_converted_at_the_rate_of_their_own_day(connection: Connection) -> None:
    _spend(connection)

    def converted(days: Days = MAY) -> Decimal | None:
        return sum_of(row.spend for row in read_spend(connection, days, (), now=NOW, currency="CHF")).converted

    assert converted() is None
    rate = {"currency": "CHF", "source": "test", "recorded_at": NOW}
    rates = {date(2025, 4, 1): "0.5", date(2025, 5, 31): "0.123456789", date(2025, 6, 1): "9"}
    connection.execute(
        insert(reporting_rates), [rate | {"rate_date": day, "usd_rate": Decimal(usd)} for day, usd in rates.items()]
    )
    assert converted() == 3 * Decimal("0.5") + 3 * Decimal("0.123456789")
    assert converted(Days(date(2025, 1, 1), date(2025, 1, 1))) == 0


def test_our_days_are_those_of_a_bill(connection: Connection) -> None:
    _spend(connection)
    first, last = date(2025, 5, 1), date(2025, 5, 31)
    assert billed_days(connection, first, last) == [
        OurDay(first, "m", Decimal(1), 10, 1, 2, 1),
        OurDay(first, "mini", Decimal(2), 20, 2, 4, 2),
        OurDay(last, "m", Decimal(1), 10, 1, 2, 1),
        OurDay(last, "mini", Decimal(2), 20, 2, 4, 2),
    ]


def test_the_range_is_looked_up_by_its_index(untouched_engine: Engine) -> None:
    values: dict[str, Any] = {f"by_{dimension}": True for dimension in Dimension}
    values |= {
        "since": MAY.since,
        "until": MAY.until,
        "now": NOW,
        "company_id": None,
        "batch_ids": None,
        "currency": "",
        "most": None,
    }
    with untouched_engine.connect() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(with_lists("EXPLAIN " + statement("overview/sum_spend").text), values).scalars().all()
    assert "ix_ai_request_attempts_settled_at" in "\n".join(plan)
