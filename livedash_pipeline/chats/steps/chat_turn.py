"""Turns of conversations as a kind of request: what the ledger asks of them when they go through its batches.

Add nothing that the ledger does not ask for; requests are made by `chats.steps.waves`, and turns that are asked by single calls
do not come by here.
"""

# ruff: noqa: ARG002 - the methods have the Protocol's arguments

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, func, select

from livedash_pipeline.base.rules.chat_states import OPEN_CHATS, ChatBatchStatus, ChatState
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import chat_batches, chats
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.turn_lines import turn_line
from livedash_pipeline.chats.rules.turns import KIND, LAYOUT, input_hash, source_of, turn_messages
from livedash_pipeline.chats.store import waves
from livedash_pipeline.ledger.rules.admission.nothing_sent import Subjects
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer
from livedash_pipeline.ledger.store.calls.calls import fail_requests

_CHUNK = 1000


@dataclass(frozen=True)
class ChatTurnKind:
    """`ledger`'s view of turns; see `RequestKind`."""

    name: str = KIND

    def version(self) -> str:
        """The version of how a turn is put together; its prompt is a part of what its hash names."""
        return LAYOUT

    def outdated_companies(
        self, connection: Connection, *, default_model: str, company_id: UUID | None = None
    ) -> list[Company]:
        """None: a batch is asked with the configuration that it was made with."""
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
        """Questions are kept as long as their batch."""
        return 0, 0

    def take_kept_answers(self, engine: Engine, company_id: UUID) -> int:
        """None: two batches of one file are asked twice, since people compare them."""
        return 0

    def count_subjects(self, connection: Connection, company_id: UUID | None) -> Subjects:
        """Counts conversations, and those that wait in batches that are being processed."""
        waiting = (chats.c.state == ChatState.PENDING) & (chat_batches.c.status == ChatBatchStatus.PROCESSING)
        query = select(func.count(), func.count().filter(waiting)).select_from(
            chats.join(chat_batches, chat_batches.c.id == chats.c.batch_id)
        )
        query = query.where(chats.c.state.in_(OPEN_CHATS))
        if company_id is not None:
            query = query.where(chat_batches.c.company_id == company_id)
        total, unready = connection.execute(query).one()
        return Subjects("conversation", total, unready, "", "its turn: `livedash chat-batch list`")

    def start(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Conversations are under way since they wait for a batch."""

    def lock_subjects(self, connection: Connection, batch_id: UUID) -> None:
        """Locks chat batches, then conversations."""
        waves.lock_asked(connection, batch_id)

    def fail(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Ends turns and their conversations."""
        if request_ids:
            waves.apply_ends(connection, request_ids=request_ids, now=now)

    def wait_again(self, connection: Connection, request_ids: Sequence[UUID]) -> None:
        """Conversations are under way again, and so are batches that had ended."""
        if request_ids:
            waves.wait_again(connection, request_ids, now=database_now(connection))

    def lines(
        self, engine: Engine, batch_id: UUID, model: str, parameters: dict[str, Any]
    ) -> Generator[tuple[UUID, bytes | None]]:
        """A line for each turn, from what its hash names; parameters are those of its batch's configuration."""
        known: dict[UUID, Configuration] = {}
        with engine.connect() as connection:
            for rows in waves.batch_turns(connection, batch_id, most=_CHUNK):
                history = waves.earlier_answers(connection, [row.chat_id for row in rows if row.turn])
                for row in rows:
                    if row.batch_id not in known:
                        known[row.batch_id] = waves.configuration_of(connection, row.batch_id)
                    configuration = known[row.batch_id]
                    earlier = [each for turn, each in history.get(row.chat_id, ()) if turn < row.turn]
                    messages = turn_messages(
                        configuration,
                        row.question,
                        context=row.context,
                        url=row.url,
                        sources=[source_of(each) for each in row.sources],
                        history=earlier,
                    )
                    is_named = input_hash(configuration, messages) == row.input_hash
                    yield row.id, turn_line(row.id, configuration, messages) if is_named else None

    def fixed_bytes(self, model: str, parameters: dict[str, Any] | None) -> int:
        """Nothing of a line depends on the parameters that are set for its model."""
        return 0

    def give_up_lost_inputs(
        self, connection: Connection, company_id: UUID, request_ids: Sequence[UUID], *, now: datetime
    ) -> None:
        """Fails turns whose messages are not those that their hash names: an earlier answer was read anew meanwhile."""
        failed = fail_requests(connection, request_ids, error_code="input_changed", now=now)
        self.fail(connection, failed, now=now)

    def read_answer(self, text: str, subject_id: str) -> UsableAnswer | UnusableAnswer:
        """Any text is an answer."""
        if not text.strip():
            return UnusableAnswer("The answer is empty.")
        return UsableAnswer(json.dumps({"answer": text}, ensure_ascii=False), ())

    def apply_batch(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Writes answers, and moves conversations and counts."""
        waves.apply_ends(connection, batch_id=batch_id, now=now)

    def details(self, connection: Connection, batch_id: UUID) -> Mapping[str, int]:
        """Nothing beyond the outcomes."""
        return {}

    def apply_kept(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
        """Writes answers, and moves conversations and counts."""
        return waves.apply_ends(connection, request_ids=request_ids, now=now) if request_ids else 0

    def fail_late(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Ends turns and their conversations."""
        self.fail(connection, request_ids, now=now)


CHAT_TURN = ChatTurnKind()
