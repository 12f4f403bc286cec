"""Sensors that look at batches at the service: one at its interval, and one as soon as a webhook says that there is news.

Both do the same: poll, report what changed, and have finished batches ingested. Add a reason to look; what a poll does is
`ledger.steps.results.poll`.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.defs.blueprints import sensor
from livedash_pipeline.defs.names import TAG_BATCH, TAG_COMPANY, TAG_PARTITION, Names
from livedash_pipeline.defs.resources import OpenAIBatch, Postgres
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.sensors.ticks import next_turn
from livedash_pipeline.defs.sensors.turns import chosen
from livedash_pipeline.defs.sensors.under_way import values_under_way
from livedash_pipeline.ledger.rules.results.short_results import describe_waiting
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.ledger.store.results import observations
from livedash_pipeline.ledger.store.results.observations import BatchChange, FinishedGroup
from livedash_pipeline.settings import Settings

# A webhook is seen this soon (seconds); a look without one asks our own database alone.
_LOOK_SECONDS = 15
# Runs that wait or go on at a time. One ingests after the other, since they share a pool, and a queue of thousands would keep a
# submit waiting for hours.
MOST_RUNS = 20


def open_batch_sensor(settings: Settings, names: Names, *jobs: Any) -> dg.SensorDefinition:
    """The sensor that polls at `LIVEDASH_POLL_INTERVAL`."""

    def idle(engine: Engine, endpoint: str) -> str | None:
        if settings.openai_api_key or not _is_idle(engine, endpoint):
            return None
        return "0 open, 0 finished, and OPENAI_API_KEY is not set"

    return _polling_sensor(
        settings,
        names,
        jobs,
        name="open_batch_sensor",
        interval=settings.livedash_poll_interval,
        description="Looks at the batches at the service, reports changes, and has finished ones ingested.",
        idle=idle,
    )


def webhook_sensor(settings: Settings, names: Names, *jobs: Any) -> dg.SensorDefinition:
    """The sensor that polls at once where a webhook left a hint at a batch."""

    def idle(engine: Engine, endpoint: str) -> str | None:
        hinted = _count_hints(engine, settings, endpoint) > 0
        return None if hinted else "0 webhooks about batches that were not polled since"

    return _polling_sensor(
        settings,
        names,
        jobs,
        name="webhook_sensor",
        interval=min(settings.livedash_poll_interval, _LOOK_SECONDS),
        description="Polls at once when a webhook of the service says that a batch has news.",
        idle=idle,
    )


def _polling_sensor(
    settings: Settings,
    names: Names,
    jobs: Sequence[Any],
    *,
    name: str,
    interval: int,
    description: str,
    idle: Callable[[Engine, str], str | None],
) -> dg.SensorDefinition:
    """A sensor that polls, unless polling is switched off or `idle` knows why there is nothing to look for."""

    @sensor(
        names,
        name=name,
        # What it polls and what it starts, so that the pages of these assets name it as their automation.
        jobs=jobs,
        minimum_interval_seconds=interval,
        description=description,
    )
    def tick(
        context: dg.SensorEvaluationContext,
        postgres: dg.ResourceParam[Postgres],
        openai_batch: dg.ResourceParam[OpenAIBatch],
    ) -> dg.SensorResult:
        # Also where nothing is to be polled: what a dead run holds is held from everybody.
        report_dead_runs(context.instance, postgres, names=names)
        if not settings.batch_polling_enabled:
            return dg.SensorResult(skip_reason="BATCH_POLLING_ENABLED is false: no batch is polled by this sensor")
        with postgres.engine() as engine:
            reason = idle(engine, openai_batch.endpoint)
            if reason is not None:
                return dg.SensorResult(skip_reason=reason)
            return _poll(context, postgres, engine, openai_batch, names)

    return tick


def _poll(
    context: dg.SensorEvaluationContext, postgres: Postgres, engine: Engine, openai_batch: OpenAIBatch, names: Names
) -> dg.SensorResult:
    turn, ingest = next_turn(context), names.name("ingest_results")
    with openai_batch.context(engine, None) as batch_context:
        report = poll_batches(batch_context, rotation=turn)
    with engine.connect() as connection:
        now = database_now(connection)
        groups = observations.finished_groups(connection, openai_batch.endpoint, now=now)
        waiting = observations.waiting_for_files(connection, openai_batch.endpoint, now=now)
    busy = values_under_way(context.instance, postgres, names, ingest, TAG_PARTITION)
    idle = [group for group in groups if group.company not in busy]
    asked = chosen(idle, turn, max(MOST_RUNS - len(busy), 0))
    if asked:
        in_transaction(
            engine,
            lambda connection: observations.count_ask(connection, [b for group in asked for b in group.batch_ids]),
        )
    state = f"{report.open} open, {report.finished} finished, {len(report.changes)} changed"
    if report.paused_until is not None:
        state += f"; nothing was asked, the service wants fewer calls until {report.paused_until.isoformat()}"
    if waiting.next_at is not None:
        state += f"; {describe_waiting(waiting.batches, waiting.next_at)}"
    return dg.SensorResult(
        run_requests=[_ingest_request(group, ingest) for group in asked],
        skip_reason=None if asked else state,
        cursor=str(turn),
        asset_events=list(_observations(report.changes, names)),
        dynamic_partitions_requests=[
            dg.AddDynamicPartitionsRequest(names.partitions_name, [group.company for group in asked])
        ]
        if asked
        else [],
    )


def _count_hints(engine: Engine, settings: Settings, endpoint: str) -> int:
    """A hint that no poll could follow up is forgotten once a regular poll was due anyway."""
    with engine.connect() as connection:
        since = database_now(connection) - timedelta(seconds=settings.livedash_poll_interval)
        return observations.count_hints(connection, endpoint, since=since)


def _is_idle(engine: Engine, endpoint: str) -> bool:
    with engine.connect() as connection:
        return not observations.count_unended(connection, endpoint) and not observations.finished_batches(
            connection, endpoint
        )


def ingest_run_key(company: str, batch_ids: Iterable[UUID], ask: int) -> str:
    """`ingest:<company>:<hash of batch ids and ask number>`: asking again is another key, or Dagster would ignore it."""
    named = hashlib.sha256(f"{sorted(map(str, batch_ids))}:{ask}".encode()).hexdigest()[:16]
    return f"ingest:{company}:{named}"


def _ingest_request(group: FinishedGroup, job: str) -> dg.RunRequest:
    tags = {TAG_COMPANY: group.company}
    if len(group.batch_ids) == 1:
        tags[TAG_BATCH] = str(group.batch_ids[0])
    return dg.RunRequest(
        job_name=job,
        run_key=ingest_run_key(group.company, group.batch_ids, group.asks),
        partition_key=group.company,
        tags=tags,
    )


def _observations(changes: Sequence[BatchChange], names: Names) -> Iterable[dg.AssetObservation]:
    for change in changes:
        yield dg.AssetObservation(
            names.key("openai_batches"),
            metadata={
                "batch_id": str(change.id),
                "openai_batch_id": change.remote_batch_id,
                "company": change.company,
                "model": change.model,
                "requests": change.request_count,
                "before": change.status_before.value,
                "after": change.status.value,
                "openai_status": change.remote_status or "",
            },
            tags={TAG_BATCH: str(change.id), TAG_COMPANY: change.company},
        )
