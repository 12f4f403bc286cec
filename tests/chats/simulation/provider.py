"""The provider of the simulation, in this process: it answers as a schedule says, and keeps books of what it charged.

Each call is two boundaries: before it, and after the provider has done its work, where a worker that dies never reads the answer.
Every answer has words of its own, so that what stands in a row tells which call bought it. Add a way in which calls end to
`OUTCOMES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.ledger.rules.calls.call_ends import NOT_CONNECTED, CallEnd, end_of_failure
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.rules.service.gateway import ModelCheck
from tests.simulation.clock import Clock
from tests.simulation.workers import Worker

MODEL = "gpt-5-mini"
ANSWERED = "answered"
_CALL_SECONDS = 1.0


@dataclass(frozen=True)
class Way:
    """How a call ends: its outcome or its failure, whether it is charged, and how long it takes."""

    outcome: Outcome = Outcome.PARSED
    failure: ApiFailure | None = None
    charged: bool = True
    seconds: float = _CALL_SECONDS


def _failed(kind: FailureKind, status: int | None, *, charged: bool = False, code: str | None = None) -> Way:
    seconds = 120.0 if kind is FailureKind.TIMEOUT else _CALL_SECONDS
    retry_after = 20.0 if code == "slow_down" else None
    return Way(failure=ApiFailure(kind, status, code, "It failed.", retry_after), charged=charged, seconds=seconds)


OUTCOMES: dict[str, Way] = {
    ANSWERED: Way(),
    "slow": Way(seconds=200.0),
    "refused": Way(Outcome.REFUSED),
    "truncated": Way(Outcome.TRUNCATED),
    "empty": Way(Outcome.INVALID_OUTPUT),
    "busy": _failed(FailureKind.BROKEN, 503),
    "too many": _failed(FailureKind.RATE_LIMITED, 429),
    "too many, wait": _failed(FailureKind.RATE_LIMITED, 429, code="slow_down"),
    "lost, paid": _failed(FailureKind.TIMEOUT, None, charged=True),
    "lost, unpaid": _failed(FailureKind.TIMEOUT, None),
    "broken": _failed(FailureKind.BROKEN, 500, charged=True),
    "not connected": _failed(FailureKind.UNREACHABLE, None, code=NOT_CONNECTED),
    "rejected": _failed(FailureKind.REFUSED, 400),
    "wrong key": _failed(FailureKind.BAD_KEY, 401),
}
"""By the words that schedules use."""


@dataclass(frozen=True)
class Call:
    """A call in the provider's books, with the try of our ledger that it was made for."""

    number: int
    attempt: UUID | None
    body: Mapping[str, Any]
    way: Way
    end: CallEnd


@dataclass
class Provider:
    """What it was asked, in order; from `is_well` on it answers everything.

    Args:
        ends: Words of `OUTCOMES` for calls that are not simply answered, by their number.
    """

    ends: Mapping[int, str]
    calls: list[Call] = field(default_factory=list)
    is_well: bool = False

    def take(self, body: Mapping[str, Any], attempt: UUID | None) -> Call:
        """Does what a call asks, and charges it."""
        number = len(self.calls)
        way = OUTCOMES[ANSWERED if self.is_well else self.ends.get(number, ANSWERED)]
        call = Call(number, attempt, body, way, _end(way, number))
        self.calls.append(call)
        return call


def _end(way: Way, number: int) -> CallEnd:
    if way.failure is not None:
        return end_of_failure(way.failure)
    usage = TokenUsage(prompt_tokens=100 + number, completion_tokens=10, total_tokens=110 + number)
    content = None if way.outcome is Outcome.INVALID_OUTPUT else f"Answer {number}."
    return CallEnd(way.outcome, content=content, http_status=200, model=MODEL, usage=usage)


class Connection:
    """The provider as one worker sees it.

    Args:
        provider: Whom all workers ask.
        worker: Who asks.
        clock: Moves on with every call.
        begun: Tells which try the worker has written down last, and forgets it.
        on_failure: Told of every call that failed.
    """

    def __init__(
        self,
        provider: Provider,
        worker: Worker,
        clock: Clock,
        begun: Callable[[], UUID | None],
        on_failure: Callable[[ApiFailure], None],
    ) -> None:
        self._provider = provider
        self._worker = worker
        self._clock = clock
        self._begun = begun
        self._on_failure = on_failure

    def complete(self, body: Mapping[str, Any]) -> CallEnd:
        """As `ChatService.complete`."""
        if self._worker.open_transactions:
            raise AssertionError("a call is made while a transaction is open")
        self._worker.boundary("call complete: before")
        call = self._provider.take(body, self._begun())
        self._clock.advance(call.way.seconds)
        self._worker.boundary("call complete: after")
        if call.way.failure is not None:
            self._on_failure(call.way.failure)
        return call.end

    def check_model(self, model: str) -> ModelCheck:
        """As `ChatService.check_model`: any model, and no stand-in."""
        return ModelCheck(bool(model), True, None, False)
