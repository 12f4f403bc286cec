"""The world of one round: a home of its own with its own Postgres, a source, a Batch API server, and what people can do there.

Every round has a fresh one, so that a round can be played again alone and no fault of one round shows in the next.

**Time.** A lease outlasts the create deadline by 30 s (`settings.CREATE_LEASE_MARGIN`), so a killed submitter keeps its batch for
half a minute. `let_time_pass` does not wait for that: it moves the times by which `ai_batch_requests` and `ai_holds` are judged
into the past, and only while no command runs. For the program this is a machine that was asleep. All times of a row move
together except `input_file_created_at`, which is the service's; nothing is shortened that a living process relies on, and calls
that the server delays come later by the program's clock than they would otherwise, which only makes it harder.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import DateTime, Engine, Table, update

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_holds
from livedash_pipeline.embedded_postgres.server import (
    EmbeddedPostgres,
    remove_postgres,
    running_postgres,
    start_postgres,
)
from livedash_pipeline.local.ports import is_free
from livedash_pipeline.local.sample_data.files import GeneratedSource
from livedash_pipeline.local.sample_data.generate import SampleCompany
from livedash_pipeline.local.sample_data.source_server import RunningSource, running_source
from livedash_pipeline.runtime.environment import DAGSTER_DATABASE, DATABASE
from tests.e2e.programs import clean_environ
from tests.kills.plan import Plan
from tests.kills.processes import BatchApi, Worker, start_command

POOL = "openai_api"
# Longer than every lease and back-off of a round.
A_WHILE = timedelta(minutes=20)
# Creates end soon, so that lost answers do not hold a round up.
SETTINGS = {
    "LIVEDASH_CREATE_DEADLINE": "2",
    "LIVEDASH_LEASE": "33",
    "LIVEDASH_VISIBILITY_LAG": "1",
    "LIVEDASH_USD_EUR": "0.9",
    "LIVEDASH_LOG_FORMAT": "json",
    "OPENAI_API_KEY": "stand-in",
}
_SLUGS = ("north", "east", "south", "west")
_LANGUAGES = (("en", 2), ("nl", 1), ("de", 1))
# Below the ports that systems give to outgoing connections: one of those must not take it while the server is down.
_PORTS = (20_000, 30_000)


class StoppedError(Exception):
    """Somebody wants the whole run to end."""


class PostgresDownError(Exception):
    """Postgres does not answer at the moment."""


class World:
    """What a round plays in; made by `opened_world`."""

    def __init__(self, directory: Path, plan: Plan, source: RunningSource, stopping: threading.Event) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.plan = plan
        self.workers: list[Worker] = []
        self._source = source
        self._stopping = stopping
        self._published = plan.sessions
        port = _free_port()
        # Spool files are written to the system's temporary directory; those of killed processes are to be found here.
        self.spool = directory / "tmp"
        self.spool.mkdir()
        environ = clean_environ(self.home, OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1", **SETTINGS)
        self.environ = environ | dict(plan.settings) | {"TMPDIR": str(self.spool)}
        self.api = BatchApi(directory, self.environ, port, plan.speed, plan.faults, plan.seed)
        self.engine: Engine | None = None

    # What is there

    @property
    def expected_sessions(self) -> int:
        """How many sessions the companies publish now."""
        return sum(self._published)

    @property
    def database(self) -> Engine:
        """Our tables. Its connections are tested before use, so it outlives Postgres."""
        if self.engine is None:
            raise AssertionError("the world has no database yet")
        return self.engine

    def postgres(self) -> EmbeddedPostgres | None:
        """The server if it accepts connections."""
        return running_postgres(self.home)

    def dagster(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to Dagster's own storage."""
        return self.connect(DAGSTER_DATABASE)

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to a database of the server."""
        server = self.postgres()
        if server is None:
            raise PostgresDownError
        return psycopg.connect(host=str(server.socket_dir), port=5432, user="postgres", dbname=database)

    def check_not_stopped(self) -> None:
        """Raises `StoppedError` once the run is to end."""
        if self._stopping.is_set():
            raise StoppedError

    # What can be done

    def set_up(self) -> None:
        """Postgres by `livedash db start`, the server, companies, and Dagster's tables with the pool that the plan wants."""
        self.finish(self.start("db", "start"))
        server = self.postgres()
        if server is None:
            raise RuntimeError(f"Postgres did not start; see {self.directory}.")
        self.engine = make_engine(server.url(DATABASE))
        self.api.start()
        with self.engine.begin() as connection:
            for sample in _companies(self.plan):
                changes = CompanyChanges(csv_url=self._source.csv_url(sample.slug), time_zone=sample.time_zone)
                add_company(connection, sample.slug, changes, now=database_now(connection))
        storage = DagsterPostgresStorage(server.dagster_url(DAGSTER_DATABASE))
        try:
            storage.event_log_storage.set_concurrency_slots(POOL, self.plan.pool)
        finally:
            for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
                part.dispose()

    def start(self, *arguments: str) -> Worker:
        """Starts a command."""
        self.check_not_stopped()
        worker = start_command(self.directory, self.environ, len(self.workers), arguments)
        self.workers.append(worker)
        return worker

    def finish(self, worker: Worker, *, patience: float = 300.0) -> bool:
        """Waits for its end; False if it takes longer, and then it is killed."""
        end = time.monotonic() + patience
        while worker.alive:
            self.check_not_stopped()
            if time.monotonic() > end:
                worker.kill()
                return False
            time.sleep(0.02)
        worker.look()
        return True

    def publish_more(self) -> None:
        """The companies publish further sessions."""
        self._published = tuple(count + self.plan.more for count in self.plan.sessions)
        for source in _sources(self.plan, self.plan.more):
            self._source.publish(source)

    def let_time_pass(self) -> None:
        """Leases run out, deadlines pass, holds end. Only while no command runs: see above."""
        if any(worker.alive for worker in self.workers):
            raise AssertionError("time may not jump while a command runs")
        with self.database.begin() as connection:
            for table in (ai_batch_requests, ai_holds):
                connection.execute(update(table).values(_earlier(table)))

    def mend(self) -> None:
        """Starts what is down with the program's own code, and waits until it answers."""
        start_postgres(self.home)
        self.api.start()

    def close(self) -> None:
        """Ends every process of the round and removes its cluster."""
        for worker in self.workers:
            worker.kill()
        self.api.kill()
        if self.engine is not None:
            self.engine.dispose()
        if self.home.exists():
            remove_postgres(self.home)


