"""Puts the definitions together from explicit lists: what is not named here does not exist.

`build_defs` makes a fresh set each time, so that tests, demo, deployments and projects that take the pipeline in differ in
settings, names and addresses alone.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg

from livedash_pipeline.defs.assets.analysis import build_analysis_assets
from livedash_pipeline.defs.assets.chats import build_chat_assets
from livedash_pipeline.defs.assets.imports import build_import_assets
from livedash_pipeline.defs.assets.spend import build_spend_assets
from livedash_pipeline.defs.blueprints import AssetJobBlueprint, OpBlueprint
from livedash_pipeline.defs.checks.alerts import build_alert_sensors
from livedash_pipeline.defs.checks.health import (
    build_checks,
    clock_check_keys,
    health_checks,
    health_checks_schedule,
    with_freshness,
)
from livedash_pipeline.defs.descriptions.describing import described
from livedash_pipeline.defs.jobs import asset_jobs
from livedash_pipeline.defs.jobs.archive import archive
from livedash_pipeline.defs.jobs.chats import CHAT_JOBS, process_chat_batch
from livedash_pipeline.defs.jobs.import_companies import import_companies
from livedash_pipeline.defs.jobs.operations import BATCH_JOBS, OPERATIONS, reconcile_schedule
from livedash_pipeline.defs.jobs.prune import prune, prune_schedule
from livedash_pipeline.defs.jobs.stages import STAGE_JOBS
from livedash_pipeline.defs.jobs.takeover import import_livedash
from livedash_pipeline.defs.names import Names
from livedash_pipeline.defs.parts import Part, assets_of
from livedash_pipeline.defs.resources import HttpSource, OpenAIBatch, Postgres
from livedash_pipeline.defs.running.executor import build_executor
from livedash_pipeline.defs.sensors.batches import open_batch_sensor, webhook_sensor
from livedash_pipeline.defs.sensors.chats import build_chat_sensor
from livedash_pipeline.defs.sensors.companies import (
    company_csv_sensor,
    company_partition_sensor,
    pending_request_sensor,
)
from livedash_pipeline.defs.sensors.submissions import build_submission_sensor
from livedash_pipeline.defs.shown_resources import shown_resources
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.logs import quiet_libraries
from livedash_pipeline.settings import Settings


@dataclass
class _Made:
    """The definitions of the parts that were made so far."""

    assets: list[Any] = field(default_factory=list)
    jobs: list[Any] = field(default_factory=list)
    schedules: list[dg.ScheduleDefinition] = field(default_factory=list)
    sensors: list[dg.SensorDefinition] = field(default_factory=list)
    checks: list[dg.AssetChecksDefinition] = field(default_factory=list)


@dataclass(frozen=True)
class _Builder:
    """What all parts are made with."""

    settings: Settings
    names: Names
    executor: dg.ExecutorDefinition
    resources: Mapping[str, object]
    parts: frozenset[Part]

    def op_jobs(self, *blueprints: OpBlueprint) -> list[dg.JobDefinition]:
        return [blueprint.job(self.names, self.executor, self.resources) for blueprint in blueprints]

    def asset_job(self, blueprint: AssetJobBlueprint) -> Any:
        # Without the part `health` there are no checks to leave out.
        checks = clock_check_keys(self.names, assets_of(self.parts)) if Part.HEALTH in self.parts else ()
        return blueprint.job(self.names, self.executor, checks)

    def add_import(self, made: _Made) -> None:
        one = self.asset_job(asset_jobs.import_sessions)
        (many,) = self.op_jobs(import_companies)
        made.assets += build_import_assets(self.names)
        made.jobs += [one, many]
        made.sensors += [
            company_partition_sensor(self.settings, self.names),
            company_csv_sensor(self.settings, self.names, one, many),
        ]

    def add_submissions(self, made: _Made) -> None:
        job = self.asset_job(asset_jobs.take_submissions)
        made.jobs.append(job)
        made.sensors.append(build_submission_sensor(self.settings, self.names, job))

    def add_analysis(self, made: _Made) -> None:
        submit = self.asset_job(asset_jobs.submit_batches)
        ingest = self.asset_job(asset_jobs.ingest_results)
        made.assets += [*build_analysis_assets(self.names), *build_spend_assets(self.names)]
        observe = self.asset_job(asset_jobs.observe_batches)
        made.jobs += [submit, ingest, observe, *self.op_jobs(*BATCH_JOBS)]
        made.schedules.append(reconcile_schedule(self.names))
        made.sensors += [
            pending_request_sensor(self.settings, self.names, submit),
            open_batch_sensor(self.settings, self.names, ingest, observe),
            webhook_sensor(self.settings, self.names, ingest, observe),
        ]

    def add_chats(self, made: _Made) -> None:
        jobs = self.op_jobs(*CHAT_JOBS)
        (process,) = [job for job in jobs if job.name == self.names.name(process_chat_batch.name)]
        made.assets += build_chat_assets(self.names)
        made.jobs += jobs
        made.sensors.append(build_chat_sensor(self.settings, self.names, process))

    def add_operations(self, made: _Made) -> None:
        made.jobs += self.op_jobs(*OPERATIONS, *STAGE_JOBS)

    def add_health(self, made: _Made) -> None:
        assets = assets_of(self.parts)
        job = health_checks(self.names, self.executor, assets)
        made.checks += build_checks(self.settings, self.names, assets)
        made.jobs.append(job)
        made.schedules.append(health_checks_schedule(self.names, job))
        made.sensors += build_alert_sensors(self.settings, self.names, assets)

    def add_retention(self, made: _Made) -> None:
        made.jobs += self.op_jobs(prune, archive)
        made.schedules.append(prune_schedule(self.settings, self.names))

    def add_takeover(self, made: _Made) -> None:
        made.jobs += self.op_jobs(import_livedash)


def build_defs(
    settings: Settings,
    *,
    database_url: Callable[[], str],
    environ: Mapping[str, str] = os.environ,
    resources: Mapping[str, object] | None = None,
    key_prefix: str | Collection[str] | None = None,
    name_prefix: str | None = None,
    group_prefix: str | None = None,
    executor: dg.ExecutorDefinition | None = None,
    include: Collection[str] = tuple(Part),
) -> dg.Definitions:
    """Makes all definitions, or those of some parts, ready to be merged into those of another project.

    Args:
        settings: Intervals, limits, and which service is used.
        database_url: Asked for when the database is first used.
        environ: Where sources look up the credentials that companies name.
        resources: Replacements by plain key (`postgres`, `openai_batch`, `http_source`).
        key_prefix: Parts before the key of every asset; one text may hold several, with `/` between them. None: the settings'.
        name_prefix: Before the names of jobs, ops, sensors, schedules, resources, the pool and partitions. None: the settings'.
        group_prefix: Before the names of groups. None: the settings'.
        executor: Runs the steps of our jobs; the project's own executor, if it has one, is left to its own jobs. None: the one
            that runs all steps in one process (`defs.running.executor`).
        include: The parts that are wanted, by the values of `Part`.

    Raises:
        SettingsError: A prefix cannot be part of a name in Dagster, or a part does not exist.
    """
    quiet_libraries()
    names = Names.of(settings, key_prefix=key_prefix, name_prefix=name_prefix, group_prefix=group_prefix)
    plain: dict[str, object] = {
        "postgres": Postgres(database_url),
        "openai_batch": OpenAIBatch(settings),
        "http_source": HttpSource(settings, environ),
        **(resources or {}),
    }
    given = {names.name(key): resource for key, resource in shown_resources(plain, settings).items()}
    parts = read_parts(include)
    runs_steps = build_executor(cast(Postgres, plain["postgres"])) if executor is None else executor
    builder, made = _Builder(settings, names, runs_steps, given, parts), _Made()
    for part in Part:
        if part in parts:
            getattr(builder, f"add_{part.value}")(made)
    return dg.Definitions(
        assets=described(with_freshness(made.assets, settings), settings),
        asset_checks=made.checks,
        jobs=made.jobs,
        schedules=made.schedules,
        sensors=made.sensors,
        resources=given,
    )


def read_parts(include: Collection[str]) -> frozenset[Part]:
    """Reads the names of parts.

    Raises:
        SettingsError: There is no such part, or one needs another.
    """
    unknown = [name for name in include if name not in set(Part)]
    if unknown:
        raise SettingsError(
            f"include names {unknown[0]!r}, which is no part of the pipeline.",
            remedy=f"Name some of {', '.join(Part)}.",
        )
    parts = frozenset(map(Part, include))
    if Part.SUBMISSIONS in parts and Part.IMPORT not in parts:
        raise SettingsError(
            "include names submissions without import, whose assets submitted sessions become.",
            remedy="Name import as well.",
        )
    return parts
