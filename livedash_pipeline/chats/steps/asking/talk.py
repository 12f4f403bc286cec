"""What a worker knows of the conversation that it holds, and how its work on it ended.

Add what has to be remembered between two turns. The work itself is `chats.steps.asking.ask`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, TOO_SHORT
from livedash_pipeline.chats.rules.turns import Exchange, Source, is_too_short
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.conversations import Claim
from livedash_pipeline.chats.store.moves import LockedBatch, Spent
from livedash_pipeline.chats.store.turns import RequestSize, Turn
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.ledger.store.calls.calls import CallCost

# With one time-out more than a call may take, so that a lease does not pass while its worker still waits.
LEASE_MARGIN = 30.0

COMPANY_IS_OFF = (
    "The company is suspended or archived: nothing is bought for it until `livedash company set SLUG --status active`."
)


class Went(StrEnum):
    """How the work on a claimed conversation ended."""

    PROCESSED = "processed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    AGAIN = "again"
    HELD = "held"
    LOST = "lost"


WENT = {
    ChatState.COMPLETED: Went.PROCESSED,
    ChatState.FAILED: Went.FAILED,
    ChatState.SKIPPED: Went.SKIPPED,
    ChatState.CANCELLED: Went.CANCELLED,
}


@dataclass(frozen=True)
class Asked:
    """How the work on a conversation ended.

    Attributes:
        went: In one word.
        reason: Why nothing may be asked.
        troubled: The service failed.
        following: The conversation that its worker took in the same transaction, its first question begun; or how that ended
            before it was asked.
    """

    went: Went
    reason: str | None = None
    troubled: bool = False
    following: Talk | Asked | None = None


@dataclass(frozen=True)
class Question:
    """What a turn is about to show the model.

    Attributes:
        messages: All of it.
        input_hash: Names it.
        size: What the ledger reserves for it.
        sources: The passages that were found for it.
    """

    messages: list[dict[str, str]]
    input_hash: str
    size: RequestSize
    sources: Sequence[Source]


@dataclass(frozen=True)
class Begun:
    """A purchase that is written down: its try, its request, its question, and when its transaction began.

    A call that begins much later is not made (`LEASE_MARGIN`).
    """

    attempt_id: UUID
    request_id: UUID
    question: Question
    at: float


@dataclass
class Talk:
    """A conversation as far as it has come in this process; `opening` is the question that was begun with its claim, if any."""

    claim: Claim
    turns: Sequence[Turn]
    codes: dict[int, str] = field(default_factory=dict)
    answers: dict[int, Exchange] = field(default_factory=dict)
    opening: Begun | None = None

    def note(self, turn: Turn, code: str, answer: str | None) -> None:
        """A turn has ended; to be told twice is as good as once, since a transaction may run again."""
        self.codes[turn.turn] = code
        if code == ANSWERED and answer is not None:
            self.answers[turn.turn] = Exchange(turn.question, answer)

    def next_question(self) -> Turn | None:
        """The first turn that has no end and says enough to be asked; those before it are noted. None where none is left."""
        for turn in self.turns:
            if turn.turn in self.codes:
                continue
            if turn.outcome_code is not None:
                self.note(turn, turn.outcome_code, turn.answer)
            elif is_too_short(turn.question):
                self.note(turn, TOO_SHORT, None)
            else:
                return turn
        return None

    @property
    def too_short(self) -> list[UUID]:
        """Turns that were found to say too little, and have no end in their rows."""
        return [turn.id for turn in self.turns if turn.outcome_code is None and self.codes.get(turn.turn) == TOO_SHORT]

    @property
    def history(self) -> list[Exchange]:
        """What was asked and answered so far, in order."""
        return [self.answers[turn] for turn in sorted(self.answers)]

    @property
    def left(self) -> list[UUID]:
        """Turns without an end."""
        return [turn.id for turn in self.turns if turn.turn not in self.codes]


Follow = Callable[[Connection, LockedBatch, datetime], Talk | None]
"""Claims the conversation that a worker takes next, in the transaction that ends the one before; None where it may not yet."""


def lease_of(batch: ChatBatch) -> float:
    """Seconds for which a worker holds a conversation: much longer than one call, which is over after its time-out."""
    return 2 * batch.configuration.timeout_seconds + LEASE_MARGIN


def spent_on(end: CallEnd, cost: CallCost | None) -> Spent:
    """What a call adds to its batch's sums."""
    if cost is None or end.outcome not in PAID_OUTCOMES:
        return Spent()
    usd = cost.cost.total_usd if cost.cost else None
    return Spent(usd or Decimal(0), cost.total_eur or Decimal(0), int(usd is None or cost.total_eur is None))
