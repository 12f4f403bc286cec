"""Imports what is new in a company's folder of CSVs: list, compare with what is known, and import file by file, oldest first.

Which files are due is decided in `intake.rules.import_files`, with the reasons for the order; how one is imported, in
`intake.steps.import_csv`, whose lock is held all the while. Each file that is imported has an import run of its own, and is
marked in the transaction that merges its rows. A call that imports nothing leaves one run behind, as a CSV that did not change
does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.base.rules.places.stores import Place
from livedash_pipeline.base.rules.states import ImportFileState
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.errors import LivedashError, RejectedImportError, SourceError
from livedash_pipeline.intake.rules.import_files import (
    QUIET,
    FileOutcome,
    FileReport,
    KnownFile,
    Plan,
    counts_as_imported,
    plan_files,
)
from livedash_pipeline.intake.steps.company_profiles import profiles_of
from livedash_pipeline.intake.steps.import_csv import ImportOne
from livedash_pipeline.intake.steps.import_report import ImportReport
from livedash_pipeline.intake.store import import_files as files
from livedash_pipeline.logs import get_logger
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource, NotModified
from livedash_pipeline.sources.forms import Expected
from livedash_pipeline.sources.http import shown_url, with_retries
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.places.reading import CHANGED, list_files
from livedash_pipeline.sources.places.store import Store

log = get_logger(__name__)

_READ = frozenset({FileOutcome.IMPORTED, FileOutcome.SAME})


def import_files(company: Company, place: Place, source: CsvSource, one: ImportOne) -> ImportReport:
    """Imports the new and changed files of a folder or pattern; the caller holds the company's lock.

    Raises:
        SourceError: The folder cannot be listed, or no file of it could be read; it is due again after a growing pause.
        SettingsError: The library of the store is not installed.
        RejectedImportError: Too many records are rejected in the only files that were due.
    """
    folder = _Folder(company, place, source, one, profiles_of(company).expected_form)
    with ExitStack() as stack:
        try:
            stores = stack.enter_context(
                Stores(company.source_rules, company.csv_login, source.environ, source.limits, resolver=source.resolver)
            )
            store = stores.get(place.root)
            listed = with_retries(lambda: list_files(store, place), sleep=source.sleep, attempts=source.attempts)
        except LivedashError as error:
            one.run(company, _Found(error))
            raise
        folder.take(store, listed)
    return folder.report()


@dataclass(frozen=True, slots=True)
class _Found:
    """What an import finds where its CSV was opened before, or could not be."""

    answer: CsvDownload | NotModified | LivedashError

    @contextmanager
    def open_csv(self, url: str, **given: object) -> Iterator[CsvDownload | NotModified]:
        """Gives it, or raises it."""
        del url, given
        if isinstance(self.answer, LivedashError):
            raise self.answer
        yield self.answer


@dataclass(slots=True)
class _Folder:
    """One call's work on a folder, and what came of it."""

    company: Company
    place: Place
    source: CsvSource
    one: ImportOne
    expected: Expected
    told: list[FileReport] = field(default_factory=list)
    imported: list[ImportReport] = field(default_factory=list)
    errors: list[LivedashError] = field(default_factory=list)

    def take(self, store: Store, listed: Sequence[ListedFile]) -> None:
        """Does what follows from a listing."""
        plan, known = self._plan(store, listed)
        for number, file in enumerate(plan.due):
            report = self._take_one(store, file, known.get(file.address))
            self.told.append(report)
            log.info("import file", company=self.company.slug, path=shown_url(file.address), outcome=report.outcome)
            if report.outcome is FileOutcome.FAILED:
                self.told += [FileReport(left.address, FileOutcome.POSTPONED) for left in plan.due[number + 1 :]]
                break
        if not self.imported and not self.errors:
            self.imported.append(self.one.run(self.company, _Found(NotModified())))
        if not self.errors and any(report.outcome is FileOutcome.WAITING for report in self.told):
            with self.one.connection.begin():
                files.look_again(self.one.connection, self.company.id, self._now() + QUIET)

    def report(self) -> ImportReport:
        """The sums of all imports, and what was done with each file.

        Raises:
            LivedashError: There were files to import, and none could be.
        """
        if self.errors and not any(report.outcome in _READ for report in self.told):
            raise self.errors[0]
        return ImportReport(
            self.company.slug,
            self.imported[-1].import_run_id if self.imported else None,
            rows=sum(each.rows for each in self.imported),
            new=sum(each.new for each in self.imported),
            changed=sum(each.changed for each in self.imported),
            unchanged=sum(each.unchanged for each in self.imported),
            rejected=sum(each.rejected for each in self.imported),
            not_modified=all(each.not_modified for each in self.imported),
            unread=sum(each.unread for each in self.imported),
            files=tuple(self.told),
        )

    def _plan(self, store: Store, listed: Sequence[ListedFile]) -> tuple[Plan, Mapping[str, KnownFile]]:
        connection, company = self.one.connection, self.company
        with connection.begin():
            now = self._now()
            names = [file.address for file in listed]
            known = files.known_files(connection, company.id, names, belongs=self.place.holds)
            plan = plan_files(listed, known, now=now, quiet=QUIET if store.shows_unfinished else None)
            files.note_waiting(connection, company.id, plan.waiting, now=now)
            files.note_gone(connection, company.id, plan.vanished, now=now)
            files.note_gone(connection, company.id, plan.returned, now=None)
        self.told += [FileReport(name, FileOutcome.VANISHED) for name in plan.vanished]
        self.told += [FileReport(file.address, FileOutcome.WAITING) for file in plan.waiting]
        return plan, known

    def _take_one(self, store: Store, file: ListedFile, before: KnownFile | None) -> FileReport:
        named = replace(self.company, csv_url=file.address)
        with ExitStack() as stack:
            try:
                opened = self.source.open_listed(store, file, expected=self.expected, company=self.company.slug)
                download = stack.enter_context(opened)
            except LivedashError as error:
                return self._unread(named, file, before, error)
            if self._is_imported(file, before, download):
                return FileReport(file.address, FileOutcome.SAME)
            try:
                report = self.one.run(named, _Found(download), partial(self._mark, file, download))
            except LivedashError as error:
                return self._not_imported(file, error)
        self.imported.append(report)
        numbers = (report.rows, report.new, report.changed, report.unchanged, report.rejected, report.unread)
        return FileReport(file.address, FileOutcome.IMPORTED, *numbers)

    def _is_imported(self, file: ListedFile, before: KnownFile | None, download: CsvDownload) -> bool:
        connection, company_id = self.one.connection, self.company.id
        with connection.begin():
            run_id = files.imported_as(connection, company_id, download.sha256)
            if not counts_as_imported(before, download.sha256, known_bytes=run_id is not None):
                return False
            state = ImportFileState.IMPORTED if before and before.sha256 else ImportFileState.SAME
            values = {"sha256": download.sha256, "import_run_id": run_id, "error_code": None}
            files.note_files(connection, company_id, [file], state, now=self._now(), **values)
        return True

    def _mark(
        self, file: ListedFile, download: CsvDownload, connection: Connection, run_id: UUID, now: datetime
    ) -> None:
        values = {"sha256": download.sha256, "import_run_id": run_id, "imported_at": now, "error_code": None}
        files.note_files(connection, self.company.id, [file], ImportFileState.IMPORTED, now=now, **values)

    def _unread(self, named: Company, file: ListedFile, before: KnownFile | None, error: LivedashError) -> FileReport:
        """A file that could not be read: gone, written to meanwhile, or else a failure with a run of its own."""
        reason = error.reason if isinstance(error, SourceError) else ""
        connection, company_id = self.one.connection, self.company.id
        if reason == "file_not_found":
            if before is not None:
                with connection.begin():
                    files.note_gone(connection, company_id, [file.address], now=self._now())
            return FileReport(file.address, FileOutcome.VANISHED)
        if reason == CHANGED:
            with connection.begin():
                files.note_waiting(connection, company_id, [file], now=self._now())
            return FileReport(file.address, FileOutcome.WAITING, error=error.message)
        with suppress(type(error)):
            self.one.run(named, _Found(error))
        return self._not_imported(file, error)

    def _not_imported(self, file: ListedFile, error: LivedashError) -> FileReport:
        """Passes over a file that cannot be used, so that it keeps nobody out; stops at one that the next try may read."""
        self.errors.append(error)
        is_unusable = isinstance(error, RejectedImportError) or (isinstance(error, SourceError) and not error.retryable)
        state = ImportFileState.REFUSED if is_unusable else ImportFileState.FAILED
        connection = self.one.connection
        with connection.begin():
            code = error.reason if isinstance(error, SourceError) else error.code
            files.note_files(connection, self.company.id, [file], state, now=self._now(), error_code=code)
        outcome = FileOutcome.REFUSED if is_unusable else FileOutcome.FAILED
        return FileReport(file.address, outcome, error=str(error))

    def _now(self) -> datetime:
        return self.one.clock(self.one.connection)
