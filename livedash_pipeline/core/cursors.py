"""Opaque cursors of listings: where a page ended, bound to the filter that it was made with.

A cursor of another filter is refused, since going on from it would skip or repeat rows without a word.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

_HASH_BYTES = 6
# Positions of stages are 32-bit integers.
_PLACE_BYTES = 4
# Moments are microseconds since 1970, which Postgres keeps as well.
_MOMENT_BYTES = 8
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def make_cursor(last_id: UUID, filters: Mapping[str, str | None]) -> str:
    """A cursor that continues after `last_id` within the same filters."""
    return base64.urlsafe_b64encode(last_id.bytes + _hash(filters)).decode().rstrip("=")


def read_cursor(cursor: str, filters: Mapping[str, str | None]) -> UUID | None:
    """The id to continue after; None for a cursor that is damaged or belongs to other filters."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _HASH_BYTES or raw[16:] != _hash(filters):
        return None
    return UUID(bytes=raw[:16])


def make_row_cursor(last_id: UUID, place: int, filters: Mapping[str, str | None]) -> str:
    """A cursor that continues after the row at `place` among the rows of `last_id`, within the same filters."""
    raw = last_id.bytes + place.to_bytes(_PLACE_BYTES, signed=True) + _hash(filters)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_row_cursor(cursor: str, filters: Mapping[str, str | None]) -> tuple[UUID, int] | None:
    """The id and place to continue after; None for a cursor that is damaged or belongs to other filters."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _PLACE_BYTES + _HASH_BYTES or raw[-_HASH_BYTES:] != _hash(filters):
        return None
    return UUID(bytes=raw[:16]), int.from_bytes(raw[16:-_HASH_BYTES], signed=True)


def make_moment_cursor(at: datetime, last_id: UUID, filters: Mapping[str, str | None]) -> str:
    """A cursor that continues after the row of `last_id` among those in order of time, within the same filters."""
    raw = ((at - _EPOCH) // _TICK).to_bytes(_MOMENT_BYTES, signed=True) + last_id.bytes + _hash(filters)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_moment_cursor(cursor: str, filters: Mapping[str, str | None]) -> tuple[datetime, UUID] | None:
    """The moment and id to continue after; None for a cursor that is damaged or belongs to other filters."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _MOMENT_BYTES + 16 + _HASH_BYTES or raw[-_HASH_BYTES:] != _hash(filters):
        return None
    try:
        at = _EPOCH + int.from_bytes(raw[:_MOMENT_BYTES], signed=True) * _TICK
    except OverflowError:
        return None
    return at, UUID(bytes=raw[_MOMENT_BYTES:-_HASH_BYTES])


def _hash(filters: Mapping[str, str | None]) -> bytes:
    text = "\n".join(f"{name}={value or ''}" for name, value in sorted(filters.items()))
    return hashlib.sha256(text.encode()).digest()[:_HASH_BYTES]
