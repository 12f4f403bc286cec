"""How a question ends: its purchase is settled, its answer written if the conversation is still its worker's, and what follows.

Add what has to be written when a turn or a conversation ends. What an end means is decided in `chats.rules.turn_ends`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.chats.rules import turn_ends
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, TOO_SHORT, Then, TurnEnd
from livedash_pipeline.chats.steps.asking.talk import WENT, Asked, Begun, Talk, Went, lease_of, spent_on
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.store import conversations, turns
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.moves import LockedBatch, Spent, count_moves
from livedash_pipeline.chats.store.turns import Turn, TurnResult
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.ledger.steps.calls import calls as purchases
from livedash_pipeline.ledger.steps.calls.calls import CallTarget, CallTariff
from livedash_pipeline.ledger.store.calls import calls
from livedash_pipeline.ledger.store.calls.calls import CallCost, RequestEnd


class Closing:
    """Ends questions and conversations of one batch; may be shared by threads."""

    def __init__(self, context: ChatContext, batch: ChatBatch, target: CallTarget, tariff: CallTariff) -> None:
        self._context = context
        self._batch = batch
        self._configuration = batch.configuration
        self._target = target
        self._tariff = tariff
        self._max_attempts = context.settings.livedash_max_attempts

    def take(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        turn: Turn,
        begun: Begun,
        end: CallEnd,
        *,
        now: datetime,
    ) -> Asked | None:
        """Settles a call, whoever the conversation belongs to by then; None where the conversation goes on."""
        held = conversations.is_held(connection, talk.claim)
        verdict = turn_ends.end_of_turn(
            end.outcome,
            is_free=end.is_free,
            may_be_its_own=end.may_be_its_own,
            attempts=talk.claim.attempts,
            max_attempts=self._max_attempts,
        )
        closes = _request_end(verdict, end) if held and verdict.then is Then.ENDED else None
        cost = purchases.settle(connection, self._target, self._tariff, begun.attempt_id, end, closes=closes, now=now)
        spent = spent_on(end, cost)
        if not held or cost is None:
            # Whoever took it over has counted this call as lost, or asks again: the answer would be the second.
            count_moves(connection, batch, {}, now=now, spent=spent)
            return Asked(Went.LOST)
        if verdict.then is not Then.ENDED:
            if verdict.counts:
                calls.count_try(connection, begun.request_id, now=now)
            return self._again(connection, batch, talk, verdict, end, spent, now=now)
        result = self._result(verdict, end, cost)
        talk.note(turn, verdict.code, result.answer)
        return self._after(connection, batch, talk, turn, result, spent, now=now)

    def _after(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        turn: Turn,
        result: TurnResult,
        spent: Spent,
        *,
        now: datetime,
    ) -> Asked | None:
        """Writes how a turn ended, and where its conversation goes from there."""
        stops = turn_ends.is_failure(result.code) and self._configuration.turn_policy == "stop"
        if stops:
            turns.end_turns(connection, talk.left, turn_ends.EARLIER_TURN_FAILED, now=now)
        if stops or not talk.left:
            last = (turn.id, result)
            return self.end(connection, batch, talk, now=now, spent=spent, message=result.error_message, last=last)
        turns.end_turn(connection, turn.id, result, now=now)
        if batch.is_cancelling:
            return self.put_back(connection, batch, talk, None, counted=False, now=now, spent=spent)
        conversations.forgive_tries(connection, talk.claim)
        conversations.hold(connection, talk.claim, lease=lease_of(self._batch), now=now)
        count_moves(connection, batch, {}, now=now, spent=spent)
        return None

    def _result(self, verdict: TurnEnd, end: CallEnd, cost: CallCost) -> TurnResult:
        kept = verdict.code == ANSWERED or end.outcome in PAID_OUTCOMES
        return TurnResult(
            code=verdict.code,
            error_message=end.error_message,
            answer=end.content if kept else None,
            model=end.model or self._configuration.model,
            applied_overrides=self._configuration.override_text is not None,
            input_tokens=end.usage.prompt_tokens,
            output_tokens=end.usage.completion_tokens,
            cost_usd=cost.cost.total_usd if cost.cost else None,
            usd_eur=cost.usd_eur if cost.cost else None,
            cost_eur=cost.total_eur,
        )

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
        asked = self.put_back(
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

    def put_back(
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

    def end(
        self,
        connection: Connection,
        batch: LockedBatch,
        talk: Talk,
        *,
        now: datetime,
        spent: Spent | None = None,
        message: str | None = None,
        last: tuple[UUID, TurnResult] | None = None,
    ) -> Asked:
        """A conversation is over: all its turns have ended, the `last` one with this."""
        turns.end_turns(connection, talk.too_short, TOO_SHORT, now=now)
        state, code = turn_ends.state_of_chat(talk.codes.values())
        ended = conversations.end_chat(
            connection, batch, talk.claim, state, code=code, message=message, now=now, spent=spent, last=last
        )
        return Asked(WENT[state] if ended else Went.LOST)


def _request_end(verdict: TurnEnd, end: CallEnd) -> RequestEnd:
    """How a turn's request ends with the turn."""
    answered = verdict.code == ANSWERED
    return RequestEnd(
        RequestStatus.PROCESSING_COMPLETE if answered else RequestStatus.PROCESSING_FAILED,
        error_code=None if answered else verdict.code,
        error_message=end.error_message,
        tries=int(verdict.counts),
    )
