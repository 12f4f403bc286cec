"""Transcripts as they were fetched: which are due, and what a fetch brought.

Add reads and writes of `transcripts` and of the stage TRANSCRIPT_FETCH, which are always written together. Every function
runs on the caller's transaction; what counts as a failure and when it is tried again is decided by steps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.base.rules.urls import UrlProblem
from livedash_pipeline.base.store.copying import copying
from livedash_pipeline.base.store.statements import statement


@dataclass(frozen=True, slots=True)
class ImportPage:
    """Imports of a company whose external id lies after `after`, up to and with `until`."""

    company_id: UUID
    after: str
    until: str


@dataclass(frozen=True, slots=True)
class DueTranscript:
    """A transcript to be fetched; `url` is None for a row that names none.

    Attributes:
        import_id: The row of the CSV.
        url: Where it is, without blanks around it.
        row_hash: The version of the row that names it.
        etag: The server's name for the version that is stored, if that came from the same URL.
        sha256: Of the bytes that are stored.
        size: Of the text that is stored, in bytes.
        was_refused: It waits for a person, because the company's rules refused the address; they may be others by now.
    """

    import_id: UUID
    url: str | None
    row_hash: str
    etag: str | None
    sha256: str | None
    size: int
    was_refused: bool = False


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a fetch brought: content, or an error, or neither of them, which means that nothing changed.

    `stage_metadata` is kept with the stage. `sha256` belongs to the content, and `etag` to
    what is current now, fetched or not changed. A `permanent` error waits for a person.
    """

    import_id: UUID
    url: str
    row_hash: str
    content: str | None = None
    sha256: str | None = None
    etag: str | None = None
    replaced: bool = False
    error_code: str | None = None
    error_message: str | None = None
    permanent: bool = False
    stage_metadata: Mapping[str, object] | None = None


def import_pages(engine: Engine, company_id: UUID, *, page_size: int = 5000) -> Iterator[ImportPage]:
    """All imports of a company in pages, in a transaction each, so that memory and snapshots stay small."""
    after = ""
    while True:
        with engine.connect() as connection:
            until = connection.execute(
                statement("intake/find_import_page"), {"company_id": company_id, "after": after, "page_size": page_size}
            ).scalar_one()
        if until is None:
            return
        yield ImportPage(company_id, after, until)
        after = until


def find_due_transcripts(
    connection: Connection, page: ImportPage, *, max_attempts: int, now: datetime
) -> list[DueTranscript]:
    """The transcripts of one page that are to be fetched or skipped at `now`, with those whose address was refused."""
    rows = connection.execute(
        statement("intake/find_due_transcripts"),
        {
            "company_id": page.company_id,
            "after": page.after,
            "until": page.until,
            "max_attempts": max_attempts,
            "refusals": list(get_args(UrlProblem)),
            "now": now,
        },
    )
    return [DueTranscript(**row) for row in rows.mappings()]


def count_failed_transcripts(connection: Connection, slugs: Sequence[str]) -> dict[str, dict[str, int]]:
    """Transcripts of companies that could not be fetched so far, by company and cause, the commonest cause first."""
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(statement("intake/count_failed_transcripts"), {"slugs": list(slugs)}):
        counts.setdefault(row.company, {})[row.error_code] = row.transcripts
    return counts


def store_transcripts(
    connection: Connection, results: Sequence[FetchResult], *, retry_after: timedelta, max_attempts: int, now: datetime
) -> None:
    """Writes results and their stages; failed ones are due again after `retry_after`, doubled with each try, up to a limit."""
    connection.execute(statement("intake/create_scratch_transcripts"))
    with copying(connection, "intake/copy_scratch_transcripts") as copy:
        for result in results:
            # A message may quote an address of the CSV or of a redirect.
            copy.write_row(
                (
                    result.import_id,
                    result.url,
                    result.row_hash,
                    result.content,
                    result.sha256,
                    result.etag,
                    result.replaced,
                    result.error_code,
                    storable(result.error_message),
                    result.permanent,
                    json.dumps(result.stage_metadata or {}),
                )
            )
    values = {"retry_after": retry_after, "max_attempts": max_attempts, "now": now}
    connection.execute(statement("intake/store_transcripts"), values)


def skip_transcripts(connection: Connection, import_ids: Sequence[UUID], *, reason: str, now: datetime) -> None:
    """Marks the fetch of imports without a transcript as SKIPPED."""
    connection.execute(
        statement("intake/skip_transcripts"), {"import_ids": list(import_ids), "reason": reason, "now": now}
    )
