"""Decides when incomplete results are fetched again, and when they are believed to be all there is.

Add a rule about looks here. `ledger.rules.results.result_evidence` decides which bytes can be believed at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from livedash_pipeline.base.rules.wording import at

BELIEVED_AFTER = 3
"""After so many equal looks in a row the service is believed to have no more."""

BELIEVED_SPAN = timedelta(hours=1)
"""The least time between the first and the last of these looks: services show late results within minutes."""

# A broken download is soon whole; a file that was short for an hour seldom changes within the next one.
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
    """The state after a look: the looks so far, when the next one is due, and whether the results are believed."""

    looks: ShortLooks
    next_at: datetime
    believed: bool


def after_look(before: ShortLooks | None, *, same: bool, believable: bool, now: datetime) -> NextStep:
    """Counts one more look at incomplete results.

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
    """Returns a fault of unbelievable bytes without its figures, which may differ between looks."""
    return _FIGURES.sub("#", reason)


def wait_after(looks: int) -> timedelta:
    """Returns the wait after so many equal looks in a row; it grows up to six hours."""
    return _WAITS[looks - 1] if looks <= len(_WAITS) else _LONGEST_WAIT


def describe_waiting(batches: int, next_at: datetime) -> str:
    """Says how many batches wait for their next look, and when it is due; without a full stop."""
    wait = "batch waits" if batches == 1 else "batches wait"
    return f"{batches} {wait} for whole files; the next look is at {at(next_at)}"
