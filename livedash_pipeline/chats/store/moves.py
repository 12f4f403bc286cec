"""Every change of a batch's state and counts, under the lock of its row.

Whoever moves a conversation locks its batch first: batch, conversation, turn, request, in this order everywhere. The counts are
changed in the same transaction as the conversations, so that they sum to the total at every commit. Add a move to
`base.rules.chat_states` first; here it is guarded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from livedash_pipeline.base.rules.chat_states import (
    ENDED_CHAT_BATCHES,
    RESUMABLE_CHAT_BATCHES,
    ChatBatchStatus,
    ChatState,
    end_of,
)
from livedash_pipeline.base.rules.states import OPEN_REQUESTS, WORKING_COMPANIES, RequestStatus
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    chat_batches,
    chat_interactions,
    chats,
    companies,
)
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, CANCELLED, SKIP_CODES
from livedash_pipeline.chats.store.batches import COUNT_COLUMNS

_batches = chat_batches.c
_chats = chats.c
Moves = Mapping[tuple[ChatState, ChatState], int]
"""How many conversations went from one state to another."""

# Three times a question; building them anew each time takes longer than sending them.
_LOCK: Select[tuple[Any, ...]] = (
    select(
        _batches.id,
        _batches.company_id,
        _batches.status,
        *(_batches[column] for column in COUNT_COLUMNS.values()),
        select(companies.c.status)
        .where(companies.c.id == _batches.company_id)
        .scalar_subquery()
        .label("company_status"),
    )
    .where(_batches.id == bindparam("batch_id"))
    .with_for_update()
)
_NOW = bindparam("now", type_=_batches.updated_at.type)
_SUMMED = (
    update(chat_batches)
    .where(_batches.id == bindparam("batch_id"))
    .values(
        cost_usd=_batches.cost_usd + bindparam("usd"),
        cost_eur=_batches.cost_eur + bindparam("eur"),
        unpriced_calls=_batches.unpriced_calls + bindparam("unpriced"),
        updated_at=_NOW,
    )
)
_COUNT = _SUMMED.values(ended_at=None)
_COUNT_AND_END = _SUMMED.values(ended_at=func.coalesce(_batches.ended_at, func.greatest(_NOW, _batches.created_at)))


@dataclass(frozen=True)
class Spent:
    """What was bought for a batch, to be added to its sums; `unpriced` counts paid answers whose cost is unknown."""

    usd: Decimal = Decimal(0)
    eur: Decimal = Decimal(0)
    unpriced: int = 0


@dataclass
class Noted:
    """Moves and money of a transaction that writes them once, at its end."""

    moves: Counter[tuple[ChatState, ChatState]] = field(default_factory=Counter)
    spent: list[Spent] = field(default_factory=list)

    def add(self, moves: Moves, spent: Spent | None) -> None:
        """Adds what one step of the transaction moved and bought."""
        self.moves.update(moves)
        if spent is not None:
            self.spent.append(spent)

    @property
    def total(self) -> Spent:
        """Everything that was bought."""
        return Spent(
            sum((each.usd for each in self.spent), Decimal(0)),
            sum((each.eur for each in self.spent), Decimal(0)),
            sum(each.unpriced for each in self.spent),
        )


@dataclass(frozen=True)
class LockedBatch:
    """A batch whose row this transaction holds; with `noted`, its counts are changed by `write_noted` only."""

    id: UUID
    company_id: UUID
    status: ChatBatchStatus
    counts: dict[ChatState, int] = field(compare=False)
    company_works: bool = True
    noted: Noted | None = field(default=None, compare=False)

    @property
    def is_cancelling(self) -> bool:
        """Whether nothing may start any more."""
        return self.status is ChatBatchStatus.CANCELLING


def lock_batch(connection: Connection, batch_id: UUID) -> LockedBatch | None:
    """Holds a batch's row until the transaction ends; None if there is no such batch."""
    row = connection.execute(_LOCK, {"batch_id": batch_id}).one_or_none()
    return None if row is None else _locked(row)


