"""Prices a model's tokens in euro now, and refuses a spending cap that cannot pay for anything.

A cap below the price of one request must be a mistake. The claims (`ledger.steps.batches.submit`) decide what a cap keeps waiting
from month to month.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.admission.admission import Budget, PendingGroup
from livedash_pipeline.ledger.rules.results.judgement import month_of
from livedash_pipeline.ledger.store.admission import model_parameters
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.ledger.store.batches import previews
from livedash_pipeline.ledger.store.batches.request_kind import Kinds, RequestKind
from livedash_pipeline.money.rules.pricing import Price
from livedash_pipeline.money.store import prices
from livedash_pipeline.settings import Settings


def models_to_pay(
    connection: Connection,
    settings: Settings,
    kinds: Kinds,
    groups: Iterable[PendingGroup],
    company_id: UUID | None = None,
) -> set[str]:
    """Returns the models of waiting requests, and those that a submit takes instead where a company's model has changed since."""
    waiting = {group.model for group in groups}
    if settings.livedash_monthly_cap_eur is None:
        return waiting
    default_model = settings.openai_model
    return waiting | {
        company.model or default_model
        for kind in kinds.values()
        for company in kind.outdated_companies(connection, default_model=default_model, company_id=company_id)
    }


def require_payable(connection: Connection, settings: Settings, models: Iterable[str], *, now: datetime) -> None:
    """Refuses a cap that is below what one request may cost, whichever of the models it goes to.

    Args:
        connection: Our database, for prices and rate; a model whose price is unknown is no reason to refuse.
        settings: The cap, and the model that counts where none is given.
        models: Models that requests wait for.
        now: When they would be sent.

    Raises:
        SettingsError: The cap, the model and what one request may cost.
    """
    cap = settings.livedash_monthly_cap_eur
    if cap is None:
        return
    least = {model: _least_eur(connection, settings, model, now) for model in set(models) or {settings.openai_model}}
    known = [(cost, model) for model, cost in least.items() if cost is not None]
    if len(known) < len(least) or min(known)[0] <= cap:
        return
    cost, model = min(known)
    raise SettingsError(
        f"LIVEDASH_MONTHLY_CAP_EUR is {cap.normalize():f}, and one request to {model} may cost {cost.normalize():f} EUR:"
        " nothing could ever be sent.",
        remedy="Raise the cap, unset it, or choose a cheaper model.",
    )


def budget_for(
    connection: Connection,
    settings: Settings,
    model: str,
    *,
    cap: Decimal | None,
    now: datetime,
    committed: Decimal = Decimal(0),
    by_call: bool = False,
) -> Budget | None:
    """Returns the prices of a model's tokens and what a cap leaves; None where there is a cap, and price or rate is unknown.

    Prices are those of batches, or the standard ones of single calls.
    """
    found = prices.price_for(connection, model, now)
    price = found[1] if found else Price()
    rate = prices.rate_at(connection, now, settings.livedash_usd_eur)
    return admission.budget(
        cap=cap,
        committed=committed,
        input_usd=price.input if by_call else price.batch_input,
        output_usd=price.output if by_call else price.batch_output,
        usd_eur=rate.usd_eur if rate else None,
    )


def group_budget(
    connection: Connection, settings: Settings, group: PendingGroup, *, now: datetime, foreseen: Decimal = Decimal(0)
) -> Budget | None:
    """Returns what claims of a group may reserve after `foreseen` euro are taken; None where that is unknown under a cap."""
    cap = settings.livedash_monthly_cap_eur
    committed = foreseen
    if cap is not None:
        committed += committed_eur(connection, group.company_id, month_start=month_of(now))
    return budget_for(connection, settings, group.model, cap=cap, committed=committed, now=now)


def cap_reasons(
    connection: Connection, settings: Settings, kind: RequestKind, group: PendingGroup, budget: Budget
) -> list[str]:
    """Says why the spending cap keeps the rest of a group waiting; empty if it does not."""
    cap = settings.livedash_monthly_cap_eur
    if cap is None or budget.left is None:
        return []
    waiting = previews.capped_requests(connection, group, prompt_version=kind.version(), budget=budget, cap=cap)
    return admission.cap_reasons(group, cap, budget.left, waiting)


def _least_eur(connection: Connection, settings: Settings, model: str, now: datetime) -> Decimal | None:
    """The least price of any request to a model: the longest answer, without its question."""
    budget = budget_for(connection, settings, model, cap=settings.livedash_monthly_cap_eur, now=now)
    return None if budget is None else model_parameters.output_maximum(connection, model) * budget.eur_per_output_token
