"""What several sensors need at each tick: which runs go on, and a number that no run key has had.

Add what concerns ticks and not what is watched.
"""

import time

import dagster as dg

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.dead_runs import Clock, runs_going_on
from livedash_pipeline.defs.running.statuses import UNFINISHED

# A longer number was not written by a sensor of ours.
_CURSOR_DIGITS = 15


def is_active(
    instance: dg.DagsterInstance,
    postgres: Postgres,
    job: str,
    tags: dict[str, str] | None = None,
    *,
    now: Clock = database_now,
) -> bool:
    """True while a run of a job, with these tags, waits or goes on; runs that live no more are reported.

    Args:
        instance: Dagster's instance with the runs.
        postgres: Our database, with the runs' signs of life.
        job: Name of the job.
        tags: What the run has to be tagged with.
        now: The clock of our database.
    """
    records = instance.get_run_records(filters=dg.RunsFilter(job_name=job, statuses=list(UNFINISHED), tags=tags))
    return bool(records) and bool(runs_going_on(instance, postgres, records, now=now))


def next_turn(context: dg.SensorEvaluationContext) -> int:
    """A number that no run key of this sensor has had; a lost cursor starts at the clock, which is later than any count."""
    cursor = context.cursor or ""
    is_count = cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS
    return int(cursor) + 1 if is_count else int(time.time())
