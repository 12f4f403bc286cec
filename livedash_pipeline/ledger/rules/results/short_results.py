"""When results that are not whole are looked at again, and when they are believed to be all there is.

Add a rule about looks here. Which bytes can be believed at all is in `ledger.rules.results.result_evidence`; fetching is
elsewhere. Pure: the time of a look comes in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from livedash_pipeline.base.rules.wording import at

BELIEVED_AFTER = 3
"""Equal looks in a row after which a service is believed to have no more."""

BELIEVED_SPAN = timedelta(hours=1)
"""The least time between the first and the last of them: what a service shows late, it shows within minutes."""

# A download that broke is soon whole; what was short for an hour seldom changes within the next one.
_WAITS = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=2), timedelta(hours=4))
_FIGURES = re.compile(r"[0-9]+")
_LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class ShortLooks:
    """Looks in a row that showed the same incomplete results: how many, and when the first of them was."""

    looks: int
    since: datetime


@dataclass(frozen=True)
class NextStep:
    """What follows from a look: the looks so far, when the next one is due, and whether the results are believed."""

    looks: ShortLooks
    next_at: datetime
    believed: bool


def after_look(before: ShortLooks | None, *, same: bool, believable: bool, now: datetime) -> NextStep:
    """What follows from one more look at incomplete results.

    Args:
        before: The looks in a row so far; None at the first.
        same: Whether this look shows what the one before showed; else counting begins anew.
        believable: False for bytes that are never believed, however often they are the same.
        now: When this look is.
    """
    looks = ShortLooks(before.looks + 1, before.since) if before is not None and same else ShortLooks(1, now)
    believed = believable and looks.looks >= BELIEVED_AFTER and now - looks.since >= BELIEVED_SPAN
    return NextStep(looks, now + wait_after(looks.looks), believed)


def kind_of_fault(reason: str) -> str:
    """What is wrong with bytes that are not believed, without its figures: each look may count other ones."""
    return _FIGURES.sub("#", reason)


def wait_after(looks: int) -> timedelta:
    """The wait after so many equal looks in a row; it grows up to six hours."""
    return _WAITS[looks - 1] if looks <= len(_WAITS) else _LONGEST_WAIT


def describe_waiting(batches: int, next_at: datetime) -> str:
    """Batches that nobody looks at before a moment, in words and without a full stop."""
    wait = "batch waits" if batches == 1 else "batches wait"
    return f"{batches} {wait} for whole files; the next look is at {at(next_at)}"
