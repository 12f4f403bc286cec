"""Deletes texts: by age as each company keeps them, or at once where sessions or a person are named.

Add a step of a deletion here as a call. `retention.store.retention` finds texts that are old enough, `retention.store.erasure`
erases, and `retention.steps.prune_audit` deletes audit entries. The caller passes a function that deletes records of Dagster's
runs, since nothing here knows Dagster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.chat_states import ENDED_CHAT_BATCHES
from livedash_pipeline.base.rules.ids import read_ids
from livedash_pipeline.base.rules.retention_periods import Cutoffs
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, get_company, list_companies
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.chats.steps.files.uploads import delete_old_uploads
from livedash_pipeline.chats.store.moves import lock_batch
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.store.transcripts import ImportPage, import_pages
from livedash_pipeline.logs import get_logger
from livedash_pipeline.retention.rules.retention import PruneRequest, find_fault, reject_patterns, url_patterns
from livedash_pipeline.retention.steps.prune_audit import prune_audit
from livedash_pipeline.retention.store import chat_texts, erasure, retention
from livedash_pipeline.retention.store.chat_texts import PrunableBatch
from livedash_pipeline.retention.store.erasure import ArchiveCopy, ErasureCounts, NamedImport
from livedash_pipeline.retention.store.retention import TextCounts

log = get_logger(__name__)

# Imports of one transaction: a hundred thousand messages, a second or two.
PAGE_SIZE = 10_000

RunsDeleter = Callable[[datetime, int, bool], int]
"""Deletes records of runs: the time, how many days ago they must have ended, whether to count only; returns how many."""

Clock = Callable[[Connection], datetime]


@dataclass
class PruneReport:
    """Counts of a deletion or of its dry run.

    Attributes:
        dry_run: Nothing was changed.
        companies: Texts by the company's slug.
        sessions: Sessions that were named and erased.
        in_flight: Requests about them that are at the service; they are settled without their answers.
        not_found: Ids and addresses that name nothing.
        dagster_runs: Records of runs.
        audit_entries: Entries of the audit log.
        archived: Parts of the archive whose files hold erased sessions.
    """

    dry_run: bool
    companies: dict[str, TextCounts] = field(default_factory=dict)
    sessions: int = 0
    in_flight: int = 0
    not_found: int = 0
    dagster_runs: int = 0
    audit_entries: int = 0
    archived: list[ArchiveCopy] = field(default_factory=list)


def checked(request: PruneRequest) -> PruneRequest:
    """Returns the request if it can be carried out.

    Raises:
        UsageError: It cannot.
    """
    fault = find_fault(request)
    if fault is not None:
        raise UsageError(fault.message, remedy=fault.remedy)
    return request


def prune(
    engine: Engine,
    request: PruneRequest,
    *,
    delete_runs: RunsDeleter | None = None,
    clock: Clock = database_now,
    page_size: int = PAGE_SIZE,
) -> PruneReport:
    """Deletes what a request asks for; a second run finds nothing more.

    Args:
        engine: Our database.
        request: What is to be deleted; a dry run unless it says otherwise.
        delete_runs: Deletes records of Dagster's runs, where the request asks for that.
        clock: The time of a transaction.
        page_size: Imports of one transaction.

    Raises:
        UsageError: The request cannot be carried out, or there is no such company.
    """
    checked(request)
    report = PruneReport(request.dry_run)
    if request.names_sessions:
        _erase(engine, request, report, clock)
        return report
    if not request.dry_run:
        # Whatever its company keeps: nobody reads these files any more.
        delete_old_uploads(engine, clock=clock)
    for company in _companies(engine, request.company):
        counts = _Pruning(engine, company, request.dry_run, clock, page_size).run()
        report.companies[company.slug] = counts
        log.info("texts pruned", company=company.slug, dry_run=request.dry_run, **asdict(counts))
    if request.dagster_older_than_days is not None and delete_runs is not None:
        report.dagster_runs = _delete_runs(engine, request.dagster_older_than_days, request.dry_run, delete_runs, clock)
    if request.audit_older_than_days is not None:
        report.audit_entries = prune_audit(engine, request.audit_older_than_days, dry_run=request.dry_run, clock=clock)
    return report


def _companies(engine: Engine, slug: str | None) -> list[Company]:
    """The named company, or all companies that do not keep everything, whatever their status."""
    with engine.connect() as connection:
        if slug is not None:
            return [get_company(connection, slug)]
        return [company for company in list_companies(connection) if not company.retention.keeps_everything]


@dataclass
class _Pruning:
    """Deletion by age for one company, page by page, each with its part of the record in one transaction."""

    engine: Engine
    company: Company
    dry_run: bool
    clock: Clock
    page_size: int
    counts: TextCounts = field(default_factory=TextCounts)
    record: UUID | None = None

    def run(self) -> TextCounts:
        with self.engine.connect() as connection:
            started_at = self.clock(connection)
        cutoffs = self.company.retention.cutoffs(started_at)
        if not self.company.retention.keeps_everything:
            for page in import_pages(self.engine, self.company.id, page_size=self.page_size):
                self._step(partial(self._prune_page, page, cutoffs), started_at)
        if cutoffs.transcripts is not None:
            self._step(partial(self._prune_rejects, cutoffs.transcripts), started_at)
        for batch in self._chat_batches(cutoffs):
            self._step(partial(self._prune_chats, batch), started_at)
        if self.record is not None:
            with self.engine.begin() as connection:
                self._write(connection, self.counts, started_at, self.clock(connection))
        return self.counts

    def _step(self, delete: Callable[[Connection], TextCounts], started_at: datetime) -> None:
        if self.dry_run:
            with self.engine.connect() as connection:
                self.counts += delete(connection)
                connection.rollback()
            return

        def work(connection: Connection) -> tuple[TextCounts, UUID | None]:
            counts = self.counts + delete(connection)
            return counts, self._write(connection, counts, started_at) if counts != self.counts else self.record

        # Counted after the commit, since a transaction that is run again must not count twice.
        self.counts, self.record = in_transaction(self.engine, work)

    def _prune_page(self, page: ImportPage, cutoffs: Cutoffs, connection: Connection) -> TextCounts:
        now = self.clock(connection)
        return retention.prune_page(connection, page, cutoffs, now=now, dry_run=self.dry_run)

    def _prune_rejects(self, before: datetime, connection: Connection) -> TextCounts:
        return retention.prune_rejects(connection, self.company.id, before=before, dry_run=self.dry_run)

    def _chat_batches(self, cutoffs: Cutoffs) -> list[PrunableBatch]:
        with self.engine.connect() as connection:
            return chat_texts.prunable_batches(connection, self.company.id, cutoffs)

    def _prune_chats(self, batch: PrunableBatch, connection: Connection) -> TextCounts:
        """A chat batch's questions count as messages; one that was taken up again meanwhile keeps everything."""
        locked = lock_batch(connection, batch.id)
        if locked is None or locked.status not in ENDED_CHAT_BATCHES:
            return TextCounts()
        found = chat_texts.count_texts(connection, batch.id)
        counts = TextCounts(
            messages=found.messages if batch.questions else 0, answers=found.answers if batch.answers else 0
        )
        now = self.clock(connection)
        if batch.questions and not self.dry_run:
            chat_texts.delete_questions(connection, batch.id, now=now)
        if batch.answers and not self.dry_run:
            chat_texts.delete_answers(connection, batch.id, now=now)
        return counts

    def _write(
        self, connection: Connection, counts: TextCounts, started_at: datetime, finished_at: datetime | None = None
    ) -> UUID:
        return retention.record_deletion(
            connection,
            self.record,
            "retention",
            counts,
            company_id=self.company.id,
            started_at=started_at,
            finished_at=finished_at,
        )


