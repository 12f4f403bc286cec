"""Where spending stands under each cap and budget, of each company and of all together: one document for all shells.

The check `spending_stays_below_the_cap` judges the same standings. Add a figure to `Standing` and to its document. What a limit
is and which shares of it are told of is decided in `money.rules.budgets`; forecasts are `money.rules.forecast`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.steps.admission.spending import budget_for
from livedash_pipeline.ledger.store.admission.model_parameters import output_maximum
from livedash_pipeline.money.rules.budgets import (
    Limit,
    Spent,
    company_limits,
    percent,
    reached_share,
    total_limits,
)
from livedash_pipeline.money.rules.caps import Period
from livedash_pipeline.money.rules.forecast import Course, Forecast, foresee, reached_on
from livedash_pipeline.money.rules.pricing import known_sum
from livedash_pipeline.money.rules.token_margins import stated_input_sum, stated_input_tokens
from livedash_pipeline.overview.store.spending import CompanySpending, company_spending, waiting_requests
from livedash_pipeline.settings import Settings

# Forecasts are no accounts: a hundredth of a cent is exact enough.
_FORESEEN = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Requests that wait to be sent, and the most euro that they cost; None where a price or the rate is unknown."""

    requests: int = 0
    most: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """The money of a company, or of all together, and what limits it.

    Attributes:
        company: A slug; None for all together.
        limits: Caps and budget.
        now: The moment of all figures.
        month: Euro of this month.
        day: Euro of this day.
        one_more: What one more request sets aside on average, of the company whose requests are the cheapest.
        waiting: What waits.
        forecast: The month's end; None where nothing can be said.
    """

    company: str | None
    limits: tuple[Limit, ...]
    now: datetime
    month: Spent
    day: Spent
    one_more: Decimal
    waiting: Waiting
    forecast: Forecast | None

    def counted(self, limit: Limit) -> Spent:
        """What counts against a limit."""
        return self.day if limit.period is Period.DAY else self.month


def report_caps(engine: Engine, settings: Settings, company: str | None = None) -> Document:
    """Returns each cap and budget with what counts against it, and a forecast.

    Args:
        engine: Our database.
        settings: Caps, budgets, shares and fallback rate.
        company: Only this company's, without what concerns all together.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        now = database_now(connection)
        company_id = optional_company_id(connection, company)
        standings = read_standings(connection, settings, now=now, company_id=company_id)
    shares = settings.warn_shares
    total = [each for each in standings if each.company is None]
    return {
        "ok": True,
        "at": moment(now),
        "month": f"{Period.MONTH.start(now):%Y-%m}",
        "warnShares": list(shares),
        "total": _document(total[0], shares) if total else None,
        "companies": [_document(each, shares) for each in standings if each.company is not None],
    }


def read_standings(
    connection: Connection, settings: Settings, *, now: datetime, company_id: UUID | None = None
) -> list[Standing]:
    """Returns one standing per company by slug, and after them that of all together, unless one company is asked for."""
    found = company_spending(connection, now=now, company_id=company_id)
    waiting = _waiting(connection, settings, now, company_id)
    standings = [
        _standing(
            [each],
            each.company,
            company_limits(settings.caps, each.own),
            waiting.get(each.company_id, Waiting()),
            now,
        )
        for each in found
    ]
    if company_id is None:
        standings.append(_standing(found, None, total_limits(settings.caps), _all(waiting.values()), now))
    return standings


def _standing(
    found: Sequence[CompanySpending],
    company: str | None,
    limits: tuple[Limit, ...],
    waiting: Waiting,
    now: datetime,
) -> Standing:
    month = sum((each.month for each in found), Spent())
    set_aside = sum((each.set_aside for each in found), Decimal(0))
    charged = sum((each.charged for each in found), Decimal(0))
    usual = min(charged / set_aside, Decimal(1)) if set_aside else Decimal(1)
    since = min((each.created_at for each in found), default=now)
    return Standing(
        company,
        limits,
        now,
        month,
        sum((each.day for each in found), Spent()),
        min((each.one_more for each in found if each.one_more), default=Decimal(0)),
        waiting,
        foresee(Course(now, since, month, waiting.most, usual)),
    )


def _waiting(connection: Connection, settings: Settings, now: datetime, company_id: UUID | None) -> dict[UUID, Waiting]:
    found: dict[UUID, list[Waiting]] = {}
    for row in waiting_requests(connection, company_id):
        budget = budget_for(connection, settings, row.model, now=now)
        # A claim asks for the model's present maximum where that is more than what the requests were built with.
        output = max(int(row.max_output_tokens), row.requests * output_maximum(connection, row.model))
        most = None
        if budget is not None and budget.most is not None:
            given = stated_input_sum(row.requests, int(row.token_estimate), int(row.body_bytes), budget.margin)
            longest = stated_input_tokens(row.most_tokens, row.most_bytes, budget.margin)
            most = budget.most.of_many(given, output, longest=longest)
        found.setdefault(row.company_id, []).append(Waiting(row.requests, most))
    return {company: _all(groups) for company, groups in found.items()}


def _all(groups: Iterable[Waiting]) -> Waiting:
    listed = list(groups)
    return Waiting(sum(each.requests for each in listed), known_sum([each.most for each in listed]))


def _document(standing: Standing, shares: Sequence[int]) -> Document:
    forecast = standing.forecast
    return {
        "company": standing.company,
        "limits": [_limit_document(standing, limit, shares) for limit in standing.limits],
        "spentEur": money(standing.month.known),
        "openAtMostEur": money(standing.month.open_at_most),
        "inFlightAtMostEur": money(standing.month.in_flight_at_most),
        "waitingRequests": standing.waiting.requests,
        "waitingAtMostEur": money(standing.waiting.most),
        "forecast": None
        if forecast is None
        else {
            "lowEur": _foreseen(forecast.low),
            "expectedEur": _foreseen(forecast.expected),
            "highEur": _foreseen(forecast.high),
        },
    }


def _limit_document(standing: Standing, limit: Limit, shares: Sequence[int]) -> Document:
    counted = standing.counted(limit)
    share = percent(counted.committed, limit.eur)
    reached = reached_on(limit, counted.committed, standing.forecast, standing.now)
    return {
        "kind": limit.kind.value,
        "period": limit.period.value,
        "eur": money(limit.eur),
        "source": "company" if limit.setting is None else "setting",
        "setting": limit.setting,
        "spentEur": money(counted.known),
        "openAtMostEur": money(counted.open_at_most),
        "inFlightAtMostEur": money(counted.in_flight_at_most),
        "withoutLimit": counted.unlimited,
        "sharePercent": None if share is None else float(share),
        "reachedShare": reached_share(shares, counted.committed, limit.eur),
        "leftEur": money(max(limit.eur - counted.committed, Decimal(0))),
        "reachedOn": None if reached is None else reached.isoformat(),
    }


def _foreseen(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount.quantize(_FORESEEN))
