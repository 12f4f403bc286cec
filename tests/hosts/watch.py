"""Watches runs while a round goes on: which stay unfinished although their host is gone, and for how long.

Two accounts of it. By the wall's clock: from a host's end to the end of its runs, as somebody who waits sees it. By Postgres's
clock: from a run's last beat to its giving up, which holds however busy the machine is. Add what has to be followed over time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.hosts.services import SharedPostgres

LONGEST = 120.0
"""So many seconds a run may go without a sign of life until it is given up."""
# What the looks, a busy machine and Dagster's events add to it by the wall's clock.
_GRACE = 60.0
_UNFINISHED = """
    SELECT runs.run_id, runs.pipeline_name, runs.status, launched.value FROM runs
    LEFT JOIN run_tags AS launched ON launched.run_id = runs.run_id AND launched.key = '.dagster/grpc_info'
    WHERE runs.status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"""
_HEARTBEATS = text("SELECT run_id, host FROM run_heartbeats WHERE host IS NOT NULL")
_GIVEN_UP = text("""
    SELECT run_id, job, host, beat_at IS NULL AS unseen,
        extract(epoch FROM given_up_at - coalesce(beat_at, noticed_at)) AS seconds
    FROM run_heartbeats WHERE given_up_at IS NOT NULL ORDER BY given_up_at""")


@dataclass
class _Seen:
    """An unfinished run: its job, its host once that is known, and since when we have seen it there."""

    job: str
    status: str
    host: str | None
    since: float


class Watch:
    """Follows the runs of a world.

    Args:
        postgres: Where runs are recorded.
        ended: When hosts, or all their processes, ended, by name; others add to it.
    """

    def __init__(self, postgres: SharedPostgres, ended: Mapping[str, float]) -> None:
        self.held: dict[str, float] = {}
        """Seconds from the end of a run's host to the run's end, as far as we have seen, by run."""
        self.starting: dict[str, str | None] = {}
        """Runs that were launched and had not begun at the last look, with the address of the code server that was told to."""
        self.unfinished = 0
        self._postgres = postgres
        self._ended = ended
        self._seen: dict[str, _Seen] = {}

    def look(self) -> None:
        """Looks once; while Postgres is away there is nothing to see."""
        try:
            rows, hosts = self._read()
        except (psycopg.Error, DBAPIError):
            return
        now = time.monotonic()
        for run_id, job, status, _ in rows:
            host = hosts.get(run_id)
            seen = self._seen.setdefault(run_id, _Seen(job, status, host, now))
            if host != seen.host:
                seen.host, seen.since = host, now
            seen.status = status
            ended = self._ended.get(host or "")
            if ended is not None and seen.since <= ended:
                self.held[run_id] = now - ended
        self.unfinished = len(rows)
        self.starting = {
            run_id: json.loads(server)["host"] if server else None
            for run_id, _, status, server in rows
            if status == "STARTING"
        }
        self._seen = {run_id: self._seen[run_id] for run_id, *_ in rows}

    def _read(self) -> tuple[list[tuple[str, str, str, str | None]], dict[str, str]]:
        with self._postgres.dagster() as connection:
            rows: list[Any] = connection.execute(_UNFINISHED).fetchall()
        with self._postgres.engine.connect() as connection:
            hosts = {row.run_id: row.host for row in connection.execute(_HEARTBEATS)}
        return rows, hosts

    def overdue(self) -> list[str]:
        """Runs that were held for too long by the wall's clock and still are, one sentence each."""
        return [
            f"run {run_id[:8]} of {seen.job} is {seen.status} {self.held[run_id]:.0f} s after the end of {seen.host}"
            for run_id, seen in self._seen.items()
            if self.held.get(run_id, 0.0) > LONGEST + _GRACE
        ]

    def late(self) -> list[str]:
        """Runs that were given up too late by Postgres's clock, one sentence each."""
        return [
            f"run {row.run_id[:8]} of {row.job} on {row.host} was given up {row.seconds:.0f} s after its last beat"
            for row in self.given_up()
            if not row.unseen and row.seconds > LONGEST
        ]

    def given_up(self) -> list[Any]:
        """All runs that were given up, with the seconds since their last sign of life; `unseen` had none."""
        with self._postgres.engine.connect() as connection:
            return list(connection.execute(_GIVEN_UP))
