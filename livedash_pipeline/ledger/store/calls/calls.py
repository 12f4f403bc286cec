"""Single calls in the ledger: begun in one commit, made, and settled in another, so that none is bought without a row.

Add what the ledger has to know of a call. The kind of request decides which request a call is for and what its answer means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, select, update

from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.money.rules.pricing import Cost

_attempts = ai_request_attempts.c
_requests = ai_processing_requests.c
# Built once: it is wide, and building it anew for each call takes longer than sending it.
_SETTLE = (
    update(ai_request_attempts)
    .where(_attempts.id == bindparam("attempt_id"), _attempts.outcome.is_(None))
    .values(settled_at=func.greatest(bindparam("now", type_=_attempts.created_at.type), _attempts.created_at))
)
_SETTLED = (
    "outcome", "error_code", "error_message", "http_status", "finish_reason", "remote_request_id", "model", "service_tier",
    *(each.name for each in fields(TokenUsage) if each.name != "disagrees"),
    "pricing_id", "prompt_cost_usd", "completion_cost_usd", "total_cost_usd", "usd_eur", "total_cost_eur",
)  # fmt: skip
_BEGIN = insert(ai_request_attempts).returning(_attempts.id)
# Where the same try is settled first: one statement for both.
_SETTLE_AND_CLOSE = _SETTLE.values(
    {name: bindparam(f"try_{name}", type_=_attempts[name].type) for name in _SETTLED}
).add_cte(
    update(ai_processing_requests)
    .where(
        _requests.id
        == select(_attempts.request_id)
        .where(_attempts.id == bindparam("attempt_id"), _attempts.outcome.is_(None))
        .scalar_subquery(),
        _requests.by_call,
        _requests.processing_status.in_(OPEN_REQUESTS),
    )
    .values(
        processing_status=bindparam("request_status", type_=_requests.processing_status.type),
        error_code=bindparam("request_error_code", type_=_requests.error_code.type),
        error_message=bindparam("request_error_message", type_=_requests.error_message.type),
        attempts=_requests.attempts + bindparam("request_tries", type_=_requests.attempts.type),
        completed_at=func.greatest(bindparam("now", type_=_requests.requested_at.type), _requests.requested_at),
        updated_at=bindparam("now", type_=_requests.requested_at.type),
    )
    .cte("closed")
)
_CLOSE = (
    update(ai_processing_requests)
    .where(
        _requests.id.in_(bindparam("request_ids", expanding=True)),
        _requests.by_call,
        _requests.processing_status.in_(OPEN_REQUESTS),
    )
    .values(
        attempts=_requests.attempts + bindparam("tries"),
        completed_at=func.greatest(bindparam("now", type_=_requests.requested_at.type), _requests.requested_at),
    )
)


@dataclass(frozen=True)
class CallCost:
    """The cost of a call, with the price row and the rate used; None where one of them, or the usage, is unknown."""

    cost: Cost | None = None
    pricing_id: UUID | None = None
    usd_eur: Decimal | None = None
    total_eur: Decimal | None = None


@dataclass(frozen=True)
class RequestEnd:
    """How a request that is asked by calls ends with one of them; `tries` are added to those that it has used."""

    status: RequestStatus
    error_code: str | None
    error_message: str | None
    tries: int


def begin_call(
    connection: Connection, request_id: UUID, *, transcript_hash: str, reserved_eur: Decimal | None, now: datetime
) -> UUID:
    """Writes down, before a call is made, its request and what it may cost at most; returns its try."""
    values = {
        "request_id": request_id,
        "is_call": True,
        "transcript_hash": transcript_hash,
        "created_at": now,
        "reserved_eur": reserved_eur,
    }
    attempt_id: UUID = connection.execute(_BEGIN, values).scalar_one()
    return attempt_id


def settle_call(
    connection: Connection,
    attempt_id: UUID,
    end: CallEnd,
    cost: CallCost,
    *,
    closes: RequestEnd | None = None,
    now: datetime,
) -> bool:
    """Writes what a call came to, and ends its request with it where it `closes` that.

    False where the call was settled before, as a settled try never changes; its request stays as it is then.
    """
    usage = asdict(end.usage)
    usage.pop("disagrees")
    found = cost.cost
    values = {
        "outcome": end.outcome,
        "error_code": end.error_code,
        "error_message": end.error_message,
        "http_status": end.http_status,
        "finish_reason": end.finish_reason,
        "remote_request_id": end.remote_request_id,
        "model": end.model,
        "service_tier": end.service_tier,
        **usage,
        "pricing_id": cost.pricing_id if found else None,
        "prompt_cost_usd": found.prompt_usd if found else None,
        "completion_cost_usd": found.completion_usd if found else None,
        "total_cost_usd": found.total_usd if found else None,
        "usd_eur": cost.usd_eur if cost.total_eur is not None else None,
        "total_cost_eur": cost.total_eur,
    }
    chosen = {"attempt_id": attempt_id, "now": now}
    if closes is None:
        return connection.execute(_SETTLE, chosen | values).rowcount == 1
    # Names of their own: what is called as a column would be set in both tables.
    closed = chosen | {
        "request_status": closes.status,
        "request_error_code": closes.error_code,
        "request_error_message": closes.error_message,
        "request_tries": closes.tries,
    }
    settled = {f"try_{name}": value for name, value in values.items()}
    return connection.execute(_SETTLE_AND_CLOSE, closed | settled).rowcount == 1


def open_calls(connection: Connection, request_ids: Sequence[UUID]) -> list[UUID]:
    """Returns tries by calls whose end is not written yet."""
    query = select(_attempts.id).where(
        _attempts.request_id.in_(request_ids), _attempts.is_call, _attempts.outcome.is_(None)
    )
    return list(connection.execute(query.order_by(_attempts.id)).scalars())


def count_try(connection: Connection, request_id: UUID, *, now: datetime) -> None:
    """Counts a try of a request that further calls will ask."""
    connection.execute(
        update(ai_processing_requests)
        .where(_requests.id == request_id)
        .values(attempts=_requests.attempts + 1, updated_at=now)
    )


def close_requests(
    connection: Connection,
    request_ids: Sequence[UUID],
    status: RequestStatus,
    *,
    error_code: str | None = None,
    error_message: str | None = None,
    tries: int = 0,
    now: datetime,
) -> int:
    """Ends requests that calls ask and adds to their tries; the subject keeps the answer. Returns how many were ended."""
    if not request_ids:
        return 0
    end = {"processing_status": status, "error_code": error_code, "error_message": error_message, "updated_at": now}
    chosen = {"request_ids": list(request_ids), "tries": tries, "now": now}
    return connection.execute(_CLOSE, {**chosen, **end}).rowcount


def fail_requests(connection: Connection, request_ids: Sequence[UUID], *, error_code: str, now: datetime) -> list[UUID]:
    """Fails requests that wait for a batch; returns their ids."""
    failed = connection.execute(
        update(ai_processing_requests)
        .where(_requests.id.in_(request_ids), _requests.processing_status == RequestStatus.PENDING_BATCHING)
        .values(
            processing_status=RequestStatus.PROCESSING_FAILED,
            error_code=error_code,
            completed_at=func.greatest(now, _requests.requested_at),
            updated_at=now,
        )
        .returning(_requests.id)
    )
    return list(failed.scalars())
