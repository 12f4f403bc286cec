"""Turns the service's answer to a single call, or the call's failure, into an outcome of the ledger.

A call is written down before it is made. A call that was not definitely refused may have been charged: it counts as
`artifact_unavailable`, its reserved money stays spent, and asking again buys a second time. Add a way in which calls end here;
the caller decides what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.base.rules.token_usage import NO_USAGE, TokenUsage, read_usage
from livedash_pipeline.ledger.rules.results.answer_bodies import read_answer
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, no_answer
from livedash_pipeline.ledger.rules.service.remote_values import read_text

NO_REPLY = "no_reply"
"""The call was sent and no whole answer came: it may have been charged."""

NOT_CONNECTED = "not_connected"
"""There was no connection, so that nothing was sent."""

TOO_LATE = "not_sent"
"""The worker reached the call so late that another worker may have made it already."""

LOST = "worker_lost"
"""The worker that made the call ended before it wrote the result."""

# OpenAI's words for a request that alone exceeds a minute's tokens: it never fits, however long one waits.
_TOO_LARGE = "request too large"
_HOLDS = frozenset(
    {
        FailureKind.BAD_KEY,
        FailureKind.FORBIDDEN,
        FailureKind.QUOTA,
        FailureKind.BILLING,
        FailureKind.MODEL_NOT_FOUND,
        FailureKind.NO_SUCH_ROUTE,
    }
)


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended.

    Attributes:
        outcome: The ledger's outcome.
        content: The text of the answer, usable or not.
        error_code: Why there is no usable answer.
        error_message: The service's words.
        failure: The failure of the call; None where it was answered.
    """

    outcome: Outcome
    content: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    remote_request_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    usage: TokenUsage = NO_USAGE
    failure: ApiFailure | None = None

    @property
    def holds(self) -> bool:
        """Whether a refusal concerns every call to the model or the endpoint, and is no fault of this one."""
        return self.failure is not None and self.failure.kind in _HOLDS

    @property
    def may_be_its_own(self) -> bool:
        """Whether a refusal that holds every call may concern this call alone: gateways also answer a flagged input with 403."""
        return self.failure is not None and self.failure.kind is FailureKind.FORBIDDEN

    @property
    def paused(self) -> bool:
        """Whether the service asked for fewer calls."""
        return self.outcome is Outcome.TRANSIENT and _rate_limited(self.failure)

    @property
    def is_free(self) -> bool:
        """Whether this call does not count as a try: the service asked for fewer calls, or there was no connection."""
        return self.paused or self.error_code in (NOT_CONNECTED, TOO_LATE)


LOST_CALL = CallEnd(
    Outcome.ARTIFACT_UNAVAILABLE,
    error_code=LOST,
    error_message="Whoever made this call ended before writing its answer; it may have been charged.",
)

NOT_SENT = CallEnd(
    Outcome.TRANSIENT,
    error_code=TOO_LATE,
    error_message="Whoever was to make this call came too late to it, and sent nothing.",
    failure=no_answer(FailureKind.UNREACHABLE, "nothing was sent"),
)


def end_of_answer(body: Mapping[str, Any], remote_request_id: str | None) -> CallEnd:
    """Returns the end of a call that the service answered with success; the answer is paid for even if it is useless."""
    answer = read_answer(body)
    parsed = answer.outcome is Outcome.PARSED
    return CallEnd(
        answer.outcome,
        content=storable(answer.content),
        error_code=None if parsed else str(answer.outcome),
        http_status=200,
        finish_reason=answer.finish_reason,
        remote_request_id=remote_request_id,
        model=read_text(body.get("model")),
        service_tier=read_text(body.get("service_tier")),
        usage=read_usage(body.get("usage")),
    )


def end_of_failure(failure: ApiFailure) -> CallEnd:
    """Returns the end of a failed call: definitely refused, to be tried again, or unknown.

    The service sends 429 and 503 instead of an answer and charges nothing. After any other failure the model may have run.
    """
    outcome = _outcome(failure)
    unknown = outcome is Outcome.ARTIFACT_UNAVAILABLE
    return CallEnd(
        outcome,
        error_code=NO_REPLY if unknown else failure.code or failure.kind.value,
        error_message=storable(failure.message),
        http_status=failure.status,
        remote_request_id=failure.request_id,
        failure=failure,
    )


def _rate_limited(failure: ApiFailure | None) -> bool:
    return failure is not None and failure.kind is FailureKind.RATE_LIMITED


def _outcome(failure: ApiFailure) -> Outcome:
    if failure.kind in _HOLDS:
        return Outcome.NOT_RUN
    if _rate_limited(failure) and failure.message.lower().startswith(_TOO_LARGE):
        return Outcome.REJECTED
    if failure.kind is FailureKind.RATE_LIMITED or failure.status == 503 or failure.code == NOT_CONNECTED:
        return Outcome.TRANSIENT
    return Outcome.REJECTED if failure.definite_refusal else Outcome.ARTIFACT_UNAVAILABLE