def _erase(engine: Engine, request: PruneRequest, report: PruneReport, clock: Clock) -> None:
    """Erases the named sessions, all of one company in one transaction."""
    ids, unreadable = read_ids(request.session_ids)
    external_ids = list(dict.fromkeys(name.strip() for name in request.external_ids))
    address = request.ip_address and request.ip_address.strip()
    with engine.connect() as connection:
        company = get_company(connection, request.company) if request.company is not None else None
        found = erasure.find_named_imports(
            connection,
            session_ids=ids,
            company_id=company.id if company else None,
            external_ids=external_ids,
            ip_address=address,
        )
    report.not_found = unreadable + _count_missing(found, ids, external_ids, address)
    names: dict[tuple[UUID, str], list[str]] = defaultdict(list)
    urls: dict[tuple[UUID, str], list[str]] = defaultdict(list)
    imports: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    if company is not None:
        # A rejected record has no import but may still hold the id or the address.
        names[company.id, company.slug] += [*external_ids, *([address] if address else [])]
    for each in found:
        names[each.company_id, each.company].append(each.external_session_id)
        imports[each.company_id, each.company].append(each.import_id)
        if each.transcript_url:
            urls[each.company_id, each.company].append(each.transcript_url)
    for owner in sorted(names, key=lambda owner: owner[1]):
        patterns = reject_patterns(dict.fromkeys(names[owner])) + url_patterns(dict.fromkeys(urls[owner]))
        counts, copies = _erase_of_company(engine, owner[0], imports[owner], patterns, request.dry_run, clock)
        report.archived += copies
        for copy in copies:
            log.warning(
                "the archive holds erased sessions", path=copy.path, sessions=copy.sessions, dry_run=request.dry_run
            )
        report.sessions += counts.sessions
        report.in_flight += counts.in_flight
        report.companies[owner[1]] = TextCounts(counts.transcripts, counts.messages, counts.answers, counts.rejects)
        log.info("sessions erased", company=owner[1], dry_run=request.dry_run, **asdict(counts))


