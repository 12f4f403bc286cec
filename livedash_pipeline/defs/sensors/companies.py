"""Sensors: what watches companies, CSVs and waiting requests, and starts runs when there is something to do.

The tables are the truth and a cursor is only a hint. Each skip says with numbers why nothing is done. Add a sensor for something
new to watch; what a run then does is a job.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from livedash_pipeline.base.rules.endpoints import key_fingerprint
from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.base.store.companies import due_companies, list_companies
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.blueprints import sensor
from livedash_pipeline.defs.names import TAG_COMPANY, TAG_PARTITION, Names
from livedash_pipeline.defs.resources import OpenAIBatch, Postgres
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.sensors.ticks import is_active, next_turn
from livedash_pipeline.defs.sensors.turns import run_key
from livedash_pipeline.defs.sensors.under_way import values_under_way
from livedash_pipeline.intake.steps.freeing import free_abandoned
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.steps.admission.spending import purchases_to_come, require_payable
from livedash_pipeline.ledger.steps.batches.context import require_api_key
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.settings import Settings

# Up to so many due companies get a run each; more share one, because every run costs seconds to start.
RUNS_PER_TICK = 4


def company_partition_sensor(settings: Settings, names: Names) -> dg.SensorDefinition:
    """The sensor that gives every company a partition."""

    @sensor(
        names,
        name="company_partition_sensor",
        minimum_interval_seconds=min(60, settings.livedash_import_interval),
        description="Adds a partition for every company; none is ever removed.",
    )
    def tick(context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]) -> dg.SensorResult:
        # The one sensor beside those of batches that looks often: they are left out where `include` leaves `analysis` out.
        report_dead_runs(context.instance, postgres, names=names)
        with postgres.engine() as engine, engine.connect() as connection:
            slugs = {company.slug for company in list_companies(connection)}
        known = set(context.instance.get_dynamic_partitions(names.partitions_name))
        added = sorted(slugs - known)
        return dg.SensorResult(
            skip_reason=f"{plural(len(slugs), 'company', 'companies')}, {len(added)} new",
            dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(names.partitions_name, added)] if added else [],
        )

    return tick


def company_csv_sensor(
    settings: Settings, names: Names, import_sessions: Any, import_companies: dg.JobDefinition
) -> dg.SensorDefinition:
    """The sensor that has companies imported: a few by a run each, more by one run together."""

    @sensor(
        names,
        name="company_csv_sensor",
        jobs=[import_sessions, import_companies],
        minimum_interval_seconds=settings.livedash_import_interval,
        description="Imports companies whose CSV is due, and frees what killed processes left behind.",
    )
    def tick(context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]) -> dg.SensorResult:
        report_dead_runs(context.instance, postgres)
        with postgres.engine() as engine:
            # Here, since nobody else looks at companies that are not imported.
            free_abandoned(engine, settings)
            with engine.connect() as connection:
                due = due_companies(connection, database_now(connection))
        if not due:
            return dg.SensorResult(skip_reason="0 companies are due")
        if is_active(context.instance, postgres, import_companies.name, dict(names.run_tags)):
            return dg.SensorResult(skip_reason=f"{_due(due)}, and import_companies is running")
        busy = values_under_way(context.instance, postgres, names, import_sessions.name, TAG_PARTITION)
        waiting = [company.slug for company in due if company.slug not in busy]
        if not waiting:
            return dg.SensorResult(skip_reason=f"{_due(due)}, and their imports are running")
        turn = next_turn(context)
        if len(waiting) > RUNS_PER_TICK:
            # That run adds the partitions itself: thousands of names would be kept with this tick.
            request = dg.RunRequest(run_key=run_key("import", turn=turn), job_name=import_companies.name)
            return dg.SensorResult(run_requests=[request], cursor=str(turn))
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=run_key("import", slug, turn=turn),
                    job_name=import_sessions.name,
                    partition_key=slug,
                    tags={TAG_COMPANY: slug},
                )
                for slug in waiting
            ],
            cursor=str(turn),
            dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(names.partitions_name, waiting)],
        )

    return tick


def _due(companies: Sequence[object]) -> str:
    return f"{plural(len(companies), 'company', 'companies')} {verb(len(companies), 'is', 'are')} due"


def pending_request_sensor(settings: Settings, names: Names, submit_batches: Any) -> dg.SensorDefinition:
    """The sensor that has requests submitted once they are due."""

    @sensor(
        names,
        name="pending_request_sensor",
        job=submit_batches,
        minimum_interval_seconds=settings.livedash_submit_interval,
        description="Submits requests once enough of them wait, or one has waited long enough.",
    )
    def tick(
        context: dg.SensorEvaluationContext,
        postgres: dg.ResourceParam[Postgres],
        openai_batch: dg.ResourceParam[OpenAIBatch],
    ) -> dg.SensorResult:
        if not settings.batch_creation_enabled:
            return dg.SensorResult(skip_reason="BATCH_CREATION_ENABLED is false: no batch is created by this sensor")
        with postgres.engine() as engine, engine.connect() as connection:
            now = database_now(connection)
            groups = claims.pending_groups(connection)
            # Without a key nothing can be submitted, which is a fault only once something waits.
            if not groups and not settings.openai_api_key:
                return dg.SensorResult(skip_reason="0 requests wait, and OPENAI_API_KEY is not set")
            fingerprint = key_fingerprint(require_api_key(settings))
            require_payable(connection, settings, purchases_to_come(connection, settings, KINDS, groups), now=now)
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
        state = (
            f"{plural(waiting, 'request')} {verb(waiting, 'waits', 'wait')} in {plural(len(groups), 'group')}, "
            f"{len(ready)} due, {plural(len(held), 'hold')}"
        )
        if not ready and not abandoned:
            return dg.SensorResult(skip_reason=state)
        if is_active(context.instance, postgres, submit_batches.name, dict(names.run_tags)):
            return dg.SensorResult(skip_reason=f"{state}; submit_batches is running")
        turn = next_turn(context)
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key("submit", turn=turn))], cursor=str(turn))

    return tick
