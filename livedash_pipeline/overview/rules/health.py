"""Limits of a healthy pipeline: how long things may wait, how many may fail, and how much may be spent.

Derives limits from settings, so that people set one number and not three. Add a limit here; the checks in
`overview.steps.checks` use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from livedash_pipeline.intake.rules.csv_rejects import too_many_rejects
from livedash_pipeline.money.rules.budgets import Limit, LimitKind, reached_share

# Failed requests count for so long; by then somebody has seen them.
FAILURE_WINDOW = timedelta(days=7)
# The service gives every batch 24 hours (`completion_window`); people may want to know from 20 on.
BATCH_WINDOW = timedelta(hours=24)
BATCH_WARNING = timedelta(hours=20)
# Polls run every few minutes, and the service itself is late at times.
BATCH_GRACE = timedelta(hours=1)
# After so many failed imports in a row, with back-off between them, a fault does not go away by itself.
IMPORT_FAILURES = 3
# The longest that an import may run (`dagster/max_runtime` of the import jobs).
LONGEST_IMPORT = timedelta(hours=6)
# Only a company's newest sessions count, so that older ones do not hide a new form of transcripts.
NEWEST_SESSIONS = 200
# A few chats in a hundred name bystanders; a bot with an unknown name writes every second message.
UNKNOWN_SPEAKERS = Decimal("0.05")

_LEAST_PATIENCE = timedelta(hours=1)


class Level(StrEnum):
    """The level of a rule: kept, worth a look, or broken."""

    GREEN = "green"
    WARN = "warn"
    ERROR = "error"


def worst(levels: list[Level]) -> Level:
    """Returns the worst of some levels; GREEN if there are none."""
    order = list(Level)
    return max(levels, key=order.index, default=Level.GREEN)


def longest_wait(max_wait: int) -> timedelta:
    """Returns how long a request may wait for a batch: four times LIVEDASH_MAX_WAIT (seconds), at least an hour."""
    return max(4 * timedelta(seconds=max_wait), _LEAST_PATIENCE)


def longest_preparation(lease: int) -> timedelta:
    """Returns how long a batch may be without an id of the service: several leases (seconds), at least two hours."""
    return max(4 * timedelta(seconds=lease), 2 * _LEAST_PATIENCE)


def longest_overdue(import_interval: int) -> timedelta:
    """Returns how late an import may begin: two intervals (seconds), at least an hour."""
    return max(2 * timedelta(seconds=import_interval), _LEAST_PATIENCE)


@dataclass(frozen=True)
class FreshnessWindows:
    """How old the newest import of any company may be: `warn` is worth a look, `fail` is a fault."""

    warn: timedelta
    fail: timedelta


def import_freshness(import_interval: int) -> FreshnessWindows:
    """Returns the windows of assets that every import materializes, even one without news; `import_interval` in seconds."""
    interval = timedelta(seconds=import_interval)
    return FreshnessWindows(max(2 * interval, _LEAST_PATIENCE), max(4 * interval, LONGEST_IMPORT))


def failure_level(settled: int, failed: int, max_ratio: float) -> Level:
    """Returns ERROR when more requests failed than LIVEDASH_MAX_FAILURE_RATIO allows; for fewer than 50, only when all failed."""
    # The same number as for rejected records.
    return Level.ERROR if too_many_rejects(settled, failed, max_ratio) else Level.GREEN


def reject_level(records: int, rejected: int, max_ratio: float) -> Level:
    """Returns ERROR for a file that was refused whole, WARN from half of LIVEDASH_MAX_REJECT_RATIO on."""
    if too_many_rejects(records, rejected, max_ratio):
        return Level.ERROR
    return Level.WARN if too_many_rejects(records, rejected, max_ratio / 2) else Level.GREEN


def speaker_level(*, sessions: int, without_user: int, without_speaker: int, messages: int, unknown: int) -> Level:
    """Returns WARN where a company's transcripts seem to name their speakers in an unknown way.

    Args:
        sessions: Its newest sessions that have messages.
        without_user: Those of them in which no user speaks.
        without_speaker: Further ones, with stamped lines that name nobody, and no message.
        messages: All messages of the sessions.
        unknown: Messages whose speaker's role is not known.
    """
    nobody = sessions > 0 and without_user == sessions
    return Level.WARN if nobody or without_speaker > sessions or unknown > messages * UNKNOWN_SPEAKERS else Level.GREEN


def spending_level(limit: Limit, *, committed: Decimal, one_more: Decimal, first_share: int | None) -> Level:
    """Returns ERROR where a cap is reached or one more request would pass it; WARN from the first share on that is told of.

    Args:
        limit: A cap or a budget; a cap of 0 is set to stop a company and is always green.
        committed: Euro that count against it: spent and in flight at most.
        one_more: The average amount that a request sets aside.
        first_share: The lowest share, in per cent, that is told of; None for a limit by which no month is judged.
    """
    if limit.kind is LimitKind.CAP and limit.eur and (committed >= limit.eur or committed + one_more > limit.eur):
        return Level.ERROR
    reached = first_share is not None and reached_share([first_share], committed, limit.eur) is not None
    return Level.WARN if reached else Level.GREEN
