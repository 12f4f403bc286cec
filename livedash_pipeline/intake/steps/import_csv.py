"""Imports a company's CSV: fetch, cut into records, stage, judge, and merge in one transaction.

Add a step of the import here as a call; what a record is, how a source is read and what is written stand in `rules`, `sources`
and `store`. An import either counts whole or not at all; of a refused file the first rejects are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.urls import SourceRules
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.errors import RejectedImportError, SourceError, UsageError
from livedash_pipeline.intake.rules.csv_records import Block, gather
from livedash_pipeline.intake.rules.csv_rejects import (
    REJECTS_KEPT_ON_FAILURE,
    Reject,
    RejectReason,
    too_many_rejects,
)
from livedash_pipeline.intake.rules.import_files import FileReport, files_document
from livedash_pipeline.intake.rules.profiles.cells import UnreadableFileError
from livedash_pipeline.intake.rules.profiles.records import Records, open_records
from livedash_pipeline.intake.steps.company_profiles import CompanyProfiles, profiles_of
from livedash_pipeline.intake.store import imports
from livedash_pipeline.logs import get_logger
from livedash_pipeline.settings import Settings
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource, NotModified
from livedash_pipeline.sources.forms import Expected
from livedash_pipeline.sources.http import shown_url

log = get_logger(__name__)

CHUNK_RECORDS = 20_000
# However often the sensor looks, nobody's server is asked for the same CSV more than once a minute.
SHORTEST_INTERVAL = timedelta(minutes=1)
_REPEATS_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class ImportRules:
    """What of the settings concerns an import."""

    max_reject_ratio: float = 0.2
    interval: timedelta = timedelta(minutes=15)

    @classmethod
    def of(cls, settings: Settings) -> ImportRules:
        """`LIVEDASH_MAX_REJECT_RATIO` and `LIVEDASH_IMPORT_INTERVAL`."""
        interval = timedelta(seconds=settings.livedash_import_interval)
        return cls(settings.livedash_max_reject_ratio, max(interval, SHORTEST_INTERVAL))


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; `rows` is the sum of the four after it, and `unread` says how many have a value that could not be read.

    For a CSV that is not modified the rows are those of the import that read it, all of them unchanged or rejected. A company
    without a CSV, whose sessions are submitted, has no run and no rows. Of a folder of CSVs, the numbers are the sums over the
    files that were imported, the run is that of the last one, and `files` says what was done with each.
    """

    company: str
    import_run_id: UUID | None
    rows: int
    new: int
    changed: int
    unchanged: int
    rejected: int
    not_modified: bool = False
    unread: int = 0
    files: tuple[FileReport, ...] = ()

    def __post_init__(self) -> None:
        if self.rows != self.new + self.changed + self.unchanged + self.rejected:
            raise ValueError(f"an import lost count of its rows: {self}")


class _RefusedFileError(RejectedImportError):
    """Carries what is kept of a refused file out of the transaction that is rolled back."""

    counts: imports.RunCounts
    rejects: list[dict[str, object]]


def import_company(
    engine: Engine,
    company: Company,
    *,
    source: CsvSource,
    rules: ImportRules,
    run_id: str | None = None,
    clock: Callable[[Connection], datetime] = database_now,
    chunk_records: int = CHUNK_RECORDS,
) -> ImportReport:
    """Imports a company's CSV; `run_id` is the Dagster run's, `clock` tells the time.

    Raises:
        UsageError: The company is neither ACTIVE nor TRIAL; nothing was done.
        SourceError: The CSV cannot be had; it is due again after a growing pause.
        RejectedImportError: Too many of its records are rejected; likewise.
        LivedashError: Another import of the company is running; nothing was done.
    """
    with imports.import_lock(engine, company) as connection:
        with connection.begin():
            company = get_company(connection, company.slug)
            _refuse_idle(company)
        if not company.has_csv:
            return ImportReport(company.slug, None, 0, 0, 0, 0, 0)
        one = ImportOne(engine, connection, rules, run_id, clock, chunk_records)
        if company.csv_files is None:
            return one.run(company, source)
        from livedash_pipeline.intake.steps.import_files import import_files

        return import_files(company, company.csv_files, source, one)


class OpensCsv(Protocol):
    """Where an import gets the one CSV that it reads; `CsvSource` is one."""

    def open_csv(
        self,
        url: str,
        *,
        username_env: str | None = None,
        password_env: str | None = None,
        bearer_env: str | None = None,
        headers: Sequence[str] = (),
        etag: str | None = None,
        last_modified: str | None = None,
        rules: SourceRules | None = None,
        expected: Expected = "seed",
    ) -> AbstractContextManager[CsvDownload | NotModified]:
        """As `CsvSource.open_csv`."""


