"""Conversations while they are worked on: claimed with a lease, held by a fence, put back, and ended.

A worker writes only while its fence is the row's: once its lease has passed and another has claimed the conversation, its writes
hit nothing. Batches are locked before conversations (`chats.store.moves`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Update, bindparam, func, or_, select, text, update

from livedash_pipeline.base.rules.chat_states import ChatState, Tier
from livedash_pipeline.base.store.tables import chat_batches, chat_interactions, chats
from livedash_pipeline.chats.store.moves import LockedBatch, Spent, count_moves
from livedash_pipeline.chats.store.turns import END_TURN, RESULT_COLUMNS, TURN_COLUMNS, Turn, TurnResult, result_values

_chats = chats.c
# Counts what is under way of a provider, one counter at a time.
_LOCK_PROVIDER = text("SELECT pg_advisory_xact_lock(hashtextextended('livedash chats ' || CAST(:provider AS text), 0))")
# What a worker holds: nothing is written past another's fence. Built once; the columns are those of the parameters.
_HELD = (
    (_chats.id == bindparam("held_id"))
    & (_chats.fence == bindparam("held_fence"))
    & (_chats.state == ChatState.PROCESSING)
)
_LOCK_HELD = select(_chats.id).where(_HELD).with_for_update()
_WRITE = update(chats).where(_HELD)
_WRITE_UNCOUNTED = _WRITE.values(attempts=func.greatest(_chats.attempts - 1, 0))
_NOW = bindparam("now", type_=_chats.lease_until.type)
_UNDER_WAY = (
    select(func.count())
    .select_from(chats.join(chat_batches, chat_batches.c.id == _chats.batch_id))
    .where(_chats.lease_until > _NOW, chat_batches.c.ai_provider == bindparam("provider"))
)
_FIRST_DUE = (
    select(_chats.id)
    .where(_chats.batch_id == bindparam("batch"), _chats.state == ChatState.PENDING)
    .where(or_(_chats.next_try_at.is_(None), _chats.next_try_at <= _NOW))
    .order_by(_chats.item_index)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = (
    update(chats)
    .where(_chats.id == _FIRST_DUE, _chats.state == ChatState.PENDING)
    .values(
        state=ChatState.PROCESSING,
        tier=Tier.SLICES,
        attempts=_chats.attempts + 1,
        fence=_chats.fence + 1,
        lease_until=bindparam("until"),
        started_at=func.coalesce(_chats.started_at, _NOW),
        next_try_at=None,
    )
    .returning(_chats.id, _chats.item_index, _chats.fence, _chats.attempts)
)
_CLAIMED = _CLAIM.cte("claimed")
_CLAIM_WITH_TURNS = (
    select(_CLAIMED, *TURN_COLUMNS)
    .join_from(_CLAIMED, chat_interactions, chat_interactions.c.chat_id == _CLAIMED.c.id)
    .order_by(chat_interactions.c.turn)
)
# The last turn of a conversation ends in the statement that ends the conversation, and only if that is still its worker's.
_ENDED = ("state", "lease_until", "next_try_at", "outcome_code", "error_message", "completed_at")
_WRITE_WITH_TURN = _WRITE.values({name: bindparam(f"chat_{name}", type_=_chats[name].type) for name in _ENDED}).add_cte(
    END_TURN.where(select(_chats.id).where(_HELD).exists())
    .values({column: bindparam(f"turn_{name}", type_=column.type) for name, column in RESULT_COLUMNS.items()})
    .cte("ended_turn")
)


@dataclass(frozen=True)
class Claim:
    """A conversation that a worker holds."""

    batch_id: UUID
    company_id: UUID
    chat_id: UUID
    item_index: int
    fence: int
    attempts: int


def under_way(connection: Connection, provider: str, *, now: datetime) -> int:
    """How many conversations of a provider are being asked by calls, over all batches and hosts.

    Whoever asks next waits until this transaction ends, so that two that count at once do not both find a free place.
    """
    connection.execute(_LOCK_PROVIDER, {"provider": provider})
    return int(connection.execute(_UNDER_WAY, {"provider": provider, "now": now}).scalar_one())


def claim_chat(
    connection: Connection, batch: LockedBatch, *, lease: float, now: datetime
) -> tuple[Claim, list[Turn]] | None:
    """Takes the first conversation that waits and is due, in file order, with its turns; None where there is none now."""
    values = {"batch": batch.id, "now": now, "until": now + timedelta(seconds=lease)}
    rows = connection.execute(_CLAIM_WITH_TURNS, values).all()
    if not rows:
        return None
    count_moves(connection, batch, {(ChatState.PENDING, ChatState.PROCESSING): 1}, now=now)
    chat_id, item_index, fence, attempts = rows[0][:4]
    return Claim(batch.id, batch.company_id, chat_id, item_index, fence, attempts), [Turn(*row[4:]) for row in rows]


def hold(connection: Connection, claim: Claim, *, lease: float, now: datetime) -> bool:
    """Keeps a conversation for another lease; False once it belongs to somebody else."""
    return _write(connection, claim, lease_until=now + timedelta(seconds=lease))


def is_held(connection: Connection, claim: Claim) -> bool:
    """Whether a conversation is still its worker's, whose row is then locked until the transaction ends."""
    held = {"held_id": claim.chat_id, "held_fence": claim.fence}
    return connection.execute(_LOCK_HELD, held).first() is not None


