"""`livedash dev`: webserver, daemon and, without an API key, the local Batch API server, until it is interrupted.

Unlike the demo it uses the user's settings and companies. Only for the stand-in, or where it is asked for, sensors look every few
seconds and batches have no minimum: with a key, the settings decide how often a source is asked and how small a paid batch is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from livedash_pipeline.base.store.companies import list_companies, update_company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.local.console import CONSOLE_PORT, console_link, running_console
from livedash_pipeline.local.demo_end import put_back
from livedash_pipeline.local.demo_source import CREATED_BY, demo_changes, demo_credentials, demo_source
from livedash_pipeline.local.ports import free_port, is_free
from livedash_pipeline.local.processes import StartedProcess, interrupted_by_signals, started
from livedash_pipeline.local.sample_data.demo_set import demo_companies
from livedash_pipeline.money.rules.budgets import say_limits
from livedash_pipeline.money.store.company_caps import own_caps
from livedash_pipeline.money.store.prices import price_for
from livedash_pipeline.money.store.rates import rate_at
from livedash_pipeline.runtime.dagster_home import foreign_instance, lacks_of_instance, workspace_file
from livedash_pipeline.runtime.environment import QUICK_SENSORS, Environment, borrowed_environment, opened_engine
from livedash_pipeline.settings import Settings, merged_environ

UI_HOST = "127.0.0.1"
UI_PORT = 3000
BATCH_API_PORT = 9100
STAND_IN_KEY = "stand-in"
_LOOK_INTERVAL = 1.0


@dataclass(frozen=True)
class DevOptions:
    """Where the Dagster UI and the console listen (port 0: a free one), the stand-in's speed, and quick sensors with a key."""

    port: int = UI_PORT
    speed: float = 4.0
    console_port: int = CONSOLE_PORT
    quick: bool = False


