"""Opens what commands need first: settings, logs, and an engine on a database that is ready.

Add a beginning that several commands share. Heavy imports stay inside the functions.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.shell.command import GlobalOptions

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from livedash_pipeline.runtime.environment import Environment
    from livedash_pipeline.settings import Settings


def start() -> Settings:
    """Reads the settings and sends logs to stderr, as loud as the command and the options before it say.

    Raises:
        SettingsError: A setting is wrong.
    """
    from livedash_pipeline.logs import configure_logging
    from livedash_pipeline.settings import load_settings

    settings = load_settings(os.environ)
    context = click.get_current_context()
    configure_logging(
        settings.livedash_log_format, log_level(context.obj, works=getattr(context.command, "works", False))
    )
    return settings


def log_level(options: GlobalOptions, *, works: bool) -> int:
    """Commands that work tell what they do, commands that read only what is wrong."""
    if options.quiet:
        return logging.ERROR
    if options.verbose:
        return logging.DEBUG
    return logging.INFO if works else logging.WARNING


def ready_environment() -> Environment:
    """A machine that is ready for a command; without DATABASE_URL the embedded server is started and migrated.

    Raises:
        LivedashError: A setting is wrong, or the database is unreachable or not at this program's schema.
    """
    from livedash_pipeline.runtime.environment import prepare

    return prepare(start())


@contextmanager
def ready_engine() -> Iterator[tuple[Settings, Engine]]:
    """Settings, and an engine on our database that is closed afterwards."""
    from livedash_pipeline.runtime.environment import opened_engine

    environment = ready_environment()
    with opened_engine(environment) as engine:
        yield environment.settings, engine
