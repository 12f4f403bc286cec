"""Asks one claimed conversation, turn by turn: written down before each call, settled after it, and never written by two.

Each turn is two short transactions around a call. The first checks that the batch still runs and the conversation is still ours,
and begins the purchase; the second settles it, whoever the conversation belongs to by then, and writes the answer if it is still
ours. The transaction that ends a conversation claims the worker's next one and begins its first question, where nothing has to be
waited for. Add what happens around a turn here; what its end means is `chats.rules.turn_ends`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.rules.services import ChatService
from livedash_pipeline.chats.rules.turns import turn_body
from livedash_pipeline.chats.steps.asking.closing import Closing
from livedash_pipeline.chats.steps.asking.opening import Opening
from livedash_pipeline.chats.steps.asking.talk import (
    LEASE_MARGIN,
    Asked,
    Begun,
    Follow,
    Question,
    Talk,
    Went,
    lease_of,
)
from livedash_pipeline.chats.steps.context import ChatContext, target_of
from livedash_pipeline.chats.store import conversations
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.moves import LockedBatch, Noted, lock_batch, write_noted
from livedash_pipeline.chats.store.turns import Turn
from livedash_pipeline.ledger.rules.calls.call_ends import NOT_SENT, CallEnd
from livedash_pipeline.ledger.steps.calls import calls as purchases
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

_Result = TypeVar("_Result")
# After these a worker goes on at once: the service answers, and nothing asks for a wait.
_GOES_ON = frozenset({Went.PROCESSED, Went.FAILED, Went.SKIPPED})


def _nothing(*_: object) -> None:
    return None


class Asker:
    """Asks conversations of one batch; may be shared by threads. Prices and rate are those of its beginning."""

    def __init__(self, context: ChatContext, batch: ChatBatch, service: ChatService, api_key: str) -> None:
        self._context = context
        self._batch = batch
        self._service = service
        target = target_of(batch.configuration, api_key)
        with context.engine.connect() as connection:
            tariff = purchases.read_tariff(connection, context.settings, target, now=context.now(connection))
        self._closing = Closing(context, batch, target, tariff)
        self._opening = Opening(context, batch, target, tariff, self._closing)

    def ask(self, talk: Talk, goes_on: Callable[[], bool] = lambda: True, follow: Follow = _nothing) -> Asked:
        """Asks what is left of a conversation, and ends it or puts it back, as it is once `goes_on` says no between two turns.

        The transaction that ends it takes what `follow` claims.
        """
        asked_one = False
        while (turn := talk.next_question()) is not None:
            if asked_one and not goes_on():
                return self._transaction(
                    lambda connection, batch, now: self._closing.put_back(
                        connection, batch, talk, None, counted=False, now=now
                    )
                )
            asked = self._ask_turn(talk, turn, follow)
            if asked is not None:
                return asked
            # As the row says since: the turns after an answered one have all tries again.
            talk.claim, asked_one = replace(talk.claim, attempts=1), True
        return self._transaction(lambda connection, batch, now: self._closing.end(connection, batch, talk, now=now))

    def _ask_turn(self, talk: Talk, turn: Turn, follow: Follow) -> Asked | None:
        """Asks one turn; None where the conversation goes on."""
        begun = talk.opening or self._begin(talk, turn)
        talk.opening = None
        if isinstance(begun, Asked):
            return begun
        # A process that was frozen since may have lost its lease: another worker asks then.
        in_time = self._context.monotonic() - begun.at < LEASE_MARGIN / 2
        body = turn_body(self._batch.configuration, begun.question.messages)
        end = self._service.complete(body) if in_time else NOT_SENT
        return self._close(talk, turn, begun, end, follow)

    def _begin(self, talk: Talk, turn: Turn) -> Begun | Asked:
        # Outside of the transaction, which keeps all other workers of the batch waiting.
        question = self._opening.question(talk, turn)
        at = self._context.monotonic()

        def begin(connection: Connection, batch: LockedBatch, now: datetime) -> Begun | Asked:
            if not conversations.hold(connection, talk.claim, lease=lease_of(self._batch), now=now):
                return Asked(Went.LOST)
            obstacle = self._opening.obstacle(connection, batch, now=now)
            return self._opening.begin(connection, batch, talk, turn, question, obstacle=obstacle, at=at, now=now)

        return self._transaction(begin)

    def _close(self, talk: Talk, turn: Turn, begun: Begun, end: CallEnd, follow: Follow) -> Asked | None:
        at = self._context.monotonic()

        def close(connection: Connection, batch: LockedBatch, now: datetime) -> Asked | None:
            return self._closing.take(connection, batch, talk, turn, begun, end, now=now)

        def close_and_follow(connection: Connection, batch: LockedBatch, now: datetime) -> Asked | None:
            asked = close(connection, batch, now)
            if asked is None or asked.went not in _GOES_ON:
                return asked
            return replace(asked, following=self._following(connection, batch, follow, at, now))

        try:
            return self._transaction(close_and_follow)
        except Exception as error:  # noqa: BLE001 - an answer that was paid for is written, whatever is wrong with the next question
            log.warning(
                "a question is settled by itself", chat_batch_id=str(self._batch.id), error=type(error).__name__
            )
        return self._transaction(close)

    def _following(
        self, connection: Connection, batch: LockedBatch, follow: Follow, at: float, now: datetime
    ) -> Talk | Asked | None:
        """The worker's next conversation with its first question begun; None where that takes longer than a moment."""
        if not self._opening.is_quick or self._opening.obstacle(connection, batch, now=now) is not None:
            return None
        talk = follow(connection, batch, now)
        if talk is None:
            return None
        turn = talk.next_question()
        if turn is None:
            return talk
        question: Question = self._opening.question(talk, turn)
        begun = self._opening.begin(connection, batch, talk, turn, question, obstacle=None, at=at, now=now)
        if isinstance(begun, Asked):
            return begun
        talk.opening = begun
        return talk

    def _transaction(self, work: Callable[[Connection, LockedBatch, datetime], _Result]) -> _Result:
        """Runs `work` with the batch's row locked, and writes the counts that it changed."""

        def locked(connection: Connection) -> _Result:
            batch = lock_batch(connection, self._batch.id)
            if batch is None:
                raise AssertionError("chat batches are never deleted")
            batch, now = replace(batch, noted=Noted()), self._context.now(connection)
            result = work(connection, batch, now)
            write_noted(connection, batch, now=now)
            return result

        return in_transaction(self._context.engine, locked)