def run_dev(
    settings: Settings,
    options: DevOptions,
    *,
    say: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Keeps everything up until the caller is interrupted or one of the processes ends.

    Raises:
        SettingsError: The port of the UI or of the console is taken.
        LivedashError: A process ended.
    """
    port = options.port or free_port()
    console_port = options.console_port or free_port()
    _require_free(port, "--port", UI_PORT)
    _require_free(console_port, "--console-port", CONSOLE_PORT)
    with ExitStack() as stack:
        stack.enter_context(interrupted_by_signals())
        settings = stack.enter_context(_with_service(linked(settings, port, console_port), options, say))
        environment = stack.enter_context(borrowed_environment(settings))
        if settings.openai_api_key != STAND_IN_KEY:
            _say_what_it_costs(environment, say)
        say(describe_intervals(settings))
        _say_whose_instance(environment, say)
        put_back(environment)
        environ = dev_environ(environment, merged_environ(os.environ))
        if settings.openai_api_key == STAND_IN_KEY:
            environ |= stack.enter_context(_sample_source(environment, say))
        processes = [
            stack.enter_context(_dagster(environment, environ, name, arguments))
            for name, arguments in (
                ("dagster-daemon", ("livedash_pipeline.defs.daemon", "run")),
                ("dagster-webserver", ("livedash_pipeline.defs.webserver", "--host", UI_HOST, "--port", str(port))),
            )
        ]
        console = stack.enter_context(running_console(environment, environ, console_port))
        processes.append(console)
        say(
            f"The console is at {console_link(environment, console_port, name='livedash dev')} (a link that signs in once)."
        )
        say(f"The Dagster UI is at http://{UI_HOST}:{port} (a few seconds from now). Stop with Ctrl-C.")
        say(f"Logs are in {settings.home / 'logs'}.")
        while True:
            for process in processes:
                process.check_alive()
            wait(_LOOK_INTERVAL)


def linked(settings: Settings, port: int, console_port: int) -> Settings:
    """Lets the Dagster UI and the console, on their ports, link to each other, where the settings name no other addresses."""
    return settings.model_copy(
        update={
            "livedash_dagster_ui": settings.livedash_dagster_ui or f"http://{UI_HOST}:{port}",
            "livedash_console_url": settings.livedash_console_url or f"http://{UI_HOST}:{console_port}",
        }
    )


def dev_environ(environment: Environment, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of Dagster's processes: the user's, with what `dev` has decided over it."""
    settings = environment.settings
    decided = {
        name.upper(): str(value) for name in Settings.model_fields if (value := getattr(settings, name)) is not None
    }
    return {**environ, **decided, **environment.exports()}


@contextmanager
def _with_service(settings: Settings, options: DevOptions, say: Callable[[str], None]) -> Iterator[Settings]:
    """The settings of `dev`: as they are with a key, and with the local Batch API server and quick sensors without one."""
    if settings.openai_api_key:
        yield settings.model_copy(update=QUICK_SENSORS) if options.quick else settings
        return
    port = BATCH_API_PORT if is_free(BATCH_API_PORT) else 0
    with running_server(settings.home / "batch-api", speed=options.speed, port=port) as server:
        say(f"OPENAI_API_KEY is not set: a stand-in that answers by rules, no model, runs at {server.base_url}.")
        yield settings.model_copy(
            update={**QUICK_SENSORS, "openai_base_url": server.base_url, "openai_api_key": STAND_IN_KEY}
        )


def describe_intervals(settings: Settings) -> str:
    """Says how often the sensors look, and when a batch is sent."""
    return (
        f"Sensors look for due CSVs every {settings.livedash_import_interval:,} s, for waiting requests every "
        f"{settings.livedash_submit_interval:,} s, for finished batches every {settings.livedash_poll_interval:,} s and for chat "
        f"batches every {settings.livedash_chat_interval:,} s. A company's requests are sent once "
        f"{settings.livedash_min_batch:,} wait, or the oldest has waited {settings.livedash_max_wait:,} s."
    )


def _say_whose_instance(environment: Environment, say: Callable[[str], None]) -> None:
    """Opens the instance of a given DAGSTER_HOME, and says which it is and what it lacks."""
    settings = environment.settings
    if foreign_instance(settings) is None:
        return
    from livedash_pipeline.defs.instances import describe_storage

    found = describe_storage(settings.dagster_directory, environment.dagster_url)
    say(f"Dagster's instance is that of DAGSTER_HOME, {settings.dagster_directory}, with {found}.")
    lacks = lacks_of_instance(settings)
    if lacks:
        say(lacks)


@contextmanager
def _sample_source(environment: Environment, say: Callable[[str], None]) -> Iterator[Mapping[str, str]]:
    """Serves what the companies of an earlier demo publish, if there are any; yields the variables that they name."""
    with opened_engine(environment) as engine, engine.connect() as connection:
        enrolled = {company.slug for company in list_companies(connection) if company.created_by == CREATED_BY}
    if not enrolled:
        yield {}
        return
    with demo_source(environment.settings.home) as source:
        with opened_engine(environment) as engine, engine.begin() as connection:
            now = database_now(connection)
            for sample in demo_companies():
                if sample.slug in enrolled:
                    update_company(connection, sample.slug, demo_changes(sample, source), now=now)
        say(f"The demo's companies publish at {source.base_url}.")
        yield demo_credentials()


def _say_what_it_costs(environment: Environment, say: Callable[[str], None]) -> None:
    """Model, prices, caps and budgets, before anything can be bought."""
    settings = environment.settings
    with opened_engine(environment) as engine, engine.connect() as connection:
        now = database_now(connection)
        priced = price_for(connection, settings.openai_model, now)
        rate = rate_at(connection, now, settings.livedash_usd_eur)
        limits = say_limits(settings.caps, own_caps(connection))
    price = (
        "price unknown"
        if priced is None
        else f"USD {priced[1].batch.input} in, {priced[1].batch.output} out per million tokens in batches"
    )
    say(
        f"Requests go to {settings.openai_base_url}, model {settings.openai_model} ({price}); "
        f"exchange rate {rate.usd_eur if rate else 'unknown'}."
    )
    say(limits)


@contextmanager
def _dagster(
    environment: Environment, environ: Mapping[str, str], name: str, arguments: tuple[str, ...]
) -> Iterator[StartedProcess]:
    settings = environment.settings
    workspace = ("--workspace", str(workspace_file(settings)))
    with started(
        name,
        (*arguments, *workspace),
        environ=environ,
        directory=settings.own_dagster_home,
        log=settings.home / "logs" / f"{name}.log",
    ) as process:
        yield process


def _require_free(port: int, option: str, usual: int) -> None:
    if not is_free(port):
        raise SettingsError(
            f"Port {port} of {UI_HOST} is taken.",
            remedy=f"Stop what uses it, or choose another: livedash dev {option} {usual + 1}.",
        )
