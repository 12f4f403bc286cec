"""Runs initdb and pg_ctl for a cluster and tells whether its server is alive.

Add here what starts, stops or examines processes. Not here: paths and owners (`files`), SQL and the public
functions (`server`). Only `subprocess` is used, so all of this is safe in a process with threads.
"""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from psycopg import pq

from livedash_pipeline.embedded_postgres.binaries import MAJOR_VERSION, binaries
from livedash_pipeline.embedded_postgres.errors import EmbeddedPostgresError
from livedash_pipeline.embedded_postgres.files import (
    PORT,
    Cluster,
    ensure_socket_dir,
    give_to_server,
    private_socket_dir,
)

# Errors and statements stay out of the log, since both quote row values and these must never get there; the client
# gets its errors all the same. One machine needs no replication, hence the smaller write-ahead log. With the 128 MB of Postgres's
# own default an import of 20,000 sessions had its backends write out 6,600 pages themselves and read 3,700 back; with 512 MB none
# and 600. Memory is taken when it is first used.
DEFAULT_SETTINGS: Mapping[str, str] = {
    "max_connections": "200",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "shared_buffers": "512MB",
    "work_mem": "16MB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "15s",
    "random_page_cost": "1.1",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}

_INITDB_SECONDS = 300
_START_SECONDS = 120  # a crash recovery of max_wal_size fits
_STOP_SECONDS = 120
_POLL_SECONDS = 0.05
_LOG_LIMIT = 10_000_000
# Postgres's own words (LC_ALL=C) for "others of this cluster are still there"; both pass by themselves.
_PASSING = ("is still in use", "already exists")


def ping(cluster: Cluster) -> pq.Ping:
    """Asks at the socket: OK (accepts connections), REJECT (starting or stopping), NO_RESPONSE."""
    if cluster.socket_dir != cluster.data_dir and not private_socket_dir(cluster):
        return pq.Ping.NO_RESPONSE
    conninfo = f"host={cluster.socket_dir} port={PORT} user=postgres dbname=postgres connect_timeout=5"
    return pq.Ping(pq.PGconn.ping(os.fsencode(conninfo)))


def postmaster_pid(cluster: Cluster) -> int | None:
    """The process id in `postmaster.pid`, whoever may have it now; None without the file or with an unfinished one."""
    try:
        first_line = (cluster.data_dir / "postmaster.pid").read_text().partition("\n")[0]
    except FileNotFoundError:
        return None
    return int(first_line) if first_line.isdecimal() else None


def postmaster_alive(cluster: Cluster) -> bool:
    """Whether the process in `postmaster.pid` is this cluster's server and not another one that got its number.

    Told by the command line: in a container root may not look at another user's working directory.
    """
    pid = postmaster_pid(cluster)
    if pid is None:
        return False
    program, _, rest = _command_line(pid).partition("\0")
    return Path(program).name == "postgres" and (str(cluster.data_dir) in rest or str(cluster.socket_dir) in rest)


def initialise(cluster: Cluster, lock: int, settings: Mapping[str, str]) -> None:
    """Makes the cluster: initdb works in a directory beside it, which gets its name when everything is there.

    `lock` is the descriptor of the home's lock. initdb inherits it: if this process is killed, nobody begins anew
    before its initdb is gone.
    """
    unfinished = cluster.data_dir.with_name(f"{cluster.data_dir.name}.initialising")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    give_to_server(cluster, unfinished)
    arguments = [
        *("--pgdata", str(unfinished), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
        # Postgres's own C.UTF-8: sorts by code point and needs no locale of the operating system.
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("-c", "timezone=UTC", "-c", "log_timezone=UTC"),
        *(["--no-sync"] if settings.get("fsync") == "off" else []),
    ]
    done = _run(cluster, "initdb", arguments, timeout=_INITDB_SECONDS, inherit=(lock,))
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"initdb for {cluster.data_dir} failed with exit code {done.returncode}; put right what it reports, then"
            f" start again:\n{_last_lines(done.stdout)}"
        )
    unfinished.rename(cluster.data_dir)


