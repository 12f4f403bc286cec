"""Calls that take effect later than they were made: kept in the state directory until their time has come.

Add nothing for a new operation: a call is its name and one argument, and `service.py` says who carries it out.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from livedash_pipeline.local.batch_api.journal import Entry, Journal
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.store import Store

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS delayed_calls (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, due_at REAL, operation TEXT NOT NULL, argument TEXT NOT NULL);
"""
_FIRST = "SELECT * FROM delayed_calls WHERE due_at <= :now ORDER BY due_at, seq LIMIT 1"


Act = Callable[[Any, float], dict[str, Any]]
"""Carries out a call with its argument, as if it was made at a time, and returns the answer that nobody gets."""


class DelayedCalls:
    """The calls that wait in a store.

    Args:
        store: where they are kept.
        journal: gets what became of them.
        acts: who carries out which operation.
    """

    def __init__(self, store: Store, journal: Journal, acts: Mapping[str, Act]) -> None:
        self._store = store
        self._journal = journal
        self._acts = acts
        store.add_tables(_SCHEMA)

    def add(self, operation: str, argument: Any, due_at: float | None) -> None:
        """Keeps a call until `due_at`; None: until it is released."""
        self._store.execute(
            "INSERT INTO delayed_calls (due_at, operation, argument) VALUES (:due_at, :operation, :argument)",
            {"due_at": due_at, "operation": operation, "argument": json.dumps(argument)},
        )

    def release(self, now: float) -> int:
        """Lets all calls without a time take effect now, and returns how many they are."""
        with self._store.transaction():
            held = len(self._store.execute("SELECT seq FROM delayed_calls WHERE due_at IS NULL", {}))
            self._store.execute("UPDATE delayed_calls SET due_at = :now WHERE due_at IS NULL", {"now": now})
        return held

    def waiting(self) -> int:
        """Returns how many calls have not taken effect."""
        return len(self._store.execute("SELECT seq FROM delayed_calls", {}))

    def next_due(self, now: float) -> float | None:
        """Returns the time of the earliest call that is due."""
        rows = self._store.execute(_FIRST, {"now": now})
        return float(rows[0]["due_at"]) if rows else None

    def carry_out(self, now: float) -> None:
        """Lets the earliest call that is due take effect, in one transaction with its removal."""
        with self._store.transaction():
            for row in self._store.execute(_FIRST, {"now": now}):
                self._store.execute("DELETE FROM delayed_calls WHERE seq = :seq", {"seq": row["seq"]})
                entry = self._act(row["operation"], json.loads(row["argument"]), row["due_at"])
                self._journal.add(entry, row["due_at"])

    def _act(self, operation: str, argument: Any, at: float) -> Entry:
        named = argument if isinstance(argument, str) else None
        entry = Entry(f"delayed_{operation}", fault="delay")
        if operation == "delete_file":
            entry = replace(entry, file_id=named)
        elif operation == "cancel_batch":
            entry = replace(entry, batch_id=named)
        try:
            made = self._acts[operation](argument, at)
        except Refusal as refusal:
            return replace(entry, acted=False, status=refusal.status, detail=refusal.message)
        return replace(entry, batch_id=made["id"], file_id=made["input_file_id"]) if "input_file_id" in made else entry
