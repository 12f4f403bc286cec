"""Calls that take effect later than they were made: kept in the state directory until their time has come.

Add nothing for a new operation: a call is its name and one argument. Who carries it out is `service.py`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.local.batch_api.store import Store

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS delayed_calls (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, due_at REAL, operation TEXT NOT NULL, argument TEXT NOT NULL);
"""
_FIRST = "SELECT * FROM delayed_calls WHERE due_at <= :now ORDER BY due_at, seq LIMIT 1"


@dataclass(frozen=True)
class DelayedCall:
    """One call and its argument, with the time at which it takes effect."""

    operation: str
    argument: Any
    due_at: float


class DelayedCalls:
    """The calls that wait in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.add_tables(_SCHEMA)

    def add(self, operation: str, argument: Any, due_at: float | None) -> None:
        """Keep a call until `due_at`; None: until it is released."""
        self._store.execute(
            "INSERT INTO delayed_calls (due_at, operation, argument) VALUES (:due_at, :operation, :argument)",
            {"due_at": due_at, "operation": operation, "argument": json.dumps(argument)},
        )

    def release(self, now: float) -> int:
        """Let all calls without a time take effect now, and return how many they are."""
        with self._store.transaction():
            held = len(self._store.execute("SELECT seq FROM delayed_calls WHERE due_at IS NULL", {}))
            self._store.execute("UPDATE delayed_calls SET due_at = :now WHERE due_at IS NULL", {"now": now})
        return held

    def waiting(self) -> int:
        """Return how many calls have not taken effect."""
        return len(self._store.execute("SELECT seq FROM delayed_calls", {}))

    def next_due(self, now: float) -> float | None:
        """Return the time of the earliest call that is due."""
        rows = self._store.execute(_FIRST, {"now": now})
        return float(rows[0]["due_at"]) if rows else None

    def take(self, now: float) -> Iterator[DelayedCall]:
        """Remove the earliest call that is due and yield it; to be used inside the transaction that carries it out."""
        for row in self._store.execute(_FIRST, {"now": now}):
            self._store.execute("DELETE FROM delayed_calls WHERE seq = :seq", {"seq": row["seq"]})
            yield DelayedCall(row["operation"], json.loads(row["argument"]), row["due_at"])
