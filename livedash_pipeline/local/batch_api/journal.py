"""Records the calls of the stand-in, what it did, and what it would have billed: the truth for tests to compare with.

The bill has an entry for each line of a batch that was answered, and one for each direct chat completion, whether or not anybody
got to see the answer.

Add a column here when a test has to know more. The journal is kept in the state directory, in one transaction with what it tells
of, so that it is still right after the server was killed; it holds ids, numbers and words, never a text of a request or answer.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from livedash_pipeline.local.batch_api.store import Store

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, operation TEXT NOT NULL, batch_id TEXT, file_id TEXT,
        acted INTEGER NOT NULL, status INTEGER, delivered INTEGER NOT NULL, fault TEXT, detail TEXT);
    CREATE TABLE IF NOT EXISTS direct_bill (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, completion_id TEXT NOT NULL, body_sha256 TEXT NOT NULL,
        input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL, model TEXT);
    CREATE TABLE IF NOT EXISTS bill (
        batch_id TEXT NOT NULL, custom_id TEXT NOT NULL, input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, at REAL, model TEXT,
        PRIMARY KEY (batch_id, custom_id)) WITHOUT ROWID;
"""
# What a state directory of an earlier version lacks. The model of its direct calls is not known any more.
_LATER_COLUMNS = {
    ("direct_bill", "model"): "ALTER TABLE direct_bill ADD COLUMN model TEXT",
    ("bill", "at"): "ALTER TABLE bill ADD COLUMN at REAL",
    ("bill", "model"): "ALTER TABLE bill ADD COLUMN model TEXT",
}
_HAS_COLUMN = "SELECT 1 FROM pragma_table_info(:table) WHERE name = :column"
_FILL = """
    UPDATE bill SET
        at = (SELECT COALESCE(json_extract(record, '$.finalizing_at'), json_extract(record, '$.cancelled_at'),
            json_extract(record, '$.expired_at'), json_extract(record, '$.in_progress_at'), json_extract(record, '$.created_at'))
            FROM batches WHERE batches.id = bill.batch_id),
        model = (SELECT json_extract(record, '$.model') FROM batches WHERE batches.id = bill.batch_id)
    WHERE at IS NULL"""
_ADD = """
    INSERT INTO journal (at, operation, batch_id, file_id, acted, status, delivered, fault, detail)
    VALUES (:at, :operation, :batch_id, :file_id, :acted, :status, :delivered, :fault, :detail)"""
_ENTRIES = """
    SELECT seq, at, operation, batch_id, file_id, acted, status, delivered, fault, detail FROM journal
    WHERE seq > :after AND (:batch_id IS NULL OR batch_id = :batch_id) ORDER BY seq"""
