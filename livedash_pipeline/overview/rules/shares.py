"""Shares of budgets and caps that are reached: the sentence about each, and which of them nobody has been told of yet.

Somebody is told once per share and limit, in its month or day, and company (or all together), however often a check runs and
whatever is released meanwhile; a limit that is changed is told of anew. `defs.checks.alerts` keeps what was told in its cursor.
Add here what is told of a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.money.rules.budgets import Limit, LimitKind, Spent
from livedash_pipeline.money.rules.caps import Period

# All companies together, among slugs: no slug is empty.
ALL = ""
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Mark:
    """The last share, in per cent, that was told of a limit, such as `monthly cap 50`."""

    share: int
    limit: str


Told = dict[str, dict[str, Mark]]
"""What was told: by month (2025-05) or day (2025-05-03), and then by company."""


@dataclass(frozen=True, slots=True)
class ReachedShare:
    """A share that is reached.

    Attributes:
        company: A slug; `ALL` for all together.
        period: The month (2025-05) or day (2025-05-03) in UTC.
        share: Per cent.
        limit: The limit with its amount, such as `monthly cap 50`.
        message: What a person is told.
        is_full: It is all of a cap, or more.
    """

    company: str
    period: str
    share: int
    limit: str
    message: str
    is_full: bool = False

    def as_document(self) -> Document:
        """The values as JSON."""
        return {
            "company": self.company,
            "period": self.period,
            "share": self.share,
            "limit": self.limit,
            "message": self.message,
            "isFull": self.is_full,
        }


def periods_of(now: datetime) -> dict[Period, str]:
    """Returns the names of the month and the day (UTC) of a moment."""
    return {
        Period.MONTH: f"{Period.MONTH.start(now):%Y-%m}",
        Period.DAY: f"{Period.DAY.start(now):%Y-%m-%d}",
    }


def describe_share(company: str, share: int, limit: Limit, spent: Spent, now: datetime) -> ReachedShare:
    """Returns a share with its sentence, which names both what is spent and what is in flight at most."""
    who, whose = (f"{company} has", "its") if company else ("All companies together have", "their")
    start = limit.period.start(now)
    when = f"on {start.day} {start:%B %Y}" if limit.period is Period.DAY else f"in {start:%B %Y}"
    message = (
        f"{who} reached {share} % of {whose} {limit.noun} of {money(limit.eur)} EUR ({limit.source}): {cents(spent.spent)} EUR "
        f"spent {when} (UTC){_unknown(spent)} and at most {cents(spent.in_flight)} EUR in flight{_unlimited(spent)}."
    )
    named = f"{limit.noun} {money(limit.eur)}"
    is_full = limit.kind is LimitKind.CAP and share >= 100
    return ReachedShare(company, periods_of(now)[limit.period], share, named, message, is_full)


def _unknown(spent: Spent) -> str:
    return f" (of which at most {cents(spent.open)} EUR at a cost that is not known yet)" if spent.open else ""


def _unlimited(spent: Spent) -> str:
    if not spent.unlimited:
        return ""
    return f", and {plural(spent.unlimited, 'entry', 'entries')} without a known limit, which no sum has"


def read_reached(document: object) -> tuple[list[str], list[ReachedShare]]:
    """Reads the present periods and the shares of a check's metadata; no periods where they have another form."""
    if not isinstance(document, Mapping) or not isinstance(document.get("periods"), list):
        return [], []
    periods = [period for period in document["periods"] if isinstance(period, str)]
    listed = document.get("reached")
    shares = [_read(each) for each in listed] if isinstance(listed, list) else []
    return periods, [share for share in shares if share is not None and share.period in periods]


def _read(document: Any) -> ReachedShare | None:
    try:
        return ReachedShare(
            str(document["company"]),
            str(document["period"]),
            int(document["share"]),
            str(document["limit"]),
            str(document["message"]),
            bool(document["isFull"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def read_told(kept: object, periods: Iterable[str]) -> Told:
    """Reads from a cursor what was told in these periods; nothing where it is lost or malformed."""
    found = {period: _marks(kept.get(period)) for period in periods} if isinstance(kept, Mapping) else {}
    return {period: marks for period, marks in found.items() if marks}


def _marks(kept: object) -> dict[str, Mark]:
    if not isinstance(kept, Mapping):
        return {}
    return {
        str(company): Mark(mark[0], str(mark[1]))
        for company, mark in kept.items()
        if isinstance(mark, list) and len(mark) == 2 and type(mark[0]) is int
    }


def keep_told(told: Told) -> Document:
    """Returns what was told as JSON for a cursor."""
    return {
        period: {company: [mark.share, mark.limit] for company, mark in marks.items()} for period, marks in told.items()
    }


def news(told: Told, reached: Iterable[ReachedShare]) -> list[ReachedShare]:
    """Returns the shares that are higher than what was told of the same limit, and those of another limit."""
    return [each for each in reached if _is_news(told.get(each.period, {}).get(each.company), each)]


def _is_news(mark: Mark | None, reached: ReachedShare) -> bool:
    return mark is None or mark.limit != reached.limit or reached.share > mark.share


def now_told(told: Told, reached: Iterable[ReachedShare]) -> Told:
    """Returns what was told, after these: the highest share of each limit, which never falls while the limit stays."""
    found = {period: dict(marks) for period, marks in told.items()}
    for each in news(told, reached):
        found.setdefault(each.period, {})[each.company] = Mark(each.share, each.limit)
    return found


def cents(amount: Decimal) -> str:
    """Euro with two decimals; smaller amounts than a cent in full."""
    return f"{amount.quantize(_HUNDREDTH)}" if amount >= _HUNDREDTH or not amount else f"{money(amount)}"
