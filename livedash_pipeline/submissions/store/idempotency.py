"""Idempotency keys: the answer that a request got, so that its repeat gets the same one and does nothing.

Add reads and writes of `idempotency_keys`. `submissions.steps.idempotency` decides about repeats, about other requests with the
same key, and about requests at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import idempotency_keys

_keys = idempotency_keys.c
_DELETED_AT_ONCE = 100
_DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A known key: the request that it came with, and its answer once there is one."""

    request_hash: str
    status: int | None
    response: Mapping[str, Any] | None
    created_at: datetime


@contextmanager
def key_lock(engine: Engine, token_id: UUID, key: str) -> Iterator[bool]:
    """Locks a key on a connection of its own while its work is done; yields False where another process holds the lock."""
    values = {"token_id": token_id, "key": key}
    with engine.connect() as connection:
        taken: bool = connection.execute(statement("submissions/take_idempotency_lock"), values).scalar_one()
        connection.commit()
        try:
            yield taken
        finally:
            if taken:
                _free(connection, values)


def _free(connection: Connection, values: Mapping[str, object]) -> None:
    try:
        connection.execute(statement("submissions/free_idempotency_lock"), values)
        connection.commit()
    except (DBAPIError, InvalidRequestError):
        # Closed for good, so that the server frees its lock; a connection in the pool would keep it.
        connection.invalidate()


def find_key(connection: Connection, token_id: UUID, key: str, *, since: datetime) -> KnownKey | None:
    """Finds a key that is not older than `since`."""
    row = connection.execute(
        select(_keys.request_hash, _keys.status, _keys.response, _keys.created_at).where(
            _keys.token_id == token_id, _keys.key == key, _keys.created_at >= since
        )
    ).one_or_none()
    if row is None:
        return None
    document = row.response and json.loads(row.response[_DOCUMENT])
    return KnownKey(row.request_hash, row.status, document, row.created_at)


def start_key(connection: Connection, token_id: UUID, key: str, request_hash: str, *, now: datetime) -> None:
    """Records that a request with a key begins; replaces a key that is too old to count."""
    forget_key(connection, token_id, key)
    connection.execute(
        insert(idempotency_keys).values(token_id=token_id, key=key, request_hash=request_hash, created_at=now)
    )


def finish_key(
    connection: Connection, token_id: UUID, key: str, status: int, response: Mapping[str, Any], *, now: datetime
) -> None:
    """Keeps the answer, as text: `jsonb` would give its keys back in another order."""
    kept = {_DOCUMENT: json.dumps(dict(response))}
    connection.execute(
        update(idempotency_keys)
        .where(_keys.token_id == token_id, _keys.key == key)
        .values(status=status, response=kept, finished_at=now)
    )


def forget_key(connection: Connection, token_id: UUID, key: str) -> None:
    """Makes a key free again."""
    connection.execute(delete(idempotency_keys).where(_keys.token_id == token_id, _keys.key == key))


def delete_old_keys(connection: Connection, *, before: datetime) -> None:
    """Deletes keys from before a moment, a limited number per call."""
    connection.execute(
        statement("submissions/delete_old_idempotency_keys"), {"before": before, "most": _DELETED_AT_ONCE}
    )
