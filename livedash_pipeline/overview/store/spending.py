"""Reads what is spent, in flight and waiting, of each company, for caps and budgets.

Add a column to `sql/statements/overview/sum_spending.sql` and to the dataclass. What a purchase is compared with is read by
`ledger.store.admission.committed`, under its locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.money.rules.budgets import Spent
from livedash_pipeline.money.rules.caps import CompanyCaps, Period


@dataclass(frozen=True, slots=True)
class CompanySpending:
    """The money of a company.

    Attributes:
        company_id: Its id.
        company: Its slug.
        created_at: When it was made.
        own: Its own caps and budget.
        month: Euro of this month (UTC).
        day: Euro of this day (UTC).
        one_more: What one of its requests sets aside on average; 0 where none is known.
        set_aside: What was set aside this month for tries whose cost is known.
        charged: What those cost.
        has_entries: Something was spent or is in flight.
    """

    company_id: UUID
    company: str
    created_at: datetime
    own: CompanyCaps
    month: Spent
    day: Spent
    one_more: Decimal
    set_aside: Decimal
    charged: Decimal
    has_entries: bool = True


def company_spending(connection: Connection, *, now: datetime, company_id: UUID | None) -> list[CompanySpending]:
    """Returns the money of one company or of all, also of those that have spent nothing, by slug."""
    names = {"since": Period.MONTH.start(now), "day": Period.DAY.start(now), "company_id": company_id}
    rows = connection.execute(statement("overview/sum_spending"), names).mappings()
    return [_spending(row) for row in rows]


def _spending(row: RowMapping) -> CompanySpending:
    def euro(name: str) -> Decimal:
        return Decimal(row[name])

    def spent(period: str) -> Spent:
        return Spent(
            euro(f"{period}_known_eur"),
            euro(f"{period}_open_eur"),
            euro("in_flight_eur"),
            int(row[f"{period}_open_unlimited"]),
            int(row["in_flight_unlimited"]),
        )

    return CompanySpending(
        row["company_id"],
        row["company"],
        row["created_at"],
        CompanyCaps(row["monthly_cap_eur"], row["daily_cap_eur"], row["monthly_budget_eur"]),
        spent("month"),
        spent("day"),
        euro("one_more_eur"),
        euro("set_aside_eur"),
        euro("charged_eur"),
        row["has_entries"],
    )


def waiting_requests(connection: Connection, company_id: UUID | None) -> Sequence[Any]:
    """Returns per company and model what waits to be sent: requests with their tokens and bytes, and the most of one."""
    return connection.execute(statement("overview/sum_waiting"), {"company_id": company_id}).all()
