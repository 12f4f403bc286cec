"""One CSV under its company's lock: opened, cut into records, staged, judged, and merged in one transaction.

Who may import, and what is recorded of an import that fails, is the business of `import_csv`. Add what happens to the records of
a file here; what a record is stands in `intake.rules`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.urls import SourceRules
from livedash_pipeline.base.steps.workbooks import open_sheet_apart
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.behind import working_behind
from livedash_pipeline.errors import RejectedImportError, SourceError
from livedash_pipeline.intake.rules.csv_records import Block, gather
from livedash_pipeline.intake.rules.csv_rejects import (
    REJECTS_KEPT_ON_FAILURE,
    Reject,
    RejectReason,
    too_many_rejects,
)
from livedash_pipeline.intake.rules.profiles.cells import UnreadableFileError
from livedash_pipeline.intake.rules.profiles.records import Records, open_records
from livedash_pipeline.intake.steps.company_profiles import CompanyProfiles
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules
from livedash_pipeline.intake.store import imports
from livedash_pipeline.sources.csv_source import CsvDownload, NotModified
from livedash_pipeline.sources.forms import Expected
from livedash_pipeline.sources.http import shown_url

if TYPE_CHECKING:
    from livedash_pipeline.intake.steps.csv_columns import TypedBlock

_REPEATS_CHUNK = 5_000


class RefusedFileError(RejectedImportError):
    """Too many records of a file are rejected; what is kept of it goes with this out of the transaction that is rolled back."""

    counts: imports.RunCounts
    rejects: list[dict[str, object]]


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


def _cut_off(company: Company) -> SourceError:
    return SourceError(
        f"{shown_url(company.csv_url)} did not say how long its answer is, and ended within a record.",
        reason="cut_off",
        retryable=True,
        remedy="Nothing of it was imported, and it is fetched again. Have the server send Content-Length.",
    )


@dataclass(frozen=True, slots=True)
class OneCsv:
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
        """Reads the CSV, unless its server says that it is the one of the last import.

        Raises:
            SourceError: It cannot be had, or is not what the company's profile says.
            RefusedFileError: Too many of its records are rejected.
        """
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
        records = open_records(download.pieces, self.profiles.csv, opener=open_sheet_apart)
        last = Block()
        with working_behind(type(None)) as staging:
            for block in gather(self._cut(records), self.chunk_records):
                typed = reader.read(block)
                staging.begin(partial(self._copy, typed, block.rejects + typed.rejects))
                last = block if block.lines or block.rejects else last
        if last.ends_in_a_cut_record and download.may_be_cut_off():
            raise _cut_off(self.company)
        if imports.find_repeats(self.connection):
            # In chunks: nothing can be read on a connection while it takes in a COPY.
            for rejects in self._repeats(records):
                imports.copy_rejects(self.connection, rejects)
            imports.delete_repeats(self.connection)

    def _copy(self, typed: TypedBlock, rejects: list[Reject]) -> None:
        imports.copy_records(self.connection, typed.scratch_rows())
        imports.copy_rejects(self.connection, rejects)

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
        refused = RefusedFileError(
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
