"""The states of chat batches and of the conversations in them, with their moves.

Add a state or a move here and nowhere else; a test walks the moves against the database. Those of the ledger are in
`base.rules.states`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ChatBatchStatus(StrEnum):
    """Where a chat batch stands; FAILED means that every conversation failed."""

    CREATED = "CREATED"
    PROCESSING = "PROCESSING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_FAILURES = "COMPLETED_WITH_FAILURES"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ChatState(StrEnum):
    """Where a conversation stands: disjoint states, whose counts sum to the batch's total."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


class ChatMode(StrEnum):
    """How a batch is asked: in time slices, through the Batch API, or whichever is in time."""

    SLICES = "slices"
    BATCH = "batch"
    AUTO = "auto"


class Tier(StrEnum):
    """Which way one conversation is asked."""

    SLICES = "slices"
    BATCH = "batch"


class Judged(StrEnum):
    """What a model says of two answers to one question."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


_B = ChatBatchStatus
CHAT_BATCH_MOVES: Mapping[ChatBatchStatus, frozenset[ChatBatchStatus]] = {
    _B.CREATED: frozenset({_B.PROCESSING, _B.CANCELLED}),
    _B.PROCESSING: frozenset({_B.CANCELLING, _B.CANCELLED, _B.COMPLETED, _B.COMPLETED_WITH_FAILURES, _B.FAILED}),
    _B.CANCELLING: frozenset({_B.CANCELLED}),
    # What was cancelled or failed is resumed on demand; a requeued request of the ledger opens its batch again, and an answer
    # that shows late changes what its end was.
    _B.CANCELLED: frozenset({_B.PROCESSING}),
    _B.FAILED: frozenset({_B.PROCESSING, _B.COMPLETED, _B.COMPLETED_WITH_FAILURES}),
    _B.COMPLETED_WITH_FAILURES: frozenset({_B.PROCESSING, _B.COMPLETED}),
    _B.COMPLETED: frozenset(),
}

_S = ChatState
CHAT_MOVES: Mapping[ChatState, frozenset[ChatState]] = {
    _S.PENDING: frozenset({_S.PROCESSING, _S.CANCELLED, _S.SKIPPED}),
    _S.PROCESSING: frozenset({_S.PENDING, _S.COMPLETED, _S.FAILED, _S.SKIPPED, _S.CANCELLED}),
    _S.CANCELLED: frozenset({_S.PENDING}),
    # By the ledger's batches: a late answer, and a request that is put back.
    _S.FAILED: frozenset({_S.PENDING, _S.PROCESSING, _S.COMPLETED}),
    _S.SKIPPED: frozenset(),
    _S.COMPLETED: frozenset(),
}

ENDED_CHAT_BATCHES = (_B.COMPLETED, _B.COMPLETED_WITH_FAILURES, _B.FAILED, _B.CANCELLED)
RESUMABLE_CHAT_BATCHES = (_B.CANCELLED, _B.FAILED, _B.COMPLETED_WITH_FAILURES)
OPEN_CHATS = (_S.PENDING, _S.PROCESSING)


def end_of(*, cancelling: bool, completed: int, failed: int, skipped: int, cancelled: int) -> ChatBatchStatus:
    """The end of a batch none of whose conversations is open any more.

    A cancelled one is CANCELLED whatever its last conversations did. Skipped ones are no failures: FAILED means that some
    failed and none was answered or skipped.
    """
    if cancelling or cancelled:
        return _B.CANCELLED
    if not failed:
        return _B.COMPLETED
    return _B.COMPLETED_WITH_FAILURES if completed or skipped else _B.FAILED
