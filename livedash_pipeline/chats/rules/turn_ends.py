"""What follows from the end of a turn: for the turn, for the turns after it, and for their conversation.

Add a code here when a turn can end in a new way. What a call came to is `ledger.rules.calls.call_ends`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.outcomes import Outcome

ANSWERED = "answered"
TOO_SHORT = "too_short"
REFUSED = "refused"
EARLIER_TURN_FAILED = "earlier_turn_failed"
CANCELLED = "cancelled"

SKIP_CODES = frozenset({TOO_SHORT, REFUSED})
"""Turns that nobody failed at: the question says too little, or the model's guardrails decline it."""

LONGEST_BACK_OFF = 60.0


class Then(StrEnum):
    """What becomes of a turn."""

    ENDED = "ended"
    AGAIN = "again"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """What a call means for its turn.

    Attributes:
        then: Over, asked again, or put back as nothing may be asked now.
        code: How it ended; while it is asked again, why.
        counts: Whether the try uses one of the conversation's up.
    """

    then: Then
    code: str
    counts: bool


def end_of_turn(
    outcome: Outcome, *, is_free: bool, attempts: int, max_attempts: int, may_be_its_own: bool = False
) -> TurnEnd:
    """What one call means, with `attempts` tries used, this one included.

    An answer that was paid for is final, whatever it is worth. What may have been paid for is asked again, as the ledger
    counts it as bought, until the tries are used up. A refusal that concerns every call uses none up, unless it
    `may_be_its_own`: some services refuse one question in the same words as a key. Nor does what `is_free`: a request for fewer
    calls, and a call for which there was no connection.
    """
    code = str(outcome)
    match outcome:
        case Outcome.PARSED:
            return TurnEnd(Then.ENDED, ANSWERED, counts=True)
        case Outcome.NOT_RUN if may_be_its_own:
            return TurnEnd(Then.ENDED if attempts >= max_attempts else Then.HELD, code, counts=True)
        case Outcome.NOT_RUN:
            return TurnEnd(Then.HELD, code, counts=False)
        case Outcome.TRANSIENT if is_free:
            return TurnEnd(Then.AGAIN, code, counts=False)
        case Outcome.TRANSIENT | Outcome.ARTIFACT_UNAVAILABLE | Outcome.MISSING:
            return TurnEnd(Then.ENDED if attempts >= max_attempts else Then.AGAIN, code, counts=True)
        case _:
            return TurnEnd(Then.ENDED, code, counts=True)


def is_failure(code: str) -> bool:
    """Whether a turn that ended so has failed."""
    return code not in SKIP_CODES and code not in (ANSWERED, CANCELLED)


def state_of_chat(codes: Iterable[str]) -> tuple[ChatState, str]:
    """State and code of a conversation all of whose turns ended: failed if one did, skipped if none was answered."""
    listed = list(codes)
    failed = next((code for code in listed if is_failure(code)), None)
    if failed is not None:
        return ChatState.FAILED, failed
    if CANCELLED in listed:
        return ChatState.CANCELLED, CANCELLED
    if ANSWERED in listed:
        return ChatState.COMPLETED, ANSWERED
    return ChatState.SKIPPED, listed[0]


def chat_after(codes: Sequence[str | None], *, stops: bool, cancelling: bool) -> ChatState:
    """Where a conversation goes after some of its turns ended (None: not yet), with the policy that a failed turn `stops` it.

    Specification of `sql/statements/chats/settle_chats.sql`; `tests/chats/store/test_settle_chats.py` compares the two.
    """
    ended = [code for code in codes if code is not None]
    failed = any(map(is_failure, ended))
    if len(ended) == len(codes) or (failed and stops):
        return state_of_chat(ended)[0]
    return ChatState.CANCELLED if cancelling else ChatState.PROCESSING


def back_off(attempts: int, jitter: float) -> float:
    """Seconds before a conversation is tried again: doubling, half to one and a half times by a `jitter` from 0 to 1."""
    return float(min(2.0 ** min(attempts, 10), LONGEST_BACK_OFF) * (0.5 + jitter))