def _locked(row: Row[Any]) -> LockedBatch:
    counts = {state: getattr(row, column) for state, column in COUNT_COLUMNS.items()}
    works = row.company_status in WORKING_COMPANIES
    return LockedBatch(row.id, row.company_id, ChatBatchStatus(row.status), counts, works)


def count_moves(
    connection: Connection, batch: LockedBatch, moves: Moves, *, now: datetime, spent: Spent | None = None
) -> ChatBatchStatus:
    """Changes the counts of a locked batch, and ends it where none of its conversations is open any more; returns its state.

    To be called once per lock, after the conversations were moved; where the batch keeps notes, as often as there is something
    to note, and `write_noted` at the end.
    """
    if batch.noted is not None:
        batch.noted.add(moves, spent)
        return batch.status
    counts = dict(batch.counts)
    for (before, after), number in moves.items():
        counts[before] -= number
        counts[after] += number
    status = _status_after(batch, counts)
    bought = spent or Spent()
    columns = {column: counts[state] for state, column in COUNT_COLUMNS.items()}
    sums = {"usd": bought.usd, "eur": bought.eur, "unpriced": bought.unpriced}
    statement = _COUNT_AND_END if status in ENDED_CHAT_BATCHES else _COUNT
    connection.execute(statement, {"batch_id": batch.id, "now": now, "status": status, **columns, **sums})
    return status


def write_noted(connection: Connection, batch: LockedBatch, *, now: datetime) -> None:
    """Changes the counts by everything that was noted since the batch was locked; does nothing where nothing was."""
    noted = batch.noted
    if noted is not None and (noted.moves or noted.spent):
        count_moves(connection, replace(batch, noted=None), noted.moves, now=now, spent=noted.total)


def _status_after(batch: LockedBatch, counts: Mapping[ChatState, int]) -> ChatBatchStatus:
    is_open = counts[ChatState.PENDING] + counts[ChatState.PROCESSING] > 0
    if batch.status not in (ChatBatchStatus.CREATED, ChatBatchStatus.CANCELLED) and not is_open:
        # Also of one that had ended: a late answer may turn a failure into an answer.
        return end_of(
            cancelling=batch.is_cancelling,
            completed=counts[ChatState.COMPLETED],
            failed=counts[ChatState.FAILED],
            skipped=counts[ChatState.SKIPPED],
            cancelled=counts[ChatState.CANCELLED],
        )
    # A conversation of one that had ended is open again: its request was put back by a person.
    return ChatBatchStatus.PROCESSING if is_open and batch.status in ENDED_CHAT_BATCHES else batch.status


def start_batch(connection: Connection, batch_id: UUID, *, now: datetime) -> bool:
    """CREATED → PROCESSING; False if it is not CREATED."""
    started = connection.execute(
        update(chat_batches)
        .where(_batches.id == batch_id, _batches.status == ChatBatchStatus.CREATED)
        .values(status=ChatBatchStatus.PROCESSING, started_at=now, updated_at=now)
    )
    return started.rowcount == 1


def cancel_batch(connection: Connection, batch: LockedBatch, *, by: str, now: datetime) -> bool:
    """Cancels what has not begun; what is under way is waited for. False where the batch had ended or was being cancelled."""
    if batch.status not in (ChatBatchStatus.CREATED, ChatBatchStatus.PROCESSING):
        return False
    connection.execute(
        update(chat_batches)
        .where(_batches.id == batch.id)
        .values(status=ChatBatchStatus.CANCELLING, cancel_requested_at=now, cancel_requested_by=by, updated_at=now)
    )
    stopped = connection.execute(
        update(chats)
        .where(_chats.batch_id == batch.id, _chats.state == ChatState.PENDING)
        .values(state=ChatState.CANCELLED, outcome_code=CANCELLED, next_try_at=None, completed_at=now)
    ).rowcount
    cancelling = LockedBatch(batch.id, batch.company_id, ChatBatchStatus.CANCELLING, batch.counts)
    count_moves(connection, cancelling, {(ChatState.PENDING, ChatState.CANCELLED): stopped}, now=now)
    return True


