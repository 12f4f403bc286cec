"""Open costs, and the rows beside the ledger that fill them in.

`money.rules.backfill` works the costs out. A row of the ledger is never changed, and each is filled in once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_cost_adjustments, ai_surplus_batches
from livedash_pipeline.money.rules.backfill import FilledCost, OpenCost

_CHUNK = 5000
_FIRST = UUID(int=0)
_rows = ai_cost_adjustments.c
# Held by one backfill after another, so that none finds what the other is about to fill in.
_FILLING = 7_210_432
_COLUMN_OF = {"line": "attempt_id", "call": "attempt_id", "surplus": "surplus_id", "unattributed": "adjustment_id"}


@dataclass(frozen=True)
class OpenEntry:
    """An open cost with the row that it belongs to: a try, a surplus batch, or a booking of what no line states."""

    entry: str
    id: UUID
    company_id: UUID
    model: str
    priced_at: datetime
    incurred_at: datetime
    cost: OpenCost


@dataclass(frozen=True)
class Choice:
    """Which open costs are meant; None: all of them."""

    company_id: UUID | None = None
    model: str | None = None
    batch_id: UUID | None = None


def lock_filling(connection: Connection) -> None:
    """Makes other backfills wait until this transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_FILLING)))


def open_entries(connection: Connection, choice: Choice) -> Iterator[list[OpenEntry]]:
    """Yields open costs in the order of their ids, in parts of a few thousand."""
    after = _FIRST
    while True:
        names = {"after_id": after, "company_id": choice.company_id, "model": choice.model, "batch_id": choice.batch_id}
        rows = connection.execute(statement("ledger/find_open_costs"), names | {"chunk_size": _CHUNK}).all()
        if not rows:
            return
        after = rows[-1].entry_id
        yield [
            OpenEntry(
                row.entry,
                row.entry_id,
                row.company_id,
                row.model,
                row.priced_at,
                row.incurred_at,
                OpenCost(
                    TokenUsage(
                        prompt_tokens=row.prompt_tokens,
                        completion_tokens=row.completion_tokens,
                        total_tokens=row.total_tokens,
                        cached_tokens=row.cached_tokens,
                        cache_write_tokens=row.cache_write_tokens,
                    ),
                    by_call=row.is_call,
                    service_tier=row.service_tier,
                    is_sum=row.entry in ("surplus", "unattributed"),
                    cost_usd=row.cost_usd,
                ),
            )
            for row in rows
        ]


@dataclass(frozen=True)
class Filling:
    """What fills in an open cost: the amounts, and the price and rate that they come from."""

    entry: OpenEntry
    cost: FilledCost
    pricing_id: UUID | None
    usd_eur: Decimal | None
    reason: str


def add_backfills(connection: Connection, fillings: Sequence[Filling], *, now: datetime) -> int:
    """Adds rows that fill in open costs; returns how many are new."""
    if not fillings:
        return 0
    empty = dict.fromkeys(set(_COLUMN_OF.values()))
    values = [
        {
            **empty,
            _COLUMN_OF[filling.entry.entry]: filling.entry.id,
            "kind": "backfill",
            "company_id": filling.entry.company_id,
            "pricing_id": filling.pricing_id,
            "cost_usd": filling.cost.usd,
            "usd_eur": filling.usd_eur,
            "cost_eur": filling.cost.eur,
            "reason": filling.reason,
            "incurred_at": filling.entry.incurred_at,
            "created_at": now,
        }
        for filling in fillings
    ]
    # One statement for many rows is limited to 65,535 values.
    return sum(
        len(
            connection.execute(
                insert(ai_cost_adjustments).values(part).on_conflict_do_nothing().returning(_rows.id)
            ).all()
        )
        for part in (values[start : start + 1000] for start in range(0, len(values), 1000))
    )


def batch_named(connection: Connection, name: str) -> UUID | None:
    """Returns our id of a batch that is named by it, by the service's id, or by that of a surplus batch beside it."""
    batches, surplus = ai_batch_requests.c, ai_surplus_batches.c
    beside = select(surplus.batch_id).where(surplus.remote_batch_id == name)
    try:
        own = batches.id == UUID(name)
    except ValueError:
        own = batches.remote_batch_id == name
    found: UUID | None = connection.execute(
        select(batches.id).where(or_(own, batches.id.in_(beside))).limit(1)
    ).scalar_one_or_none()
    return found
