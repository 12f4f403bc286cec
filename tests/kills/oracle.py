"""What must hold after a round: the ledger against the server's own books, asked over HTTP, and Dagster's runs.

Most of it are the simulation's invariants, which ask a service for its records, its journal and its inputs; `RemoteBooks` is a
server in another process seen that way. Here is only what a simulation without processes cannot have: runs, slots and files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, text

from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord
from tests.kills.processes import BatchApi
from tests.simulation.invariants import Observed, ServiceBooks, find_violations

_UNFINISHED_RUNS = """
    SELECT runs.run_id, runs.status, runs.pipeline_name FROM runs
    WHERE runs.status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED') ORDER BY runs.id"""
_HELD_SLOTS = "SELECT run_id, concurrency_key FROM concurrency_slots WHERE run_id IS NOT NULL"
_WAITING_STEPS = "SELECT run_id, concurrency_key FROM pending_steps"
_STAGES = text("""
    SELECT stage, status, count(*) FROM session_processing_status
    WHERE status NOT IN ('COMPLETED', 'FAILED', 'SKIPPED') GROUP BY stage, status""")
_IMPORTED = text("SELECT count(*) FROM sessions")
_IMPORT_RUNS = text("SELECT count(*) FROM import_runs WHERE status = 'RUNNING'")


class RemoteBooks:
    """What the server knows, read once: batches oldest first, journal and bill, and what each input line asked."""

    def __init__(self, api: BatchApi) -> None:
        self._api = api

    def records(self) -> list[BatchRecord]:
        """All batches."""
        return self._records

    def journal(self) -> dict[str, Any]:
        """The journal's entries and the bill."""
        return self._journal

    @cached_property
    def inputs(self) -> dict[str, dict[str, str]]:
        """A digest of what each line asks, by input file and id; of the files that are still there."""
        found = {}
        for file in self._pages("files"):
            if file["purpose"] == "batch":
                lines = [json.loads(line) for line in self._api.get(f"/_books/files/{file['id']}").content.splitlines()]
                found[file["id"]] = {line["custom_id"]: _digest(line["body"]) for line in lines}
        return found

    @cached_property
    def _records(self) -> list[BatchRecord]:
        return [_record(document) for document in self._pages("batches")][::-1]

    @cached_property
    def _journal(self) -> dict[str, Any]:
        document: dict[str, Any] = self._api.get("/_journal").json()
        return document

    def _pages(self, kind: str) -> Iterator[dict[str, Any]]:
        """All batches or files. Past the gate: a scripted fault would break the reading, and be spent on it."""
        query: dict[str, str | int] = {}
        while True:
            page = self._api.get("/_books", **query).json()[kind]
            yield from page["data"]
            if not page["has_more"]:
                return
            query[f"{kind}_after"] = page["data"][-1]["id"]


def _record(document: dict[str, Any]) -> BatchRecord:
    """A batch as the server shows it. What it hides are faults of batches, and rounds have none."""
    known = ("id", "endpoint", "input_file_id", "created_at", "metadata", "status", "in_progress_at", "model")
    files = {name: document[name] for name in ("output_file_id", "error_file_id")}
    return BatchRecord(**{name: document[name] for name in known}, **files, output_file="", error_file="")


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def is_quiet(api: BatchApi) -> bool:
    """Whether no batch lives at the server."""
    return all(record.status in ENDED for record in RemoteBooks(api).records())


def find_all_violations(
    engine: Engine, books: ServiceBooks, observed: Observed, dagster: psycopg.Connection[Any], *, sessions: int
) -> list[str]:
    """Everything that does not hold, one sentence each; `sessions` is how many the companies publish."""
    return [
        *find_violations(engine, books, observed),
        *_unfinished_imports(engine, sessions),
        *_unfinished_runs(dagster),
    ]


def _unfinished_imports(engine: Engine, published: int) -> Iterator[str]:
    with engine.connect() as connection:
        imported = connection.execute(_IMPORTED).scalar_one()
        running = connection.execute(_IMPORT_RUNS).scalar_one()
        stages = connection.execute(_STAGES).all()
    if imported != published:
        yield f"{published} sessions are published, {imported} are there"
    if running:
        yield f"{running} import runs are RUNNING, and no process runs"
    for stage, status, count in stages:
        yield f"{count} sessions have {stage} {status}"


def _unfinished_runs(dagster: psycopg.Connection[Any]) -> Iterator[str]:
    for run_id, status, job in dagster.execute(_UNFINISHED_RUNS).fetchall():
        yield f"run {run_id[:8]} of {job} is {status}, and its process is gone"
    for run_id, pool in dagster.execute(_HELD_SLOTS).fetchall():
        yield f"run {run_id[:8]} holds a slot of pool {pool}"
    for run_id, pool in dagster.execute(_WAITING_STEPS).fetchall():
        yield f"run {run_id[:8]} waits for pool {pool}"


def spool_left(spool: Path) -> int:
    """Files that killed processes left in the temporary directory."""
    return sum(path.is_file() for path in spool.rglob("*"))
