"""What Dagster loads: `defs`, from the settings of the environment.

Nothing is opened here; the database is found (or the embedded one started) when something first uses it. What is defined is
loaded when `defs` is called, once the garbage collector has been told that it stays.
"""

from __future__ import annotations

import os

import dagster as dg

from livedash_pipeline.garbage import spare_what_is_loaded


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this deployment."""
    spare_what_is_loaded()
    from livedash_pipeline.defs.build import build_defs
    from livedash_pipeline.logs import configure_logging
    from livedash_pipeline.runtime.environment import resolve_environment
    from livedash_pipeline.settings import load_settings, merged_environ

    settings = load_settings(os.environ)
    configure_logging(settings.livedash_log_format)
    return build_defs(
        settings,
        database_url=lambda: resolve_environment(settings).database_url,
        environ=merged_environ(os.environ),
    )