def bring_up(cluster: Cluster, settings: Mapping[str, str]) -> bool:
    """Starts the server and waits until it accepts connections; call with the home locked.

    Copes with a server that is starting or stopping, with one that was killed (also when its process id belongs to
    somebody else now), and with backends that outlive it for a moment.

    Returns:
        True if this call started it, False if it ran already.
    """
    _check_version(cluster)
    ensure_socket_dir(cluster)
    deadline = time.monotonic() + _START_SECONDS
    started = False
    reason = f"The server (process {postmaster_pid(cluster)}) does not answer at {cluster.socket_dir}."
    while time.monotonic() < deadline:
        answer = ping(cluster)
        if answer == pq.Ping.OK:
            return started
        if answer == pq.Ping.NO_RESPONSE and not postmaster_alive(cluster):
            _forget_killed_server(cluster)
            output = _launch(cluster, settings)
            started = output is None
            if output is not None:
                reason = output
                if not any(words in output for words in _PASSING):
                    break
        time.sleep(_POLL_SECONDS)
    raise EmbeddedPostgresError(
        f"The embedded Postgres in {cluster.data_dir} did not start; put right what its log {cluster.log} reports, or"
        f" set DATABASE_URL to a server of your own. Last lines:\n{reason}"
    )


def shut_down(cluster: Cluster) -> None:
    """Stops the server with a fast shutdown (open transactions are rolled back) and waits until it is gone."""
    arguments = ["stop", "--mode", "fast", "--wait", "--timeout", str(_STOP_SECONDS)]
    done = _run(cluster, "pg_ctl", arguments, timeout=_STOP_SECONDS + 10)
    if done.returncode != 0 and postmaster_alive(cluster):
        raise EmbeddedPostgresError(
            f"The embedded Postgres in {cluster.data_dir} (process {postmaster_pid(cluster)}) did not stop; see"
            f" {cluster.log}:\n{_last_lines(done.stdout)}"
        )


def _launch(cluster: Cluster, settings: Mapping[str, str]) -> str | None:
    """One pg_ctl start; None if the server is up, else the last lines of what it said."""
    if _size(cluster.log) > _LOG_LIMIT:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    before = _size(cluster.log)
    options = {
        **DEFAULT_SETTINGS,
        **settings,
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": str(cluster.socket_dir),
        "unix_socket_permissions": "0700",
    }
    server_arguments = shlex.join(part for name, value in options.items() for part in ("-c", f"{name}={value}"))
    # pg_ctl puts --pgdata and --log between plain double quotes into a shell command, where a "$" in a path would be
    # expanded; the environment and a name relative to the working directory are not.
    arguments = ["start", "--wait", "--timeout", str(_START_SECONDS), "--log", cluster.log.name]
    done = _run(cluster, "pg_ctl", [*arguments, "--options", server_arguments], timeout=_START_SECONDS + 10)
    if done.returncode == 0:
        return None
    said = cluster.log.read_bytes()[before:].decode(errors="replace") if cluster.log.exists() else ""
    return _last_lines(said or done.stdout)


def _run(
    cluster: Cluster, program: str, arguments: list[str], *, timeout: float, inherit: tuple[int, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Runs one of Postgres's programs as the server's user, in a session of its own that no Ctrl-C reaches."""
    account = cluster.account
    existing = cluster.data_dir if cluster.initialised else cluster.data_dir.parent
    return subprocess.run(
        [str(binaries(account) / program), *arguments],
        cwd=existing,
        # None of the caller's PG* variables; C for messages that can be recognised.
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGDATA": str(cluster.data_dir)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        start_new_session=True,
        pass_fds=inherit,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        umask=0o077,
        check=False,
    )


def _forget_killed_server(cluster: Cluster) -> None:
    """Removes lock files whose process id has gone to another process: Postgres would take that for its server.

    If nobody has the number, Postgres tidies up itself. Backends of the killed server are noticed in either case, by
    the shared memory that they still hold and whose key comes from the data directory.
    """
    for lock_file in (
        cluster.data_dir / "postmaster.pid",
        cluster.socket_dir / f".s.PGSQL.{PORT}.lock",
    ):
        if not lock_file.exists():
            continue
        first_line = lock_file.read_text().partition("\n")[0].strip()
        if not first_line.isdecimal() or _exists(int(first_line)):
            lock_file.unlink(missing_ok=True)


def _command_line(pid: int) -> str:
    """Program and arguments of a process, divided by NUL (by `ps`: by spaces); empty if it is gone."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, errors="replace", check=False
    )
    return listed.stdout.strip().replace(" -", "\0-", 1)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_version(cluster: Cluster) -> None:
    found = (cluster.data_dir / "PG_VERSION").read_text().strip()
    if found != MAJOR_VERSION:
        raise EmbeddedPostgresError(
            f"The cluster {cluster.data_dir} is of PostgreSQL {found}, the embedded server is {MAJOR_VERSION}: move the"
            " data with pg_dump of that version, or set LIVEDASH_HOME to another directory."
        )


def _last_lines(text: str, count: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-count:])
