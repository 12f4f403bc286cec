"""Reads an existing LiveDash database: one consistent snapshot, read-only, streamed with flat memory.

Everything that can be wrong with the source itself ends here, as one sentence. What its rows mean is the business of `rules`;
the statements stand in `livedash_queries`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from livedash_pipeline.errors import DatabaseNotReadyError, SourceError, UsageError, driver_reason
from livedash_pipeline.sources.takeover import queries
from livedash_pipeline.sources.takeover.address import LivedashAddress, read_address
from livedash_pipeline.takeover.rules.chats import SourceChat
from livedash_pipeline.takeover.rules.values import Row

CONNECT_SECONDS = 10
_FETCHED_AT_ONCE = 100
_CURSOR = "livedash_chats"


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """Most chats at a time, and most text of their rows (transcripts included) unless one is larger: this bounds the memory."""

    chats: int = 1000
    characters: int = 16_000_000


class LivedashDatabase:
    """A snapshot of a LiveDash database within one transaction; made by `open_livedash`."""

    def __init__(self, connection: psycopg.Connection[Any], tables: Mapping[str, frozenset[str]]) -> None:
        self._connection = connection
        self._tables = tables

    def has(self, table: str) -> bool:
        """Whether the branch has a table, with the columns that are needed of it."""
        return set(queries.OPTIONAL.get(table, ())) <= self._tables.get(table, frozenset()) and table in self._tables

    def counts(self) -> dict[str, int]:
        """Rows of each table that is there."""
        known = [table for table in queries.COUNTS if self.has(table)]
        return {table: self._number(queries.COUNTS[table]) for table in known}

    def unasked_questions(self) -> int:
        """Questions that no session asks, and that therefore belong to no company."""
        return self._number(queries.UNASKED_QUESTIONS) if self._has_questions else 0

    def companies(self) -> list[Row]:
        """All rows of `Company`."""
        return self._rows("Company", queries.COMPANIES)

    def batches(self) -> list[Row]:
        """All rows of `AIBatchRequest`."""
        return self._rows("AIBatchRequest", queries.BATCHES)

    def models(self) -> list[Row]:
        """All rows of `AIModel`."""
        return self._rows("AIModel", queries.MODELS)

    def prices(self) -> list[Row]:
        """All rows of `AIModelPricing`."""
        return self._rows("AIModelPricing", queries.PRICES)

    def company_models(self) -> list[Row]:
        """All rows of `CompanyAIModel`."""
        return self._rows("CompanyAIModel", queries.COMPANY_MODELS)

    def chats(self, company_id: str, size: ChunkSize) -> Iterator[list[SourceChat]]:
        """A company's chats, whole, in chunks."""
        for statement in (queries.IMPORTED_CHATS, queries.OTHER_CHATS):
            for pairs in self._pairs(statement, company_id, size):
                yield self._whole(pairs)

    def _pairs(self, statement: str, company_id: str, size: ChunkSize) -> Iterator[list[tuple[Row | None, Row | None]]]:
        with _source_faults(), self._connection.cursor(_CURSOR) as cursor:
            cursor.execute(statement, {"company_id": company_id})
            chunk: list[tuple[Row | None, Row | None]] = []
            characters = 0
            while fetched := cursor.fetchmany(_FETCHED_AT_ONCE):
                for imported, session in fetched:
                    chunk.append((_row(imported), _row(session)))
                    characters += len(imported or "") + len(session or "")
                    if len(chunk) >= size.chats or characters >= size.characters:
                        yield chunk
                        chunk, characters = [], 0
            if chunk:
                yield chunk

    def _whole(self, pairs: Sequence[tuple[Row | None, Row | None]]) -> list[SourceChat]:
        ids = [str(session["id"]) for _, session in pairs if session is not None]
        messages = self._hanging("Message", queries.MESSAGES, ids)
        stages = self._hanging("SessionProcessingStatus", queries.STAGES, ids)
        questions = self._hanging("SessionQuestion", queries.QUESTIONS, ids) if self._has_questions else {}
        requests = self._hanging("AIProcessingRequest", queries.REQUESTS, ids)
        chats = []
        for imported, session in pairs:
            session_id = "" if session is None else str(session["id"])
            hanging = (found.get(session_id, ()) for found in (messages, stages, questions, requests))
            chats.append(SourceChat(imported, session, *hanging))
        return chats

    @property
    def _has_questions(self) -> bool:
        return self.has("Question") and self.has("SessionQuestion")

    def _hanging(self, table: str, statement: str, session_ids: Sequence[str]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        if session_ids and self.has(table):
            for row in self._read(statement, {"session_ids": _array(session_ids)}):
                found.setdefault(str(row["sessionId"]), []).append(row)
        return found

    def _rows(self, table: str, statement: str) -> list[Row]:
        return list(self._read(statement)) if self.has(table) else []

    def _read(self, statement: str, values: Mapping[str, object] | None = None) -> Iterator[Row]:
        with _source_faults():
            rows = self._connection.execute(statement, values).fetchall()
        for (document,) in rows:
            yield json.loads(document, parse_float=Decimal)

    def _number(self, statement: str) -> int:
        with _source_faults():
            row = self._connection.execute(statement).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def open_livedash(url: str) -> Iterator[LivedashDatabase]:
    """A snapshot of the LiveDash database at `url`, while our own holds its lock (`take_takeover_lock.sql`).

    Raises:
        UsageError: The address cannot be read, is our own database, or is of one that is not LiveDash's.
        DatabaseNotReadyError: It cannot be reached.
    """
    address = read_address(url)
    connection = _connect(address)
    with connection:
        # A view of one moment, whatever the old system writes meanwhile, and no statement of ours can write.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with _source_faults():
            tables = _look_around(connection, address)
        yield LivedashDatabase(connection, tables)


def _connect(address: LivedashAddress) -> psycopg.Connection[Any]:
    given: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "livedash-import",
    } | address.parameters
    try:
        return psycopg.connect(client_encoding="utf8", **given)
    except psycopg.OperationalError as error:
        raise DatabaseNotReadyError(
            f"The LiveDash database {address.shown} cannot be reached: {driver_reason(str(error))}.",
            remedy="Start it, or correct its address (--from, or LIVEDASH_SOURCE_URL).",
            code="source_unreachable",
        ) from None
    except psycopg.ProgrammingError:
        raise UsageError(
            f"The address of the LiveDash database {address.shown} has a parameter that Postgres does not know.",
            remedy="Leave out what follows the question mark, save schema and sslmode.",
            code="bad_source_address",
        ) from None


