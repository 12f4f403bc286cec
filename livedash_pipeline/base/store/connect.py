"""Connections: one engine per process, the database's clock, and retried transactions.

Add what every connection needs. Statements live beside the tables they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from psycopg import Error as PostgresError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from livedash_pipeline.base.rules.database.address import Parameters, read_parameters, with_hosts_apart
from livedash_pipeline.base.rules.database_faults import TOO_MANY_CONNECTIONS
from livedash_pipeline.base.store.faults import DATABASE_URL, database_of, fault_error, refusal_of
from livedash_pipeline.base.store.session_setup import SessionWishes
from livedash_pipeline.errors import DatabaseNotReadyError, SettingsError, driver_reason

_Result = TypeVar("_Result")

# Deadlock, serialization failure and a lock that was not granted in time: the transaction is rolled back whole, so running it
# again is safe. Time-outs of statements are not here: what took too long would take as long again.
_RETRIED_SQLSTATES = frozenset({"40P01", "40001", "55P03"})
# Two transactions that open a request for one session, or make a chat batch of one upload, at once: the second one sees the first
# one's when it is run again.
_RACED_CONSTRAINTS = frozenset({"uq_ai_processing_requests_open", "uq_chat_batches_creation_key"})
_WRITE = "Use postgresql://USER:PASSWORD@HOST/DATABASE, or leave it unset for the embedded server."


def make_engine(
    url: str,
    *,
    pool_size: int = 16,
    application_name: str = "livedash",
    pool_timeout: float = 30,
    statement_timeout: float | None = None,
    answer_timeout: int | None = None,
    setting: str = DATABASE_URL,
) -> Engine:
    """An engine on psycopg 3, whatever Postgres URL it was given.

    Args:
        url: Address of the database.
        pool_size: Connections that are kept once they were needed; as many again may be opened. With 5, eight workers that ask
            questions at once opened and closed one for every third of them.
        application_name: What Postgres lists its connections under.
        pool_timeout: Seconds to wait for a connection when all are in use.
        statement_timeout: Seconds after which Postgres ends a statement; None for none.
        answer_timeout: Seconds after which a server that does not answer at all is given up, at least 2; None for 10 where a
            connection is made and for as long as the system waits afterwards.
        setting: The variable with the address, for messages.

    Raises:
        SettingsError: The URL cannot be read or is not Postgres.
    """
    parsed, parameters = _read(url, setting)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg", query=parameters.given),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=pool_timeout,
        connect_args={"application_name": application_name, **_patience(answer_timeout)},
    )
    wishes = SessionWishes(setting, schema=parameters.schema, statement_timeout=statement_timeout)
    # Before SQLAlchemy looks at the first connection itself, which fails on a database without an encoding.
    event.listen(engine, "connect", wishes.set_up, insert=True)
    return engine


def _patience(answer_timeout: int | None) -> dict[str, int]:
    if answer_timeout is None:
        return {"connect_timeout": 10}
    # Without the latter a statement on a link that was cut waits for a quarter of an hour: a statement timeout is the server's.
    return {"connect_timeout": answer_timeout, "tcp_user_timeout": answer_timeout * 1000}


def ignored_parameters(url: str) -> tuple[str, ...]:
    """Parameters of an address that are left out, since they mean something to other programs alone.

    Raises:
        SettingsError: The address cannot be read.
    """
    return _read(url)[1].ignored


def _read(url: str, setting: str = DATABASE_URL) -> tuple[URL, Parameters]:
    try:
        parsed = make_url(with_hosts_apart(url))
    # A port that is no number is a bare ValueError.
    except (ArgumentError, ValueError):
        raise SettingsError(f"{setting} cannot be read as a database address.", remedy=_WRITE) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(
            f"{setting} names {parsed.get_backend_name()!r}, and only PostgreSQL is supported.", remedy=_WRITE
        )
    parameters = read_parameters(parsed.query)
    if parameters.refused:
        raise SettingsError(
            f"{setting} has {', '.join(parameters.refused)}, which only Prisma reads.",
            remedy="Say with sslmode=verify-full and sslrootcert=FILE, or sslmode=require, which certificates are trusted.",
        )
    return parsed, parameters


def check_reachable(engine: Engine, setting: str = DATABASE_URL) -> None:
    """Raises DatabaseNotReadyError when no connection can be made, or none that is fit for work (`base.store.session_setup`)."""
    name = f"{database_of(setting)} ({shown_address(engine.url)})"
    try:
        with engine.connect():
            return
    except DBAPIError as error:
        reason = driver_reason(str(error.orig))
        fault = None if error.orig is None else refusal_of(error.orig)
        if fault is not None:
            raise fault_error(fault, name, said=reason) from None
        raise DatabaseNotReadyError(
            f"{name} cannot be reached: {reason}.",
            remedy=f"Start it, correct {setting}, or unset it for the embedded server.",
        ) from None


def shown_address(address: str | URL) -> str:
    """An address without a password, which its query may hold as well; of the query only where the server is.

    One that cannot be read is shown by those words: what is wrong with it is said where it is used.
    """
    try:
        url = address if isinstance(address, URL) else make_url(with_hosts_apart(address))
    except (ArgumentError, ValueError):
        return "an address that cannot be read"
    kept = {name: value for name, value in url.query.items() if name in {"host", "port"}}
    return url.set(query=kept).render_as_string()


def database_now(connection: Connection) -> datetime:
    """The database's clock, the one clock that all processes share."""
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def server_started(connection: Connection) -> datetime:
    """When the database's server began, by its own clock."""
    moment: datetime = connection.execute(text("SELECT pg_postmaster_start_time()")).scalar_one()
    return moment


@contextmanager
def autocommitted(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements stand each by itself.

    For reads that need no common snapshot, and writes that are one statement, where somebody waits for every call: it saves half
    of the round trips of a transaction, and with them half of the waits for the interpreter's lock.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def in_transaction(engine: Engine, work: Callable[[Connection], _Result], *, attempts: int = 5) -> _Result:
    """Runs `work` in one transaction; again when it was the victim of a deadlock, waited for a lock or a connection in vain, or
    lost a race for an open request.
    """
    for attempt in _tries(attempts):
        with attempt, engine.begin() as connection:
            return work(connection)
    raise AssertionError("tenacity ends with a result or an exception")


def in_savepoint(connection: Connection, work: Callable[[Connection], _Result], *, attempts: int = 5) -> _Result:
    """Runs a part of a transaction that is too dear to be run again whole; this part is, as in `in_transaction`."""
    for attempt in _tries(attempts):
        with attempt, connection.begin_nested():
            return work(connection)
    raise AssertionError("tenacity ends with a result or an exception")


def _tries(attempts: int) -> Retrying:
    return Retrying(
        retry=retry_if_exception(_is_conflict),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        reraise=True,
    )


def _is_conflict(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError) or not isinstance(error.orig, PostgresError):
        return False
    if error.orig.sqlstate is None and refusal_of(error.orig) is TOO_MANY_CONNECTIONS:
        # Nothing has run yet, and others give connections back all the time.
        return True
    return error.orig.sqlstate in _RETRIED_SQLSTATES or error.orig.diag.constraint_name in _RACED_CONSTRAINTS
