"""Judges kept raw answers again with the present reader; buys nothing.

What was paid for and could not be read is kept. A reader that has learned a shape finds the answers in it. Requests and sessions
are written as a settlement writes them; the ledger of tries stays as it is.
"""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.kept_answers import CHUNK, FIRST, RereadReport, judge_answers
from livedash_pipeline.analysis.store import kept_answers
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

OUTCOMES = tuple(outcome for outcome in Outcome if outcome in PAID_OUTCOMES and outcome is not Outcome.PARSED)
"""Outcomes that were paid for and brought no answer."""


def reread_answers(
    engine: Engine,
    *,
    company: str | None = None,
    outcome: str | None = None,
    dry_run: bool = True,
    chunk_size: int = CHUNK,
) -> Document:
    """Judges kept answers of failed requests again, a chunk and a transaction at a time.

    Args:
        engine: Our database.
        company: Only this company's.
        outcome: Only requests that failed so: `refused`, `truncated` or `invalid_output`, in either case.
        dry_run: Count and change nothing.
        chunk_size: Requests a transaction.

    Raises:
        UsageError: Unknown company or outcome.
    """
    outcomes = _read_outcomes(outcome)
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
    report, place = RereadReport(), FIRST
    while True:
        with engine.connect() as connection:
            found = kept_answers.find_requests(
                connection, outcomes=outcomes, company_id=company_id, after_id=place, chunk_size=chunk_size
            )
        if not found:
            return _document(report, dry_run=dry_run)
        chunk = found
        judged = in_transaction(
            engine,
            lambda connection, ids=chunk: judge_answers(
                connection, ids, RequestStatus.PROCESSING_FAILED, dry_run=dry_run
            ),  # type: ignore[misc]
        )
        _add(report, judged)
        place = found[-1]
        log.info(
            "kept answers read", read=report.read, accepted=report.accepted, outdated=report.outdated, dry_run=dry_run
        )


def _read_outcomes(outcome: str | None) -> tuple[str, ...]:
    if outcome is None:
        return OUTCOMES
    wanted = outcome.strip().lower()
    if wanted not in OUTCOMES:
        raise UsageError(
            f"{outcome!r} is not an outcome whose answer is kept.", remedy=f"Use one of {', '.join(OUTCOMES)}."
        )
    return (wanted,)


def _add(report: RereadReport, chunk: RereadReport) -> None:
    report.accepted += chunk.accepted
    report.still_refused += chunk.still_refused
    report.without_text += chunk.without_text
    report.outdated += chunk.outdated


def _document(report: RereadReport, *, dry_run: bool) -> Document:
    counts = {
        "readCount": report.read,
        "acceptedCount": report.accepted,
        "stillRefusedCount": report.still_refused,
        "withoutTextCount": report.without_text,
        "outdatedCount": report.outdated,
    }
    return {"ok": True} | counts | ({"dryRun": True} if dry_run else {})
