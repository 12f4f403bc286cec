"""Spending caps, looked at after every commit: what is spent and in flight at most never exceeds them by our own doing.

The figure is summed here from the view `cost_entries`, not by the statement that claims use. Caps hold like this:

- after a commit that claims something, the whole figure of every cap that binds the company is within that cap;
- after any other commit the figure is within the cap, apart from what nobody bought: surplus batches, which are the service's
  fault, and answers that show after they were given up, perhaps on a later day than the one that counted them.

While such a thing lifts the figure above a cap nothing is claimed, which is the first rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from tests.simulation.schedule import NO_CAPS, Caps

_ENTRIES = text("""
    SELECT
        company_id,
        entry = 'surplus' OR is_late AS is_unbought,
        is_in_flight OR is_open AS is_reserved,
        is_in_flight,
        incurred_at,
        CASE WHEN is_in_flight OR is_open THEN reserved_eur ELSE coalesce(cost_eur, 0) END AS eur
    FROM cost_entries
""")
_CLAIMS = text("""
    SELECT companies.id, count(attempts.id) AS claims
    FROM companies
    LEFT JOIN ai_batch_requests AS batches ON batches.company_id = companies.id
    LEFT JOIN ai_request_attempts AS attempts ON attempts.batch_id = batches.id AND NOT attempts.is_late
    GROUP BY companies.id, companies.slug
    ORDER BY companies.slug
""")


@dataclass(frozen=True)
class _Limit:
    """One cap: whose spending it counts (None: everybody's), since when, and how much it allows."""

    name: str
    company_id: UUID | None
    since: datetime
    eur: Decimal


class CapWatch:
    """Looks at the caps of one schedule after each commit, and keeps what was violated."""

    def __init__(self, engine: Engine, caps: Caps) -> None:
        self.caps = caps
        self.violations: list[str] = []
        self._engine = engine
        self._claims: dict[UUID, int] = {}

    def lift(self) -> None:
        """From now on there are no caps."""
        self.caps = NO_CAPS

    def look(self, now: datetime) -> None:
        """Looks at the database as it is now; does nothing where there is no cap."""
        if self.caps == NO_CAPS:
            return
        with self._engine.connect() as connection:
            entries: list[Any] = list(connection.execute(_ENTRIES))
            claims = {row.id: row.claims for row in connection.execute(_CLAIMS)}
        claimed = {company for company, count in claims.items() if count > self._claims.get(company, 0)}
        self._claims = claims
        self.violations += _unknown(entries)
        for limit in _limits(self.caps, list(claims), now):
            self.violations += _exceeded(limit, entries, claimed)


def _unknown(entries: list[Any]) -> Iterator[str]:
    """What may cost something counts with a figure."""
    for entry in entries:
        if entry.is_reserved and entry.eur is None:
            yield "something may be charged under a cap, and nothing is reserved for it"


def _exceeded(limit: _Limit, entries: list[Any], claimed: set[UUID]) -> Iterator[str]:
    counted = [
        entry
        for entry in entries
        if limit.company_id in (None, entry.company_id) and (entry.is_in_flight or entry.incurred_at >= limit.since)
    ]
    bought = sum((entry.eur or Decimal(0) for entry in counted if not entry.is_unbought), Decimal(0))
    figure = sum((entry.eur or Decimal(0) for entry in counted), Decimal(0))
    claims = bool(claimed) if limit.company_id is None else limit.company_id in claimed
    if claims and figure > limit.eur:
        yield f"a claim lifted {figure} EUR above the {limit.name} of {limit.eur}"
    elif bought > limit.eur:
        yield f"{bought} EUR are above the {limit.name} of {limit.eur}"


def _limits(caps: Caps, company_ids: list[UUID], now: datetime) -> Iterator[_Limit]:
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    for place, company_id in enumerate(company_ids):
        own = caps if place == 0 else replace(caps, own_monthly=None, own_daily=None)
        yield from _limit("monthly cap", company_id, month, own.own_monthly or own.monthly)
        yield from _limit("daily cap", company_id, day, own.own_daily or own.daily)
    yield from _limit("total monthly cap", None, month, caps.total_monthly)
    yield from _limit("total daily cap", None, day, caps.total_daily)


def _limit(name: str, company_id: UUID | None, since: datetime, eur: str | None) -> Iterator[_Limit]:
    if eur is not None:
        yield _Limit(name, company_id, since, Decimal(eur))
