"""Shares of budgets and caps that are reached: the sentence about each, and which of them nobody has been told of yet.

Somebody is told once per share, month, and company (or all together), however often a check runs and whatever is released
meanwhile. `defs.checks.alerts` keeps what was told in its cursor. Add here what is told of a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.money.rules.budgets import Limit, LimitKind, Spent

# All companies together, among slugs: no slug is empty.
ALL = ""
_HUNDREDTH = Decimal("0.01")
Told = dict[str, int]


@dataclass(frozen=True, slots=True)
class ReachedShare:
    """A share that is reached.

    Attributes:
        company: A slug; `ALL` for all together.
        share: Per cent.
        message: What a person is told.
        is_full: It is all of a cap, or more.
    """

    company: str
    share: int
    message: str
    is_full: bool = False

    def as_document(self) -> Document:
        """The values as JSON."""
        return {"company": self.company, "share": self.share, "message": self.message, "isFull": self.is_full}


def describe_share(company: str, share: int, limit: Limit, spent: Spent, month: str) -> ReachedShare:
    """Returns a share with its sentence, which names both what is spent and what is in flight at most."""
    who, whose = (f"{company} has", "its") if company else ("All companies together have", "their")
    unknown = f" (of which at most {cents(spent.open)} EUR at a cost that is not known yet)" if spent.open else ""
    message = (
        f"{who} reached {share} % of {whose} {limit.noun} of {money(limit.eur)} EUR ({limit.source}): {cents(spent.spent)} EUR "
        f"spent in {month} (UTC){unknown} and at most {cents(spent.in_flight)} EUR in flight."
    )
    return ReachedShare(company, share, message, limit.kind is LimitKind.CAP and share >= 100)


def read_reached(document: object) -> tuple[str, list[ReachedShare]]:
    """Reads month and shares of a check's metadata; an empty month where they have another form."""
    if not isinstance(document, Mapping) or not isinstance(document.get("month"), str):
        return "", []
    listed = document.get("reached")
    shares = [_read(each) for each in listed] if isinstance(listed, list) else []
    return document["month"], [share for share in shares if share is not None]


def _read(document: Any) -> ReachedShare | None:
    try:
        return ReachedShare(
            str(document["company"]), int(document["share"]), str(document["message"]), bool(document["isFull"])
        )
    except (KeyError, TypeError, ValueError):
        return None


def read_told(kept: object, month: str) -> Told:
    """Reads from a cursor which share each was told of last in a month; nothing where it is lost or malformed."""
    told = kept.get(month) if isinstance(kept, Mapping) else None
    if not isinstance(told, Mapping):
        return {}
    return {str(company): share for company, share in told.items() if type(share) is int}


def news(told: Told, reached: Iterable[ReachedShare]) -> list[ReachedShare]:
    """Returns the shares that are higher than what was told."""
    return [each for each in reached if each.share > told.get(each.company, 0)]


def now_told(told: Told, reached: Iterable[ReachedShare]) -> Told:
    """Returns what was told, after these: the highest share of each, which never falls within a month."""
    return told | {each.company: each.share for each in news(told, reached)}


def cents(amount: Decimal) -> str:
    """Euro with two decimals; smaller amounts than a cent in full."""
    return f"{amount.quantize(_HUNDREDTH)}" if amount >= _HUNDREDTH or not amount else f"{money(amount)}"
