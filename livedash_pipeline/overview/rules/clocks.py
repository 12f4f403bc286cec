"""How far another clock is ahead, as far as one question to it can show."""

from __future__ import annotations

from datetime import datetime, timedelta


def ahead_by(stated: datetime, *, before: datetime, after: datetime, resolution: timedelta = timedelta(0)) -> timedelta:
    """The smallest difference that explains what another clock stated; zero where it need not differ at all.

    The other clock was read at some time between the question and its answer. A slow answer thus makes what it shows
    less sure, and never seem a wrong clock.

    Args:
        stated: By the other clock, cut to its resolution.
        before: By the clock it is compared with, when it was asked.
        after: By the same clock, when the answer had come.
        resolution: Up to this much later than stated the other clock may have been.
    """
    least, most = stated - after, stated + resolution - before
    if least > timedelta(0):
        return least
    return min(most, timedelta(0))