# What else is written in the transaction of a successful import: connection, import run, time.
Completed = Callable[[Connection, UUID, datetime], None]


@dataclass(frozen=True, slots=True)
class ImportOne:
    """Imports of one CSV each, under the lock of their company; each has a run of its own."""

    engine: Engine
    connection: Connection
    rules: ImportRules
    run_id: str | None
    clock: Callable[[Connection], datetime]
    chunk_records: int

    def run(self, company: Company, source: OpensCsv, completed: Completed | None = None) -> ImportReport:
        """Imports the CSV that `company.csv_url` names; the errors are those of `import_company`."""
        connection, clock = self.connection, self.clock
        with connection.begin():
            import_run = imports.start_run(connection, company, dagster_run_id=self.run_id, now=clock(connection))
        logger = log.bind(company=company.slug, import_run_id=str(import_run), run_id=self.run_id)
        logger.info("import started", source=shown_url(company.csv_url))
        try:
            profiles = profiles_of(company)
            report = _Import(
                connection, company, profiles, import_run, source, self.rules, clock, self.chunk_records, completed
            ).run()
        except BaseException as error:  # Recorded and raised again, whatever it is.
            with self.engine.begin() as fresh:
                _record_failure(fresh, company, import_run, error, clock(fresh), self.rules)
            logger.warning("import failed", error_code=_code_of(error))
            raise
        _log_report(logger, report)
        return report


def _log_report(logger: Any, report: ImportReport) -> None:
    logger.info(
        "import finished",
        rows=report.rows,
        new=report.new,
        changed=report.changed,
        unchanged=report.unchanged,
        rejected=report.rejected,
        not_modified=report.not_modified,
    )


def _refuse_idle(company: Company) -> None:
    if not company.is_working:
        raise UsageError(
            f"Company {company.slug} is {company.status}, and only ACTIVE and TRIAL companies are imported.",
            remedy=f"Run `livedash company set {company.slug} --status active` first.",
        )


def _record_failure(
    connection: Connection, company: Company, import_run: UUID, error: BaseException, now: datetime, rules: ImportRules
) -> None:
    refused = error if isinstance(error, _RefusedFileError) else None
    known = explain(error)
    imports.fail_run(
        connection,
        import_run,
        company,
        code=_code_of(error),
        # The text of other errors may quote a record.
        message=known.message if known is not None else f"The import ended with {type(error).__name__}.",
        now=now,
        interval=rules.interval,
        counts=refused.counts if refused else None,
        rejects=refused.rejects if refused else (),
    )


def _code_of(error: BaseException) -> str:
    if isinstance(error, SourceError):
        return error.reason
    known = explain(error)
    if known is not None:
        return known.code
    return "unexpected_error" if isinstance(error, Exception) else "interrupted"


def _cut_off(company: Company) -> SourceError:
    return SourceError(
        f"{shown_url(company.csv_url)} did not say how long its answer is, and ended within a record.",
        reason="cut_off",
        retryable=True,
        remedy="Nothing of it was imported, and it is fetched again. Have the server send Content-Length.",
    )


