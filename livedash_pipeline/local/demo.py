"""`livedash demo`: the whole flow on one machine, with sample data and a stand-in for the model, followed to its end.

A real Dagster daemon does the work; this process serves the CSVs, the transcripts and the Batch API, and watches the tables.
What is shown is in `local.demo_display`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import add_company, list_companies, update_company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.local.console import CONSOLE_PORT, console_link
from livedash_pipeline.local.demo_chats import start_chats
from livedash_pipeline.local.demo_display import Display, demo_document, print_tables
from livedash_pipeline.local.demo_end import bring_to_an_end, put_back
from livedash_pipeline.local.demo_progress import Progress, read_progress
from livedash_pipeline.local.demo_source import CREATED_BY, demo_changes, demo_credentials, demo_source, kept_port
from livedash_pipeline.local.processes import StartedProcess, interrupted_by_signals, started
from livedash_pipeline.local.sample_data.demo_set import demo_companies
from livedash_pipeline.local.sample_data.source_server import RunningSource
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.overview.store.demo import due_now
from livedash_pipeline.runtime.dagster_home import workspace_file
from livedash_pipeline.runtime.environment import QUICK_SENSORS, Environment, borrowed_environment, opened_engine
from livedash_pipeline.settings import Settings, isolated_settings

STAND_IN_SPEED = 4.0
# One US dollar in euro, fixed and stated, so that the demo's costs can be compared.
USD_EUR = Decimal("0.90")
TIME_LIMIT = 600.0
_LOOK_INTERVAL = 0.5


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs; `real` uses the user's own endpoint and key from the settings."""

    plain: bool = False
    json_only: bool = False
    real: Settings | None = None
    time_limit: float = TIME_LIMIT


def run_demo(environ: Mapping[str, str], options: DemoOptions) -> Document:
    """Runs the demo to its end, prints what came of it, and stops all it started.

    Args:
        environ: Where LIVEDASH_HOME is looked up; every other setting is ignored unless `real` is given.
        options: How it runs.

    Raises:
        UsageError: The database holds companies that the demo did not make.
        LivedashError: It did not come to its end.
    """
    display = Display(plain=options.plain, quiet=options.json_only)
    home = isolated_settings(environ).home
    with ExitStack() as stack:
        stack.enter_context(interrupted_by_signals())
        source = stack.enter_context(demo_source(home))
        settings = _settings(environ, options, home, stack, display)
        environment = stack.enter_context(borrowed_environment(settings))
        engine = stack.enter_context(opened_engine(environment))
        display.say(f"Everything of the demo is kept in {home}; the sample source is {source.base_url}.")
        since = _enrol(engine, source, real=options.real is not None)
        if options.real is None:
            start_chats(engine, settings, demo_companies()[0].slug)
        put_back(environment)
        after = stack.enter_context(ExitStack())
        daemon = stack.enter_context(_daemon(environment))
        stack.callback(display.end)
        endpoint = endpoint_of(settings.openai_base_url)
        progress = _follow(engine, daemon, display, endpoint, since=since, time_limit=options.time_limit)
        display.end()
        bring_to_an_end(environment, daemon, display, after=after)
        document = demo_document(engine, progress)
        if not options.json_only:
            print_tables(engine, display.console)
        link = console_link(environment, CONSOLE_PORT, name="livedash demo")
    display.say("Stopped everything that the demo had started.")
    display.say(f"To look at what came of it, run `livedash dev` (or `make dev`) and open the console: {link}")
    return document


def _settings(
    environ: Mapping[str, str], options: DemoOptions, home: Path, stack: ExitStack, display: Display
) -> Settings:
    """The demo's own settings: all defaults, quick sensors, no minimum batch."""
    if options.real is not None:
        return options.real.model_copy(update={**QUICK_SENSORS, "livedash_home": home})
    server = stack.enter_context(
        kept_port(home, "batch-api", lambda port: running_server(home / "batch-api", speed=STAND_IN_SPEED, port=port))
    )
    display.say(f"A stand-in for OpenAI's Batch API answers by rules at {server.base_url}; it is no model.")
    return isolated_settings(environ, openai_base_url=server.base_url, openai_api_key="stand-in", **QUICK_SENSORS)


def _enrol(engine: Engine, source: RunningSource, *, real: bool) -> datetime:
    """Adds the demo's companies, or makes those of an earlier demo due again; returns the moment of it."""
    with engine.begin() as connection:
        now = database_now(connection)
        known = list_companies(connection)
        foreign = sorted(company.slug for company in known if company.created_by != CREATED_BY)
        if foreign:
            raise UsageError(
                f"The database of this LIVEDASH_HOME has companies that the demo did not make: {', '.join(foreign)}.",
                remedy="Run the demo elsewhere: LIVEDASH_HOME=./.demo livedash demo.",
            )
        slugs = {company.slug for company in known}
        for sample in demo_companies():
            changes = demo_changes(sample, source)
            if sample.slug in slugs:
                update_company(connection, sample.slug, changes, now=now)
            else:
                add_company(connection, sample.slug, changes, now=now, created_by=CREATED_BY)
        due_now(connection, now=now)
        if not real:
            set_rate(connection, now.date(), USD_EUR, CREATED_BY, now)
    return now


@contextmanager
def _daemon(environment: Environment) -> Iterator[StartedProcess]:
    """Dagster's daemon with exactly the demo's settings, whatever `.env` or environment say."""
    settings = environment.settings
    environ = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            environ[name.upper()] = str(value)
    environ |= demo_credentials()
    environment.export_to(environ)
    arguments = ("livedash_pipeline.defs.daemon", "run", "--workspace", str(workspace_file(settings)))
    with started(
        "Dagster's daemon",
        arguments,
        environ=environ,
        directory=settings.own_dagster_home,
        log=settings.home / "logs" / "dagster-daemon.log",
    ) as daemon:
        yield daemon


def _follow(
    engine: Engine, daemon: StartedProcess, display: Display, endpoint: str, *, since: datetime, time_limit: float
) -> Progress:
    """Shows how far the flow has come until every company is imported since a moment, and every session done.

    Raises:
        LivedashError: The daemon ended, or nothing has changed for `time_limit` seconds; the message says what was waited for. A
            machine that is busy with something else takes as long as it takes.
    """
    last, end = None, time.monotonic() + time_limit
    while True:
        daemon.check_alive()
        with engine.connect() as connection:
            progress = read_progress(connection, endpoint, since=since)
        display.show(progress)
        if progress.is_done:
            return progress
        if progress != last:
            last, end = progress, time.monotonic() + time_limit
        if time.monotonic() > end:
            raise LivedashError(
                f"The demo has come no further for {time_limit:.0f} s: {progress.waiting_for()}.",
                remedy=f"Read {daemon.log}, then run it again: it goes on where it stands.",
                code="demo_timeout",
            )
        time.sleep(_LOOK_INTERVAL)