@contextmanager
def opened_world(directory: Path, plan: Plan, stopping: threading.Event) -> Iterator[World]:
    """A world in an empty directory; its processes are gone afterwards, its files are left to the caller."""
    with ExitStack() as stack:
        source = stack.enter_context(running_source(*_sources(plan, 0)))
        world = World(directory, plan, source, stopping)
        stack.callback(world.close)
        world.set_up()
        yield world


def remove_directory(directory: Path) -> None:
    """Removes what a round left, once `close` has removed its cluster."""
    shutil.rmtree(directory, ignore_errors=True)


def _companies(plan: Plan) -> list[SampleCompany]:
    return [
        SampleCompany(slug, slug.title(), "Europe/Amsterdam", _LANGUAGES)
        for slug, _ in zip(_SLUGS, plan.sessions, strict=False)
    ]


def _sources(plan: Plan, more: int) -> list[GeneratedSource]:
    return [
        GeneratedSource(company, count + more, plan.seed)
        for company, count in zip(_companies(plan), plan.sessions, strict=True)
    ]


def _earlier(table: Table) -> dict[str, object]:
    moments = [column for column in table.c if isinstance(column.type, DateTime)]
    return {column.name: column - A_WHILE for column in moments if column.name != "input_file_created_at"}


_taken: set[int] = set()
_taking = threading.Lock()


def _free_port() -> int:
    with _taking:
        rng = Random(os.urandom(8))
        while True:
            port = rng.randrange(*_PORTS)
            if port not in _taken and is_free(port):
                _taken.add(port)
                return port
