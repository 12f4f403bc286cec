"""The sensor that alerts somebody of each run of ours that failed.

A sensor of the plain kind that reads Dagster's record of failures itself: Dagster's own kind of sensor for it tells of runs of
everybody's jobs in the location, and cannot say why it did nothing (dagster issue 17359). What an alert says is
`overview.rules.alerts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import dagster as dg

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.defs.blueprints import sensor
from livedash_pipeline.defs.names import TAG_COMPANY, TAG_PARTITION, Names
from livedash_pipeline.defs.parts import is_our_run
from livedash_pipeline.overview.rules.alerts import Alert, explain_error, remedy_for_run
from livedash_pipeline.overview.rules.health import Level

_INTERVAL = 30
# Failures that are read at a tick; the next tick goes on behind them.
FAILURES_PER_TICK = 50
# A longer number was not written by this sensor.
_CURSOR_DIGITS = 18


def run_failure_sensor(names: Names, tell: Callable[[Alert], None]) -> dg.SensorDefinition:
    """Makes the sensor; `tell` sends an alert where the settings say."""

    @sensor(
        names,
        name="run_failure_sensor",
        minimum_interval_seconds=_INTERVAL,
        description="Tells of every run of this pipeline that failed, with the command that helps.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance = context.instance
        after = read_cursor(context.cursor)
        if after is None:
            newest = _newest_failure(instance)
            return dg.SensorResult(skip_reason="The first look: failures from now on are told", cursor=str(newest))
        records = _failures(instance, after)
        told = 0
        for record in records:
            run = instance.get_run_by_id(record.run_id)
            if run is not None and is_our_run(run, names):
                tell(alert_of_run(instance, run, record, names))
                told += 1
        last = records[-1].storage_id if records else after
        return dg.SensorResult(skip_reason=_said(len(records), told), cursor=str(last))

    return tick


def read_cursor(cursor: str | None) -> int | None:
    """Reads the number of the last failure that was looked at; None where it is lost or was written by somebody else."""
    text = cursor or ""
    return int(text) if text.isdecimal() and len(text) <= _CURSOR_DIGITS else None


def _said(failed: int, told: int) -> str:
    if not failed:
        return "0 runs failed since the last look"
    others = failed - told
    return f"{plural(failed, 'run')} failed since the last look: {told} of this pipeline, {others} of others"


def _failures(instance: dg.DagsterInstance, after: int) -> Sequence[dg.EventLogRecord]:
    wanted = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=after)
    return instance.fetch_run_status_changes(wanted, limit=FAILURES_PER_TICK, ascending=True).records


def _newest_failure(instance: dg.DagsterInstance) -> int:
    newest = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
    return newest[0].storage_id if newest else 0


def alert_of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, failure: dg.EventLogRecord, names: Names) -> Alert:
    """Words the failure of a run: what failed, for which company, why, and what helps."""
    job = run.job_name.removeprefix(names.name_prefix)
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    steps = [each.event_log_entry.dagster_event for each in records if each.event_log_entry.dagster_event]
    error, words = explain_error(_messages(steps[0])) if steps else (None, "")
    company = run.tags.get(TAG_PARTITION) or run.tags.get(TAG_COMPANY)
    event = failure.event_log_entry.dagster_event
    return Alert(
        kind="run_failed",
        level=Level.ERROR,
        what=run.job_name,
        where=", ".join(step.step_key for step in steps if step.step_key),
        companies=(company,) if company else (),
        run_id=run.run_id,
        # Without a failed step the message is Dagster's own, such as that the process is gone.
        message=words or (event.message if event else None) or "The run ended without a word.",
        remedy=remedy_for_run(job, error),
        at=datetime.now(UTC),
    )


def _messages(event: dg.DagsterEvent) -> list[str]:
    """The messages of the errors of a failed step, outermost first."""
    found, error = [], getattr(event.event_specific_data, "error", None)
    while error is not None:
        found.append(error.message)
        error = error.cause
    return found
