"""The embedded Postgres: a real PostgreSQL 18 that needs no installation and no port, kept below LIVEDASH_HOME.

Add here what callers may do with it. The parts: `files` (where a cluster is, and whose),
`root` (where root's is), `binaries`, `process` (initdb, pg_ctl), `lock`.
Schema and data are no concern of any of them.

Security: the server listens on a Unix socket only, in a directory of mode 0700, and trusts who gets there.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import psycopg
from psycopg import pq, sql

from livedash_pipeline.embedded_postgres.errors import EmbeddedPostgresError
from livedash_pipeline.embedded_postgres.files import (
    PORT,
    Cluster,
    find_cluster,
    place_cluster,
    remove_cluster_files,
    remove_socket_dir,
)
from livedash_pipeline.embedded_postgres.lock import locked
from livedash_pipeline.embedded_postgres.process import (
    bring_up,
    initialise,
    ping,
    postmaster_alive,
    postmaster_pid,
    shut_down,
)
from livedash_pipeline.embedded_postgres.root import mark_initialised

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "ensure_database",
    "remove_postgres",
    "running_postgres",
    "start_postgres",
    "stop_postgres",
]

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A server that accepts connections.

    Attributes:
        data_dir: the cluster.
        socket_dir: what to give as `host`.
        pid: the server's process id.
        started_by_us: whether the call that returned this value started the server.
    """

    data_dir: Path
    socket_dir: Path
    pid: int
    started_by_us: bool

    def url(self, database: str) -> str:
        """SQLAlchemy URL of `database` for psycopg 3. The port is named lest the caller's PGPORT be taken."""
        return self._url("postgresql+psycopg", database)

    def dagster_url(self, database: str) -> str:
        """SQLAlchemy URL of `database` for psycopg2, which Dagster's storage speaks."""
        return self._url("postgresql+psycopg2", database)

    def _url(self, scheme: str, database: str) -> str:
        return f"{scheme}://postgres@/{quote(database, safe='')}?host={quote(str(self.socket_dir))}&port={PORT}"


def start_postgres(home: Path, *, settings: Mapping[str, str] = _NO_SETTINGS) -> EmbeddedPostgres:
    """Makes sure that the Postgres of `home` runs; many processes may call this at once.

    The server outlives its starter; only `stop_postgres` ends it.

    Args:
        home: LIVEDASH_HOME; made if need be.
        settings: server settings such as `{"fsync": "off"}`; they have no effect on a server that runs already.

    Raises:
        EmbeddedPostgresError: it cannot be started; the message carries the end of the server's log.
    """
    running = running_postgres(home)
    if running is not None:
        return running
    with _reported(home):
        home.mkdir(parents=True, exist_ok=True)
        with _home_lock(home) as lock:
            cluster = place_cluster(home)
            if not cluster.initialised:
                initialise(cluster, lock, settings)
            mark_initialised(cluster.home)
            started = bring_up(cluster, settings)
            server = _describe(cluster, started_by_us=started)
    if server is None:
        raise EmbeddedPostgresError(
            f"The server at {cluster.socket_dir} has lost its postmaster.pid and will stop of itself within a minute:"
            " start again after that."
        )
    return server


def running_postgres(home: Path) -> EmbeddedPostgres | None:
    """The server of `home` if it accepts connections, else None; starts and changes nothing."""
    with _reported(home):
        cluster = find_cluster(home)
        if cluster is None or not cluster.initialised or ping(cluster) != pq.Ping.OK:
            return None
        return _describe(cluster, started_by_us=False)


def stop_postgres(home: Path, *, only_if_idle: bool = False) -> bool:
    """Stops the server of `home`; open transactions are rolled back.

    Args:
        home: LIVEDASH_HOME.
        only_if_idle: leave it running if anybody else is connected. Somebody who connects in the instant between the
            look and the stop is disconnected.

    Returns:
        True if it was stopped, False if it did not run or somebody was connected.
    """
    with _reported(home):
        if not home.is_dir() or find_cluster(home) is None:
            return False
        with _home_lock(home):
            cluster = find_cluster(home)
            if cluster is None or not cluster.initialised or not _alive(cluster):
                return False
            if only_if_idle and _somebody_connected(cluster):
                return False
            shut_down(cluster)
            remove_socket_dir(cluster)
            return True


def remove_postgres(home: Path) -> None:
    """Stops the server of `home` and deletes its cluster with all its data, wherever it lives."""
    stop_postgres(home)
    with _reported(home):
        if home.is_dir() and find_cluster(home) is not None:
            with _home_lock(home):
                cluster = find_cluster(home)
                if cluster is not None:
                    remove_socket_dir(cluster)
                    remove_cluster_files(cluster)


def ensure_database(server: EmbeddedPostgres, name: str, *, template: str | None = None) -> None:
    """Creates database `name` if there is none, empty or as a copy of `template`; many processes may call it at once.

    Raises:
        EmbeddedPostgresError: the template does not exist or somebody is connected to it.
    """
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template1")
    )
    with _connect(server.socket_dir) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        try:
            connection.execute(statement)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was quicker
        except (psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName) as error:
            raise EmbeddedPostgresError(
                f"Database {name} cannot be copied from {template}: {error.diag.message_primary}. Close every"
                " connection to the template, and make sure that it exists."
            ) from error


def _connect(socket_dir: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(socket_dir), port=PORT, user="postgres", dbname="postgres", autocommit=True)


def _somebody_connected(cluster: Cluster) -> bool:
    others = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    try:
        with _connect(cluster.socket_dir) as connection:
            return connection.execute(others).fetchone() is not None
    except psycopg.OperationalError:
        return True  # starting for somebody, or full of connections: not idle in any case


def _alive(cluster: Cluster) -> bool:
    # The socket answers for a server whose home was moved under it, the process for one that is starting.
    return ping(cluster) != pq.Ping.NO_RESPONSE or postmaster_alive(cluster)


def _describe(cluster: Cluster, *, started_by_us: bool) -> EmbeddedPostgres | None:
    pid = postmaster_pid(cluster)
    return None if pid is None else EmbeddedPostgres(cluster.data_dir, cluster.socket_dir, pid, started_by_us)


@contextlib.contextmanager
def _home_lock(home: Path) -> Iterator[int]:
    with locked(Path(os.path.realpath(home)) / "postgres.lock") as descriptor:
        yield descriptor


@contextlib.contextmanager
def _reported(home: Path) -> Iterator[None]:
    """Turns what the operating system refuses into the one kind of error that callers expect."""
    try:
        yield
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The embedded Postgres of {home} is out of reach: {error}. Check that the path is yours and writable, or"
            " set LIVEDASH_HOME to another directory."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(
            f"The embedded Postgres of {home} took longer than {error.timeout:.0f} s: look for a full disk or an"
            " overloaded machine, then try again."
        ) from error
