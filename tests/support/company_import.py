"""A company's whole import, with the reports of its steps under short names."""

from __future__ import annotations

from typing import NamedTuple

from livedash_pipeline.analysis.steps.build_requests import RequestReport
from livedash_pipeline.analysis.steps.import_company import ImportContext, import_whole_company
from livedash_pipeline.intake.steps.derive_sessions import DeriveReport
from livedash_pipeline.intake.steps.fetch_transcripts import TranscriptReport
from livedash_pipeline.intake.steps.import_report import ImportReport


class CompanyReports(NamedTuple):
    """What the steps reported that tests ask about."""

    imported: ImportReport
    transcripts: TranscriptReport
    sessions: DeriveReport
    requests: RequestReport


def import_reports(context: ImportContext) -> CompanyReports:
    """Runs all steps of one company."""
    reports = import_whole_company(context).reports
    names = ("session_imports", "transcripts", "sessions_and_messages", "pending_ai_requests")
    return CompanyReports(*(reports[name] for name in names))
