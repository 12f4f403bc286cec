"""How long all processes stop calling a service that asked to be called less often.

Decisions only; the pause itself is a row that all processes read (`ledger.store.admission.pauses`). Refusals for another reason
than too many calls, such as a used-up quota, are holds (`ledger.rules.admission.admission`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind

# A limit per minute has recovered after a first pause; each further pause in a row is twice as long.
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
# `Retry-After` is honoured up to here: a wrong figure must not stop everything for a day.
LONGEST_ASKED = timedelta(hours=1)
# After so long without a pause the next one counts as the first again.
FORGOTTEN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Pause:
    """A moment until which nobody calls, and the number of the pause in its row."""

    until: datetime
    times: int


def asks_for_pause(failure: ApiFailure) -> bool:
    """Whether a failure means "too many calls", or comes with a `Retry-After` from a service in trouble.

    A quota that is used up or a wrong key says nothing about the pace of calls.
    """
    if failure.kind is FailureKind.RATE_LIMITED:
        return True
    return failure.retry_after is not None and failure.retryable


def next_pause(failure: ApiFailure, *, known: Pause | None, now: datetime) -> Pause:
    """Returns the pause after a failure that asks for one.

    A call that is refused during a pause was under way before it: it can lengthen the pause to what the service asks, but does
    not start another one.
    """
    asked = min(timedelta(seconds=max(failure.retry_after or 0.0, 0.0)), LONGEST_ASKED)
    if known is not None and now < known.until:
        return Pause(max(known.until, now + asked), known.times)
    in_a_row = known is not None and now < known.until + FORGOTTEN_AFTER
    times = known.times + 1 if known is not None and in_a_row else 1
    own = min(FIRST_PAUSE * (1 << min(times - 1, 10)), LONGEST_PAUSE)
    return Pause(now + max(own, asked), times)
