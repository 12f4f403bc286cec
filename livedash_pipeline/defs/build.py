"""Puts the definitions together from explicit lists: what is not named here does not exist.

`build_defs` makes a fresh set each time, so that tests, demo and deployments differ in settings and addresses alone.
"""

import os
from collections.abc import Callable, Mapping

import dagster as dg

from livedash_pipeline.defs.assets.analysis import (
    ingested_results_and_questions,
    openai_batches,
    submitted_batches,
)
from livedash_pipeline.defs.assets.chats import chats
from livedash_pipeline.defs.assets.imports import company_csv, import_assets
from livedash_pipeline.defs.assets.spend import spend_of_company
from livedash_pipeline.defs.checks.alerts import build_alert_sensors
from livedash_pipeline.defs.checks.health import build_checks, health_checks, health_checks_schedule, with_freshness
from livedash_pipeline.defs.jobs.chats import chat_jobs, process_chat_batch
from livedash_pipeline.defs.jobs.import_companies import import_companies
from livedash_pipeline.defs.jobs.operations import (
    import_sessions,
    ingest_results,
    op_job,
    op_jobs,
    reconcile_schedule,
    submit_batches,
)
from livedash_pipeline.defs.jobs.prune import prune_job, prune_schedule
from livedash_pipeline.defs.jobs.stages import stage_jobs
from livedash_pipeline.defs.jobs.takeover import import_livedash
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME
from livedash_pipeline.defs.resources import HttpSource, OpenAIBatch, Postgres
from livedash_pipeline.defs.sensors.chats import build_chat_sensor
from livedash_pipeline.defs.sensors.companies import build_sensors
from livedash_pipeline.defs.sensors.submissions import build_submission_sensor, take_submissions
from livedash_pipeline.settings import Settings

ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [
    company_csv,
    *import_assets,
    submitted_batches,
    openai_batches,
    ingested_results_and_questions,
    spend_of_company,
    chats,
]


def build_defs(
    settings: Settings,
    *,
    database_url: Callable[[], str],
    environ: Mapping[str, str] = os.environ,
    resources: Mapping[str, object] | None = None,
) -> dg.Definitions:
    """All definitions.

    Args:
        settings: Intervals, limits, and which service is used.
        database_url: Asked for when the database is first used.
        environ: Where sources look up the credentials that companies name.
        resources: Replacements by key (`postgres`, `openai_batch`, `http_source`).
    """
    given: dict[str, object] = {
        "postgres": Postgres(database_url),
        "openai_batch": OpenAIBatch(settings),
        "http_source": HttpSource(settings, environ),
        **(resources or {}),
    }
    # Given its resources here: Dagster binds the job of a sensor with a parameter of its own that it then warns of.
    import_companies_job = op_job(import_companies, tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME}, resource_defs=given)
    process_chat_batch_job = op_job(process_chat_batch, resource_defs=given)
    return dg.Definitions(
        assets=with_freshness(ASSETS, settings),
        asset_checks=build_checks(settings),
        jobs=[
            import_sessions,
            submit_batches,
            ingest_results,
            import_companies_job,
            op_job(import_livedash, tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME}),
            health_checks,
            prune_job,
            take_submissions,
            *op_jobs,
            process_chat_batch_job,
            *chat_jobs,
            *stage_jobs,
        ],
        schedules=[reconcile_schedule, health_checks_schedule, prune_schedule],
        sensors=[
            *build_sensors(settings, import_companies_job),
            build_submission_sensor(settings),
            build_chat_sensor(settings, process_chat_batch_job),
            *build_alert_sensors(settings),
        ],
        resources=given,
        # Each step of the default executor is a process of its own: three small steps took 11.6 s instead of 0.5 s.
        executor=dg.in_process_executor,
    )
