"""Turns the health checks into Dagster's asset checks, and makes the job that runs them every half hour.

`overview.steps.checks` lists the checks; a new one adds nothing here.
"""

from collections.abc import Collection, Iterable
from typing import Any

import dagster as dg

from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS
from livedash_pipeline.defs.blueprints import Kind, bound
from livedash_pipeline.defs.names import TAG_KIND, Names
from livedash_pipeline.defs.reporting import check_result
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.overview.rules.health import import_freshness
from livedash_pipeline.overview.steps.check import HealthCheck
from livedash_pipeline.overview.steps.checks import CHECKS
from livedash_pipeline.settings import Settings


def clock_check_keys(names: Names, assets: Collection[str]) -> list[dg.AssetCheckKey]:
    """Returns the checks of these assets that are no part of the jobs that make them: they look at all companies at once."""
    return [
        names.check(check.asset, check.name) for check in CHECKS if not check.after_its_asset and check.asset in assets
    ]


def health_checks(names: Names, executor: dg.ExecutorDefinition, assets: Collection[str]) -> Any:
    """The job that runs every check of these assets."""
    keys = [names.check(check.asset, check.name) for check in CHECKS if check.asset in assets]
    return dg.define_asset_job(
        names.name("health_checks"),
        selection=dg.AssetSelection.checks(*keys),
        description="Runs every check; `red_check_sensor` tells of those that turn red.",
        tags={TAG_KIND: Kind.ROUTINE.value},
        run_tags=dict(names.run_tags),
        executor_def=executor,
    )


def health_checks_schedule(names: Names, job: Any) -> dg.ScheduleDefinition:
    """Every half hour."""
    return dg.ScheduleDefinition(
        name=names.name("health_checks_schedule"),
        job=job,
        cron_schedule="*/30 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at the pipeline's health every half hour.",
    )


def build_checks(settings: Settings, names: Names, assets: Collection[str]) -> list[dg.AssetChecksDefinition]:
    """Makes all checks of these assets, with the limits of the settings."""
    return [_asset_check(check, settings, names) for check in CHECKS if check.asset in assets]


def with_freshness(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec], settings: Settings
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Adds a freshness policy to the assets that every import materializes, even an import without news.

    A policy looks at an asset and not at its partitions: it turns red when no company is imported any more. Later assets change
    only when there is something to send, so that a policy on them would report a quiet day as a fault.
    """
    windows = import_freshness(settings.livedash_import_interval)
    policy = dg.FreshnessPolicy.time_window(fail_window=windows.fail, warn_window=windows.warn)
    return [
        asset.map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, policy))
        if isinstance(asset, dg.AssetsDefinition) and any(key.path[-1] in IMPORT_ASSETS for key in asset.keys)
        else asset
        for asset in assets
    ]


def _asset_check(check: HealthCheck, settings: Settings, names: Names) -> dg.AssetChecksDefinition:
    def look(context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
        # Under an executor of a process per step, a run of many checks would else show no sign of life.
        with identified_run(context, postgres), postgres.engine() as engine, engine.connect() as connection:
            return check_result(check.look(connection, settings), check.remedy)

    return dg.asset_check(name=check.name, asset=names.key(check.asset), description=check.rule)(bound(look, names))
