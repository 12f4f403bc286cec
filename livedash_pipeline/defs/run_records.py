"""Deletes the records of old runs from Dagster's storage: their rows, their events and their logs.

Add a kind of Dagster's own records that grows without end; `dagster.yaml` purges ticks of sensors and schedules. Deleted records
vanish from the UI as well, with the materializations that the run reported.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg

from livedash_pipeline.defs.names import Names
from livedash_pipeline.defs.parts import is_our_run

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# Records that are read at a time; each is deleted in transactions of its own.
BATCH_SIZE = 100


def delete_old_runs(
    instance: dg.DagsterInstance, names: Names, now: datetime, days: int, dry_run: bool, *, batch_size: int = BATCH_SIZE
) -> int:
    """Deletes runs of ours that ended more than `days` before `now`, never one that goes on; returns how many.

    Args:
        instance: Where the runs are, and perhaps those of others.
        names: Tells which runs are ours.
        now: The time.
        days: How long ago they ended at least.
        dry_run: Count, and delete nothing.
        batch_size: Records that are read at a time.
    """
    before = now - timedelta(days=days)
    filters = dg.RunsFilter(statuses=_ENDED, created_before=before)
    count = 0
    kept: str | None = None
    while True:
        records = instance.get_run_records(filters=filters, limit=batch_size, ascending=True, cursor=kept)
        for record in records:
            if not _ended_before(record, before) or not is_our_run(record.dagster_run, names):
                kept = record.dagster_run.run_id
                continue
            count += 1
            if dry_run:
                kept = record.dagster_run.run_id
            else:
                _delete(instance, record.dagster_run.run_id)
        # The next page begins after the last one that is still there.
        if len(records) < batch_size:
            return count


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    # Its logs first: once the record is gone, nobody knows of them any more.
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)


def _ended_before(record: dg.RunRecord, before: datetime) -> bool:
    if record.end_time is not None:
        return record.end_time < before.timestamp()
    # A run that was ended before it began has no such time.
    return record.update_timestamp < before
