"""How far a batch is, how fast it goes, and when it may be over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch's progress; speed and end are None before its first conversation is over.

    Attributes:
        percent: Of conversations that are over, whatever came of them; 100 only once all are.
        per_minute: Conversations that are over per minute since it was started.
        estimated_end_at: When the rest is over at that speed; None once it is.
    """

    percent: int
    per_minute: float | None
    estimated_end_at: datetime | None


def progress_of(
    *, total: int, still_open: int, started_at: datetime | None, ended_at: datetime | None, now: datetime
) -> Progress:
    """The progress of a batch of `total` conversations of which some are still open."""
    over = total - still_open
    percent = 100 * over // total
    if started_at is None or not over:
        return Progress(percent, None, None)
    seconds = max(((ended_at or now) - started_at).total_seconds(), 1.0)
    speed = over / seconds
    end = None if ended_at is not None or not still_open else now + timedelta(seconds=min(still_open / speed, 10**9))
    return Progress(percent, round(speed * 60, 1), end)
