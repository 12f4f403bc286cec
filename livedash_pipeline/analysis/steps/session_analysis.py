"""The analysis of sessions as a kind of request: the one question that a language model is asked about each session.

What is asked stands in `analysis.rules.prompt`, how its answer is read in `analysis.rules.answer_reading`. Add nothing that the
ledger does not ask for; its requests are made by `analysis.steps.build_requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.analysis.rules.answer_reading import read_analysis
from livedash_pipeline.analysis.rules.prompt import input_hash, prompt_version, spoken_data
from livedash_pipeline.analysis.rules.request_lines import line_frame
from livedash_pipeline.analysis.steps import build_requests, kept_answers
from livedash_pipeline.analysis.store import answers, lost_inputs
from livedash_pipeline.analysis.store.lines import batch_lines
from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.stages import pipeline_status
from livedash_pipeline.intake.rules.messages import spoken, spoken_hash
from livedash_pipeline.ledger.rules.admission.nothing_sent import Subjects
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer


@dataclass(frozen=True)
class SessionAnalysisKind:
    """`ledger`'s view of the analysis; see `RequestKind`."""

    name: str = "session_analysis"

    def version(self) -> str:
        """The version of the prompt."""
        return prompt_version()

    def outdated_companies(
        self, connection: Connection, *, default_model: str, company_id: UUID | None = None
    ) -> list[Company]:
        """Working companies whose unclaimed requests name another model or prompt than the present ones."""
        return build_requests.companies_to_rewrite(connection, default_model=default_model, company_id=company_id)

    def bring_up_to_date(
        self,
        engine: Engine,
        company: Company,
        *,
        default_model: str,
        count_tokens: Callable[[str], int],
        clock: Callable[[Connection], datetime],
    ) -> None:
        """Gives a company's unclaimed requests its present model, prompt and messages."""
        build_requests.rewrite_requests(
            engine, company, default_model=default_model, count_tokens=count_tokens, clock=clock
        )

    def drop_lost_inputs(self, connection: Connection, company_id: UUID, *, now: datetime) -> tuple[int, int]:
        """Ends requests whose messages were deleted, or may be older than the chat."""
        deleted = lost_inputs.fail_deleted_inputs(connection, company_id, now=now)
        return deleted, lost_inputs.withdraw_outdated(connection, company_id, now=now)

    def take_kept_answers(self, engine: Engine, company_id: UUID) -> int:
        """Completes requests about messages that an answer of an earlier try is about."""
        return kept_answers.take_kept_answers(engine, company_id)

    def count_subjects(self, connection: Connection, company_id: UUID | None) -> Subjects:
        """Counts sessions, and those whose analysis is PENDING."""
        status = pipeline_status(connection, company_id)
        return Subjects(
            noun="session",
            total=status.total_sessions,
            unready=status.stages[Stage.AI_ANALYSIS][StageStatus.PENDING],
            none_yet="no session has been imported: `livedash import`",
            wait_for="the analysis: `livedash status`",
        )

    def start(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Sets the analysis of their sessions IN_PROGRESS."""
        answers.start_stages(connection, batch_id, now=now)

    def lock_subjects(self, connection: Connection, batch_id: UUID) -> None:
        """Locks sessions, as derivation does."""
        answers.lock_sessions(connection, batch_id)

    def fail(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Fails the analysis of their sessions."""
        answers.fail_stages(connection, request_ids, now=now)

    def wait_again(self, connection: Connection, request_ids: Sequence[UUID]) -> None:
        """Sets the failed analysis of their sessions back to PENDING."""
        answers.reset_failed_stages(connection, request_ids)

    def lines(
        self, engine: Engine, batch_id: UUID, model: str, parameters: dict[str, Any]
    ) -> Generator[tuple[UUID, bytes | None]]:
        """A line for each request, from the messages that its hash names."""
        version = prompt_version()
        frame = line_frame(model, parameters)
        with closing(batch_lines(engine, batch_id)) as requests:
            for request_id, session_id, named, messages in requests:
                said = spoken(messages)
                is_current = input_hash(spoken_hash(said), version, model) == named
                yield request_id, frame.line(request_id, spoken_data(session_id, said)) if is_current else None

    def fixed_bytes(self, model: str, parameters: dict[str, Any] | None) -> int:
        """Bytes of a line without its transcript."""
        return line_frame(model, parameters).fixed_bytes

    def give_up_lost_inputs(
        self, connection: Connection, company_id: UUID, request_ids: Sequence[UUID], *, now: datetime
    ) -> None:
        """Fails requests whose messages are gone, or are not those that they name while nothing newer takes their place."""
        lost_inputs.fail_deleted_inputs(connection, company_id, now=now)
        lost_inputs.fail_changed_inputs(connection, request_ids, prompt_version=prompt_version(), now=now)

    def read_answer(self, text: str, subject_id: str) -> UsableAnswer | UnusableAnswer:
        """The eight keys about a session."""
        return read_analysis(text, subject_id)

    def apply_batch(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Writes sessions, questions and stages."""
        answers.apply_batch_answers(connection, batch_id, now=now)

    def details(self, connection: Connection, batch_id: UUID) -> Mapping[str, int]:
        """How many questions the sessions of its answers have."""
        return {"questions": answers.batch_questions(connection, batch_id)}

    def apply_kept(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
        """Writes sessions, questions and stages."""
        return answers.apply_kept_answers(connection, request_ids, now=now)

    def fail_late(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Fails the analysis of their sessions."""
        answers.fail_late_stages(connection, request_ids, now=now)


SESSION_ANALYSIS = SessionAnalysisKind()