def _count_missing(
    found: Iterable[NamedImport], ids: Iterable[UUID], external_ids: Iterable[str], address: str | None
) -> int:
    known = list(found)
    known_ids = {each.import_id for each in known} | {each.session_id for each in known}
    known_names = {each.external_session_id for each in known}
    nobody = address is not None and not any(each.used_address for each in known)
    missing = sum(each not in known_ids for each in ids) + sum(name not in known_names for name in external_ids)
    return missing + nobody


def _erase_of_company(
    engine: Engine, company_id: UUID, import_ids: list[UUID], patterns: list[str], dry_run: bool, clock: Clock
) -> tuple[ErasureCounts, list[ArchiveCopy]]:
    def work(connection: Connection) -> tuple[ErasureCounts, list[ArchiveCopy]]:
        now = clock(connection)
        counts = erasure.erase_imports(
            connection, company_id, import_ids, reject_patterns=patterns, now=now, dry_run=dry_run
        )
        copies = erasure.note_archive_copies(connection, dry_run=dry_run)
        if not dry_run and any(asdict(counts).values()):
            retention.record_deletion(
                connection,
                None,
                "erasure",
                {"inFlight" if name == "in_flight" else name: count for name, count in asdict(counts).items()},
                company_id=company_id,
                started_at=now,
                finished_at=clock(connection),
            )
        return counts, copies

    if not dry_run:
        return in_transaction(engine, work)
    with engine.connect() as connection:
        counted = work(connection)
        connection.rollback()
    return counted


def _delete_runs(engine: Engine, days: int, dry_run: bool, delete_runs: RunsDeleter, clock: Clock) -> int:
    with engine.connect() as connection:
        started_at = clock(connection)
    deleted = delete_runs(started_at, days, dry_run)
    if deleted and not dry_run:
        with engine.begin() as connection:
            retention.record_deletion(
                connection,
                None,
                "dagster",
                {"dagsterRuns": deleted},
                company_id=None,
                started_at=started_at,
                finished_at=clock(connection),
            )
    log.info("records of runs deleted", dry_run=dry_run, runs=deleted)
    return deleted


def prune_document(report: PruneReport) -> Document:
    """The document of a deletion or of its dry run."""
    return {
        "ok": True,
        "dryRun": report.dry_run,
        "companies": [{"company": slug} | asdict(counts) for slug, counts in sorted(report.companies.items())],
        "erased": {
            "sessions": report.sessions,
            "inFlight": report.in_flight,
            "notFound": report.not_found,
            "archived": [{"path": copy.path, "sessions": copy.sessions} for copy in report.archived],
        },
        "dagsterRuns": report.dagster_runs,
        "auditEntries": report.audit_entries,
    }
