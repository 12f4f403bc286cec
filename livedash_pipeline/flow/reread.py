"""Judges kept raw answers again with the present reader; buys nothing.

What was paid for and could not be read is kept. A reader that has learned a shape finds the answers in it. Requests and sessions
are written as a settlement writes them; the ledger of tries stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.core.answer_reading import Answer
from livedash_pipeline.core.judgement import judge_kept
from livedash_pipeline.core.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.db import kept_answers
from livedash_pipeline.db.companies import optional_company_id
from livedash_pipeline.db.connect import database_now, in_transaction
from livedash_pipeline.db.kept_answers import AcceptedAnswer, KeptAnswer
from livedash_pipeline.errors import UsageError
from livedash_pipeline.flow.documents import Document
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

OUTCOMES = tuple(outcome for outcome in Outcome if outcome in PAID_OUTCOMES and outcome is not Outcome.PARSED)
"""Outcomes that were paid for and brought no answer."""

REREAD = "reread"
"""The flag of an answer that a later reader took."""

_CHUNK = 1000
_FIRST = UUID(int=0)


@dataclass
class RereadReport:
    """What was read again.

    Attributes:
        accepted: Answers that the present reader takes.
        still_refused: Texts that it refuses, too.
        without_text: Failed requests whose text was deleted, or never kept.
        outdated: Failed requests whose session has gone on: other messages, a newer request, or an analysis.
    """

    accepted: int = 0
    still_refused: int = 0
    without_text: int = 0
    outdated: int = 0

    @property
    def read(self) -> int:
        """Texts that were judged."""
        return self.accepted + self.still_refused


def reread_answers(
    engine: Engine,
    *,
    company: str | None = None,
    outcome: str | None = None,
    dry_run: bool = True,
    chunk_size: int = _CHUNK,
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
    report, place = RereadReport(), _FIRST
    while True:
        with engine.connect() as connection:
            found = kept_answers.find_requests(
                connection, outcomes=outcomes, company_id=company_id, after_id=place, chunk_size=chunk_size
            )
        if not found:
            return _document(report, dry_run=dry_run)
        chunk = found
        _add(report, in_transaction(engine, lambda connection, ids=chunk: _judge(connection, ids, dry_run=dry_run)))  # type: ignore[misc]
        place = found[-1]
        log.info(
            "kept answers read", read=report.read, accepted=report.accepted, outdated=report.outdated, dry_run=dry_run
        )


def _judge(connection: Connection, request_ids: list[UUID], *, dry_run: bool) -> RereadReport:
    if not dry_run:
        kept_answers.lock_requests(connection, request_ids)
    report, accepted = RereadReport(), []
    for kept in kept_answers.read_answers(connection, request_ids):
        if kept.text is None:
            report.without_text += 1
        elif not kept.is_current:
            report.outdated += 1
        elif (answer := _accept(kept, kept.text)) is None:
            report.still_refused += 1
        else:
            report.accepted += 1
            accepted.append(answer)
    if accepted and not dry_run:
        kept_answers.accept_answers(connection, accepted, now=database_now(connection))
    return report


def _accept(kept: KeptAnswer, text: str) -> AcceptedAnswer | None:
    answer = judge_kept(text, str(kept.session_id))
    if not isinstance(answer, Answer):
        return None
    return AcceptedAnswer(kept.request_id, answer.analysis.model_dump_json(), (*answer.flags, REREAD))


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
