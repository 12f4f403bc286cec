"""Does the work of a request once, however often the request is sent with the same key.

A key belongs to a token and to the first request that came with it. Work that was cut off leaves a key without an answer, and the
next request with the key does the work again; the work has to allow for that. Add nothing that knows what the work is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.submissions.store.idempotency import (
    delete_old_keys,
    find_key,
    finish_key,
    forget_key,
    key_lock,
    start_key,
)

KEPT = timedelta(hours=24)


class KeyReusedError(LivedashError):
    """Another request came with the same key before."""

    code = "idempotency_key_reused"


class KeyInUseError(LivedashError):
    """The first request with the key is still at work."""

    code = "idempotency_key_in_use"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A key, its token, and a hash over everything that distinguishes its request."""

    token_id: UUID
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class OnceAnswer:
    """An answer with its HTTP status; `repeated` if it was kept from before."""

    status: int
    document: Document
    repeated: bool = False


def once(
    engine: Engine,
    key: RequestKey | None,
    work: Callable[[], OnceAnswer],
    *,
    refusals: tuple[type[Exception], ...] = (),
    clock: Callable[[Connection], datetime] = database_now,
) -> OnceAnswer:
    """Answers a request with the answer kept for its key, or by doing the work.

    Args:
        engine: Our database.
        key: The request's key; None for one without.
        work: Does the work of the request.
        refusals: Exceptions that the work raises without having done anything; the key is free again for a corrected request.
        clock: The time.

    Raises:
        KeyReusedError: Another request came with the key within the last 24 hours.
        KeyInUseError: The first one is still at work.
    """
    if key is None:
        return work()
    with key_lock(engine, key.token_id, key.key) as is_ours:
        if not is_ours:
            raise KeyInUseError(
                f"A request with the Idempotency-Key {key.key!r} is still being worked on.",
                remedy="Wait a little, and send the same request with the same key again.",
            )
        kept = in_transaction(engine, lambda connection: _begin(connection, key, clock(connection)))
        if kept is not None:
            return kept
        try:
            answer = work()
        except refusals:
            in_transaction(engine, lambda connection: forget_key(connection, key.token_id, key.key))
            raise
        in_transaction(
            engine,
            lambda connection: finish_key(
                connection, key.token_id, key.key, answer.status, answer.document, now=clock(connection)
            ),
        )
        return answer


def _begin(connection: Connection, key: RequestKey, now: datetime) -> OnceAnswer | None:
    known = find_key(connection, key.token_id, key.key, since=now - KEPT)
    if known is None:
        delete_old_keys(connection, before=now - KEPT)
        start_key(connection, key.token_id, key.key, key.request_hash, now=now)
        return None
    if known.request_hash != key.request_hash:
        raise KeyReusedError(
            f"Another request came with the Idempotency-Key {key.key!r} at {known.created_at.isoformat()}.",
            remedy="Send each request with a key of its own; only a repeat of the very same request has the same one.",
        )
    if known.status is None or known.response is None:
        return None
    return OnceAnswer(known.status, dict(known.response), repeated=True)
