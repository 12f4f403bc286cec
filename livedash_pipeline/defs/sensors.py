"""Sensors: what watches companies, CSVs, waiting requests and open batches, and starts runs when there is something to do.

The tables are the truth and a cursor is only a hint. Each skip says with numbers why nothing is done. Add a sensor for something
new to watch; what a run then does is a job.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.core import admission
from livedash_pipeline.core.endpoints import key_fingerprint
from livedash_pipeline.db import batches, holds, polling, recovery
from livedash_pipeline.db.companies import due_companies, list_companies
from livedash_pipeline.db.connect import database_now, in_transaction
from livedash_pipeline.db.polling import BatchChange, FinishedGroup
from livedash_pipeline.defs.identity import report_dead_runs
from livedash_pipeline.defs.jobs import import_sessions, ingest_results, submit_batches
from livedash_pipeline.defs.names import PARTITIONS, TAG_BATCH, TAG_COMPANY, TAG_PARTITION
from livedash_pipeline.defs.resources import OpenAIBatch, Postgres
from livedash_pipeline.flow.context import require_api_key
from livedash_pipeline.flow.poll import poll_batches
from livedash_pipeline.flow.spending import require_payable
from livedash_pipeline.settings import Settings

# Up to so many due companies get a run each; more share one, because every run costs seconds to start.
RUNS_PER_TICK = 4
# A longer number was not written by a sensor of ours.
_CURSOR_DIGITS = 15
_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_sensors(settings: Settings, import_companies: dg.JobDefinition) -> list[dg.SensorDefinition]:
    """The sensors that keep the flow going, with the intervals of the settings; those that tell people are in `defs.alerts`."""
    return [
        _company_partition_sensor(settings),
        _company_csv_sensor(settings, import_companies),
        _pending_request_sensor(settings),
        _open_batch_sensor(settings),
    ]


def _is_active(instance: dg.DagsterInstance, job: str, tags: dict[str, str] | None = None) -> bool:
    return bool(instance.get_runs(filters=dg.RunsFilter(job_name=job, statuses=_ACTIVE, tags=tags), limit=1))


def _company_partition_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="company_partition_sensor",
        minimum_interval_seconds=min(60, settings.livedash_import_interval),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Adds a partition for every company; none is ever removed.",
    )
    def sensor(context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]) -> dg.SensorResult:
        with postgres.engine() as engine, engine.connect() as connection:
            slugs = {company.slug for company in list_companies(connection)}
        known = set(context.instance.get_dynamic_partitions(PARTITIONS))
        added = sorted(slugs - known)
        return dg.SensorResult(
            skip_reason=f"{len(slugs)} companies, {len(added)} new",
            dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(PARTITIONS, added)] if added else [],
        )

    return sensor


def _company_csv_sensor(settings: Settings, import_companies: dg.JobDefinition) -> dg.SensorDefinition:
    @dg.sensor(
        name="company_csv_sensor",
        jobs=[import_sessions, import_companies],
        minimum_interval_seconds=settings.livedash_import_interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Imports companies whose CSV is due.",
    )
    def sensor(context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]) -> dg.SensorResult:
        report_dead_runs(context.instance)
        with postgres.engine() as engine, engine.connect() as connection:
            due = due_companies(connection, database_now(connection))
        if not due:
            return dg.SensorResult(skip_reason="0 companies are due")
        if _is_active(context.instance, "import_companies"):
            return dg.SensorResult(skip_reason=f"{len(due)} companies are due, and import_companies is running")
        waiting = [
            company.slug
            for company in due
            if not _is_active(context.instance, import_sessions.name, {TAG_PARTITION: company.slug})
        ]
        turn = _next_turn(context)
        if len(waiting) > RUNS_PER_TICK:
            requests = [dg.RunRequest(run_key=f"import:{turn}", job_name="import_companies")]
        else:
            requests = [
                dg.RunRequest(
                    run_key=f"import:{slug}:{turn}",
                    job_name="import_sessions",
                    partition_key=slug,
                    tags={TAG_COMPANY: slug},
                )
                for slug in waiting
            ]
        if not requests:
            return dg.SensorResult(skip_reason=f"{len(due)} companies are due, and their imports are running")
        return dg.SensorResult(
            run_requests=requests,
            cursor=str(turn),
            dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(PARTITIONS, waiting)],
        )

    return sensor


def _next_turn(context: dg.SensorEvaluationContext) -> int:
    """A number that no run key of this sensor has had; a lost cursor starts at the clock, which is later than any count."""
    cursor = context.cursor or ""
    is_count = cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS
    return int(cursor) + 1 if is_count else int(time.time())


def _pending_request_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="pending_request_sensor",
        job=submit_batches,
        minimum_interval_seconds=settings.livedash_submit_interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Submits requests once enough of them wait, or one has waited long enough.",
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        postgres: dg.ResourceParam[Postgres],
        openai_batch: dg.ResourceParam[OpenAIBatch],
    ) -> dg.SensorResult:
        if not settings.batch_creation_enabled:
            return dg.SensorResult(skip_reason="BATCH_CREATION_ENABLED is false: no batch is created by this sensor")
        with postgres.engine() as engine, engine.connect() as connection:
            now = database_now(connection)
            groups = batches.pending_groups(connection)
            # Without a key nothing can be submitted, which is a fault only once something waits.
            if not groups and not settings.openai_api_key:
                return dg.SensorResult(skip_reason="0 requests wait, and OPENAI_API_KEY is not set")
            fingerprint = key_fingerprint(require_api_key(settings))
            require_payable(connection, settings, (group.model for group in groups), now=now)
            held = holds.holds_in_force(connection, openai_batch.endpoint, key_fingerprint=fingerprint, now=now)
            abandoned = recovery.count_without_owner(connection, openai_batch.endpoint, now=now)
        models_held = {hold.model for hold in held}
        ready = [
            group
            for group in groups
            if not models_held & {None, group.model}
            and admission.is_due(
                group, now=now, min_batch=settings.livedash_min_batch, max_wait=settings.livedash_max_wait
            )
        ]
        waiting = sum(group.requests for group in groups)
        state = f"{waiting} requests wait in {len(groups)} groups, {len(ready)} due, {len(held)} holds"
        if not ready and not abandoned:
            return dg.SensorResult(skip_reason=state)
        if _is_active(context.instance, submit_batches.name):
            return dg.SensorResult(skip_reason=f"{state}; submit_batches is running")
        turn = _next_turn(context)
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"submit:{turn}")], cursor=str(turn))

    return sensor


def _open_batch_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="open_batch_sensor",
        job=ingest_results,
        minimum_interval_seconds=_look_interval(settings),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the batches at the service, reports changes, and has finished ones taken in.",
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        postgres: dg.ResourceParam[Postgres],
        openai_batch: dg.ResourceParam[OpenAIBatch],
    ) -> dg.SensorResult:
        if not settings.batch_polling_enabled:
            return dg.SensorResult(skip_reason="BATCH_POLLING_ENABLED is false: no batch is polled by this sensor")
        turn, waited = _next_poll(context)
        with postgres.engine() as engine:
            if not settings.openai_api_key and _is_idle(engine, openai_batch.endpoint):
                return dg.SensorResult(skip_reason="0 open, 0 finished, and OPENAI_API_KEY is not set")
            if not _poll_is_due(settings, waited) and not _count_hints(engine, settings, openai_batch.endpoint):
                return dg.SensorResult(skip_reason=f"polled {waited} s ago, 0 webhooks since")
        report_dead_runs(context.instance)
        with postgres.engine() as engine, openai_batch.context(engine, None) as batch_context:
            report = poll_batches(batch_context, rotation=turn // _look_interval(settings))
            with engine.connect() as connection:
                groups = polling.finished_groups(connection, openai_batch.endpoint)
            asked = [
                group
                for group in groups
                if not _is_active(context.instance, ingest_results.name, {TAG_PARTITION: group.company})
            ]
            if asked:
                in_transaction(
                    engine,
                    lambda connection: polling.count_ask(connection, [b for group in asked for b in group.batch_ids]),
                )
        state = f"{report.open} open, {report.finished} finished, {len(report.changes)} changed"
        return dg.SensorResult(
            run_requests=[_ingest_request(group) for group in asked],
            skip_reason=None if asked else state,
            cursor=str(turn),
            asset_events=list(_observations(report.changes)),
            dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(PARTITIONS, [group.company for group in asked])]
            if asked
            else [],
        )

    return sensor


# A webhook is seen this soon (seconds); a look without one asks our own database alone.
_LOOK_SECONDS = 15


def _look_interval(settings: Settings) -> int:
    return min(settings.livedash_poll_interval, _LOOK_SECONDS)


def _next_poll(context: dg.SensorEvaluationContext) -> tuple[int, int]:
    """The moment of a poll that begins now, which is the next cursor, and the seconds since the last one.

    A cursor that is lost, malformed or of the future stands for a poll that was never made.
    """
    now, cursor = int(time.time()), context.cursor or ""
    last = int(cursor) if cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS else 0
    return now, now - (last if last <= now else 0)


def _poll_is_due(settings: Settings, waited: int) -> bool:
    """Looks come neither early nor late by more than half of their interval."""
    return waited >= settings.livedash_poll_interval - _look_interval(settings) / 2


def _count_hints(engine: Engine, settings: Settings, endpoint: str) -> int:
    """A hint that no poll could follow up is forgotten once a regular poll was due anyway."""
    with engine.connect() as connection:
        since = database_now(connection) - timedelta(seconds=settings.livedash_poll_interval)
        return polling.count_hints(connection, endpoint, since=since)


def _is_idle(engine: Engine, endpoint: str) -> bool:
    with engine.connect() as connection:
        return not polling.count_unended(connection, endpoint) and not polling.finished_batches(connection, endpoint)


def ingest_run_key(company: str, batch_ids: Iterable[UUID], ask: int) -> str:
    """`ingest:<company>:<hash of batch ids and ask number>`: asking again is another key, or Dagster would ignore it."""
    named = hashlib.sha256(f"{sorted(map(str, batch_ids))}:{ask}".encode()).hexdigest()[:16]
    return f"ingest:{company}:{named}"


def _ingest_request(group: FinishedGroup) -> dg.RunRequest:
    tags = {TAG_COMPANY: group.company}
    if len(group.batch_ids) == 1:
        tags[TAG_BATCH] = str(group.batch_ids[0])
    return dg.RunRequest(
        run_key=ingest_run_key(group.company, group.batch_ids, group.asks), partition_key=group.company, tags=tags
    )


def _observations(changes: Sequence[BatchChange]) -> Iterable[dg.AssetObservation]:
    for change in changes:
        yield dg.AssetObservation(
            "openai_batches",
            metadata={
                "batch_id": str(change.id),
                "openai_batch_id": change.openai_batch_id,
                "company": change.company,
                "model": change.model,
                "requests": change.request_count,
                "before": change.status_before.value,
                "after": change.status.value,
                "openai_status": change.openai_status or "",
            },
            tags={TAG_BATCH: str(change.id), TAG_COMPANY: change.company},
        )
