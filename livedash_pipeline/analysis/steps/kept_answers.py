"""Kept answers judged by the present reader, and completed requests where it takes them, before anything is bought for these.

Add what is asked of a kept answer. What a person has read again is `analysis.steps.reread`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.analysis.rules.answer_reading import read_analysis
from livedash_pipeline.analysis.store import kept_answers
from livedash_pipeline.analysis.store.kept_answers import AcceptedAnswer, KeptAnswer
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.ledger.rules.results.answers import UsableAnswer
from livedash_pipeline.ledger.rules.results.judgement import judge_kept

CHUNK = 1000
"""Requests a transaction."""

FIRST = UUID(int=0)
"""What comes before every id."""

REREAD = "reread"
"""The flag of an answer that a later reader took."""


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


def take_kept_answers(engine: Engine, company_id: UUID, *, chunk_size: int = CHUNK) -> int:
    """Completes a company's pending requests whose answer is there and can be read, and returns how many; they are not bought.

    Such an answer showed late, while another try was under way that brought nothing, or was of no use to an earlier reader.
    """
    taken, place = 0, FIRST
    while True:
        with engine.connect() as connection:
            found = kept_answers.find_pending(connection, company_id, after_id=place, chunk_size=chunk_size)
        if not found:
            return taken
        chunk = found
        report = in_transaction(
            engine,
            lambda connection, ids=chunk: judge_answers(connection, ids, RequestStatus.PENDING_BATCHING, dry_run=False),  # type: ignore[misc]
        )
        taken += report.accepted
        place = found[-1]


def judge_answers(
    connection: Connection, request_ids: list[UUID], status: RequestStatus, *, dry_run: bool
) -> RereadReport:
    """Judges what was kept of requests in a state, and completes those whose answer is taken unless it is a dry run."""
    if not dry_run:
        kept_answers.lock_requests(connection, request_ids, status)
    report, accepted = RereadReport(), []
    for kept in kept_answers.read_answers(connection, request_ids, status):
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
        kept_answers.accept_answers(connection, accepted, status, now=database_now(connection))
    return report


def _accept(kept: KeptAnswer, text: str) -> AcceptedAnswer | None:
    answer = judge_kept(text, str(kept.session_id), read_analysis)
    if not isinstance(answer, UsableAnswer):
        return None
    return AcceptedAnswer(kept.request_id, answer.document, (*answer.flags, REREAD))
