"""Asks one claimed conversation, turn by turn: written down before each call, settled after it, and never written by two.

Each turn is two short transactions around a call. The first checks that the batch still runs and the conversation is still ours,
and begins the purchase; the second settles it, whoever the conversation belongs to by then, and writes the answer if it is still
ours. Add what happens around a turn here; what its end means is `chats.rules.turn_ends`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.rules import turn_ends
from livedash_pipeline.chats.rules.services import ChatService
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, TOO_SHORT, Then, TurnEnd
from livedash_pipeline.chats.rules.turns import input_hash, is_too_short, turn_body, turn_messages
from livedash_pipeline.chats.steps.context import ChatContext, target_of
from livedash_pipeline.chats.steps.sizes import size_of
from livedash_pipeline.chats.steps.talk import (
    COMPANY_IS_OFF,
    LEASE_MARGIN,
    WENT,
    Asked,
    Begun,
    Question,
    Talk,
    Went,
    lease_of,
    spent_on,
)
from livedash_pipeline.chats.store import conversations, turns
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.conversations import Claim
from livedash_pipeline.chats.store.moves import LockedBatch, Spent, count_moves, lock_batch
from livedash_pipeline.chats.store.turns import Turn, TurnResult
from livedash_pipeline.ledger.rules.calls.call_ends import NOT_SENT, CallEnd
from livedash_pipeline.ledger.steps.calls import calls as purchases
from livedash_pipeline.ledger.store.calls import calls
from livedash_pipeline.ledger.store.calls.calls import CallCost

_Result = TypeVar("_Result")


class Asker:
    """Asks conversations of one batch; may be shared by threads. Prices and rate are those of its beginning."""

    def __init__(self, context: ChatContext, batch: ChatBatch, service: ChatService, api_key: str) -> None:
        self._context = context
        self._batch = batch
        self._configuration = batch.configuration
        self._service = service
        self._target = target_of(batch.configuration, api_key)
        with context.engine.connect() as connection:
            self._tariff = purchases.read_tariff(
                connection, context.settings, self._target, now=context.now(connection)
            )
        self._search = context.search(batch.configuration)
        self._max_attempts = context.settings.livedash_max_attempts

    def ask(self, claim: Claim, goes_on: Callable[[], bool] = lambda: True) -> Asked:
        """Asks what is left of a conversation, and ends it or puts it back, as it is once `goes_on` says no between two turns."""
        with self._context.engine.connect() as connection:
            talk = Talk(claim, turns.read_turns(connection, claim.chat_id))
        asked_one = False
        for turn in talk.turns:
            if turn.outcome_code is not None:
                talk.note(turn, turn.outcome_code, turn.answer)
            elif is_too_short(turn.question):
                talk.note(turn, TOO_SHORT, None)
                talk.too_short.append(turn.id)
            elif asked_one and not goes_on():
                return self._transaction(
                    lambda connection, batch, now: self._put_back(connection, batch, talk, None, counted=False, now=now)
                )
            else:
                asked = self._ask_turn(talk, turn)
                if asked is not None:
                    return asked
                # As the row says since: the turns after an answered one have all tries again.
                talk.claim, asked_one = replace(talk.claim, attempts=1), True
        return self._transaction(lambda connection, batch, now: self._end(connection, batch, talk, now=now))

    def _ask_turn(self, talk: Talk, turn: Turn) -> Asked | None:
        """Asks one turn; None where the conversation goes on."""
        sources = self._search.find(self._batch.company_id, turn.question, language=self._configuration.page_language)
        messages = turn_messages(
            self._configuration,
            turn.question,
            context=turn.context,
            url=turn.url,
            sources=sources,
            history=talk.history,
        )
        # Outside of the transaction, which keeps all other workers of the batch waiting.
        asked = Question(
            input_hash(self._configuration, messages), size_of(self._context, self._configuration, messages), sources
        )
        begins = self._context.monotonic()
        begun = self._transaction(lambda connection, batch, now: self._begin(connection, batch, talk, turn, asked, now))
        if isinstance(begun, Asked):
            return begun
        # A process that was frozen since may have lost its lease: another worker asks then.
        in_time = self._context.monotonic() - begins < LEASE_MARGIN / 2
        end = self._service.complete(turn_body(self._configuration, messages)) if in_time else NOT_SENT
        return self._transaction(
            lambda connection, batch, now: self._take(connection, batch, talk, turn, begun, end, now)
        )

    def _begin(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        turn: Turn,
        asked: Question,
        now: datetime,
    ) -> Begun | Asked:
        if not conversations.hold(connection, talk.claim, lease=lease_of(self._batch), now=now):
            return Asked(Went.LOST)
        if batch.status is not ChatBatchStatus.PROCESSING:
            return self._put_back(connection, batch, talk, None, counted=False, now=now)
        reason = purchases.holding(connection, self._target, now=now) if batch.company_works else COMPANY_IS_OFF
        if reason is not None:
            return self._put_back(connection, batch, talk, None, counted=False, now=now, reason=reason)
        reserved = purchases.reserve(
            connection,
            self._context.settings,
            self._target,
            self._tariff,
            batch.company_id,
            tokens=asked.size.tokens,
            max_output_tokens=asked.size.max_output_tokens,
            now=now,
        )
        if reserved.refusal is not None:
            return self._put_back(connection, batch, talk, None, counted=False, now=now, reason=reserved.refusal)
        request_id = turns.call_request(
            connection,
            turn.id,
            batch.company_id,
            model=self._configuration.model,
            input_hash=asked.input_hash,
            size=asked.size,
            now=now,
        )
        if request_id is None:
            # A batch of the ledger is asking it: its answer is waited for.
            return self._put_back(connection, batch, talk, now + timedelta(minutes=5), counted=False, now=now)
        turns.begin_turn(connection, turn.id, input_hash=asked.input_hash, sources=asked.sources, now=now)
        attempt_id = calls.begin_call(
            connection, request_id, transcript_hash=asked.input_hash, reserved_eur=reserved.eur, now=now
        )
        return Begun(attempt_id, request_id)

    def _take(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        turn: Turn,
        begun: Begun,
        end: CallEnd,
        now: datetime,
    ) -> Asked | None:
        held = conversations.is_held(connection, talk.claim)
        cost = purchases.settle(connection, self._target, self._tariff, begun.attempt_id, end, now=now)
        spent = spent_on(end, cost)
        if not held or cost is None:
            # Whoever took it over has counted this call as lost, or asks again: the answer would be the second.
            count_moves(connection, batch, {}, now=now, spent=spent)
            return Asked(Went.LOST)
        verdict = turn_ends.end_of_turn(
            end.outcome,
            is_free=end.is_free,
            may_be_its_own=end.may_be_its_own,
            attempts=talk.claim.attempts,
            max_attempts=self._max_attempts,
        )
        if verdict.then is not Then.ENDED:
            if verdict.counts:
                calls.count_try(connection, begun.request_id, now=now)
            return self._again(connection, batch, talk, verdict, end, spent, now=now)
        self._write(connection, talk, turn, begun, verdict, end, cost, now=now)
        if turn_ends.is_failure(verdict.code) and self._configuration.turn_policy == "stop":
            turns.end_turns(connection, talk.left, turn_ends.EARLIER_TURN_FAILED, now=now)
            return self._end(connection, batch, talk, now=now, spent=spent, message=end.error_message)
        if not talk.left:
            return self._end(connection, batch, talk, now=now, spent=spent, message=end.error_message)
        if batch.is_cancelling:
            return self._put_back(connection, batch, talk, None, counted=False, now=now, spent=spent)
        conversations.forgive_tries(connection, talk.claim)
        conversations.hold(connection, talk.claim, lease=lease_of(self._batch), now=now)
        count_moves(connection, batch, {}, now=now, spent=spent)
        return None

    def _write(
        self,
        connection: Connection,
        talk: Talk,
        turn: Turn,
        begun: Begun,
        verdict: TurnEnd,
        end: CallEnd,
        cost: CallCost,
        *,
        now: datetime,
    ) -> None:
        answered = verdict.code == ANSWERED
        result = TurnResult(
            code=verdict.code,
            error_message=end.error_message,
            answer=end.content if answered or end.outcome in PAID_OUTCOMES else None,
            model=end.model or self._configuration.model,
            applied_overrides=self._configuration.override_text is not None,
            input_tokens=end.usage.prompt_tokens,
            output_tokens=end.usage.completion_tokens,
            cost_usd=cost.cost.total_usd if cost.cost else None,
            usd_eur=cost.usd_eur if cost.cost else None,
            cost_eur=cost.total_eur,
        )
        turns.end_turn(connection, turn.id, result, now=now)
        status = RequestStatus.PROCESSING_COMPLETE if answered else RequestStatus.PROCESSING_FAILED
        calls.close_requests(
            connection,
            [begun.request_id],
            status,
            error_code=None if answered else verdict.code,
            error_message=end.error_message,
            tries=int(verdict.counts),
            now=now,
        )
        talk.note(turn, verdict.code, result.answer)

    def _again(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        verdict: TurnEnd,
        end: CallEnd,
        spent: Spent,
        *,
        now: datetime,
    ) -> Asked:
        wait = turn_ends.back_off(talk.claim.attempts, self._context.jitter())
        asked = self._put_back(
            connection,
            batch,
            talk,
            now + timedelta(seconds=wait),
            counted=verdict.counts,
            now=now,
            code=verdict.code,
            message=end.error_message,
            spent=spent,
            reason=self._refused(end) if verdict.then is Then.HELD else None,
        )
        return Asked(asked.went, asked.reason, troubled=verdict.then is Then.AGAIN and not end.paused)

    def _refused(self, end: CallEnd) -> str:
        """Why nothing may be asked, without the service's own words, which may quote a question."""
        return f"{self._configuration.endpoint} refuses {self._configuration.model} ({end.error_code})."

    def _put_back(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        next_try_at: datetime | None,
        *,
        counted: bool,
        now: datetime,
        code: str | None = None,
        message: str | None = None,
        spent: Spent | None = None,
        reason: str | None = None,
    ) -> Asked:
        """A conversation waits again, or ends with its batch that is being cancelled."""
        turns.end_turns(connection, talk.too_short, TOO_SHORT, now=now)
        if batch.is_cancelling:
            code = turn_ends.CANCELLED
            requests = turns.open_requests(connection, talk.claim.chat_id)
            calls.close_requests(connection, requests, RequestStatus.PROCESSING_FAILED, error_code=code, now=now)
        conversations.put_back(
            connection,
            batch,
            talk.claim,
            code=code,
            message=message,
            next_try_at=next_try_at,
            counted=counted,
            now=now,
            spent=spent,
        )
        if batch.is_cancelling:
            return Asked(Went.CANCELLED)
        return Asked(Went.AGAIN) if reason is None else Asked(Went.HELD, reason)

    def _end(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        *,
        now: datetime,
        spent: Spent | None = None,
        message: str | None = None,
    ) -> Asked:
        turns.end_turns(connection, talk.too_short, TOO_SHORT, now=now)
        state, code = turn_ends.state_of_chat(talk.codes.values())
        ended = conversations.end_chat(
            connection, batch, talk.claim, state, code=code, message=message, now=now, spent=spent
        )
        return Asked(WENT[state] if ended else Went.LOST)

    def _transaction(self, work: Callable[[Connection, LockedBatch, datetime], _Result]) -> _Result:
        """Runs `work` with the batch's row locked."""

        def locked(connection: Connection) -> _Result:
            batch = lock_batch(connection, self._batch.id)
            if batch is None:
                raise AssertionError("chat batches are never deleted")
            return work(connection, batch, self._context.now(connection))

        return in_transaction(self._context.engine, locked)
