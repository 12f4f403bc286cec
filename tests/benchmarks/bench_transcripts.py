"""Transcripts stored, parsed and turned into sessions with their messages, against the COPY; fetching them is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection

from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions
from livedash_pipeline.intake.steps.transcript_workers import TranscriptLimits
from livedash_pipeline.intake.store.transcripts import (
    DueTranscript,
    FetchResult,
    ImportPage,
    find_due_transcripts,
    import_pages,
    store_transcripts,
)
from tests.benchmarks.copying import Input, Rows, seconds_of_copy
from tests.benchmarks.data import fill_imports, number_of, sample_texts, write_lines
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

_LIMITS = TranscriptLimits()


def measure(site: Site, size: int) -> list[Figure]:
    """What `fetch_transcripts` stores, page by page, and then `derive_sessions`."""
    company = make_company(site)
    with site.engine.begin() as connection:
        fill_imports(connection, company, size)
    settle_down(site)
    storing, deriving = Stopwatch(), Stopwatch()
    for page in import_pages(site.engine, company.id):
        _store(site, page, storing)
    with deriving.running():
        report = derive_sessions(site.engine, company)
    require(report.created == size, str(report))
    texts = site.scratch / "transcripts.txt"
    write_lines(texts, sample_texts(), size)
    written = [
        Rows("transcripts"),
        Rows("sessions"),
        Rows("messages"),
        Rows("session_processing_status", "stage <> 'CSV_IMPORT'"),
    ]
    copy = seconds_of_copy(site, [Input(texts)], written)
    seconds, peak = storing.seconds + deriving.seconds, max(storing.peak_mb, deriving.peak_mb)
    return [
        Figure("transcripts", size, size, seconds, peak, yardstick=copy, goal=3),
        Figure("transcripts: stored", size, size, storing.seconds, peak, unit="s"),
        Figure("transcripts: parsed", size, size, deriving.seconds, peak, unit="s"),
    ]


def _store(site: Site, page: ImportPage, watch: Stopwatch) -> None:
    """What a run of fetches does with one page, apart from the fetches."""
    with watch.running():
        due = in_transaction(site.engine, lambda connection: _due(connection, page))
    for start in range(0, len(due), _LIMITS.store_rows):
        fetched = [_fetched(each) for each in due[start : start + _LIMITS.store_rows]]
        with watch.running():
            in_transaction(site.engine, lambda connection, fetched=fetched: _write(connection, fetched))  # type: ignore[misc]


def _due(connection: Connection, page: ImportPage) -> list[DueTranscript]:
    return find_due_transcripts(connection, page, max_attempts=_LIMITS.attempts, now=database_now(connection))


def _write(connection: Connection, fetched: Sequence[FetchResult]) -> None:
    now = database_now(connection)
    store_transcripts(connection, fetched, retry_after=_LIMITS.retry_after, max_attempts=_LIMITS.attempts, now=now)


def _fetched(due: DueTranscript) -> FetchResult:
    texts = sample_texts()
    url = due.url or ""
    content = texts[number_of(url) % len(texts)]
    digest = hashlib.sha256(content.encode()).hexdigest()
    return FetchResult(
        due.import_id, url, due.row_hash, content=content, sha256=digest, stage_metadata={"contentLength": len(content)}
    )
