"""The module that Dagster loads: `defs`, from the settings of the environment.

It opens nothing; the database is found (or the embedded one started) at its first use. Calling `defs` loads the definitions, once
it has told the garbage collector that they stay.
"""

from __future__ import annotations

import os

import dagster as dg

from livedash_pipeline.garbage import spare_what_is_loaded


@dg.definitions
def defs() -> dg.Definitions:
    """Returns the definitions of this deployment."""
    spare_what_is_loaded()
    from livedash_pipeline.defs.build import DEFAULT_EXECUTOR, build_defs
    from livedash_pipeline.logs import configure_logging
    from livedash_pipeline.runtime.environment import resolve_environment
    from livedash_pipeline.settings import load_settings, merged_environ

    settings = load_settings(os.environ)
    configure_logging(settings.livedash_log_format)
    ours = build_defs(
        settings,
        database_url=lambda: resolve_environment(settings).database_url,
        environ=merged_environ(os.environ),
    )
    # For what is materialized from an asset's page; jobs bring theirs along, and a project that takes them in has its own.
    return dg.Definitions.merge(ours, dg.Definitions(executor=DEFAULT_EXECUTOR))
