"""Prices a model's tokens in euro now, and refuses a spending cap that cannot pay for anything.

A cap below the price of one request must be a mistake. The claims (`ledger.steps.batches.submit`) decide what caps keep waiting
from day to day and from month to month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.admission.admission import Budget, PendingGroup
from livedash_pipeline.ledger.steps.costs.spend_sums import bring_sums_up_to_date
from livedash_pipeline.ledger.store.admission import model_parameters
from livedash_pipeline.ledger.store.admission.committed import lock_spending, rooms_under
from livedash_pipeline.ledger.store.batches import previews
from livedash_pipeline.ledger.store.batches.request_kind import Kinds, RequestKind
from livedash_pipeline.money.rules.caps import Cap, CompanyCaps, Room, Scope, caps_of, lowest, tightest
from livedash_pipeline.money.rules.pricing import BATCH, STANDARD, Price
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.money.store.company_caps import company_caps, own_caps
from livedash_pipeline.settings import Settings

Purchase = tuple[UUID, str]
"""A company and the model that it buys from."""


def purchases_to_come(
    connection: Connection,
    settings: Settings,
    kinds: Kinds,
    groups: Iterable[PendingGroup],
    company_id: UUID | None = None,
) -> set[Purchase]:
    """Returns who waits for which model, and those that a submit takes instead where a company's model has changed since."""
    waiting = {(group.company_id, group.model) for group in groups}
    if not caps_of(settings.caps, CompanyCaps()):
        return waiting
    default_model = settings.openai_model
    return waiting | {
        (company.id, company.model or default_model)
        for kind in kinds.values()
        for company in kind.outdated_companies(connection, default_model=default_model, company_id=company_id)
    }


def require_payable(
    connection: Connection, settings: Settings, purchases: Iterable[Purchase], *, now: datetime
) -> None:
    """Refuses a cap of the settings that is below what one request may cost, whoever it is for.

    A company's own cap is no reason to refuse, since it stops that company alone.

    Args:
        connection: Our database, for caps, prices and rate; a model whose price is unknown is no reason to refuse.
        settings: The caps, and the model that counts where nothing waits.
        purchases: Who waits for which model.
        now: When requests would be sent.

    Raises:
        SettingsError: The cap, the model and what one request may cost.
    """
    if not caps_of(settings.caps, CompanyCaps()):
        return
    least: dict[str, Decimal | None] = {}
    refused = []
    for cap, model in _lowest_caps(connection, settings, purchases):
        if model not in least:
            least[model] = _least_eur(connection, settings, model, now)
        cost = least[model]
        if cost is None or cost <= cap.eur:
            return
        if cap.is_of_settings:
            refused.append((cost, model, cap))
    if not refused:
        return
    cost, model, cap = min(refused, key=lambda found: found[:2])
    raise SettingsError(
        f"{cap.name} is {cap.eur.normalize():f}, and one request to {model} may cost {cost.normalize():f} EUR:"
        " nothing could ever be sent.",
        remedy="Raise the cap, unset it, or choose a cheaper model.",
    )


def _lowest_caps(
    connection: Connection, settings: Settings, purchases: Iterable[Purchase]
) -> Iterator[tuple[Cap, str]]:
    """The lowest cap and the model of each purchase; where nothing waits, of every company that may buy."""
    found = [(binding_caps(connection, settings, company_id), model) for company_id, model in sorted(set(purchases))]
    if not found:
        everybody = [CompanyCaps(), *own_caps(connection).values()]
        found = [(caps_of(settings.caps, own), settings.openai_model) for own in everybody]
    for caps, model in found:
        cap = lowest(caps)
        if cap is not None:
            yield cap, model


def budget_for(
    connection: Connection,
    settings: Settings,
    model: str,
    *,
    now: datetime,
    room: Room | None = None,
    by_call: bool = False,
) -> Budget | None:
    """Returns the most that a model's tokens cost, and what caps leave; None where there is a cap, and price or rate is unknown.

    Prices are those of batches, or the standard ones of single calls.
    """
    found = prices.price_for(connection, model, now)
    price = found[1] if found else Price()
    rate = rates.rate_at(connection, now, settings.livedash_usd_eur)
    return admission.budget(
        model=model,
        room=room,
        rates=price.rates(STANDARD if by_call else BATCH),
        usd_eur=rate.usd_eur if rate else None,
    )


def binding_caps(connection: Connection, settings: Settings, company_id: UUID) -> tuple[Cap, ...]:
    """Returns the caps under which a company buys: its own or those of the settings, and those of all companies together."""
    return caps_of(settings.caps, company_caps(connection, company_id))


def sum_for_caps(engine: Engine, settings: Settings, company_id: UUID) -> None:
    """Sums what has changed, before a claim under a cap: while the claim reads it, other claims wait."""
    with engine.connect() as connection:
        caps = binding_caps(connection, settings, company_id)
    if caps:
        bring_sums_up_to_date(engine)


def group_budget(
    connection: Connection, settings: Settings, group: PendingGroup, *, now: datetime, caps: tuple[Cap, ...]
) -> Budget | None:
    """Returns what claims of a group may reserve; None where that is unknown under a cap. Other claims under the caps wait."""
    lock_spending(connection, group.company_id, caps)
    room = tightest(rooms_under(connection, group.company_id, caps, now=now))
    return budget_for(connection, settings, group.model, room=room, now=now)


def foreseen_budget(
    connection: Connection,
    settings: Settings,
    group: PendingGroup,
    *,
    now: datetime,
    caps: tuple[Cap, ...],
    taken: dict[UUID, Decimal],
) -> Budget | None:
    """`group_budget` without a lock, after claims that are foreseen have `taken` euro, by company."""
    rooms = [
        Room(room.cap, room.committed + _taken_under(room.cap, group.company_id, taken))
        for room in rooms_under(connection, group.company_id, caps, now=now)
    ]
    return budget_for(connection, settings, group.model, room=tightest(rooms), now=now)


def _taken_under(cap: Cap, company_id: UUID, taken: dict[UUID, Decimal]) -> Decimal:
    if cap.scope is Scope.TOTAL:
        return sum(taken.values(), Decimal(0))
    return taken.get(company_id, Decimal(0))


def cap_reasons(
    connection: Connection, kind: RequestKind, group: PendingGroup, budget: Budget, caps: tuple[Cap, ...]
) -> list[str]:
    """Says why spending caps keep the rest of a group waiting; empty if they do not."""
    cap = lowest(caps)
    if cap is None or budget.room is None:
        return []
    waiting = previews.capped_requests(connection, group, prompt_version=kind.version(), budget=budget, cap=cap.eur)
    return admission.cap_reasons(group, budget.room, cap, waiting)


def _least_eur(connection: Connection, settings: Settings, model: str, now: datetime) -> Decimal | None:
    """The least price of any request to a model: the longest answer, without its question."""
    budget = budget_for(connection, settings, model, now=now)
    return None if budget is None else budget.of(0, 0, model_parameters.output_maximum(connection, model))
