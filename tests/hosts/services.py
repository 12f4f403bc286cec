"""What there is one of: Postgres, Redis, the Batch API and the companies' source, each on a host of its own.

The last two are served from this process, on sockets that were made on their hosts. Add what hosts share. Faults are `strikes`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, update

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.embedded_postgres.binaries import binaries
from livedash_pipeline.embedded_postgres.files import find_cluster
from livedash_pipeline.embedded_postgres.server import ensure_database, remove_postgres, start_postgres, stop_postgres
from livedash_pipeline.local.batch_api.app import create_app
from livedash_pipeline.local.sample_data.files import GeneratedSource
from livedash_pipeline.local.sample_data.generate import SampleCompany
from livedash_pipeline.local.sample_data.source_server import Published, create_source_app
from livedash_pipeline.local.server_thread import AppServer, serving
from livedash_pipeline.runtime.environment import DAGSTER_DATABASE, DATABASE, bring_up_to_date
from tests.hosts.moments import Moments
from tests.hosts.network import Host, HostProcess
from tests.simulation.gateway import RecordingService

COMPANIES = tuple(
    SampleCompany(slug, slug.title(), "Europe/Amsterdam", (("en", 2), ("nl", 1), ("de", 1)))
    for slug in ("north", "south")
)
_PORT = 5432
_API_PORT = 9100
_SOURCE_PORT = 9200
_REDIS_PORT = 6379
# A crash of Postgres must lose nothing, and a crash of the machine is none of our faults.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}
_START_SECONDS = 120.0
_MODEL = "gpt-5-mini"


class SharedPostgres:
    """A cluster of the embedded server's, on a host and with a port; this process reaches it by its socket, whatever is cut."""

    def __init__(self, directory: Path, host: Host) -> None:
        self.host = host
        self._home = directory / "postgres"
        self._process: HostProcess | None = None
        self._log = directory / "postgres.log"
        server = start_postgres(self._home, settings=_SETTINGS)
        for name in (DATABASE, DAGSTER_DATABASE):
            ensure_database(server, name)
        self._socket = server.socket_dir
        self.engine: Engine = make_engine(server.url(DATABASE))
        bring_up_to_date(self.engine)
        # Dagster's tables are there before several processes would make them at once.
        storage = DagsterPostgresStorage(server.dagster_url(DAGSTER_DATABASE))
        for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
            part.dispose()
        self.engine.dispose()
        stop_postgres(self._home)

    @property
    def url(self) -> str:
        """Our tables, for hosts."""
        return f"postgresql://postgres@{self.host.address}:{_PORT}/{DATABASE}"

    @property
    def dagster_url(self) -> str:
        """Dagster's storage, for hosts."""
        return f"postgresql+psycopg2://postgres@{self.host.address}:{_PORT}/{DAGSTER_DATABASE}"

    def dagster(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to Dagster's storage."""
        return self._connect(DAGSTER_DATABASE)

    def tables(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to our tables."""
        return self._connect(DATABASE)

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self._socket), port=_PORT, user="postgres", dbname=database)

    def start(self) -> None:
        """Starts it, unless it runs, and waits until it answers."""
        if self._process is not None and self._process.alive:
            return
        cluster = find_cluster(self._home)
        if cluster is None:
            raise RuntimeError(f"There is no cluster below {self._home}.")
        self._socket.mkdir(mode=0o700, exist_ok=True)
        access = cluster.data_dir / "hosts_hba.conf"
        access.write_text("local all all trust\nhost all all samenet trust\n", encoding="utf-8")
        # Its process number means nothing after its host's processes were killed.
        (cluster.data_dir / "postmaster.pid").unlink(missing_ok=True)
        owner: list[str] = []
        if cluster.account is not None:
            uid, gid = cluster.account.uid, cluster.account.gid
            owner = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
            for path in (self._socket, access):
                os.chown(path, uid, gid)
        options = _SETTINGS | {
            "listen_addresses": self.host.address,
            "port": str(_PORT),
            "unix_socket_directories": str(self._socket),
            "hba_file": str(access),
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        program = str(binaries(cluster.account) / "postgres")
        self._process = self.host.run(
            [*owner, program, "-D", str(cluster.data_dir), *settings],
            {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            cluster.data_dir,
            self._log,
        )
        _wait_until(lambda: _connects(self), self._log)

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        self.host.kill_processes()
        if self._process is not None:
            self._process.entering.wait()

    def close(self) -> None:
        """Ends it and removes its cluster."""
        self.engine.dispose()
        self.kill()
        remove_postgres(self._home)


def _connects(postgres: SharedPostgres) -> bool:
    try:
        postgres.dagster().close()
    except psycopg.OperationalError:
        return False
    return True


class SharedRedis:
    """Redis, which keeps what it holds on disk, as a broker has to."""

    def __init__(self, directory: Path, host: Host) -> None:
        self.host = host
        self._directory = directory / "redis"
        self._directory.mkdir()
        self._process: HostProcess | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://{self.host.address}:{_REDIS_PORT}/0"

    def start(self) -> None:
        """Starts it, unless it runs."""
        if self._process is not None and self._process.alive:
            return
        words = ["--bind", self.host.address, "--port", str(_REDIS_PORT), "--protected-mode", "no"]
        words += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        log = self._directory / "redis.log"
        self._process = self.host.run(
            ["redis-server", *words], {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, self._directory, log
        )

    def kill(self) -> None:
        """SIGKILL."""
        self.host.kill_processes()
        if self._process is not None:
            self._process.entering.wait()


class SharedServices:
    """The Batch API and the companies' source."""

    def __init__(
        self,
        directory: Path,
        api_host: Host,
        source_host: Host,
        moments: Moments,
        stack: ExitStack,
        *,
        seed: int,
        speed: float,
    ) -> None:
        self.api_host = api_host
        self._seed = seed
        self._counts = dict.fromkeys((company.slug for company in COMPANIES), 0)
        self._published = Published(*self._sources())
        self.service = RecordingService(directory / "batch-api", clock=time.time, speed=speed, models=[_MODEL])
        stack.callback(self.service.close)
        self.api_url = f"http://{api_host.address}:{_API_PORT}/v1"
        self._source_url = f"http://{source_host.address}:{_SOURCE_PORT}"
        api = AppServer(create_app(self.service, gate=moments.gate), grace=1)
        source = AppServer(moments.at_transcripts(create_source_app(self._published)), grace=1)
        stack.enter_context(serving(api, api_host.listen(_API_PORT, stack), name="batch-api"))
        stack.enter_context(serving(source, source_host.listen(_SOURCE_PORT, stack), name="source"))

    @property
    def published(self) -> int:
        """How many sessions the companies publish now."""
        return sum(self._counts.values())

    def count_of(self, slug: str) -> int:
        """How many sessions a company publishes now."""
        return self._counts[slug]

    def publish(self, more: Sequence[int]) -> None:
        """Each company publishes so many sessions more."""
        for company, count in zip(COMPANIES, more, strict=True):
            self._counts[company.slug] += count
        for source in self._sources():
            self._published.publish(source)

    def enrol(self, engine: Engine) -> None:
        """Stores the companies."""
        with engine.begin() as connection:
            for company in COMPANIES:
                changes = CompanyChanges(
                    csv_url=f"{self._source_url}/{company.slug}/sessions.csv", time_zone=company.time_zone
                )
                add_company(connection, company.slug, changes, now=database_now(connection))
            # They publish nothing yet.
            connection.execute(update(companies).values(next_import_at=database_now(connection) + timedelta(days=1)))

    def _sources(self) -> Iterable[GeneratedSource]:
        return [GeneratedSource(company, self._counts[company.slug], self._seed) for company in COMPANIES]


def _wait_until(condition: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"A service does not answer; see {log}.")
        time.sleep(0.05)
