"""What the ledger says that everything cost, beside what the service states priced by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.steps.batches.named_batch import ingest_again
from livedash_pipeline.money.rules.pricing import cost_of_sum
from livedash_pipeline.money.store.prices import price_for
from livedash_pipeline.money.store.rates import set_rate
from tests.support.batch_round import Round, at

RATE = Decimal("0.9")
# A short download is believed after looks at growing distances.
LOOKS = (timedelta(minutes=3), timedelta(minutes=9), timedelta(minutes=70))


def entries(engine: Engine) -> list[Any]:
    """All that costs money."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM cost_entries ORDER BY entry, entry_id")))


def total(engine: Engine) -> tuple[Decimal | None, Decimal | None]:
    """Dollars and euro of everything; None while anything is open."""
    found = entries(engine)
    if any(entry.is_open for entry in found):
        return None, None
    usd = sum((entry.cost_usd or Decimal(0) for entry in found), Decimal(0))
    return usd, sum((entry.cost_eur or Decimal(0) for entry in found), Decimal(0))


def priced(engine: Engine, usage: Mapping[str, Any], model: str = "gpt-5-mini") -> tuple[Decimal, Decimal]:
    """Dollars and euro of a usage as the service states it, at batch rates and the rate of the tests."""
    cached = usage.get("input_tokens_details", {}).get("cached_tokens")
    tokens = TokenUsage(
        usage.get("input_tokens"), usage.get("output_tokens"), usage.get("total_tokens"), cached_tokens=cached
    )
    with engine.connect() as connection:
        found = price_for(connection, model, database_now(connection))
    assert found is not None
    cost = cost_of_sum(tokens, found[1])
    assert cost is not None
    return cost.total_usd, cost.total_usd * RATE


def usage(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    """The `usage` of a batch."""
    return {
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": prompt + completion,
        "input_tokens_details": {"cached_tokens": cached},
    }


def lost(going: Round, lines: Sequence[Any], stated: Mapping[str, Any] | None) -> Round:
    """Ends a batch of whose lines only these show, and takes it in once that is believed."""
    count = len(going.ids)
    going.end(output=lines, usage=stated, request_counts={"total": count, "completed": count, "failed": 0})
    for later in LOOKS:
        going.ingest(later)
    return going


def show_late(going: Round, lines: Sequence[Any]) -> None:
    """The file shows these lines after the batch was settled."""
    raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    going.service.files[f"file-output-{going.name}"] = raw
    ingest_again(at(going.context, timedelta(days=1)), going.name)


def unpriced(engine: Engine) -> None:
    """No price of any model counts any more."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_model_pricing SET superseded_at = clock_timestamp()"))


def priced_again(engine: Engine) -> None:
    """What `unpriced` took away counts again."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_model_pricing SET superseded_at = NULL"))


def without_rate(engine: Engine) -> None:
    """No exchange rate is known any more."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM exchange_rates"))


def with_rate(engine: Engine) -> None:
    """The rate of the tests counts again."""
    with engine.begin() as connection:
        now = database_now(connection)
        set_rate(connection, now.date() - timedelta(days=2), RATE, "test", now)
