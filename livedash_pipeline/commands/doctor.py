"""`livedash doctor`: whether everything that a run needs is there.

Nothing is added here: checks are functions of `overview.steps.doctor`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.shell.command import Answer, Document, command
from livedash_pipeline.commands.shell.context import start
from livedash_pipeline.commands.shell.output import draw_table

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

    from livedash_pipeline.errors import LivedashError
    from livedash_pipeline.overview.steps.doctor_checks import Check
    from livedash_pipeline.settings import Settings


_FOUND = {"failed": "failed", "warning": "to look at", "not_checked": "not looked at"}


@command("doctor", example=("livedash doctor", "livedash doctor --probe"))
@click.option(
    "--probe",
    is_flag=True,
    help="Also put the service's listing and its deletion of files to the test, with two batches that run nothing.",
)
def doctor(probe: bool) -> Answer:
    """Check key, model, prices, databases, clocks and what is known of the service; spends nothing."""
    from livedash_pipeline.overview.steps.doctor import Patient, examine

    settings = start()
    with _databases(settings) as (engine, dagster_url):
        if probe:
            _probe(engine, settings)
        instance = _look_at_instance(settings, dagster_url)
        document = examine(Patient(settings, engine, lambda: datetime.now(UTC), dagster_url, instance))
    return Answer(document, lambda console: _draw(console, document))


def _look_at_instance(settings: Settings, dagster_url: str | None) -> Check | None:
    """Opens the instance of a given DAGSTER_HOME; livedash's own is as good as its database, which has a check of its own."""
    from livedash_pipeline.errors import LivedashError
    from livedash_pipeline.overview.steps.doctor_checks import check_instance
    from livedash_pipeline.runtime.dagster_home import foreign_instance, lacks_of_instance

    try:
        if foreign_instance(settings) is None:
            return None
        from livedash_pipeline.defs.instances import describe_storage

        storage: str | LivedashError = describe_storage(settings.dagster_directory, dagster_url)
        lacks = lacks_of_instance(settings)
    except LivedashError as error:
        storage, lacks = error, ""
    return check_instance(str(settings.dagster_directory), storage, lacks)


def _probe(engine: Engine | LivedashError, settings: Settings) -> None:
    """Makes the probes; what they show is told by the checks."""
    from livedash_pipeline.errors import LivedashError
    from livedash_pipeline.kinds import KINDS
    from livedash_pipeline.ledger.steps.batches.service_context import service_context
    from livedash_pipeline.ledger.steps.recovery.probe_endpoint import probe_endpoint

    if isinstance(engine, LivedashError):
        raise engine
    with service_context(engine, settings, KINDS) as context:
        probe_endpoint(context, progress=lambda said: click.echo(said, err=True))


@contextmanager
def _databases(settings: Settings) -> Iterator[tuple[Engine | LivedashError, str | None]]:
    """Our database whatever its state, or why there is none, and the address of Dagster's.

    The embedded one is brought up to date, as by any command.
    """
    from livedash_pipeline.errors import LivedashError
    from livedash_pipeline.runtime.environment import bring_up_to_date, opened_engine, resolve_environment

    try:
        environment = resolve_environment(settings)
    except LivedashError as error:
        yield error, None
        return
    with opened_engine(environment) as engine:
        if environment.postgres is not None:
            bring_up_to_date(engine)
        yield engine, environment.dagster_url


def _draw(console: Console, document: Document) -> None:
    draw_table(
        console,
        ("check", "result", "what", "remedy"),
        [
            (row["name"].replace("_", " "), row["status"].replace("_", " "), row["message"], row["remedy"])
            for row in document["checks"]
        ],
        empty="",
    )
    statuses = [row["status"] for row in document["checks"]]
    found = [f"{statuses.count(word)} {said}" for word, said in _FOUND.items() if word in statuses]
    console.print(f"{', '.join(found)}." if found else "Everything that was looked at is in order.")
