"""Writes the results of a batch: one row per row of its file, in the file's order, whatever became of it and however long ago.

Add a format in `chats.steps.results_file`; columns are a rule of `chats.rules.results`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.rules.results.rows import Originals, ResultRow, deletion_note
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, SKIP_CODES, is_failure
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.steps.results_file.csv_file import write_csv
from livedash_pipeline.chats.steps.results_file.json_file import write_json
from livedash_pipeline.chats.steps.results_file.written import WrittenResults
from livedash_pipeline.chats.steps.results_file.xlsx_file import write_xlsx
from livedash_pipeline.chats.store.batches import ChatBatch, count_turns
from livedash_pipeline.chats.store.results import stream_results
from livedash_pipeline.errors import UsageError

Format = Literal["csv", "json", "xlsx"]
FORMATS: tuple[Format, ...] = ("csv", "json", "xlsx")
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class OpenResults:
    """The results of a batch, ready to be written."""

    batch: ChatBatch
    count: int
    connection: Connection

    def write(self, output: BinaryIO, *, file_format: Format, originals: Originals = "first") -> WrittenResults:
        """Writes all rows.

        Raises:
            UsageError: A sheet cannot hold so many rows or columns.
        """
        rows, columns = self.rows(), self.batch.columns
        match file_format:
            case "csv":
                return write_csv(rows, columns, output, originals=originals)
            case "json":
                return write_json(rows, columns, output, batch_id=str(self.batch.id), originals=originals)
            case "xlsx":
                created_at = database_now(self.connection)
                return write_xlsx(rows, columns, output, created_at=created_at, originals=originals, count=self.count)

    def rows(self) -> Iterator[ResultRow]:
        """Each row with its result."""
        provider = self.batch.configuration.search_provider
        return (_result_row(row, provider) for row in stream_results(self.connection, self.batch.id))


@contextmanager
def open_results(engine: Engine, batch_id: UUID, *, viewer: Viewer = EVERYBODY) -> Iterator[OpenResults]:
    """The results of a batch, of one snapshot of the database.

    Raises:
        UsageError: No such batch.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        batch = required_batch(connection, batch_id, viewer=viewer)
        yield OpenResults(batch, count_turns(connection, batch_id), connection)


def checked_format(text: str) -> Format:
    """A format by its name.

    Raises:
        UsageError: There is none of that name.
    """
    for known in FORMATS:
        if text == known:
            return known
    raise UsageError(f"{text[:50]!r} is no format of results.", remedy=f"Use one of {', '.join(FORMATS)}.")


def _result_row(row: Row[Any], search_provider: str) -> ResultRow:
    code = row.outcome_code or (row.chat_code if row.chat_state in _OVER else None)
    deleted = deletion_note(erased=row.is_erased, questions=row.lost_questions, answers=row.lost_answers)
    return ResultRow(
        cells=row.cells,
        chat_id=row.chat_id,
        interaction_id=str(row.interaction_id),
        status=turn_status(row.outcome_code, ChatState(row.chat_state)),
        outcome_code=code,
        error=deleted or (row.error_message if row.outcome_code else row.chat_error),
        question=row.question,
        answer=row.answer if row.outcome_code == ANSWERED else None,
        citations=[source["url"] or source["title"] for source in row.sources],
        model=row.model,
        search_provider=search_provider,
        applied_overrides=row.applied_overrides,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_usd,
        cost_eur=row.cost_eur,
        started_at=row.started_at,
        completed_at=row.completed_at,
    )


_OVER = (ChatState.FAILED, ChatState.SKIPPED, ChatState.CANCELLED)


def turn_status(code: str | None, state: ChatState) -> ChatState:
    """Where one row stands: by the end of its own turn, else by its conversation."""
    if code is None:
        return state
    if code == ANSWERED:
        return ChatState.COMPLETED
    if code in SKIP_CODES:
        return ChatState.SKIPPED
    return ChatState.FAILED if is_failure(code) else ChatState.CANCELLED