def _look_around(connection: psycopg.Connection[Any], address: LivedashAddress) -> dict[str, frozenset[str]]:
    connection.execute(queries.PREPARE, {"schema": address.schema})
    row = connection.execute(queries.IS_OTHER_DATABASE).fetchone()
    if row is None or not row[0]:
        raise UsageError(
            f"{address.shown} is this pipeline's own database.",
            remedy="Give the address of the LiveDash database (--from, or LIVEDASH_SOURCE_URL).",
            code="source_is_target",
        )
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(queries.COLUMNS, {"schema": address.schema}):
        found.setdefault(table, set()).add(column)
    for table, columns in queries.REQUIRED.items():
        if table not in found:
            raise _not_livedash(address, f"table {table} is missing")
        for column in columns:
            if column not in found[table]:
                raise _not_livedash(address, f"column {column} of table {table} is missing")
    return {table: frozenset(columns) for table, columns in found.items()}


def _not_livedash(address: LivedashAddress, what: str) -> UsageError:
    return UsageError(
        f"{address.shown} (schema {address.schema}) is not a LiveDash database: {what}.",
        remedy="Give the address that LiveDash itself uses; its tables are in the schema that ?schema=… names.",
        code="not_livedash",
    )


@contextmanager
def _source_faults() -> Iterator[None]:
    """What the source refuses or breaks off, as one sentence; a server's message may quote a row, so it is not repeated."""
    try:
        yield
    except psycopg.Error as error:
        lost = isinstance(error, psycopg.OperationalError)
        what = "ended the connection" if lost else f"refused a look at its rows ({type(error).__name__})"
        raise SourceError(
            f"The LiveDash database {what}; what was not finished is not kept.",
            reason="connection_lost" if lost else "unreadable",
            retryable=lost,
            remedy="Check its log and the rights of the user, and run import-livedash again; it goes on where it was.",
        ) from None


def _row(document: str | None) -> Row | None:
    if document is None:
        return None
    row: Row = json.loads(document, parse_float=Decimal)
    return row


def _array(values: Sequence[str]) -> str:
    """An array's literal: without a type of its own it fits columns of text and of uuid alike, and their indexes."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"
