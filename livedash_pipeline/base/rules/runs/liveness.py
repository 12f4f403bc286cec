"""Decides from a run's signs of life whether it still goes on.

Add a sign of life, or a reason to give a run up; `base.store.run_heartbeats` writes what is decided, and
`defs.running.dead_runs` reports it to Dagster. All times are one clock's, the database's, so that a host whose clock is wrong is
judged as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BEAT_SECONDS = 15.0
"""Between two beats of a run: six of them may be lost before it is given up."""
SILENT_SECONDS = 90.0
"""After so long without a beat a run is given up. With a look every 15 seconds nothing is held for two minutes."""
UNSEEN_SECONDS = 60.0
"""After so long a run that Dagster has not seen begin keeps no other one of its job from being started."""


class Verdict(StrEnum):
    """How a run stands: it goes on, or it is given up for one of these reasons."""

    GOES_ON = "goes_on"
    GIVEN_UP = "given_up"
    GONE = "gone"
    SILENT = "silent"
    NEVER_BEGAN = "never_began"


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of an unfinished run.

    Attributes:
        noticed_at: Its first sign of life, or when somebody first saw that it has none.
        beat_at: Its last beat; None before the first one.
        ended_at: When the last process of it ended, cleanly; None while one is at work.
        given_up_at: When somebody gave it up.
        whole_run: Its process runs all its steps, and not one of them.
    """

    noticed_at: datetime
    beat_at: datetime | None
    ended_at: datetime | None
    given_up_at: datetime | None
    whole_run: bool


def judge_run(signs: Signs, now: datetime, *, is_gone: bool, start_seconds: float, up_since: datetime) -> Verdict:
    """Returns how a run stands.

    A run whose steps are processes of their own is silent between two of them, so it is allowed there what Dagster allows a run
    to start; so is one without any sign of life yet. No run can beat while the database is away, so its silence counts from the
    database's start at the earliest: a restart of two minutes would else end every run of every host.

    Args:
        signs: What is known of it.
        now: The database's clock.
        is_gone: Its process is known not to exist any more.
        start_seconds: How long Dagster allows a run to start.
        up_since: When the database's server began, by its own clock.
    """
    if signs.given_up_at is not None:
        return Verdict.GIVEN_UP
    start = timedelta(seconds=start_seconds)
    if signs.beat_at is None:
        return Verdict.GOES_ON if now - max(signs.noticed_at, up_since) <= start else Verdict.NEVER_BEGAN
    if signs.whole_run and is_gone:
        return Verdict.GONE
    if now - max(signs.beat_at, up_since) <= timedelta(seconds=SILENT_SECONDS):
        return Verdict.GOES_ON
    if signs.whole_run or signs.ended_at is None:
        return Verdict.SILENT
    return Verdict.GOES_ON if now - max(signs.ended_at, up_since) <= start else Verdict.SILENT


def is_unseen(noticed_at: datetime, now: datetime, *, seconds: float) -> bool:
    """True where a run without a sign of life is too old to count as one that goes on.

    Dagster's own times of a run are no help: each is written by the clock of some host, so a daemon that is five minutes slow
    makes every run five minutes old, and each sensor that looks would start another one.

    Args:
        noticed_at: When somebody first saw that it has none, by the database's clock.
        now: The same clock.
        seconds: How long it counts.
    """
    return now - noticed_at > timedelta(seconds=seconds)
