"""Looks whether a pooler keeps each connection on a server process of its own, by what two connections are answered.

A pooler makes up the process id that a client is told at its login, so that the ids differ although both are numbers; only then
is a second connection opened and looked at. What it means is judged by `base.rules.database.poolers`.
"""

from __future__ import annotations

import selectors
from contextlib import closing
from typing import Any

import psycopg
from psycopg import pq

from livedash_pipeline.base.rules.database.poolers import (
    Pooling,
    Processes,
    judge_refusal,
    judge_round,
    own_address,
    pooling_fault,
)
from livedash_pipeline.base.rules.database_faults import GONE
from livedash_pipeline.base.store.faults import database_of, fault_error, refusal_of
from livedash_pipeline.errors import DatabaseFaultError

# Seconds for one answer; a pooler without a free server process lets a client wait for minutes.
_PATIENCE = 10
# Another client may hold the process that the first round would have met.
_ROUNDS = 3
_PID = "SELECT pg_backend_pid()"
_SERVER = "SELECT host(inet_server_addr()), inet_server_port()"
_BEGIN = f"BEGIN; {_PID}".encode()
_KNOWN = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
# Of several hosts the second connection goes to the one that the first has reached.
_OF_SEVERAL = frozenset({"host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts"})

# Addresses whose pooler was seen to keep sessions: Dagster opens a connection for every few statements.
_kept: set[tuple[str, ...]] = set()


def refuse_moving(connection: Any, pid: int, setting: str) -> Pooling:
    """How a new connection reaches the server; connections that do not keep their process are refused.

    Args:
        connection: Of psycopg 3 or psycopg2, in autocommit.
        pid: Of the server's process that has answered it.
        setting: The variable with the address.

    Raises:
        DatabaseFaultError: A pooler takes the process away after a transaction, or has none for a second connection.
    """
    if connection.info.backend_pid == pid:
        return Pooling.DIRECT
    info = connection.info
    address = (info.host, str(info.port), info.dbname, info.user)
    if address in _kept:
        return Pooling.SESSION
    try:
        pooling = look(connection)
    except psycopg.Error as error:
        raise fault_error(refusal_of(error) or GONE, database_of(setting)) from None
    refused = pooling_error(connection, pooling, setting)
    if refused is not None:
        raise refused
    _kept.add(address)
    return pooling


def pooling_error(connection: Any, pooling: Pooling, setting: str) -> DatabaseFaultError | None:
    """Why connections that are pooled so are of no use; None where they are.

    Args:
        connection: One of them, in autocommit.
        pooling: As `look` has seen it.
        setting: The variable with the address.
    """
    if pooling in (Pooling.DIRECT, Pooling.SESSION):
        return None
    fault = pooling_fault(pooling, setting, own_address(connection.info.host, _server(connection)))
    return None if fault is None else fault_error(fault, database_of(setting))


def look(connection: Any, *, patience: float = _PATIENCE) -> Pooling:
    """Opens a second connection to the same address, and compares which processes answer the two.

    Args:
        connection: In autocommit.
        patience: Seconds for each answer to the second connection.

    Raises:
        psycopg.Error: The second connection is refused or lost.
    """
    with closing(_second(connection.info)) as other:
        for _ in range(_ROUNDS):
            first = (_pid(connection), _pid(connection))
            second = _begin(other, patience)
            if isinstance(second, Pooling):
                return second
            again = _pid(connection) if second not in first else None
            if judge_round(Processes(first, second, again)) is Pooling.TRANSACTION:
                return Pooling.TRANSACTION
            _ask(other, b"COMMIT", patience)
    return Pooling.SESSION


def _second(info: Any) -> psycopg.Connection[Any]:
    given = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
    same = {name: value for name, value in given.items() if name in _KNOWN - _OF_SEVERAL}
    same |= {"host": info.host, "port": str(info.port), "connect_timeout": str(_PATIENCE)}
    return psycopg.connect(**same, password=info.password, autocommit=True)


def _pid(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_PID)
        return int(cursor.fetchone()[0])


def _server(connection: Any) -> tuple[str, int] | None:
    """What the server calls itself; None where the pooler reaches it through a socket file."""
    with connection.cursor() as cursor:
        cursor.execute(_SERVER)
        host, port = cursor.fetchone()
    return None if host is None else (host, port)


def _begin(connection: psycopg.Connection[Any], patience: float) -> int | Pooling:
    """The process that a transaction is begun in, or why there is none.

    Raises:
        psycopg.OperationalError: It was refused for another reason, or the connection is lost.
    """
    results = _ask(connection, _BEGIN, patience)
    if results is None:
        return Pooling.EXHAUSTED
    value = results[-1].get_value(0, 0) if results[-1].status == pq.ExecStatus.TUPLES_OK else None
    if value is not None:
        return int(value)
    words = " ".join(result.error_message.decode(errors="replace").strip() for result in results)
    pooling = judge_refusal(words)
    if pooling is None:
        raise psycopg.OperationalError(words)
    return pooling


def _ask(connection: psycopg.Connection[Any], query: bytes, patience: float) -> list[pq.abc.PGresult] | None:
    """All results of some statements; None where nothing is answered in time, after which the connection is of no use."""
    libpq = connection.pgconn
    libpq.send_query(query)
    results: list[pq.abc.PGresult] = []
    with selectors.DefaultSelector() as selector:
        selector.register(libpq.socket, selectors.EVENT_READ)
        while True:
            # To wait for a result itself would hold up every other thread.
            if libpq.is_busy():
                if not selector.select(patience):
                    return None
                try:
                    libpq.consume_input()
                except psycopg.OperationalError:
                    # A refusal is followed by the end of the connection.
                    if results:
                        return results
                    raise
            else:
                result = libpq.get_result()
                if result is None:
                    return results
                results.append(result)
