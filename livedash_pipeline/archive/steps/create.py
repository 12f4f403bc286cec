"""Writes settled sessions of a month into parts of the archive, and has their texts deleted where that is asked for.

Add a step of `livedash archive create` here as a call. Which sessions are settled is decided in `archive.rules.settled`;
`archive.steps.delete` compares and deletes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine

from livedash_pipeline.archive.rules.months import Month, read_month
from livedash_pipeline.archive.rules.settled import why_unsettled
from livedash_pipeline.archive.steps.delete import Deletion, delete_part_texts
from livedash_pipeline.archive.steps.write import Sizes, WrittenPart, begin
from livedash_pipeline.archive.store import folders, parts
from livedash_pipeline.archive.store.parquet import load_pyarrow
from livedash_pipeline.archive.store.sessions import MonthSession, Place, first_place, month_sessions
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, get_company, list_companies
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.store.sessions import lock_derivation
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

Clock = Callable[[Connection], datetime]

# Some forty thousand sessions, half a minute.
_PAGES_BETWEEN_LOGS = 20


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What is to be archived.

    Attributes:
        month: Such as `2026-03`.
        root: The directory of the archive.
        version: That of this program.
        company: Slug of one company; None: all.
        delete_texts: Delete what the archive then holds from the database.
        dry_run: Count, and change nothing.
    """

    month: str
    root: Path
    version: str
    company: str | None = None
    delete_texts: bool = False
    dry_run: bool = True


@dataclass
class CompanyReport:
    """What became of a company's month.

    Attributes:
        settled: Sessions that were, or would be, written now.
        text_bytes: Size of their texts in the database, where it was only counted.
        archived: Sessions that earlier parts hold as they are.
        left: Sessions that are not settled, by reason.
        parts: Folders of the parts that were written now.
        part_bytes: Their size.
        deletion: What was deleted here.
    """

    settled: int = 0
    text_bytes: int = 0
    archived: int = 0
    left: Counter[str] = field(default_factory=Counter)
    parts: list[Path] = field(default_factory=list)
    part_bytes: int = 0
    deletion: Deletion = field(default_factory=Deletion)


def required_month(text: str) -> Month:
    """The month that somebody names.

    Raises:
        UsageError: It is none.
    """
    month = read_month(text)
    if month is None:
        raise UsageError(f"{text!r} is no month.", remedy="Write it as 2026-03.")
    return month


def create(
    engine: Engine, request: CreateRequest, *, clock: Clock = database_now, sizes: Sizes | None = None
) -> dict[str, CompanyReport]:
    """Archives what a request asks for, and returns a report for each company's slug.

    A second run writes what has settled since, as a further part, and goes on where a first one was interrupted.

    Args:
        engine: Our database.
        request: What is to be archived; a dry run unless it says otherwise.
        clock: The time of a transaction.
        sizes: How much is done at a time; None: the usual.

    Raises:
        UsageError: No such company or month, or one that is not over.
        SettingsError: pyarrow is not installed.
        LivedashError: Another archive command works on the company.
    """
    month = required_month(request.month)
    with engine.connect() as connection:
        if not month.is_past(clock(connection)):
            raise UsageError(f"{month} is not over.", remedy="Archive it when the next month (UTC) has begun.")
        chosen = list_companies(connection) if request.company is None else [get_company(connection, request.company)]
    load_pyarrow()
    reports = {}
    for company in chosen:
        archiving = _Archiving(engine, request, company, month, clock, sizes or Sizes())
        reports[company.slug] = archiving.count() if request.dry_run else archiving.run()
        log.info("month archived", company=company.slug, **_numbers(reports[company.slug], request, month))
    return reports


