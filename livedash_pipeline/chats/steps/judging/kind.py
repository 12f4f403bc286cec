"""Pairs of answers as a kind of request: what the ledger asks of them.

Add nothing that the ledger does not ask for; requests are made by `chats.steps.judging.ask_for`.
"""

# ruff: noqa: ARG002 - the methods have the Protocol's arguments

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.judging import (
    KIND,
    PROMPT_VERSION,
    content_hash,
    judge_data,
    judge_line,
    read_verdict,
)
from livedash_pipeline.chats.store import judgements
from livedash_pipeline.ledger.rules.admission.model_parameters import default_parameters
from livedash_pipeline.ledger.rules.admission.nothing_sent import Subjects
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer
from livedash_pipeline.ledger.store.calls.calls import fail_requests

_CHUNK = 1000
# A pair is not what it was when somebody asked for its judgement: that one is never bought, and the new pair is another.
INPUT_CHANGED = "input_changed"


@dataclass(frozen=True)
class ChatJudgementKind:
    """`ledger`'s view of judgements; see `RequestKind`."""

    name: str = KIND

    def version(self) -> str:
        """The version of the instructions."""
        return PROMPT_VERSION

    def outdated_companies(
        self, connection: Connection, *, default_model: str, company_id: UUID | None = None
    ) -> list[Company]:
        """None: a judge is the model that somebody named."""
        return []

    def bring_up_to_date(
        self,
        engine: Engine,
        company: Company,
        *,
        default_model: str,
        count_tokens: Callable[[str], int],
        clock: Callable[[Connection], datetime],
    ) -> None:
        """Nothing changes by itself."""

    def drop_lost_inputs(self, connection: Connection, company_id: UUID, *, now: datetime) -> tuple[int, int]:
        """Ends requests about pairs that have changed since, or are gone."""
        changed = judgements.changed_pairs(connection, company_id)
        if changed:
            self.fail(connection, fail_requests(connection, changed, error_code=INPUT_CHANGED, now=now), now=now)
        return 0, len(changed)

    def take_kept_answers(self, engine: Engine, company_id: UUID) -> int:
        """None: a pair has one judgement of a model."""
        return 0

    def count_subjects(self, connection: Connection, company_id: UUID | None) -> Subjects:
        """Counts judgements that are waited for."""
        return Subjects("judgement", judgements.count_waiting(connection, company_id), 0, "", "")

    def start(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """They are waited for since somebody asked for them."""

    def lock_subjects(self, connection: Connection, batch_id: UUID) -> None:
        """Locks judgements."""
        judgements.lock_asked(connection, batch_id)

    def fail(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Ends judgements without a verdict."""
        if request_ids:
            judgements.end_judgements(connection, request_ids=request_ids, now=now)

    def wait_again(self, connection: Connection, request_ids: Sequence[UUID]) -> None:
        """Judgements are waited for again."""
        if request_ids:
            judgements.wait_again(connection, request_ids)

    def lines(
        self, engine: Engine, batch_id: UUID, model: str, parameters: dict[str, Any]
    ) -> Generator[tuple[UUID, bytes | None]]:
        """A line for each pair; None where its texts are not those that its request names."""
        with engine.connect() as connection:
            for row in judgements.batch_pairs(connection, batch_id, most=_CHUNK):
                texts = (row.question, row.answer_a, row.answer_b)
                is_named = None not in texts and content_hash(*texts) == row.transcript_hash
                yield row.id, judge_line(row.id, model, judge_data(*texts), parameters) if is_named else None

    def fixed_bytes(self, model: str, parameters: dict[str, Any] | None) -> int:
        """Bytes of a line without its pair."""
        sent = default_parameters(model) if parameters is None else parameters
        return len(judge_line(UUID(int=0), model, "", sent)) + 1

    def give_up_lost_inputs(
        self, connection: Connection, company_id: UUID, request_ids: Sequence[UUID], *, now: datetime
    ) -> None:
        """Fails those whose pair is not what their request names."""
        self.drop_lost_inputs(connection, company_id, now=now)

    def read_answer(self, text: str, subject_id: str) -> UsableAnswer | UnusableAnswer:
        """One of three words."""
        return read_verdict(text)

    def apply_batch(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Writes verdicts, and what they cost."""
        judgements.end_judgements(connection, batch_id=batch_id, now=now)

    def details(self, connection: Connection, batch_id: UUID) -> Mapping[str, int]:
        """Nothing beyond the outcomes."""
        return {}

    def apply_kept(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
        """Writes verdicts, and what they cost."""
        return judgements.end_judgements(connection, request_ids=request_ids, now=now) if request_ids else 0

    def fail_late(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Ends judgements without a verdict."""
        self.fail(connection, request_ids, now=now)


CHAT_JUDGEMENT = ChatJudgementKind()
