"""Reports what was spent, for whom and on what, in one document that the command, the job, the route and the asset share.

Add a figure in `overview.rules.spend` and its statement. Costs are those of the ledger; what is only estimated has names of its
own and is added to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.rules import spend as rules
from livedash_pipeline.overview.rules.spend import Days, Dimension, Spend, SpendRow
from livedash_pipeline.overview.store.spend import read_batch_spend, read_spend

BY_DEFAULT = (Dimension.COMPANY.value,)


def report_spend(
    engine: Engine,
    *,
    currency: str = rules.EUR,
    by: Sequence[str] = BY_DEFAULT,
    start: str | None = None,
    end: str | None = None,
    company: str | None = None,
) -> Document:
    """Reports what was spent in some UTC days.

    Args:
        engine: Our database.
        currency: The currency of `cost`, beside dollars and euro.
        by: What to group by: day, month, company, model, kind, outcome.
        start: The first day; without it the first of the month.
        end: The last day, included; without it today.
        company: Only this company's.

    Raises:
        UsageError: Unknown company or group, no day, or days in the wrong order.
    """
    dimensions = dimensions_of(by)
    first, last = read_day(start), read_day(end)
    with engine.connect() as connection:
        now = database_now(connection)
        days = days_of(first, last, now=now)
        company_id = optional_company_id(connection, company)
        rows = read_spend(connection, days, dimensions, now=now, company_id=company_id, currency=currency)
    return spend_document(rows, days, dimensions, currency, company)


def spend_document(
    rows: Sequence[SpendRow], days: Days, by: Sequence[Dimension], currency: str, company: str | None
) -> Document:
    """Makes the document: a row per group, their sum, and a sentence for everything that the sum does not include."""
    total = rules.sum_of(row.spend for row in rows)
    return {
        "ok": True,
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
        "company": company,
        "by": [dimension.value for dimension in by],
        "currency": currency,
        "complete": total.is_complete,
        "rows": [row.group | amounts(row.spend, currency) for row in rows],
        "total": amounts(total, currency),
        "notes": rules.notes_on(total, currency),
    }


def amounts(spend: Spend, currency: str) -> Document:
    """The figures of a sum, in the order of the columns of the CSV."""
    parts = {
        f"{part}{unit.capitalize()}": money(getattr(spend, f"{part}_{unit}"))
        for part in rules.Part
        for unit in ("usd", "eur")
    }
    return {
        "entries": spend.entries,
        "requests": spend.requests,
        "inputTokens": spend.input_tokens,
        "cachedTokens": spend.cached_tokens,
        "outputTokens": spend.output_tokens,
        "reasoningTokens": spend.reasoning_tokens,
        "costUsd": money(spend.usd),
        "costEur": money(spend.eur),
        "cost": money(spend.cost_in(currency)),
        **parts,
        "synchronousUsd": money(spend.synchronous_usd),
        "savedUsd": money(spend.saved_usd),
        "withoutSynchronousPrice": spend.without_synchronous,
        "openEntries": spend.open_entries,
        "openEurAtMost": money(spend.open_eur_at_most),
        "inFlightEntries": spend.in_flight_entries,
        "inFlightEurAtMost": money(spend.in_flight_eur_at_most),
        "unpricedEntries": spend.unpriced_entries,
        "complete": spend.is_complete,
    }


def numbers(spend: Spend) -> dict[str, int | float]:
    """The figures of a sum as Dagster plots them: numbers only, amounts rounded as floats are."""
    return {
        "cost_usd": float(spend.usd),
        "cost_eur": float(spend.eur),
        "saved_usd": float(spend.saved_usd),
        "wasted_usd": float(spend.wasted_usd),
        "retried_usd": float(spend.retried_usd),
        "surplus_usd": float(spend.surplus_usd),
        "unattributed_usd": float(spend.unattributed_usd),
        "paid_requests": spend.requests,
        "input_tokens": spend.input_tokens,
        "cached_tokens": spend.cached_tokens,
        "output_tokens": spend.output_tokens,
        "reasoning_tokens": spend.reasoning_tokens,
        "open_entries": spend.open_entries,
    }


def month_so_far(connection: Connection, company: str) -> Spend:
    """What a company has spent this month (UTC).

    Raises:
        UsageError: There is no such company.
    """
    now = database_now(connection)
    days = rules.choose_days(None, None, today=now.astimezone(UTC).date())
    company_id = optional_company_id(connection, company)
    return rules.sum_of(row.spend for row in read_spend(connection, days, (), now=now, company_id=company_id))


def spend_of_batches(engine: Engine, batch_ids: Sequence[UUID]) -> Spend:
    """What some batches have cost until now."""
    if not batch_ids:
        return Spend()
    with engine.connect() as connection:
        return read_batch_spend(connection, batch_ids, now=database_now(connection))


def days_of(first: date | None, last: date | None, *, now: datetime) -> Days:
    """Returns the days asked about, by default those of this month.

    Raises:
        UsageError: The first is later than the last.
    """
    days = rules.choose_days(first, last, today=now.astimezone(UTC).date())
    if days.first > days.last:
        raise UsageError(f"{days.first} is later than {days.last}.", remedy="Give the first day and then the last.")
    return days


def dimensions_of(words: Sequence[str]) -> tuple[Dimension, ...]:
    """Returns what to group by.

    Raises:
        UsageError: A word is no dimension.
    """
    read = rules.read_dimensions(words)
    if isinstance(read, str):
        known = ", ".join(Dimension)
        raise UsageError(f"Spending cannot be grouped by {read!r}.", remedy=f"Use any of {known}.")
    return read


def read_day(written: str | None) -> date | None:
    """Returns a day as somebody wrote it; None where they wrote none.

    Raises:
        UsageError: It is no day, or the calendar ends with it.
    """
    if written is None:
        return None
    found = rules.read_day(written)
    if found is None:
        raise UsageError(f"{written!r} is no day.", remedy="Give it as in 2025-05-01; days are those of UTC.")
    if found > rules.LAST_DAY:
        raise UsageError(
            f"{written} is later than any day that can be summed.", remedy="Leave it out, or give an earlier day."
        )
    return found
