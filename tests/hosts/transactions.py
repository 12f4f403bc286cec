"""Waits until a host is in the middle of a transaction, for the faults that strike there.

A table is locked, so that whoever writes to it next waits in its transaction; the lock is given back once the fault has struck.
What the transaction holds then is held by Postgres for a host that is gone. Add another place to wait at here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from tests.hosts.services import SharedPostgres

_LOOK = 0.2
# Every import and every ingest writes to it.
_LOCK = "LOCK TABLE session_processing_status IN SHARE MODE"
_AT_WORK = """
    SELECT 1 FROM run_heartbeats
    WHERE job = 'import_sessions' AND beat_at IS NOT NULL AND ended_at IS NULL AND given_up_at IS NULL"""
_WAITING = """
    SELECT host(client_addr) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND client_addr IS NOT NULL ORDER BY xact_start"""


@contextmanager
def trap(postgres: SharedPostgres, meet: Callable[[str], bool]) -> Iterator[None]:
    """Calls `meet` with the address of each host that waits in its transaction, until that returns True or the block ends."""
    over = threading.Event()
    thread = threading.Thread(target=_wait, args=(postgres, meet, over), name="trap")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wait(postgres: SharedPostgres, meet: Callable[[str], bool], over: threading.Event) -> None:
    try:
        with postgres.tables() as holding, postgres.tables() as looking:
            looking.autocommit = True
            # Sensors write to it as well, and would start no run.
            while looking.execute(_AT_WORK).fetchone() is None:
                if over.wait(_LOOK):
                    return
            holding.execute(_LOCK)
            while not over.wait(_LOOK):
                if any(meet(str(row[0])) for row in looking.execute(_WAITING).fetchall()):
                    return
    except psycopg.Error:
        # Another fault has taken Postgres away; nobody has come here.
        return