@dataclass
class _Archiving:
    """One company's month."""

    engine: Engine
    request: CreateRequest
    company: Company
    month: Month
    clock: Clock
    sizes: Sizes
    report: CompanyReport = field(default_factory=CompanyReport)

    def count(self) -> CompanyReport:
        after: Place | None = first_place(self.month)
        while after is not None:
            with self.engine.connect() as connection:
                chosen, after = self._page(connection, after)
            self.report.settled += len(chosen)
            self.report.text_bytes += sum(session.text_bytes for session in chosen)
        return self.report

    def run(self) -> CompanyReport:
        with parts.archive_lock(self.engine, self.company):
            self._remove_interrupted()
            after: Place | None = first_place(self.month)
            while after is not None:
                after = self._write_part(after)
            if self.request.delete_texts:
                with self.engine.connect() as connection:
                    known = parts.list_parts(connection, company_id=self.company.id, month=self.month)
                for part in known:
                    if part.texts_deleted_at is None:
                        self.report.deletion += delete_part_texts(self.engine, part, clock=self.clock)
        return self.report

    def _remove_interrupted(self) -> None:
        """Removes what a killed command has left: files without a manifest that anybody was told of."""
        with self.engine.connect() as connection:
            known = parts.list_parts(connection, company_id=self.company.id, month=self.month)
        for part in known:
            if part.written_at is None:
                folders.remove_part(part.folder)
                in_transaction(self.engine, partial(parts.drop_part, part_id=part.id))
                log.info("interrupted part removed", company=self.company.slug, month=str(self.month), path=part.path)

    def _write_part(self, after: Place) -> Place | None:
        """Writes one part, if any session is left; returns where the next one begins."""
        place: Place | None = after
        writing: WrittenPart | None = None
        pages = 0
        try:
            while place is not None and (writing is None or writing.sessions < self.sizes.part):
                with self._snapshot() as (guard, seeing):
                    chosen, place = self._page(seeing, place)
                    if chosen:
                        writing = writing or self._begin()
                        # By the guard: the other sees nothing of a part that was begun after its moment.
                        parts.add_sessions(guard, writing.id, [session.import_id for session in chosen])
                        writing.add(seeing, chosen, self.sizes)
                pages += 1
                if pages % _PAGES_BETWEEN_LOGS == 0:
                    written = writing.sessions if writing else 0
                    log.info("archiving", company=self.company.slug, month=str(self.month), sessions=written)
            if writing is not None:
                size = writing.finish(dict(self.report.left))
                self.report.settled += writing.sessions
                self.report.parts.append(writing.folder)
                self.report.part_bytes += size
        except BaseException:
            if writing is not None:
                writing.give_up()
            raise
        return place

    def _begin(self) -> WrittenPart:
        asked = self.request
        return begin(self.engine, self.company, self.month, root=asked.root, version=asked.version, clock=self.clock)

    def _page(self, connection: Connection, after: Place) -> tuple[list[MonthSession], Place | None]:
        """The settled sessions of the next page that no part holds, and where the page after it begins."""
        page = month_sessions(connection, self.company.id, self.month, after, most=self.sizes.page)
        chosen = []
        for session in page:
            reason = why_unsettled(session.state, self.month)
            if session.is_archived:
                self.report.archived += 1
            elif reason is not None:
                self.report.left[reason.value] += 1
            else:
                chosen.append(session)
        if len(page) < self.sizes.page:
            return chosen, None
        return chosen, Place(page[-1].state.start_time, page[-1].session_id)

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Connection, Connection]]:
        """Two transactions: one during which nothing of the company is derived or erased, and one that sees one moment of it.

        The latter cannot hold the lock itself: it would see the moment before it had it.
        """
        with self.engine.begin() as guard:
            lock_derivation(guard, self.company.id)
            seeing = self.engine.connect().execution_options(isolation_level="REPEATABLE READ")
            with seeing as connection, connection.begin():
                yield guard, connection


def _numbers(report: CompanyReport, request: CreateRequest, month: Month) -> Document:
    return {
        "month": str(month),
        "dry_run": request.dry_run,
        "settled": report.settled,
        "archived": report.archived,
        "left": report.left.total(),
        "texts_deleted": report.deletion.sessions,
    }


def create_document(reports: dict[str, CompanyReport], request: CreateRequest) -> Document:
    """The document of an archiving or of its dry run."""
    return {
        "ok": True,
        "dryRun": request.dry_run,
        "month": request.month,
        "deleteTexts": request.delete_texts,
        "companies": [
            {
                "company": slug,
                "settled": report.settled,
                "archivedBefore": report.archived,
                "left": dict(report.left),
                "textBytes": report.text_bytes,
                "parts": [str(folder) for folder in report.parts],
                "partBytes": report.part_bytes,
                "deleted": report.deletion.values(),
            }
            for slug, report in sorted(reports.items())
        ],
    }
