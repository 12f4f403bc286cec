"""Takes an existing LiveDash database over: read-only there, a transaction per company here; it may be repeated.

`takeover.rules.chats` judges a chat and `takeover.store.chats` writes it; this module decides the order and counts. A dry run
does everything and rolls back. No session becomes pending that was analysed, or whose answer the old system waits for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.steps.company_profiles import transcript_profile_of
from livedash_pipeline.logs import get_logger
from livedash_pipeline.sources.takeover.database import ChunkSize, LivedashDatabase, open_livedash
from livedash_pipeline.takeover.rules.chats import ChatRules, SourceChat, take_chat
from livedash_pipeline.takeover.rules.companies import TakenCompany, take_company, take_model, take_price
from livedash_pipeline.takeover.rules.requests import OldBatch, RequestEnd, request_end
from livedash_pipeline.takeover.rules.values import Note, text, word
from livedash_pipeline.takeover.steps.accounts import JudgedChat, count_read, count_stored
from livedash_pipeline.takeover.steps.report import MoveReport
from livedash_pipeline.takeover.store import companies as companies_here
from livedash_pipeline.takeover.store.chats import create_scratch, store_chats

log = get_logger(__name__)

SOURCE_VARIABLE = "LIVEDASH_SOURCE_URL"
NO_MODEL = "its model is missing"
UNASKED = "no session asks it"
_MOST_HOSTS = 100


def require_address(url: str | None, where: str) -> str:
    """Returns the address of the LiveDash database.

    Raises:
        UsageError: There is none; `where` says where it was looked for.
    """
    if not url:
        raise UsageError(
            f"No LiveDash database is named: {where} is empty.",
            remedy=f"Set {SOURCE_VARIABLE}, or give --from postgresql://USER:PASSWORD@HOST/DATABASE.",
            code="no_source",
        )
    return url


def import_livedash(
    engine: Engine,
    source_url: str,
    *,
    dry_run: bool = False,
    size: ChunkSize | None = None,
    clock: Callable[[Connection], datetime] = database_now,
) -> Document:
    """Takes a LiveDash database over and reports; a second run takes only what is new.

    Args:
        engine: Our database.
        source_url: Address of the other one; it is only read.
        dry_run: Roll everything back at the end.
        size: How much is in memory at a time.
        clock: The time of a transaction.

    Raises:
        UsageError: The address cannot be read, is our own database, or is of one that is not LiveDash's.
        DatabaseNotReadyError: The source cannot be reached.
        SourceError: It broke off; companies that were finished stay.
        LivedashError: Another run is under way, or an import of one of the companies.
    """
    with companies_here.takeover_lock(engine) as connection, open_livedash(source_url) as source:
        report = MoveReport(dry_run, source_counts=source.counts())
        move = _Move(connection, source, report, size or ChunkSize(), clock, dry_run)
        if dry_run:
            with connection.begin() as transaction:
                move.run()
                transaction.rollback()
        else:
            move.run()
    document = report.document()
    log.info("livedash taken over", ok=document["ok"], dry_run=dry_run, companies=document["companies"])
    return document


@dataclass
class _Move:
    """One run, on the connection that holds the lock."""

    connection: Connection
    source: LivedashDatabase
    report: MoveReport
    size: ChunkSize
    clock: Callable[[Connection], datetime]
    dry_run: bool
    batches: dict[str, OldBatch] = field(default_factory=dict)
    requests_of_batch: Counter[str] = field(default_factory=Counter)
    slugs: dict[str, str] = field(default_factory=dict)
    models: dict[str, UUID] = field(default_factory=dict)

    def run(self) -> None:
        """Models and prices, then company by company, each whole or not at all."""
        rows = self.source.batches()
        self.batches = {
            str(row["id"]): OldBatch(text(row.get("openaiBatchId")) or str(row["id"]), word(row["status"]) or "")
            for row in rows
        }
        with self._unit():
            self._models()
        taken = self._known_slugs()
        defaults = self._company_models()
        for row in self.source.companies():
            notes: list[Note] = []
            moved = take_company(row, notes)
            with self._unit():
                _Company(self, moved, taken, defaults.get(moved.source_id, {})).run(notes)
        self._strays()
        self.report.open_batches = [
            {
                "openaiBatchId": self.batches[str(row["id"])].openai_batch_id,
                "company": self.slugs.get(str(row["companyId"])),
                "status": self.batches[str(row["id"])].status.lower(),
                "requests": self.requests_of_batch[str(row["id"])],
            }
            for row in rows
            if self.batches[str(row["id"])].is_open
        ]

    @contextmanager
    def _unit(self) -> Iterator[None]:
        """A transaction; in a dry run a part of the one that is rolled back."""
        with self.connection.begin_nested() if self.dry_run else self.connection.begin():
            yield

    def _known_slugs(self) -> set[str]:
        with self._unit():
            return companies_here.known_slugs(self.connection)

    def _models(self) -> None:
        now, notes = self.clock(self.connection), list[Note]()
        moved = [take_model(row) for row in self.source.models()]
        self.models, added = companies_here.store_models(self.connection, moved, now=now)
        self.report.of("AIModel").add(read=len(moved), written=added, unchanged=len(moved) - added)
        rows = self.source.prices()
        prices = [price for price in (take_price(row, notes) for row in rows) if price is not None]
        orphans = [price for price in prices if price.model_source_id not in self.models]
        notes += [Note("AIModelPricing", str(price.price_id), NO_MODEL, skipped=True) for price in orphans]
        written = companies_here.store_prices(self.connection, prices, self.models, now=now)
        self.report.of("AIModelPricing").add(
            read=len(rows), written=written, unchanged=len(prices) - len(orphans) - written
        )
        self.report.note(notes)

    def _company_models(self) -> dict[str, dict[UUID, bool]]:
        """Returns our models of each company of the source, and whether they are its default."""
        found: dict[str, dict[UUID, bool]] = {}
        for row in self.source.company_models():
            model = self.models.get(str(row["aiModelId"]))
            if model is not None:
                found.setdefault(str(row["companyId"]), {})[model] = row.get("isDefault") is True
        return found

    def _strays(self) -> None:
        """Counts questions: a row of the source that no session asks has no company; the others exist once per company."""
        questions, read = self.report.of("Question"), self.report.source_counts.get("Question", 0)
        unasked = self.source.unasked_questions()
        if unasked:
            self.report.note([Note("Question", "", UNASKED, skipped=True, count=unasked, listed=False)])
        questions.add(read=read, unchanged=max(0, read - unasked - questions.written))


@dataclass(frozen=True)
class _Company:
    """One company of the source, within its transaction."""

    move: _Move
    moved: TakenCompany
    taken: set[str]
    models: Mapping[UUID, bool]

    def run(self, notes: list[Note]) -> None:
        """Takes over the company's row, its models and its chats."""
        connection, report = self.move.connection, self.move.report
        now = self.move.clock(connection)
        stored = companies_here.store_company(connection, self.moved, self.taken, now=now)
        company = stored.company
        companies_here.lock_company(connection, company)
        companies_here.store_company_models(connection, company.id, self.models)
        self.taken.add(company.slug)
        self.move.slugs[self.moved.source_id] = company.slug
        report.of("Company").add(read=1, written=int(stored.is_new), unchanged=int(not stored.is_new))
        report.variables.update(filter(None, (company.csv_username_env, company.csv_password_env)))
        # Notes about the row appear again only if the row is made again.
        report.note(notes if stored.is_new else [])
        before = {name: (counts.read, counts.written) for name, counts in report.tables.items()}
        create_scratch(connection)
        profile = transcript_profile_of(company)
        rules = ChatRules(ZoneInfo(company.time_zone), company.bot_names, self.move.batches, profile)
        for chunk in self.move.source.chats(self.moved.source_id, self.move.size):
            self._take(company, rules, chunk, now)
        for name, counts in report.tables.items():
            read, written = counts.read - before[name][0], counts.written - before[name][1]
            if read or written:
                log.info("livedash table taken over", company=company.slug, table=name, read=read, written=written)

    def _take(self, company: Company, rules: ChatRules, chunk: Sequence[SourceChat], now: datetime) -> None:
        report = self.move.report
        judged: list[JudgedChat] = []
        for source in chunk:
            self._look_at(company, rules, source)
            notes: list[Note] = []
            chat = take_chat(source, rules, notes)
            count_read(report, source)
            if chat is None:
                report.note(notes)
            else:
                judged.append(JudgedChat(source, chat, notes))
        stored = store_chats(self.move.connection, company.id, [each.chat for each in judged], now=now)
        count_stored(report, judged, stored)

    def _look_at(self, company: Company, rules: ChatRules, source: SourceChat) -> None:
        """Reports, beside the rows, open batches, and hosts from which transcripts would not be fetched."""
        self.move.requests_of_batch.update(
            str(row["batchId"]) for row in source.requests if request_end(row, rules.batches) is RequestEnd.OPEN
        )
        host = _host(text((source.imported or {}).get("fullTranscriptUrl")) or "")
        if host not in {"", _host(company.csv_url), *company.transcript_hosts}:
            hosts = self.move.report.hosts
            if len(hosts) < _MOST_HOSTS or (company.slug, host) in hosts:
                hosts[company.slug, host] += 1


def _host(url: str) -> str:
    """Host and port of an address, without credentials; empty where there are none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
