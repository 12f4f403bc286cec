"""The steps of an import, in their order: `IMPORT_STEPS` is the one list.

Dagster's assets and the jobs `import_sessions`, `import_companies` and `take_submissions` follow from it. Add a step as an entry
with the assets that it makes; what it does stands in a module of its own. Steps that fetch load what they need when they run:
every process of Dagster reads this list, and the client of sources took a tenth of its start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.analysis.store.requests import count_waiting
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions
from livedash_pipeline.intake.steps.freeing import free_stuck
from livedash_pipeline.scratch import scratch_directory
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.settings import Settings

# Companies that are told of one by one: each is a row in Dagster's storage, as metadata and as a line of the log.
MOST_SHOWN = 100


@dataclass(frozen=True)
class ImportContext:
    """What the steps of one company's import work with; `run_id` is the Dagster run's."""

    engine: Engine
    company: Company
    settings: Settings
    environ: Mapping[str, str]
    run_id: str | None = None
    count_tokens: Callable[[str], int] = count_tokens


@dataclass(frozen=True)
class Made:
    """What a step did about one asset.

    Attributes:
        numbers: Counts by name, the same names in every run, so that they can be plotted. How many rows the table holds now is
            no work of the step, and is counted by whoever asks.
        failures: Failures by reason, of those that there were.
        document: What a command answers with; only the import of the CSV has one.
        facts: Further values by name.
        has_news: It wrote rows that were not there before, or were otherwise.
    """

    numbers: Mapping[str, int]
    failures: Mapping[str, int] = field(default_factory=dict)
    document: Document | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    has_news: bool = True


@dataclass(frozen=True)
class Done:
    """What a step did for one company: its report, and what it made of each of its assets."""

    report: Any
    made: tuple[Made, ...]


@dataclass(frozen=True)
class ImportAsset:
    """An asset as Dagster shows it: its group, and its table, which says what its columns mean.

    Attributes:
        name: Its name.
        group: Its group.
        table: The table that it is.
        description: What it is, in a sentence.
        kinds: Marks in the UI.
    """

    name: str
    group: str
    table: str
    description: str
    kinds: frozenset[str] = frozenset({"postgres"})


@dataclass(frozen=True)
class ImportStep:
    """One step of an import.

    Attributes:
        name: The name of Dagster's op.
        assets: What it makes.
        run: Does the work for one company.
        of_submissions: It also works on sessions that were submitted: those have no CSV and nothing to fetch.
    """

    name: str
    assets: tuple[ImportAsset, ...]
    run: Callable[[ImportContext], Done]
    of_submissions: bool = True


def _import_csv(context: ImportContext) -> Done:
    from livedash_pipeline.intake.steps.import_csv import import_company
    from livedash_pipeline.intake.steps.import_report import ImportRules, import_document
    from livedash_pipeline.sources.csv_source import CsvSource

    with scratch_directory("csv") as spool:
        report = import_company(
            context.engine,
            context.company,
            source=CsvSource(context.environ, spool),
            rules=ImportRules.of(context.settings),
            run_id=context.run_id,
        )
    numbers = {
        "csv_rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "unread": report.unread,
    }
    facts = {"import_run": str(report.import_run_id or "none, without a CSV")}
    has_news = report.new + report.changed > 0
    return Done(report, (Made(numbers, document=import_document(report), facts=facts, has_news=has_news),))


def _fetch_transcripts(context: ImportContext) -> Done:
    from livedash_pipeline.intake.steps.fetch_transcripts import fetch_transcripts

    report = fetch_transcripts(context.engine, context.company, environ=context.environ)
    numbers = {
        "due": report.due,
        "fetched": report.fetched,
        "unchanged": report.unchanged,
        "without_transcript": report.skipped,
        "postponed": report.postponed,
        "failed": sum(report.failed.values()),
    }
    # Transcripts that a host keeps back wait as they did, and those that came back the same changed nothing.
    has_news = report.fetched + report.skipped + sum(report.failed.values()) > 0
    failures = dict(sorted(report.failed.items()))
    return Done(report, (Made(numbers, failures=failures, has_news=has_news),))


def _derive_sessions(context: ImportContext) -> Done:
    report = derive_sessions(context.engine, context.company)
    numbers = {
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "failed": report.failed,
        "waiting_for_request": report.deferred,
    }
    has_news = report.created + report.updated + report.failed > 0
    made = Made(numbers, has_news=has_news), Made({"written": report.messages}, has_news=has_news)
    return Done(report, made)


def _build_requests(context: ImportContext) -> Done:
    freed = free_stuck(context.engine, context.settings, company_id=context.company.id)
    report = build_requests(
        context.engine,
        context.company,
        default_model=context.settings.openai_model,
        count_tokens=context.count_tokens,
    )
    numbers = {
        "created": report.created,
        "rewritten": report.rewritten,
        "withdrawn": report.withdrawn,
        "kept_answers_applied": report.reapplied,
        "without_messages": report.skipped,
        "questions_from_kept_answers": report.extracted,
        "without_questions": report.without_questions,
        "stuck_stages_freed": freed.total(),
    }
    has_news = any(numbers.values())
    with context.engine.connect() as connection:
        numbers["waiting"] = count_waiting(connection, context.company.id)
    return Done(report, (Made(numbers, has_news=has_news),))


IMPORT_STEPS = (
    ImportStep(
        "session_imports",
        (
            ImportAsset(
                "session_imports",
                "import",
                "session_imports",
                "One row per chat session of the company's CSV, merged; rows that cannot be read are kept as rejects.",
                frozenset({"postgres", "csv"}),
            ),
        ),
        _import_csv,
        of_submissions=False,
    ),
    ImportStep(
        "transcripts",
        (
            ImportAsset(
                "transcripts",
                "import",
                "transcripts",
                "The text of each chat, fetched once and again when its row changes; a failure stays with its session.",
                frozenset({"postgres", "text"}),
            ),
        ),
        _fetch_transcripts,
        of_submissions=False,
    ),
    ImportStep(
        "sessions_and_messages",
        (
            ImportAsset(
                "sessions",
                "sessions",
                "sessions",
                "One chat session per imported row: times, participants' numbers, and later the analysis.",
            ),
            ImportAsset(
                "messages",
                "sessions",
                "messages",
                "What was said, in order: role, time where the transcript gives one, and text.",
            ),
        ),
        _derive_sessions,
    ),
    ImportStep(
        "pending_ai_requests",
        (
            ImportAsset(
                "pending_ai_requests",
                "analysis",
                "ai_processing_requests",
                "One request per session that waits for its analysis; nothing is asked twice about the same messages.",
            ),
        ),
        _build_requests,
    ),
)


@dataclass(frozen=True)
class CompanyImport:
    """What all steps did for one company: their reports by step, and what was made by asset."""

    reports: Mapping[str, Any]
    made: Mapping[str, Made]

    @property
    def document(self) -> Document:
        """What a command answers with: the import of the CSV."""
        document = self.made["session_imports"].document
        if document is None:
            raise AssertionError("the import of a CSV always has a document")
        return document

    @property
    def has_news(self) -> bool:
        """Any of its assets is not as it was."""
        return any(made.has_news for made in self.made.values())


def import_whole_company(context: ImportContext) -> CompanyImport:
    """Runs all steps of one company; the errors are those of the steps."""
    reports: dict[str, Any] = {}
    made: dict[str, Made] = {}
    for step in IMPORT_STEPS:
        done = step.run(context)
        reports[step.name] = done.report
        made |= {asset.name: part for asset, part in zip(step.assets, done.made, strict=True)}
    return CompanyImport(reports, made)


def imports_document(companies: Sequence[Document]) -> Document:
    """What imports of several companies did; not ok as soon as one failed."""
    return {"ok": all(company["ok"] for company in companies), "companies": list(companies)}


def news_document(companies: Sequence[Document], with_news: Collection[str]) -> Document:
    """The same for people who look at a run: companies that failed, companies with news, and how many there are of each.

    Args:
        companies: What the imports did, one document each.
        with_news: Slugs of companies that were imported and are not as they were.
    """
    failed = [company for company in companies if not company["ok"]]
    changed = [company for company in companies if company["ok"] and company["company"] in with_news]
    shown = [*failed, *changed][:MOST_SHOWN]
    return {
        "ok": not failed,
        "imported": len(companies),
        "failed": len(failed),
        "changed": len(changed),
        "unchanged": len(companies) - len(failed) - len(changed),
        "companies": shown,
        "companiesLeftOut": len(failed) + len(changed) - len(shown),
    }
