"""The module that Dagster loads, `defs`, and what a project of somebody's own calls to take the pipeline in, `build_defs`.

Both open nothing; the database is found (or the embedded one started) at its first use. Calling `defs` loads the definitions,
once it has told the garbage collector that they stay.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping

import dagster as dg

from livedash_pipeline.garbage import spare_what_is_loaded
from livedash_pipeline.settings import Settings, load_settings, merged_environ


@dg.definitions
def defs() -> dg.Definitions:
    """Returns the definitions of this deployment."""
    spare_what_is_loaded()
    from livedash_pipeline.defs.resources import Postgres
    from livedash_pipeline.defs.running.executor import build_executor
    from livedash_pipeline.logs import configure_logging

    settings = load_settings(os.environ)
    configure_logging(settings.livedash_log_format)
    executor = build_executor(Postgres(_database_url(settings)))
    # For what is materialized from an asset's page; jobs bring theirs along, and a project that takes them in has its own.
    return dg.Definitions.merge(build_defs(settings, executor=executor), dg.Definitions(executor=executor))


def build_defs(
    settings: Settings | None = None,
    *,
    database_url: Callable[[], str] | None = None,
    environ: Mapping[str, str] | None = None,
    resources: Mapping[str, object] | None = None,
    key_prefix: str | Collection[str] | None = None,
    name_prefix: str | None = None,
    group_prefix: str | None = None,
    executor: dg.ExecutorDefinition | None = None,
    include: Collection[str] | None = None,
) -> dg.Definitions:
    """Makes the definitions of the pipeline, to be merged into those of a project.

    Args:
        settings: Intervals, limits, and which service is used. None: those of the environment and of `.env`.
        database_url: Asked for when the database is first used. None: `DATABASE_URL`, or the embedded server.
        environ: Where sources look up the credentials that companies name. None: the environment and `.env`.
        resources: Replacements by plain key (`postgres`, `openai_batch`, `http_source`).
        key_prefix: Parts before the key of every asset; one text may hold several, with `/` between them.
        name_prefix: Before the names of jobs, ops, sensors, schedules, resources, the pool and the partitions.
        group_prefix: Before the names of groups. A prefix that is None is the settings'.
        executor: Runs the steps of our jobs. None: in the process of the run.
        include: The parts that are wanted, by the values of `Part`. None: all.

    Raises:
        SettingsError: A setting is wrong, a prefix cannot be part of a name in Dagster, or a part does not exist.
    """
    from livedash_pipeline.defs import build
    from livedash_pipeline.defs.parts import Part

    known = load_settings(os.environ) if settings is None else settings
    return build.build_defs(
        known,
        database_url=database_url or _database_url(known),
        environ=merged_environ(os.environ) if environ is None else environ,
        resources=resources,
        key_prefix=key_prefix,
        name_prefix=name_prefix,
        group_prefix=group_prefix,
        executor=executor,
        include=tuple(Part) if include is None else include,
    )


def _database_url(settings: Settings) -> Callable[[], str]:
    from livedash_pipeline.runtime.environment import resolve_environment

    return lambda: resolve_environment(settings).database_url
