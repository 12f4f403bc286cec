"""Reads and writes around the ingestion of a finished batch, beside the settlement itself.

Add look-ups about a finished batch and notes about its downloads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.ledger.rules.admission.shared_refusal import Refused
from livedash_pipeline.ledger.rules.results.short_results import ShortLooks
from livedash_pipeline.ledger.rules.service.batch_words import EndWord, end_word
from livedash_pipeline.ledger.rules.service.remote import RemoteError

_batches = ai_batch_requests.c


@dataclass(frozen=True)
class BatchToIngest:
    """A batch that has ended, with all that its settlement needs."""

    id: UUID
    company_id: UUID
    company: str
    model: str
    processing_type: str
    status: BatchStatus
    remote_status: str | None
    remote_batch_id: str | None
    key_fingerprint: str
    output_file_id: str | None
    error_file_id: str | None
    token_estimate: int
    request_count: int
    reported_total: int | None
    reported_completed: int | None
    reported_failed: int | None
    usage: TokenUsage | None
    errors: tuple[RemoteError, ...]
    error_code: str | None
    error_message: str | None
    next_ingest_at: datetime | None
    submitted_at: datetime
    ended_at: datetime

    @property
    def end(self) -> EndWord | None:
        """How it ended; None for a batch that the service never had."""
        return end_word(self.remote_status, self.status, self.error_code)

    @property
    def may_name_answers(self) -> bool:
        """Whether a batch may name a file with answers later: it names none, and nothing proves that there is none.

        Counts prove it for a batch that expired or was cancelled. For a completed one they do not, since they may come as late as
        the names.
        """
        if self.output_file_id is not None or self.reported_total == 0:
            return False
        if self.end in (EndWord.EXPIRED, EndWord.CANCELLED):
            return self.remote_batch_id is not None and self.reported_completed is None
        if self.status is not BatchStatus.COMPLETED:
            return False
        return self.error_file_id is None or self.reported_completed is None


def read_batch(connection: Connection, batch_id: UUID, *, settled: bool = False) -> BatchToIngest | None:
    """Returns a batch that has ended, settled or not; None for any other."""
    names = {"batch_id": batch_id, "settled": settled}
    row = connection.execute(statement("ledger/read_batch_to_ingest"), names).mappings().one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    values["status"] = BatchStatus(values["status"])
    values["errors"] = tuple(RemoteError(**error) for error in values["errors"] or ())
    usage = values["usage"]
    values["usage"] = usage and TokenUsage(
        prompt_tokens=usage["input_tokens"],
        completion_tokens=usage["output_tokens"],
        total_tokens=usage["total_tokens"],
        cached_tokens=usage["cached_tokens"],
        reasoning_tokens=usage["reasoning_tokens"],
    )
    return BatchToIngest(**values)


def scratch_usage(connection: Connection) -> TokenUsage:
    """Returns the tokens of all staged lines together; the total counts all tokens of each."""
    row = connection.execute(statement("ledger/sum_scratch_usage")).one()
    return TokenUsage(
        prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens, total_tokens=row.total_tokens
    )


def add_faulty_lines(connection: Connection, batch_id: UUID, errors: Sequence[RemoteError]) -> int:
    """Stages a rejection for each request whose line validation named; returns how many."""
    named = [error for error in errors if error.line is not None]
    return connection.execute(
        statement("ledger/add_faulty_lines"),
        {
            "batch_id": batch_id,
            "lines": [error.line for error in named],
            "codes": [error.code or "invalid_request" for error in named],
            "messages": [error.message[:500] for error in named],
        },
    ).rowcount


def scratch_refusals(connection: Connection) -> list[Refused]:
    """Counts the refusals among staged lines by the service's words."""
    return [
        Refused(row.error_code, row.error_message, row.lines)
        for row in connection.execute(statement("ledger/find_scratch_refusals"))
    ]


def release_refused(connection: Connection, said: Sequence[Refused]) -> None:
    """Changes staged lines that were refused in these words to `not_run`, uncounted."""
    connection.execute(
        statement("ledger/release_scratch_refusals"),
        {"codes": [each.code for each in said], "messages": [each.message for each in said]},
    )


@dataclass(frozen=True)
class StoredLooks:
    """Looks in a row at a batch's incomplete results, and the digest of what they showed."""

    looks: int
    since: datetime
    digest: str | None


def lock_looks(connection: Connection, batch_id: UUID) -> StoredLooks | None:
    """Returns the looks so far, and locks them until the transaction ends; None before the first that counts."""
    row = connection.execute(
        select(_batches.short_downloads, _batches.short_since, _batches.short_download_hash)
        .where(_batches.id == batch_id)
        .with_for_update()
    ).one()
    if row.short_downloads == 0 or row.short_since is None:
        return None
    return StoredLooks(row.short_downloads, row.short_since, row.short_download_hash)


def note_look(
    connection: Connection, batch_id: UUID, looks: ShortLooks | None, *, digest: str, reason: str, next_at: datetime
) -> None:
    """Stores a look at incomplete results, and when the next one is due; `looks` None: this look does not count."""
    connection.execute(
        update(ai_batch_requests)
        .where(_batches.id == batch_id)
        .values(
            short_downloads=looks.looks if looks else 0,
            short_since=looks.since if looks else None,
            short_download_hash=digest,
            short_reason=reason,
            next_ingest_at=next_at,
        )
    )


def batch_id_of(connection: Connection, name: str) -> UUID | None:
    """Returns our id of a batch, which is named by our UUID or by the service's id."""
    try:
        condition = _batches.id == UUID(name)
    except ValueError:
        condition = _batches.remote_batch_id == name
    found: UUID | None = connection.execute(select(_batches.id).where(condition)).scalar_one_or_none()
    return found
