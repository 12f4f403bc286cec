"""Safeguards of chat batches taken away one at a time, to prove that the simulation notices: deliberate sabotage.

Each mutation is a context that holds while schedules run, in a process of its own. Lost commits are `Sabotage`; what lies inside
a module is taken away by putting another function in its place. Add a safeguard here when it is added there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Update, bindparam, func, select, update

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState, Tier
from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    ai_request_attempts,
    chat_batches,
    chat_interactions,
    chats,
)
from livedash_pipeline.chats.rules import turn_ends
from livedash_pipeline.chats.rules import turns as turn_rules
from livedash_pipeline.chats.rules.tiers import WINDOW
from livedash_pipeline.chats.rules.turn_ends import Then, TurnEnd
from livedash_pipeline.chats.steps import cancel as cancel_steps
from livedash_pipeline.chats.steps.asking import ask, closing, opening
from livedash_pipeline.chats.store import conversations, fall_back, moves, turns
from livedash_pipeline.chats.store import waves as wave_rows
from livedash_pipeline.chats.store.conversations import Claim
from livedash_pipeline.chats.store.moves import LockedBatch, Spent
from livedash_pipeline.ledger.store.calls import calls
from tests.simulation.runner import Sabotage

Mutation = Callable[[Engine], AbstractContextManager[Sabotage]]

_chats = chats.c


def _replaced(*replacements: tuple[object, str, Any]) -> Mutation:
    """Other functions in the places of some."""

    @contextmanager
    def mutation(_engine: Engine) -> Iterator[Sabotage]:
        with ExitStack() as stack:
            for target, name, value in replacements:
                stack.callback(setattr, target, name, getattr(target, name))
                setattr(target, name, value)
            yield Sabotage()

    return mutation


def _lost_commit(function: str) -> Mutation:
    @contextmanager
    def mutation(_engine: Engine) -> Iterator[Sabotage]:
        yield Sabotage(keep_commit=lambda name: name != function)

    return mutation


# Fences only grow, so that whoever held the conversation at some time passes.
_BY_ANYBODY = (
    (_chats.id == bindparam("held_id"))
    & (_chats.fence >= bindparam("held_fence"))
    & (_chats.state == ChatState.PROCESSING)
)
_WRITTEN_BY_ANYBODY = update(chats).where(_BY_ANYBODY)


def _with_turn(written: Update, ended: Update, fenced: ColumnElement[bool]) -> Update:
    """As `conversations._WRITE_WITH_TURN`."""
    values = {column: bindparam(f"turn_{name}", type_=column.type) for name, column in turns.RESULT_COLUMNS.items()}
    chat = {name: bindparam(f"chat_{name}", type_=_chats[name].type) for name in conversations._ENDED}
    return written.values(chat).add_cte(
        ended.where(select(_chats.id).where(fenced).exists()).values(values).cte("ended_turn")
    )


_WITHOUT_FENCE = (
    (conversations, "_LOCK_HELD", select(_chats.id).where(_BY_ANYBODY).with_for_update()),
    (conversations, "_WRITE", _WRITTEN_BY_ANYBODY),
    (conversations, "_WRITE_WITH_TURN", _with_turn(_WRITTEN_BY_ANYBODY, turns.END_TURN, _BY_ANYBODY)),
    (conversations, "_WRITE_UNCOUNTED", _WRITTEN_BY_ANYBODY.values(attempts=func.greatest(_chats.attempts - 1, 0))),
)


def _leases(connection: Connection, batch: LockedBatch, *, now: datetime) -> list[Claim]:
    """All that are leased, whether or not their time has passed."""
    query = select(_chats.id, _chats.item_index, _chats.fence, _chats.attempts).where(
        _chats.batch_id == batch.id, _chats.lease_until.is_not(None)
    )
    return [Claim(batch.id, batch.company_id, *row) for row in connection.execute(query.order_by(_chats.item_index))]


def _claim_any(
    connection: Connection, batch: LockedBatch, *, lease: float, now: datetime
) -> tuple[Claim, list[turns.Turn]] | None:
    """The first conversation that is not over, even if somebody has it."""
    first = (
        select(chats)
        .where(_chats.batch_id == batch.id, _chats.state.in_((ChatState.PENDING, ChatState.PROCESSING)))
        .where(func.coalesce(_chats.next_try_at, now) <= now, func.coalesce(_chats.tier, Tier.SLICES) == Tier.SLICES)
        .order_by(_chats.item_index)
        .limit(1)
        .with_for_update()
    )
    found = connection.execute(first).one_or_none()
    if found is None:
        return None
    connection.execute(
        update(chats)
        .where(_chats.id == found.id)
        .values(
            state=ChatState.PROCESSING,
            tier=Tier.SLICES,
            attempts=_chats.attempts + 1,
            fence=_chats.fence + 1,
            lease_until=now + timedelta(seconds=lease),
            next_try_at=None,
        )
    )
    moves.count_moves(connection, batch, {(ChatState(found.state), ChatState.PROCESSING): 1}, now=now)
    claim = Claim(batch.id, batch.company_id, found.id, found.item_index, found.fence + 1, found.attempts + 1)
    return claim, turns.read_turns(connection, found.id)


def _always_running(connection: Connection, batch_id: Any) -> LockedBatch | None:
    batch = moves.lock_batch(connection, batch_id)
    return None if batch is None else replace(batch, status=ChatBatchStatus.PROCESSING)


def _cancel_whatever(connection: Connection, batch: LockedBatch, *, by: str, now: datetime) -> bool:
    """As if the batch had never ended."""
    running = replace(batch, status=ChatBatchStatus.PROCESSING)
    return _cancel_batch(connection, running, by=by, now=now)


_cancel_batch = moves.cancel_batch


def _settle_again(connection: Connection, attempt_id: Any, end: Any, cost: Any, **how: Any) -> bool:
    """Writes over what was settled before."""
    again = update(ai_request_attempts).where(ai_request_attempts.c.id == attempt_id)
    connection.execute(again.values(outcome=None, settled_at=None))
    return _settle_call(connection, attempt_id, end, cost, **how)


_settle_call = calls.settle_call


def _end_turn_again(connection: Connection, turn_id: Any, result: Any, *, now: datetime) -> bool:
    """Writes over an answer."""
    values = asdict(result)
    changed = update(chat_interactions).where(chat_interactions.c.id == turn_id)
    connection.execute(changed.values(outcome_code=values.pop("code"), completed_at=now, **values))
    return True


_END_ANY_TURN = update(chat_interactions).where(chat_interactions.c.id == bindparam("turn_id"))


def _buys_on(outcome: Any, **known: Any) -> TurnEnd:
    """An answer that is of no use is asked for again."""
    end = _end_of_turn(outcome, **known)
    unused = end.code in ("refused", "truncated", "invalid_output")
    return TurnEnd(Then.AGAIN, end.code, counts=True) if unused and known["attempts"] < known["max_attempts"] else end


_end_of_turn = turn_ends.end_of_turn


def _without_history(configuration: Any, question: str, **shown: Any) -> list[dict[str, str]]:
    return _turn_messages(configuration, question, **shown | {"history": ()})


_turn_messages = turn_rules.turn_messages


def _counts_stay(connection: Connection, batch: LockedBatch, _moves: Any, **how: Any) -> ChatBatchStatus:
    return moves.count_moves(connection, batch, {}, **how)


@contextmanager
def _unlisted_cancel(_engine: Engine) -> Iterator[Sabotage]:
    """A cancel does not say that the batch is being cancelled: only what waits is stopped."""

    def cancel(connection: Connection, batch: LockedBatch, *, by: str, now: datetime) -> bool:
        done = _cancel_batch(connection, batch, by=by, now=now)
        if done and moves.lock_batch(connection, batch.id).is_cancelling:  # type: ignore[union-attr]
            connection.execute(
                update(chat_batches).where(chat_batches.c.id == batch.id).values(status=ChatBatchStatus.PROCESSING)
            )
        return done

    with _replaced((cancel_steps, "cancel_batch", cancel))(_engine) as sabotage:
        yield sabotage


def _late_whatever_is_asked(connection: Connection, batch_id: Any, *, most: int, now: datetime) -> list[Any]:
    """Also conversations that a batch of the ledger is asking about, once a window does not fit any more."""
    late = chat_batches.c.due_at < now + WINDOW
    query = (
        select(_chats.id)
        .join(chat_batches, chat_batches.c.id == _chats.batch_id)
        .where(_chats.batch_id == batch_id, _chats.state == ChatState.PROCESSING, _chats.tier == Tier.BATCH, late)
    )
    return list(connection.execute(query.limit(most)).scalars())


def _fall_back_unlooked(connection: Connection, batch: LockedBatch, chat_ids: Any, *, now: datetime) -> int:
    """Whatever a batch of the ledger is asking about is asked by calls as well."""
    turn_ids = select(chat_interactions.c.id).where(chat_interactions.c.chat_id.in_(chat_ids))
    requests = ai_processing_requests.c
    connection.execute(
        update(ai_processing_requests)
        .where(requests.subject_id.in_(turn_ids), requests.processing_status.in_(OPEN_REQUESTS))
        .values(by_call=True, processing_status=RequestStatus.BATCHING_IN_PROGRESS, batch_id=None)
    )
    connection.execute(
        update(chats).where(_chats.id.in_(chat_ids)).values(state=ChatState.PENDING, tier=None, attempts=0)
    )
    moves.count_moves(connection, batch, {(ChatState.PROCESSING, ChatState.PENDING): len(chat_ids)}, now=now)
    return len(chat_ids)


MUTATIONS: dict[str, Mutation] = {
    "no write carries the fence": _replaced(*_WITHOUT_FENCE),
    "a lease is taken away before it has passed": _replaced((conversations, "expired_claims", _leases)),
    "what a lost worker held is never taken back": _replaced((conversations, "expired_claims", lambda *_, **__: [])),
    "what is under way may be claimed": _replaced((conversations, "claim_chat", _claim_any)),
    "the claim is not committed": _lost_commit("chats.steps.process._Worker._next"),
    "the call is not written down before it is made": _lost_commit("chats.steps.asking.ask.Asker._transaction"),
    "the batch's state is not asked before a call": _replaced((ask, "lock_batch", _always_running)),
    "a batch that has ended may be cancelled": _replaced((cancel_steps, "cancel_batch", _cancel_whatever)),
    "a cancel does not hold the batch": _unlisted_cancel,
    "a lost call is not settled": _replaced((calls, "open_calls", lambda *_: [])),
    "a settled call is settled again": _replaced((calls, "settle_call", _settle_again)),
    "an answer is written over, and no write carries the fence": _replaced(
        *_WITHOUT_FENCE,
        (turns, "end_turn", _end_turn_again),
        (conversations, "_WRITE_WITH_TURN", _with_turn(_WRITTEN_BY_ANYBODY, _END_ANY_TURN, _BY_ANYBODY)),
    ),
    "counts do not follow the conversations": _replaced((conversations, "count_moves", _counts_stay)),
    "counts that were noted are never written": _replaced((ask, "write_noted", lambda *_, **__: None)),
    "what was bought is not added to the batch": _replaced((closing, "spent_on", lambda *_: Spent())),
    "nobody counts what a provider is asked": _replaced((conversations, "under_way", lambda *_, **__: 0)),
    "a useless answer is bought again": _replaced((turn_ends, "end_of_turn", _buys_on)),
    "turns do not show the answers before them": _replaced((opening, "turn_messages", _without_history)),
    "turns of a wave do not show the answers before them": _replaced((wave_rows, "earlier_answers", lambda *_: {})),
    "a cancel leaves turns to the next batch": _replaced((wave_rows, "cancel_unclaimed", lambda *_, **__: 0)),
    "requests of cancelled conversations stay open": _replaced(
        (cancel_steps, "close_cancelled_requests", lambda *_, **__: 0),
        (wave_rows, "close_cancelled_requests", lambda *_, **__: 0),
    ),
    "what is at the service is given to calls": _replaced(
        (fall_back, "late_chats", _late_whatever_is_asked), (fall_back, "fall_back", _fall_back_unlooked)
    ),
    "what a wave cost is not added to the batch": _replaced(
        (wave_rows, "_sum_spent", lambda ended: {row.batch_id: Spent() for row in ended})
    ),
}