def forgive_tries(connection: Connection, claim: Claim) -> None:
    """A turn was answered: the turns after it have all tries again."""
    _write(connection, claim, attempts=1)


def put_back(
    connection: Connection,
    batch: LockedBatch,
    claim: Claim,
    *,
    code: str | None,
    message: str | None,
    next_try_at: datetime | None,
    counted: bool,
    now: datetime,
    spent: Spent | None = None,
) -> bool:
    """A conversation waits again, or is cancelled with its batch; an uncounted try is taken back."""
    state = ChatState.CANCELLED if batch.is_cancelling else ChatState.PENDING
    moved = _write(
        connection,
        claim,
        statement=_WRITE if counted else _WRITE_UNCOUNTED,
        state=state,
        lease_until=None,
        next_try_at=None if batch.is_cancelling else next_try_at,
        outcome_code=code,
        error_message=message,
        completed_at=now if batch.is_cancelling else None,
    )
    return _counted(connection, batch, state, moved=moved, now=now, spent=spent)


def end_chat(
    connection: Connection,
    batch: LockedBatch,
    claim: Claim,
    state: ChatState,
    *,
    code: str,
    message: str | None,
    now: datetime,
    spent: Spent | None = None,
    last: tuple[UUID, TurnResult] | None = None,
) -> bool:
    """A conversation is over, with how its `last` turn ended; False where it was somebody else's by then."""
    values: dict[str, Any] = {
        "state": state,
        "lease_until": None,
        "next_try_at": None,
        "outcome_code": code,
        "error_message": message,
        "completed_at": now,
    }
    if last is None:
        moved = _write(connection, claim, **values)
    else:
        # Names of their own: what is called as a column would be set in both tables.
        ended = {f"turn_{name}": value for name, value in result_values(last[1], now=now).items()}
        chat = {f"chat_{name}": value for name, value in values.items()}
        moved = _write(connection, claim, statement=_WRITE_WITH_TURN, turn_id=last[0], **ended, **chat)
    return _counted(connection, batch, state, moved=moved, now=now, spent=spent)


def _counted(
    connection: Connection,
    batch: LockedBatch,
    state: ChatState,
    *,
    moved: bool,
    now: datetime,
    spent: Spent | None,
) -> bool:
    # What was bought is counted even where the conversation has gone to somebody else.
    count_moves(connection, batch, {(ChatState.PROCESSING, state): int(moved)}, now=now, spent=spent)
    return moved


def expired_claims(connection: Connection, batch: LockedBatch, *, now: datetime) -> list[Claim]:
    """Conversations whose worker has let its lease pass, locked until the transaction ends."""
    query = (
        select(_chats.id, _chats.item_index, _chats.fence, _chats.attempts)
        .where(_chats.batch_id == batch.id, _chats.lease_until <= now)
        .order_by(_chats.item_index)
        .with_for_update()
    )
    return [Claim(batch.id, batch.company_id, *row) for row in connection.execute(query)]


def next_due(connection: Connection, batch_id: UUID) -> tuple[int, datetime | None]:
    """How many conversations wait, and when the first of those is due that wait for a moment, or whose lease passes."""
    soonest = func.least(func.min(_chats.next_try_at), func.min(_chats.lease_until))
    waiting = func.count().filter(_chats.state == ChatState.PENDING)
    query = select(waiting, soonest).where(_chats.batch_id == batch_id, _chats.state.in_(_OPEN))
    count, moment = connection.execute(query).one()
    return int(count), moment


_OPEN = (ChatState.PENDING, ChatState.PROCESSING)


def _write(connection: Connection, claim: Claim, *, statement: Update | None = None, **values: Any) -> bool:
    held = {"held_id": claim.chat_id, "held_fence": claim.fence}
    return connection.execute(_WRITE if statement is None else statement, {**held, **values}).rowcount == 1