def set_aside(connection: Connection, batch: LockedBatch, *, first: int, now: datetime) -> int:
    """Cancels all conversations of a batch that was just started but the first ones; returns how many."""
    stopped = connection.execute(
        update(chats)
        .where(_chats.batch_id == batch.id, _chats.state == ChatState.PENDING, _chats.item_index >= first)
        .values(state=ChatState.CANCELLED, outcome_code=CANCELLED, next_try_at=None, completed_at=now)
    ).rowcount
    if stopped:
        started = LockedBatch(batch.id, batch.company_id, ChatBatchStatus.PROCESSING, batch.counts)
        count_moves(connection, started, {(ChatState.PENDING, ChatState.CANCELLED): stopped}, now=now)
    return stopped


def close_cancelled_requests(connection: Connection, batch_id: UUID, *, now: datetime) -> int:
    """Ends requests of cancelled conversations that were to be asked again by a call, or that no batch has claimed."""
    requests = ai_processing_requests.c
    turns = (
        select(chat_interactions.c.id)
        .join(chats, _chats.id == chat_interactions.c.chat_id)
        .where(_chats.batch_id == batch_id, _chats.state == ChatState.CANCELLED)
    )
    unclaimed = requests.by_call | (requests.processing_status == RequestStatus.PENDING_BATCHING)
    closed = connection.execute(
        update(ai_processing_requests)
        .where(requests.chat_interaction_id.in_(turns), requests.processing_status.in_(OPEN_REQUESTS), unclaimed)
        .values(
            processing_status=RequestStatus.PROCESSING_FAILED,
            error_code=CANCELLED,
            completed_at=func.greatest(now, requests.requested_at),
            updated_at=now,
        )
    )
    return closed.rowcount


def count_unerased(connection: Connection, batch_id: UUID) -> Counter[ChatState]:
    """Conversations of a batch in each state that have all their texts: neither erased nor of a batch whose texts went by age."""
    query = (
        select(_chats.state, func.count().label("chats"))
        .join(chat_batches, _batches.id == _chats.batch_id)
        .where(_chats.batch_id == batch_id, _chats.erased_at.is_(None))
        .where(_batches.questions_deleted_at.is_(None), _batches.answers_deleted_at.is_(None))
        .group_by(_chats.state)
    )
    return Counter({ChatState(row.state): row.chats for row in connection.execute(query)})


def reopen_batch(connection: Connection, batch: LockedBatch, *, failed_too: bool, now: datetime) -> int:
    """Takes a batch that ended back to PROCESSING, with what was cancelled and, if asked for, what failed; returns how many.

    None where there is nothing to do again: the batch stays as it is.
    """
    states = (ChatState.CANCELLED, ChatState.FAILED) if failed_too else (ChatState.CANCELLED,)
    there = count_unerased(connection, batch.id)
    again = {state: there[state] for state in states if there[state]}
    if batch.status not in RESUMABLE_CHAT_BATCHES or not again:
        return 0
    chosen = select(_chats.id).where(_chats.batch_id == batch.id, _chats.state.in_(states), _chats.erased_at.is_(None))
    # What was answered, or skipped for what the question says, stays as it is.
    connection.execute(
        update(chat_interactions)
        .where(
            chat_interactions.c.chat_id.in_(chosen), chat_interactions.c.outcome_code.not_in([ANSWERED, *SKIP_CODES])
        )
        .values(outcome_code=None, error_message=None, answer=None)
    )
    connection.execute(
        update(chats)
        .where(_chats.batch_id == batch.id, _chats.state.in_(states), _chats.erased_at.is_(None))
        .values(
            state=ChatState.PENDING,
            tier=None,
            attempts=0,
            next_try_at=None,
            outcome_code=None,
            error_message=None,
            completed_at=None,
        )
    )
    connection.execute(
        update(chat_batches)
        .where(_batches.id == batch.id)
        .values(cancel_requested_at=None, cancel_requested_by=None, started_at=func.coalesce(_batches.started_at, now))
    )
    processing = LockedBatch(batch.id, batch.company_id, ChatBatchStatus.PROCESSING, batch.counts)
    count_moves(
        connection, processing, {(state, ChatState.PENDING): number for state, number in again.items()}, now=now
    )
    return sum(again.values())
