"""Spending caps: which of them bind a purchase, over which time each is counted, and what they leave.

Add a kind of cap here, with where it is set; budgets, which bind nothing, are in `money.rules.budgets`. What has been spent is
summed by `ledger.store.admission.committed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum


class Scope(StrEnum):
    """Whose spending a cap counts."""

    COMPANY = "company"
    TOTAL = "total"


class Period(StrEnum):
    """Over which time a cap is counted, in UTC."""

    DAY = "day"
    MONTH = "month"

    @property
    def adjective(self) -> str:
        """As in "monthly cap"."""
        return "daily" if self is Period.DAY else "monthly"

    def start(self, moment: datetime) -> datetime:
        """The first moment of the day or month (UTC) that a moment lies in, whatever zone it is given in."""
        midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if self is Period.DAY else midnight.replace(day=1)

    def end(self, moment: datetime) -> datetime:
        """The first moment after that day or month."""
        start = self.start(moment)
        if self is Period.DAY:
            return start.fromtimestamp(start.timestamp() + 86_400, UTC)
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


@dataclass(frozen=True, slots=True)
class Cap:
    """The most euro that may be spent and set aside in one day or month, and the name of the setting that says so."""

    scope: Scope
    period: Period
    eur: Decimal
    name: str

    @property
    def is_of_settings(self) -> bool:
        """The settings say it, and not the company itself."""
        return self.name.startswith("LIVEDASH_")


@dataclass(frozen=True, slots=True)
class CompanyCaps:
    """What a company has of its own, in euro; None: as the settings say. A cap of 0 lets nothing be sent."""

    monthly: Decimal | None = None
    daily: Decimal | None = None
    monthly_budget: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CapSettings:
    """What the settings say, in euro; None: no such limit. Those without `total` count for each company by itself."""

    monthly: Decimal | None = None
    daily: Decimal | None = None
    total_monthly: Decimal | None = None
    total_daily: Decimal | None = None
    monthly_budget: Decimal | None = None
    total_monthly_budget: Decimal | None = None


def caps_of(settings: CapSettings, own: CompanyCaps) -> tuple[Cap, ...]:
    """Returns the caps that bind a company's purchases; its own stand instead of those of the settings."""
    found = (
        _either(Period.MONTH, own.monthly, settings.monthly),
        _either(Period.DAY, own.daily, settings.daily),
        _total(Period.MONTH, settings.total_monthly),
        _total(Period.DAY, settings.total_daily),
    )
    return tuple(cap for cap in found if cap is not None)


def _either(period: Period, own: Decimal | None, usual: Decimal | None) -> Cap | None:
    if own is not None:
        return Cap(Scope.COMPANY, period, own, f"the company's own {period.adjective} cap")
    if usual is not None:
        return Cap(Scope.COMPANY, period, usual, f"LIVEDASH_{period.adjective.upper()}_CAP_EUR")
    return None


def _total(period: Period, eur: Decimal | None) -> Cap | None:
    return None if eur is None else Cap(Scope.TOTAL, period, eur, f"LIVEDASH_TOTAL_{period.adjective.upper()}_CAP_EUR")


@dataclass(frozen=True, slots=True)
class Room:
    """A cap and what is committed under it: spent, in flight at most, and foreseen."""

    cap: Cap
    committed: Decimal

    @property
    def left(self) -> Decimal:
        """Euro that it still allows, at least 0."""
        return max(self.cap.eur - self.committed, Decimal(0))


def tightest(rooms: Sequence[Room]) -> Room | None:
    """Returns the cap that leaves least; None without caps."""
    return min(rooms, key=lambda room: room.left, default=None)


def lowest(caps: Sequence[Cap]) -> Cap | None:
    """Returns the cap that a single request must not cost more than in all days and months to come; None without caps."""
    return min(caps, key=lambda cap: cap.eur, default=None)


def largest_purchase(caps: Sequence[Cap]) -> Decimal | None:
    """Returns what a single request may cost at most; None where nothing limits it."""
    cap = lowest(caps)
    return None if cap is None else cap.eur
