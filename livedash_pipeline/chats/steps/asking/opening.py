"""How a question begins: what it shows the model is put together, and its purchase is written down before the call.

Add what has to be looked at before a question is asked. What its end means is `chats.steps.asking.closing`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.chats.rules.turns import input_hash, turn_messages
from livedash_pipeline.chats.steps.asking.closing import Closing
from livedash_pipeline.chats.steps.asking.talk import COMPANY_IS_OFF, Asked, Begun, Question, Talk
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.sizes import size_of
from livedash_pipeline.chats.store import turns
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.moves import LockedBatch
from livedash_pipeline.chats.store.turns import Turn
from livedash_pipeline.ledger.steps.calls import calls as purchases
from livedash_pipeline.ledger.steps.calls.calls import CallTarget, CallTariff

# For how long a conversation waits one of whose turns a batch of the ledger is asking.
_ASKED_ELSEWHERE = timedelta(minutes=5)


class Opening:
    """Begins questions of one batch; may be shared by threads."""

    def __init__(
        self, context: ChatContext, batch: ChatBatch, target: CallTarget, tariff: CallTariff, closing: Closing
    ) -> None:
        self._context = context
        self._batch = batch
        self._configuration = batch.configuration
        self._target = target
        self._tariff = tariff
        self._closing = closing
        self._search = context.search(batch.configuration)

    @property
    def is_quick(self) -> bool:
        """Putting a question together asks nobody, so that it may be done while the batch's row is locked."""
        return self._configuration.search_provider == "none"

    def question(self, talk: Talk, turn: Turn) -> Question:
        """What a turn shows the model, after the turns before it."""
        sources = self._search.find(self._batch.company_id, turn.question, language=self._configuration.page_language)
        messages = turn_messages(
            self._configuration,
            turn.question,
            context=turn.context,
            url=turn.url,
            sources=sources,
            history=talk.history,
        )
        size = size_of(self._context, self._configuration, messages)
        return Question(messages, input_hash(self._configuration, messages), size, sources)

    def obstacle(self, connection: Connection, batch: LockedBatch, *, now: datetime) -> str | None:
        """Why nothing may be asked of the batch's model now, in words."""
        return purchases.holding(connection, self._target, now=now) if batch.company_works else COMPANY_IS_OFF

    def begin(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        turn: Turn,
        question: Question,
        *,
        obstacle: str | None,
        at: float,
        now: datetime,
    ) -> Begun | Asked:
        """Writes a purchase down, for a conversation that is held; where it may not be made, the conversation is put back.

        `obstacle` is what this transaction has found in the way.
        """
        if batch.status is not ChatBatchStatus.PROCESSING:
            return self._closing.put_back(connection, batch, talk, None, counted=False, now=now)
        if obstacle is not None:
            return self._closing.put_back(connection, batch, talk, None, counted=False, now=now, reason=obstacle)
        reserved = purchases.reserve(
            connection,
            self._context.settings,
            self._target,
            self._tariff,
            batch.company_id,
            tokens=question.size.tokens,
            body_bytes=question.size.body_bytes,
            max_output_tokens=question.size.max_output_tokens,
            now=now,
        )
        if reserved.refusal is not None:
            return self._closing.put_back(
                connection, batch, talk, None, counted=False, now=now, reason=reserved.refusal
            )
        begun = turns.begin_question(
            connection,
            turn.id,
            batch.company_id,
            model=self._configuration.model,
            input_hash=question.input_hash,
            sources=question.sources,
            size=question.size,
            reserved_eur=reserved.eur,
            now=now,
        )
        if begun is None:
            # A batch of the ledger is asking it: its answer is waited for.
            return self._closing.put_back(connection, batch, talk, now + _ASKED_ELSEWHERE, counted=False, now=now)
        return Begun(*begun, question, at)
