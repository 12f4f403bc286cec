"""Limits of spending as people watch them: caps, budgets, and the shares of a limit at which somebody is told.

A cap keeps requests back (`money.rules.caps`); a budget only warns. Add a kind of limit here, with where it is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from livedash_pipeline.base.rules.values import money
from livedash_pipeline.money.rules.caps import CapSettings, CompanyCaps, Period, Scope, caps_of

HIGHEST_SHARE = 1000
_TENTH = Decimal("0.1")
# Digits that Decimal takes from other scripts, and underscores, are no numbers here.
_DIGITS = frozenset("0123456789")


class LimitKind(StrEnum):
    """A cap keeps requests back, a budget warns."""

    CAP = "cap"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Limit:
    """A cap or a budget of a company or of all together.

    Attributes:
        kind: What it does.
        scope: Whose spending it counts.
        period: Over which time.
        eur: Euro.
        setting: The setting that says so; None for a company's own.
    """

    kind: LimitKind
    scope: Scope
    period: Period
    eur: Decimal
    setting: str | None

    @property
    def noun(self) -> str:
        """As in "monthly budget"."""
        return f"{self.period.adjective} {self.kind}"

    @property
    def source(self) -> str:
        """The setting, or `own`."""
        return self.setting or "own"


@dataclass(frozen=True, slots=True)
class Spent:
    """Euro of a day or a month.

    Attributes:
        known: Spent, at a known cost.
        open: The most that was charged, or perhaps charged, at a cost that nobody knows yet.
        in_flight: The most that requests at the service cost.
        open_unlimited: Entries at an unknown cost without a known limit, which are in no sum.
        in_flight_unlimited: Those in flight.
    """

    known: Decimal = Decimal(0)
    open: Decimal = Decimal(0)
    in_flight: Decimal = Decimal(0)
    open_unlimited: int = 0
    in_flight_unlimited: int = 0

    @property
    def spent(self) -> Decimal:
        """What is spent, with open entries at their most."""
        return self.known + self.open

    @property
    def open_at_most(self) -> Decimal | None:
        """The most that is open; None where no limit is known."""
        return None if self.open_unlimited else self.open

    @property
    def in_flight_at_most(self) -> Decimal | None:
        """The most that is in flight; None where no limit is known."""
        return None if self.in_flight_unlimited else self.in_flight

    @property
    def unlimited(self) -> int:
        """Entries without a known limit, which count nothing against caps."""
        return self.open_unlimited + self.in_flight_unlimited

    @property
    def committed(self) -> Decimal:
        """What claims count against caps: spent, open and in flight at most."""
        return self.spent + self.in_flight

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.known + other.known,
            self.open + other.open,
            self.in_flight + other.in_flight,
            self.open_unlimited + other.open_unlimited,
            self.in_flight_unlimited + other.in_flight_unlimited,
        )


def company_limits(settings: CapSettings, own: CompanyCaps) -> tuple[Limit, ...]:
    """Returns what limits a company by itself; its own stand instead of those of the settings."""
    return _limits(settings, own, Scope.COMPANY)


def total_limits(settings: CapSettings) -> tuple[Limit, ...]:
    """Returns what limits all companies together."""
    return _limits(settings, CompanyCaps(), Scope.TOTAL)


def _limits(settings: CapSettings, own: CompanyCaps, scope: Scope) -> tuple[Limit, ...]:
    caps = tuple(
        Limit(LimitKind.CAP, scope, cap.period, cap.eur, cap.name if cap.is_of_settings else None)
        for cap in caps_of(settings, own)
        if cap.scope is scope
    )
    budget = _budget(settings, own) if scope is Scope.COMPANY else _total_budget(settings)
    return caps if budget is None else (*caps, budget)


def _budget(settings: CapSettings, own: CompanyCaps) -> Limit | None:
    if own.monthly_budget is not None:
        return Limit(LimitKind.BUDGET, Scope.COMPANY, Period.MONTH, own.monthly_budget, None)
    if settings.monthly_budget is not None:
        setting = "LIVEDASH_MONTHLY_BUDGET_EUR"
        return Limit(LimitKind.BUDGET, Scope.COMPANY, Period.MONTH, settings.monthly_budget, setting)
    return None


def _total_budget(settings: CapSettings) -> Limit | None:
    if settings.total_monthly_budget is None:
        return None
    setting = "LIVEDASH_TOTAL_MONTHLY_BUDGET_EUR"
    return Limit(LimitKind.BUDGET, Scope.TOTAL, Period.MONTH, settings.total_monthly_budget, setting)


def yardstick(limits: Sequence[Limit]) -> Limit | None:
    """Returns the limit by which a month is judged: the monthly budget, or the monthly cap where there is no budget.

    None without either, and for a cap of 0, which somebody has set to stop a company.
    """
    monthly = {limit.kind: limit for limit in limits if limit.period is Period.MONTH}
    found = monthly.get(LimitKind.BUDGET) or monthly.get(LimitKind.CAP)
    return None if found is None or _stops(found) else found


def watched(limits: Sequence[Limit]) -> list[Limit]:
    """Returns the limits whose shares are told of: the month's yardstick, and the daily cap unless it is 0."""
    month = yardstick(limits)
    daily = [limit for limit in limits if limit.period is Period.DAY and not _stops(limit)]
    return [*([] if month is None else [month]), *daily]


def _stops(limit: Limit) -> bool:
    return limit.kind is LimitKind.CAP and not limit.eur


def reached_share(shares: Sequence[int], committed: Decimal, limit: Decimal) -> int | None:
    """Returns the highest of some shares, in per cent, that is reached; None for none. Nothing committed reaches none."""
    return max((share for share in shares if committed and committed * 100 >= share * limit), default=None)


def percent(committed: Decimal, limit: Decimal) -> Decimal | None:
    """Returns the share of a limit in per cent, cut after one decimal so that 100 means all of it; None of a limit of 0."""
    return (committed * 100 / limit).quantize(_TENTH, rounding=ROUND_DOWN) if limit else None


def parse_shares(text: str) -> tuple[int, ...]:
    """Parses shares in per cent, such as `"50,80,100"`; the lowest first.

    Raises:
        ValueError: One of them is no whole number from 1 to 1000, or there is none.
    """
    shares = set()
    for part in (piece.strip() for piece in text.split(",")):
        if not part or len(part) > 4 or set(part) - _DIGITS or not 0 < int(part) <= HIGHEST_SHARE:
            raise ValueError(f"{part[:20]!r} is no whole number of per cent from 1 to {HIGHEST_SHARE}")
        shares.add(int(part))
    return tuple(sorted(shares))


def say_limits(settings: CapSettings, own: Mapping[str, CompanyCaps]) -> str:
    """Names all caps and budgets in one sentence, those of companies by slug."""
    said = [f"{limit.setting} {money(limit.eur)}" for limit in company_limits(settings, CompanyCaps())]
    said += [f"{limit.setting} {money(limit.eur)}" for limit in total_limits(settings)]
    for slug, caps in own.items():
        theirs = company_limits(CapSettings(), caps)
        said.append(f"{slug}'s own {' and '.join(f'{limit.noun} {money(limit.eur)}' for limit in theirs)}")
    return f"Limits in euro: {', '.join(said)}." if said else "No spending cap and no budget is set."
