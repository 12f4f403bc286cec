"""The op job that deletes texts, old run records and old audit entries, and the schedule that has it delete by age every night.

What is deleted is decided in `retention.steps.prune`; the records of Dagster's runs are `defs.run_records`. Add a field to the
form here and to `retention.rules.retention.PruneRequest`.
"""

from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from livedash_pipeline.defs import forms
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME, Names
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.run_records import delete_old_runs
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.retention.rules.retention import SHORTEST_AUDIT_DAYS, SHORTEST_RUN_DAYS, PruneRequest
from livedash_pipeline.retention.steps.prune import prune as delete_old_texts
from livedash_pipeline.retention.steps.prune import prune_document
from livedash_pipeline.settings import Settings


class PruneConfig(dg.Config):
    """What is deleted: by age, or what sessions or a person said. This form is kept with its run."""

    company: forms.Text = forms.company("Slug of one company; empty: all, by age only.")
    session_ids: list[str] = Field([], description="Erase these sessions, by their ids or those of their imports.")
    external_ids: list[str] = Field([], description="Erase these sessions, by the ids of the company's CSV.")
    ip_address: forms.Text = forms.text("Erase all sessions of a person, by the address in the CSV.")
    dagster_older_than_days: forms.Days = forms.days(
        f"Delete records of Dagster's runs that ended longer ago; at least {SHORTEST_RUN_DAYS}."
    )
    audit_older_than_days: forms.Days = forms.days(
        f"Delete audit entries of all companies that are older; at least {SHORTEST_AUDIT_DAYS}."
    )
    dry_run: bool = Field(True, description="Only count.")


@op_job(
    "Deletes texts that are old enough, or that somebody wants to be erased.",
    Kind.DANGEROUS,
    run_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
)
def prune(
    context: dg.OpExecutionContext, config: PruneConfig, postgres: dg.ResourceParam[Postgres], names: Names
) -> dict[str, Any]:
    """A dry run unless it says otherwise."""
    request = PruneRequest(
        company=config.company,
        session_ids=tuple(config.session_ids),
        external_ids=tuple(config.external_ids),
        ip_address=config.ip_address,
        dagster_older_than_days=config.dagster_older_than_days,
        audit_older_than_days=config.audit_older_than_days,
        dry_run=config.dry_run,
    )
    with identified_run(context, postgres), postgres.engine() as engine:
        report = delete_old_texts(engine, request, delete_runs=partial(delete_old_runs, context.instance, names))
        return answer(context, prune_document(report), forms.counted_only(context, config.dry_run, ()))


def prune_schedule(settings: Settings, names: Names) -> dg.ScheduleDefinition:
    """After the nightly reconcile, and before anybody's morning.

    Companies keep everything until they say how long; records of runs go after `LIVEDASH_RUN_RECORD_DAYS`.
    """
    job = names.name(prune.name)
    config: dict[str, bool | int] = {"dry_run": False}
    if settings.livedash_run_record_days:
        config["dagster_older_than_days"] = settings.livedash_run_record_days
    return dg.ScheduleDefinition(
        name=names.name("nightly_prune_schedule"),
        job_name=job,
        cron_schedule="47 3 * * *",
        execution_timezone="UTC",
        run_config={"ops": {job: {"config": config}}},
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes texts that are older than their company keeps them, and records of old runs, once a day.",
    )
