"""A company with a real source, whose chats hold words that can be looked for in every column of every table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from livedash_pipeline.analysis.steps.import_company import ImportContext
from livedash_pipeline.base.store.companies import add_company, get_company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from livedash_pipeline.ledger.steps.results.ingest import IngestReport, ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.retention.rules.retention import PruneRequest
from livedash_pipeline.retention.steps.prune import PruneReport, prune
from tests.sources.csv_site import Site, plain, running_site
from tests.support.company_import import CompanyReports, import_reports
from tests.support.csv_rows import csv_line
from tests.support.prices import have_prices

# When all chats end, as the CSV and the transcripts say.
ENDED = datetime.fromisoformat("2025-05-01T10:00:00+00:00")


def chat_line(name: str, row: Mapping[str, str], message: str) -> str:
    """A chat as a line of the CSV."""
    return csv_line(
        name,
        "01.05.2025 11:59:50",
        "01.05.2025 12:00:00",
        ip_address=row["ip"],
        country_code=row["country"],
        language="English",
        messages_sent="1",
        full_transcript_url=row["url"],
        tokens=row.get("tokens", ""),
        initial_message=message,
    )


@dataclass
class Chats:
    """A company, its site, and the steps of the flow; a chat called `anna` holds the word `word_of("anna")`."""

    engine: Engine
    context: BatchContext
    site: Site
    published: dict[str, dict[str, str]] = field(default_factory=dict)

    def publish(self, *names: str, **columns: str) -> None:
        """Puts chats into the CSV, or other columns and words into their rows: ip, country, said, url, tokens."""
        for name in names:
            row = self.published.setdefault(name, {"ip": f"ip-of-{name}", "country": "NL", "said": word_of(name)})
            row.update(columns)
            row.setdefault("url", f"{self.site.url}/{name}.txt")
            chat = f"[01.05.2025 11:59:50] User: Where is {row['said']}?\n[01.05.2025 12:00:00] Assistant: Ask {row['said']}.\n"
            self.site.answers[row["url"].removeprefix(self.site.url)] = plain(chat.encode())
        lines = [chat_line(name, row, f"Where is {row['said']}?") for name, row in self.published.items()]
        self.site.answers["/x.csv"] = plain("".join(lines).encode())

    def set_up(self, *names: str, **changes: Any) -> None:
        """The company, and its first chats."""
        self.publish(*names)
        with self.engine.begin() as connection:
            now = database_now(connection)
            have_prices(connection, now=now)
            set_rate(connection, now.date(), Decimal("0.9"), "test", now)
            add_company(connection, "acme", CompanyChanges(csv_url=f"{self.site.url}/x.csv", **changes), now=now)

    def change_company(self, **changes: Any) -> None:
        with self.engine.begin() as connection:
            update_company(connection, "acme", CompanyChanges(**changes), now=database_now(connection))

    def import_all(self) -> CompanyReports:
        with self.engine.connect() as connection:
            company = get_company(connection, "acme")
        return import_reports(ImportContext(self.engine, company, self.context.settings, {}))

    def submit(self) -> SubmitReport:
        return submit_pending(self.context, ignore_minimum=True)

    def ingest(self) -> IngestReport:
        """Polls until nothing is open, and takes the results in."""
        for _ in range(6):
            if not poll_batches(self.context).open:
                break
        return ingest_finished(self.context)

    def analyse(self) -> None:
        """All published chats from the CSV to their questions."""
        self.import_all()
        self.submit()
        assert set(self.ingest().outcomes) == {"parsed"}

    def prune(self, *, days: float | None = None, page_size: int = 2, **request: Any) -> PruneReport:
        """Deletes, for real unless told otherwise; `days` after the chats ended, else now."""
        given = PruneRequest(**({"dry_run": False} | request))
        clock = database_now if days is None else lambda _: ENDED + timedelta(days=days)
        return prune(self.engine, given, clock=clock, page_size=page_size)

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def places_of(self, word: str) -> set[str]:
        """Every table that holds a word, in whatever column."""
        found = set()
        for table in metadata.tables:
            if self.sql(f"SELECT 1 FROM {table} WHERE {table}::text LIKE :word LIMIT 1", word=f"%{word}%"):
                found.add(table)
        return found

    def ids(self, name: str) -> tuple[UUID, UUID | None]:
        """Import and session of a chat."""
        (row,) = self.sql(
            "SELECT imports.id, sessions.id FROM session_imports AS imports LEFT JOIN sessions ON import_id = imports.id"
            " WHERE external_session_id = :name",
            name=name,
        )
        return row[0], row[1]

    def request_of(self, name: str) -> Any:
        """The newest request about a chat."""
        return self.sql(
            "SELECT * FROM ai_processing_requests WHERE session_id = :id ORDER BY id DESC LIMIT 1", id=self.ids(name)[1]
        )[0]

    def stages(self, name: str) -> dict[str, str]:
        return {
            row.stage: row.status
            for row in self.sql(
                "SELECT stage, status FROM session_stages WHERE import_id = :id ORDER BY position", id=self.ids(name)[0]
            )
        }

    def fetches(self, name: str) -> int:
        """How often a chat's transcript was asked for."""
        return self.site.times_asked(f"/{name}.txt")

    def records(self) -> list[tuple[str, dict[str, int]]]:
        """What `prune_runs` says, by kind."""
        return [(row.kind, row.counts) for row in self.sql("SELECT kind, counts FROM prune_runs ORDER BY id")]


def word_of(name: str) -> str:
    return f"secret-{name}-word"


@contextmanager
def running_chats(engine: Engine, context: BatchContext) -> Iterator[Chats]:
    with running_site() as site:
        yield Chats(engine, context, site)
