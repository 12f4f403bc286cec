"""Open costs, and the rows beside the ledger that fill them in.

`money.rules.backfill` works the costs out. A row of the ledger is never changed, and each is filled in once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
)
from livedash_pipeline.money.rules.backfill import FilledCost, OpenCost

_CHUNK = 5000
# Held by one backfill after another, so that none finds what the other is about to fill in.
_FILLING = 7_210_432
_SHOWN = "The answer showed later, and its own row says what it cost."


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An open cost with the row that it belongs to: a try, a surplus batch, or a booking of what no line states."""

    entry: str
    id: UUID
    company_id: UUID
    batch_id: UUID | None
    model: str
    priced_at: datetime
    incurred_at: datetime
    cost: OpenCost


@dataclass(frozen=True, slots=True)
class Choice:
    """Which open costs are meant; None: all of them."""

    company_id: UUID | None = None
    model: str | None = None
    batch_id: UUID | None = None
    surplus_id: UUID | None = None
    request_id: UUID | None = None
    try_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills in an open cost: the amounts, and the price and rate that they come from."""

    entry: OpenEntry
    cost: FilledCost
    pricing_id: UUID | None
    usd_eur: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class NamedBatch:
    """Our batch, and the surplus batch beside it where that is the one that was named."""

    id: UUID
    surplus_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """A request, and the try of it where that is what was named."""

    id: UUID
    try_id: UUID | None = None


def lock_filling(connection: Connection) -> None:
    """Makes other backfills wait until this transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_FILLING)))


def open_entries(connection: Connection, choice: Choice) -> Iterator[list[OpenEntry]]:
    """Yields open costs in parts of a few thousand, as they are when the first part is read.

    Bookings of what no line states come first, the others in the order of their ids.
    """
    names = {
        "company_id": choice.company_id,
        "model": choice.model,
        "batch_id": choice.batch_id,
        "surplus_id": choice.surplus_id,
        "request_id": choice.request_id,
        "try_id": choice.try_id,
    }
    found = connection.execute(
        statement("ledger/find_open_costs"), names, execution_options={"yield_per": _CHUNK, "stream_results": True}
    )
    with found as rows:
        for part in rows.partitions():
            yield [_entry(row) for row in part]


def add_backfills(connection: Connection, fillings: Sequence[Filling], *, now: datetime) -> int:
    """Adds rows that fill in open costs; returns how many are new."""
    if not fillings:
        return 0
    names = {
        "now": now,
        "entries": [filling.entry.entry for filling in fillings],
        "entry_ids": [filling.entry.id for filling in fillings],
        "company_ids": [filling.entry.company_id for filling in fillings],
        "pricing_ids": [filling.pricing_id for filling in fillings],
        "costs_usd": [filling.cost.usd for filling in fillings],
        "rates": [filling.usd_eur for filling in fillings],
        "costs_eur": [filling.cost.eur for filling in fillings],
        "reasons": [filling.reason for filling in fillings],
        "incurred": [filling.entry.incurred_at for filling in fillings],
    }
    return connection.execute(statement("ledger/add_backfills"), names).rowcount


def take_back(connection: Connection, batch_id: UUID, *, now: datetime) -> int:
    """Takes back what was filled in for tries of a batch whose answers have shown since; returns for how many."""
    names = {"batch_id": batch_id, "reason": _SHOWN, "now": now}
    return connection.execute(statement("ledger/take_back_backfills"), names).rowcount


def request_named(connection: Connection, name: str) -> NamedRequest | None:
    """Returns the request that is named by its id or by that of one of its tries."""
    try:
        named = UUID(name)
    except ValueError:
        return None
    requests, tries = ai_processing_requests.c, ai_request_attempts.c
    if connection.execute(select(requests.id).where(requests.id == named)).scalar_one_or_none() is not None:
        return NamedRequest(named)
    found = connection.execute(select(tries.request_id).where(tries.id == named)).scalar_one_or_none()
    return None if found is None else NamedRequest(found, named)


def batch_named(connection: Connection, name: str) -> NamedBatch | None:
    """Returns the batch that is named by our id, by the service's, or by that of a surplus batch beside it."""
    batches, surplus = ai_batch_requests.c, ai_surplus_batches.c
    try:
        own = batches.id == UUID(name)
    except ValueError:
        own = batches.remote_batch_id == name
    found = connection.execute(select(batches.id).where(own).limit(1)).scalar_one_or_none()
    if found is not None:
        return NamedBatch(found)
    beside = connection.execute(
        select(surplus.batch_id, surplus.id).where(surplus.remote_batch_id == name)
    ).one_or_none()
    return None if beside is None else NamedBatch(*beside)


def _entry(row: Row[tuple[object, ...]]) -> OpenEntry:
    usage = TokenUsage(
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        total_tokens=row.total_tokens,
        cached_tokens=row.cached_tokens,
        cache_write_tokens=row.cache_write_tokens,
    )
    cost = OpenCost(
        usage,
        by_call=row.is_call,
        service_tier=row.service_tier,
        is_sum=row.entry in ("surplus", "unattributed"),
        cost_usd=row.cost_usd,
        rest_is_booked=row.rest_is_booked,
    )
    return OpenEntry(
        row.entry, row.entry_id, row.company_id, row.batch_id, row.model, row.priced_at, row.incurred_at, cost
    )
