"""A company's whole import, from its CSV to its pending requests, for those who do not run the steps as assets.

The steps are the assets' own; here they only follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.build_requests import RequestReport, build_requests
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.intake.steps.derive_sessions import DeriveReport, derive_sessions
from livedash_pipeline.intake.steps.fetch_transcripts import TranscriptReport, fetch_transcripts
from livedash_pipeline.intake.steps.freeing import free_stuck
from livedash_pipeline.intake.steps.import_csv import ImportReport, ImportRules, import_company
from livedash_pipeline.settings import Settings
from livedash_pipeline.sources.csv_source import CsvSource


@dataclass(frozen=True)
class CompanyImport:
    """The reports of all steps of one company."""

    imported: ImportReport
    transcripts: TranscriptReport
    sessions: DeriveReport
    requests: RequestReport


def import_whole_company(
    engine: Engine,
    company: Company,
    *,
    settings: Settings,
    source: CsvSource,
    environ: Mapping[str, str],
    count_tokens: Callable[[str], int],
    run_id: str | None,
) -> CompanyImport:
    """Runs the four steps of one company; the errors are those of the steps."""
    imported = import_company(engine, company, source=source, rules=ImportRules.of(settings), run_id=run_id)
    free_stuck(engine, settings, company_id=company.id)
    return CompanyImport(
        imported,
        fetch_transcripts(engine, company, environ=environ),
        derive_sessions(engine, company),
        build_requests(engine, company, default_model=settings.openai_model, count_tokens=count_tokens),
    )


def imports_document(companies: Sequence[Document]) -> Document:
    """What imports of several companies did; not ok as soon as one failed."""
    return {"ok": all(company["ok"] for company in companies), "companies": list(companies)}
