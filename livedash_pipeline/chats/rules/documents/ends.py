"""What the ends of the old system are here: codes of turns, states of chats, the status of a batch.

Nothing is open any more, so nothing is asked again by itself. Add a code where the old system knew an end of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState, end_of
from livedash_pipeline.chats.rules.documents.moved import MovedBatch, MovedTurn
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, CANCELLED, REFUSED, TOO_SHORT
from livedash_pipeline.chats.rules.turns import is_too_short

IMPORTED_FAILURE = "imported_failure"

_CODES = {"COMPLETED": ANSWERED, "FAILED": IMPORTED_FAILURE, "CANCELLED": CANCELLED}
_CANCELLED_WORDS = frozenset({"cancelled", "canceled", "cancelling", "aborted"})


def code_of(turn: MovedTurn) -> str:
    """How a turn ended; a skipped one was too short if its question is or its error says so, and refused otherwise."""
    if turn.state != "SKIPPED":
        return _CODES[turn.state]
    short = is_too_short(turn.question) or "short" in (turn.error or "").lower()
    return TOO_SHORT if short else REFUSED


def count_states(states: Iterable[ChatState]) -> Mapping[ChatState, int]:
    """How many chats have each state; every state is there, with 0 where none has it."""
    counts = Counter(states)
    return {state: counts[state] for state in ChatState}


def status_of(batch: MovedBatch, counts: Mapping[ChatState, int]) -> ChatBatchStatus:
    """How a batch ended: by its chats, unless the old system calls it cancelled."""
    return end_of(
        cancelling=batch.status.strip().lower() in _CANCELLED_WORDS,
        completed=counts[ChatState.COMPLETED],
        failed=counts[ChatState.FAILED],
        skipped=counts[ChatState.SKIPPED],
        cancelled=counts[ChatState.CANCELLED],
    )
