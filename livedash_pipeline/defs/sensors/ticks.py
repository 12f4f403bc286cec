"""What several sensors need at each tick: which runs go on, and a number that no run key has had.

Add what concerns ticks and not what is watched.
"""

import time
from collections.abc import Callable

import dagster as dg

from livedash_pipeline.defs.identity import report_silent_runs

# A longer number was not written by a sensor of ours.
_CURSOR_DIGITS = 15
_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def is_active(
    instance: dg.DagsterInstance,
    job: str,
    tags: dict[str, str] | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Whether a run of a job, with these tags, waits or goes on; one that was killed before its first line is reported."""
    records = instance.get_run_records(filters=dg.RunsFilter(job_name=job, statuses=_ACTIVE, tags=tags))
    return len(report_silent_runs(instance, records, now=clock())) < len(records)


def next_turn(context: dg.SensorEvaluationContext) -> int:
    """A number that no run key of this sensor has had; a lost cursor starts at the clock, which is later than any count."""
    cursor = context.cursor or ""
    is_count = cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS
    return int(cursor) + 1 if is_count else int(time.time())
