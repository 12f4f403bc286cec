"""Buys one answer by one call: checks whether it may be bought, reserves its price, and settles it.

The caller writes the request and decides what the call's end means. Calls share these rules with batches: holds, pauses, the
monthly cap, prices, and that nothing is bought without a row. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.ledger.steps.admission.spending import binding_caps
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.admission.committed import lock_spending, rooms_under
from livedash_pipeline.ledger.store.calls import calls
from livedash_pipeline.ledger.store.calls.calls import CallCost, RequestEnd
from livedash_pipeline.money.rules.caps import tightest
from livedash_pipeline.money.rules.pricing import Price, Rates, charged_tier, cost_of, to_eur
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.settings import Settings


@dataclass(frozen=True)
class CallTarget:
    """The target of calls: host and path, the model, and the key."""

    endpoint: str
    model: str
    key_fingerprint: str


@dataclass(frozen=True)
class Reserved:
    """The reserved price of a call, None where it is unknown; or, for its company to read, why it may not be made now."""

    eur: Decimal | None = None
    refusal: str | None = None


def holding(connection: Connection, target: CallTarget, *, now: datetime) -> str | None:
    """Says why nothing may be bought from a model now, a pause for too many calls included; None if something may.

    The text quotes no company's data, so that any company may read it.
    """
    found = holds.holds_in_force(connection, target.endpoint, key_fingerprint=target.key_fingerprint, now=now)
    return next((f"{hold.brief}." for hold in found if hold.model in (None, target.model)), None)


@dataclass(frozen=True)
class CallTariff:
    """The prices of calls to a model: a price row and an exchange rate, either of which may be unknown."""

    pricing_id: UUID | None
    price: Price | None
    usd_eur: Decimal | None


def read_tariff(connection: Connection, settings: Settings, target: CallTarget, *, now: datetime) -> CallTariff:
    """Reads the price and the rate of a moment; a caller with many calls within minutes reads them once."""
    priced = prices.price_for(connection, target.model, now)
    rate = rates.rate_at(connection, now, settings.livedash_usd_eur)
    return CallTariff(priced[0] if priced else None, priced[1] if priced else None, rate.usd_eur if rate else None)


def reserve(
    connection: Connection,
    settings: Settings,
    target: CallTarget,
    tariff: CallTariff,
    company_id: UUID,
    *,
    tokens: int,
    body_bytes: int,
    max_output_tokens: int,
    now: datetime,
) -> Reserved:
    """Reserves the most that a call may cost, if caps leave so much; other purchases under the same caps wait."""
    caps = binding_caps(connection, settings, company_id)
    lock_spending(connection, company_id, caps)
    room = tightest(rooms_under(connection, company_id, caps, now=now))
    standard = tariff.price.standard if tariff.price else Rates()
    budget = admission.budget(model=target.model, room=room, rates=standard, usd_eur=tariff.usd_eur)
    if budget is None:
        return Reserved(
            refusal=f"There is a spending cap, and the price of {target.model} or the exchange rate is unknown."
        )
    eur = budget.of(tokens, body_bytes, max_output_tokens)
    if budget.room is not None and eur is not None and eur > budget.room.left:
        return Reserved(refusal=admission.refused_call(target.model, eur, budget.room))
    return Reserved(eur)


def settle(
    connection: Connection,
    target: CallTarget,
    tariff: CallTariff,
    attempt_id: UUID,
    end: CallEnd,
    *,
    closes: RequestEnd | None = None,
    now: datetime,
) -> CallCost | None:
    """Writes what a call came to and what it cost at standard rates, and how its request ends with it if it does.

    None where somebody wrote it before.
    """
    cost = _cost(tariff, end)
    if not calls.settle_call(connection, attempt_id, end, cost, closes=closes, now=now):
        return None
    if end.holds and end.failure is not None:
        holds.place_hold(
            connection,
            endpoint=target.endpoint,
            model=target.model,
            rule=admission.hold_rule(end.failure.kind),
            reason=end.failure.code or end.failure.kind.value,
            message=end.failure.message,
            key_fingerprint=target.key_fingerprint,
            now=now,
        )
    return cost


def _cost(tariff: CallTariff, end: CallEnd) -> CallCost:
    if end.outcome not in PAID_OUTCOMES or tariff.price is None:
        return CallCost()
    cost = cost_of(end.usage, tariff.price, tier=charged_tier(end.service_tier, batch=False))
    eur = to_eur(cost.total_usd, tariff.usd_eur) if cost else None
    return CallCost(cost, tariff.pricing_id, tariff.usd_eur, eur)