_CHARGE = """
    INSERT INTO bill (batch_id, custom_id, input_tokens, cached_tokens, output_tokens, reasoning_tokens, at, model)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_CHARGE_CALL = """
    INSERT INTO direct_bill
        (at, completion_id, body_sha256, input_tokens, cached_tokens, output_tokens, reasoning_tokens, model)
    VALUES (:at, :completion_id, :body_sha256, :input_tokens, :cached_tokens, :output_tokens, :reasoning_tokens, :model)"""
_DIRECT_BILL = """
    SELECT NULL AS batch_id, NULL AS custom_id, at, completion_id, body_sha256, input_tokens, cached_tokens, output_tokens,
        reasoning_tokens
    FROM direct_bill WHERE :batch_id IS NULL ORDER BY seq"""
_BILL = """
    SELECT batch_id, custom_id, input_tokens, cached_tokens, output_tokens, reasoning_tokens FROM bill
    WHERE :batch_id IS NULL OR batch_id = :batch_id ORDER BY batch_id, custom_id"""

_CHARGES = """
    SELECT at, model, 1 AS batch, input_tokens, cached_tokens, output_tokens FROM bill WHERE at >= :start AND at < :end
    UNION ALL
    SELECT at, model, 0, input_tokens, cached_tokens, output_tokens FROM direct_bill WHERE at >= :start AND at < :end"""


@dataclass(frozen=True)
class Entry:
    """One call, or one thing that happened by itself.

    Attributes:
        operation: as in `app.py`; `end_batch` for a batch that has ended, `delayed_create_batch` and the like for a call
            that took effect later than it was made.
        batch_id: the batch that it is about or made.
        file_id: the file that it is about or made; of a create the input file.
        acted: whether it took effect (for a call that only looks: whether it found what it looked for).
        status: the HTTP status of the answer; None where none was made.
        delivered: whether the true answer was sent, and whole.
        fault: the kind of fault that struck it.
        detail: the refusal's message, the state in which a batch ended, or the id of a chat completion.
    """

    operation: str
    batch_id: str | None = None
    file_id: str | None = None
    acted: bool = True
    status: int | None = None
    delivered: bool = False
    fault: str | None = None
    detail: str | None = None


class BilledLine(NamedTuple):
    """What one line of a batch cost in tokens; cached ones are part of the input, reasoning ones of the output."""

    custom_id: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int


class Charge(NamedTuple):
    """One billed request: when it ran, its model (None where it is not known), whether in a batch, and its tokens."""

    at: float
    model: str | None
    batch: bool
    input_tokens: int
    cached_tokens: int
    output_tokens: int


class Journal:
    """The journal in a store; safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.add_tables(_SCHEMA)
        with store.transaction():
            for (table, column), add in _LATER_COLUMNS.items():
                if not store.execute(_HAS_COLUMN, {"table": table, "column": column}):
                    store.execute(add, {})
            store.execute(_FILL, {})

    def add(self, entry: Entry, at: float) -> None:
        """Writes an entry."""
        values = {name: _storable(value) for name, value in asdict(entry).items()}
        self._store.execute(_ADD, {**values, "at": at})

    def bill(self, batch_id: str, lines: Sequence[BilledLine], *, model: str | None, at: float) -> None:
        """Writes what lines of a batch were billed at a time; a line is billed once."""
        self._store.execute_many(
            _CHARGE, ((batch_id, _storable(line.custom_id), *line[1:], at, model) for line in lines)
        )

    def bill_call(self, completion: Mapping[str, Any], body: Mapping[str, Any], at: float) -> None:
        """Writes what a direct chat completion, which answers a request's body, was billed."""
        usage, model = completion.get("usage"), completion.get("model")
        tokens = billed_line("", usage if isinstance(usage, dict) else {})._asdict()
        made = {"completion_id": str(completion.get("id")), "model": model if isinstance(model, str) else None}
        values = {**tokens, **made, "at": at, "body_sha256": body_digest(body)}
        self._store.execute(_CHARGE_CALL, {name: _storable(value) for name, value in values.items()})

    def document(self, *, after: int = 0, batch_id: str | None = None) -> dict[str, Any]:
        """Returns `entries` behind number `after` and the `bill`, both of one batch if one is named.

        A direct chat completion, which belongs to no batch, stands behind the lines of batches, with null as `batch_id` and
        `custom_id`, and with `at`, `completion_id` and the body's `body_sha256` (`body_digest`).
        """
        entries = self._store.execute(_ENTRIES, {"after": after, "batch_id": batch_id})
        bill = [row for part in (_BILL, _DIRECT_BILL) for row in self._store.execute(part, {"batch_id": batch_id})]
        return {"entries": [_entry(row) for row in entries], "bill": [dict(row) for row in bill]}

    def charges(self, start: float, end: float) -> Iterator[Charge]:
        """Yields what was billed from `start` to before `end`, in seconds since 1970."""
        for row in self._store.execute(_CHARGES, {"start": start, "end": end}):
            cached = min(row["cached_tokens"], row["input_tokens"])
            yield Charge(row["at"], row["model"], bool(row["batch"]), row["input_tokens"], cached, row["output_tokens"])


def body_digest(body: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a request's body, in hexadecimal, whatever the order of its keys and the white space it had."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def billed_line(custom_id: str, usage: dict[str, Any]) -> BilledLine:
    """Returns the billed line for the `usage` of a chat completion, which with other servers may lack anything."""
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return BilledLine(
        custom_id,
        _tokens(usage, "prompt_tokens"),
        _tokens(prompt, "cached_tokens"),
        _tokens(usage, "completion_tokens"),
        _tokens(completion, "reasoning_tokens"),
    )


def _tokens(counts: object, name: str) -> int:
    found = counts.get(name) if isinstance(counts, dict) else None
    return found if type(found) is int and 0 <= found < 2**63 else 0


def _entry(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "acted": bool(row["acted"]), "delivered": bool(row["delivered"])}


def _storable(value: object) -> object:
    """Returns a value that SQLite takes: ids and messages may quote a lone surrogate that a client sent."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