@dataclass(frozen=True, slots=True)
class _Import:
    """One import under the lock, from the fetch to the end of its transaction."""

    connection: Connection
    company: Company
    profiles: CompanyProfiles
    import_run: UUID
    source: OpensCsv
    rules: ImportRules
    clock: Callable[[Connection], datetime]
    chunk_records: int
    completed: Completed | None = None

    def run(self) -> ImportReport:
        company = self.company
        with self.connection.begin():
            last = imports.last_import(self.connection, company.id)
        # Validators are those of the last success, and mean nothing for another address.
        known = last is not None and last.source_url == company.csv_url
        with self.source.open_csv(
            company.csv_url,
            username_env=company.csv_username_env,
            password_env=company.csv_password_env,
            bearer_env=company.csv_bearer_env,
            headers=company.csv_headers,
            etag=company.csv_etag if known else None,
            last_modified=company.csv_last_modified if known else None,
            rules=company.source_rules,
            expected=self.profiles.expected_form,
        ) as answer:
            if isinstance(answer, NotModified):
                return self._nothing_new(last if known else None)
            return self._take_in(answer)

    def _nothing_new(self, last: imports.LastImport | None) -> ImportReport:
        rows, rejected = (last.rows, last.rows_rejected) if last else (0, 0)
        counts = imports.RunCounts(rows=rows, unchanged=rows - rejected, rejected=rejected)
        with self.connection.begin():
            self._complete(counts, None)
        return self._report(counts, not_modified=True)

    def _take_in(self, download: CsvDownload) -> ImportReport:
        connection = self.connection
        with connection.begin():
            imports.create_scratch(connection)
            self._stage(download)
            staged = imports.count_scratch(connection)
            self._judge(staged)
            merged = imports.merge(connection, self.company.id, self.import_run, self.clock(connection))
            counts = imports.RunCounts(
                rows=staged.staged + staged.rejected,
                new=merged.new,
                changed=merged.changed,
                unchanged=staged.staged - merged.new - merged.changed,
                rejected=staged.rejected,
            )
            self._complete(counts, download)
        return self._report(counts, unread=staged.unread)

    def _stage(self, download: CsvDownload) -> None:
        # It loads pandas, which most processes that load this never need.
        from livedash_pipeline.intake.steps.csv_columns import ColumnReader

        reader = ColumnReader(self.profiles.reading)
        records = open_records(download.pieces, self.profiles.csv)
        last = Block()
        for block in gather(self._cut(records), self.chunk_records):
            typed = reader.read(block)
            imports.copy_records(self.connection, typed.scratch_rows())
            imports.copy_rejects(self.connection, block.rejects + typed.rejects)
            last = block if block.lines or block.rejects else last
        if last.ends_in_a_cut_record and download.may_be_cut_off():
            raise _cut_off(self.company)
        if imports.find_repeats(self.connection):
            # In chunks: nothing can be read on a connection while it takes in a COPY.
            for rejects in self._repeats(records):
                imports.copy_rejects(self.connection, rejects)
            imports.delete_repeats(self.connection)

    def _cut(self, records: Records) -> Iterator[Block]:
        try:
            yield from records.blocks()
        except UnreadableFileError as error:
            raise SourceError(
                f"{shown_url(self.company.csv_url)} {error}.",
                reason="not_as_described",
                retryable=False,
                remedy=f"`livedash company detect {self.company.slug}` looks at it and proposes how it is to be read.",
            ) from None

    def _repeats(self, records: Records) -> Iterator[list[Reject]]:
        """Records that a later one replaces, with their text, which was not staged and is read once more."""
        found: deque[tuple[int, int, int]] = deque()

        def spans() -> Iterator[tuple[int, int]]:
            for line, line_count, last_line in imports.read_repeats(self.connection):
                found.append((line, line_count, last_line))
                yield line, line_count

        rejects = []
        for _, raw in records.again(spans()):
            line, line_count, last_line = found.popleft()
            detail = f"line {last_line} counts"
            rejects.append(Reject(line, line_count, raw, RejectReason.DUPLICATE_ID, detail))
            if len(rejects) == _REPEATS_CHUNK:
                yield rejects
                rejects = []
        yield rejects

    def _judge(self, staged: imports.StagedCounts) -> None:
        records = staged.staged + staged.rejected
        if not too_many_rejects(records, staged.rejected, self.rules.max_reject_ratio):
            return
        refused = _RefusedFileError(
            f"Of {records:,} records of {shown_url(self.company.csv_url)} {staged.rejected:,} cannot be used, "
            f"most often because of {staged.commonest_reason}; nothing was imported.",
            remedy=f"Look at the first {REJECTS_KEPT_ON_FAILURE} with `livedash rejects --company {self.company.slug}`; if the "
            f"file is written in another way, `livedash company detect {self.company.slug}` proposes how it is to be read; or "
            f"raise LIVEDASH_MAX_REJECT_RATIO (now {self.rules.max_reject_ratio}).",
        )
        refused.counts = imports.RunCounts(rows=records, rejected=staged.rejected)
        refused.rejects = imports.first_rejects(self.connection, REJECTS_KEPT_ON_FAILURE)
        raise refused

    def _complete(self, counts: imports.RunCounts, download: CsvDownload | None) -> None:
        now = self.clock(self.connection)
        is_same = imports.complete_run(
            self.connection,
            self.import_run,
            self.company,
            counts,
            now=now,
            next_import_at=now + self.rules.interval,
            validators=(download.etag, download.last_modified) if download else None,
            size=download.size if download else 0,
            sha256=download.sha256 if download else None,
        )
        # What was read in another way than is wanted by now is not marked as read.
        if self.completed is not None and is_same:
            self.completed(self.connection, self.import_run, now)

    def _report(self, counts: imports.RunCounts, *, not_modified: bool = False, unread: int = 0) -> ImportReport:
        return ImportReport(
            self.company.slug,
            self.import_run,
            counts.rows,
            counts.new,
            counts.changed,
            counts.unchanged,
            counts.rejected,
            not_modified,
            unread,
        )


def import_document(report: ImportReport) -> Document:
    """What an import of one company did."""
    return {
        "ok": True,
        "company": report.company,
        "rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "unread": report.unread,
        **files_document(report.files),
    }
