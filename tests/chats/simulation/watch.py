"""What must hold after every commit, looked at before anybody else goes on.

Counts are those of the rows, answers and settled calls never change, a question is asked by one call at a time, nothing is
bought for a batch that is not being processed or that somebody has cancelled, and no provider is asked more than it takes. Add
what one commit can break; what shows only once everything is over is in `invariants.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from livedash_pipeline.base.rules.chat_states import CHAT_BATCH_MOVES, ENDED_CHAT_BATCHES, ChatBatchStatus
from tests.chats.simulation.schedule import CONCURRENCY
from tests.simulation.clock import Clock

_BATCHES = b"""
    SELECT
        batches.id, batches.status, batches.ai_provider, batches.total_items, batches.cancel_requested_at,
        ARRAY[pending_items, processing_items, processed_items, failed_items, skipped_items, cancelled_items] AS told,
        ARRAY[
            count(*) FILTER (WHERE chats.state = 'PENDING'), count(*) FILTER (WHERE chats.state = 'PROCESSING'),
            count(*) FILTER (WHERE chats.state = 'COMPLETED'), count(*) FILTER (WHERE chats.state = 'FAILED'),
            count(*) FILTER (WHERE chats.state = 'SKIPPED'), count(*) FILTER (WHERE chats.state = 'CANCELLED')
        ] AS counted,
        count(*) FILTER (WHERE chats.lease_until > %s) AS leased,
        sum(chats.fence) AS claims
    FROM chat_batches AS batches
    JOIN chats ON chats.batch_id = batches.id
    GROUP BY batches.id
    ORDER BY batches.id
"""
_ANSWERS = b"SELECT id, answer FROM chat_interactions WHERE outcome_code = 'answered' ORDER BY id"
_TRIES = b"""
    SELECT attempts.id, attempts.outcome, attempts.is_call, turns.id AS turn_id, turns.batch_id
    FROM ai_request_attempts AS attempts
    JOIN ai_processing_requests AS requests ON requests.id = attempts.request_id
    JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
    ORDER BY attempts.id
"""
_EARLIER_THAN_ANY = ChatBatchStatus.CREATED


@dataclass
class Watch:
    """Everything that was seen after commits.

    Attributes:
        connection: To the database, where each statement stands by itself.
        clock: The simulation's.
        violations: What did not hold, each once.
        reopened: How often each batch that had ended was taken up again.
        begun: The call that each worker has written down last and not yet made.
    """

    connection: psycopg.Connection[Any]
    clock: Clock
    violations: dict[str, None] = field(default_factory=dict)
    reopened: Counter[UUID] = field(default_factory=Counter)
    begun: dict[str, UUID] = field(default_factory=dict)
    _status: dict[UUID, ChatBatchStatus] = field(default_factory=dict)
    _cancelled: set[UUID] = field(default_factory=set)
    _claims: Counter[str] = field(default_factory=Counter)
    _answers: dict[UUID, str] = field(default_factory=dict)
    _outcomes: dict[UUID, str | None] = field(default_factory=dict)

    def look(self, worker: str) -> None:
        """After a commit of a worker."""
        # One round trip: this is done thousands of times.
        with self.connection.pipeline():
            found = [self._ask(_BATCHES, self.clock.now()), self._ask(_TRIES), self._ask(_ANSWERS)]
        batches, tries, answers = (cursor.fetchall() for cursor in found)
        checks = (
            self._counts(batches),
            self._places(batches),
            self._moves(batches),
            self._purchases(tries, worker),
            self._kept_answers(answers),
        )
        for check in checks:
            self.violations.update(dict.fromkeys(check))

    def _ask(self, query: bytes, *values: object) -> psycopg.Cursor[Any]:
        cursor = self.connection.cursor(row_factory=namedtuple_row)
        return cursor.execute(query, values, prepare=True)

    @property
    def ended(self) -> set[UUID]:
        """The batches that have ended."""
        return {batch_id for batch_id, status in self._status.items() if status in ENDED_CHAT_BATCHES}

    def take_begun(self, worker: str) -> UUID | None:
        """The try that a worker has written down and now makes."""
        return self.begun.pop(worker, None)

    def _counts(self, batches: Iterable[Any]) -> Iterator[str]:
        for batch in batches:
            if list(batch.told) != list(batch.counted) or sum(batch.told) != batch.total_items:
                yield f"batch {batch.id} tells {batch.told} and has {batch.counted}"

    def _places(self, batches: Iterable[Any]) -> Iterator[str]:
        """A lease that had passed may be renewed beside one that took its place; only claims make sure that one is free."""
        leased, claims = Counter[str](), Counter[str]()
        for batch in batches:
            leased[batch.ai_provider] += batch.leased
            claims[batch.ai_provider] += batch.claims
        for provider, places in CONCURRENCY.items():
            if claims[provider] > self._claims[provider] and leased[provider] > places:
                yield f"{leased[provider]} conversations of {provider} are under way, which takes {places}"
        self._claims = claims

    def _moves(self, batches: Sequence[Any]) -> Iterator[str]:
        for batch in batches:
            after = ChatBatchStatus(batch.status)
            before = self._status.get(batch.id, _EARLIER_THAN_ANY)
            if after is not before and after not in CHAT_BATCH_MOVES[before]:
                yield f"batch {batch.id} went from {before} to {after}"
            if before in ENDED_CHAT_BATCHES and after is ChatBatchStatus.PROCESSING:
                self.reopened[batch.id] += 1
            self._status[batch.id] = after
        self._cancelled = {batch.id for batch in batches if batch.cancel_requested_at is not None}

    def _purchases(self, tries: Iterable[Any], worker: str) -> Iterator[str]:
        open_calls = Counter[UUID]()
        for each in tries:
            if each.id not in self._outcomes:
                if self._status[each.batch_id] is not ChatBatchStatus.PROCESSING:
                    yield f"try {each.id} was begun for a batch that is {self._status[each.batch_id]}"
                if each.batch_id in self._cancelled:
                    yield f"try {each.id} was begun after its batch was cancelled"
                if each.is_call:
                    self.begun[worker] = each.id
            elif self._outcomes[each.id] not in (None, each.outcome):
                yield f"try {each.id} was {self._outcomes[each.id]} and is {each.outcome}"
            self._outcomes[each.id] = each.outcome
            open_calls[each.turn_id] += each.outcome is None
        for turn_id, number in open_calls.items():
            if number > 1:
                yield f"turn {turn_id} is being asked {number} times at once"

    def _kept_answers(self, answers: Iterable[Any]) -> Iterator[str]:
        now = {row.id: row.answer for row in answers}
        for turn_id, answer in self._answers.items():
            if now.get(turn_id) != answer:
                yield f"turn {turn_id} had an answer and has another, or none"
        self._answers = now
