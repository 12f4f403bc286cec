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
_ID_BYTES = 16
# Positions of stages are 32-bit integers.
_PLACE_BYTES = 4
# Moments are microseconds since 1970, which Postgres keeps as well.
_MOMENT_BYTES = 8
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def make_cursor(last_id: UUID, filters: Mapping[str, str | None]) -> str:
    """A cursor that continues after `last_id` within the same filters."""
    return _write(last_id.bytes, filters)


def read_cursor(cursor: str, filters: Mapping[str, str | None]) -> UUID | None:
    """The id to continue after; None for a cursor that is damaged or belongs to other filters."""
    raw = _read(cursor, filters, _ID_BYTES)
    return None if raw is None else UUID(bytes=raw)


def make_row_cursor(last_id: UUID, place: int, filters: Mapping[str, str | None]) -> str:
    """A cursor that continues after the row at `place` among the rows of `last_id`, within the same filters."""
    return _write(last_id.bytes + place.to_bytes(_PLACE_BYTES, signed=True), filters)


def read_row_cursor(cursor: str, filters: Mapping[str, str | None]) -> tuple[UUID, int] | None:
    """The id and place to continue after; None for a cursor that is damaged or belongs to other filters."""
    raw = _read(cursor, filters, _ID_BYTES + _PLACE_BYTES)
    if raw is None:
        return None
    return UUID(bytes=raw[:_ID_BYTES]), int.from_bytes(raw[_ID_BYTES:], signed=True)


def make_moment_cursor(at: datetime, last_id: UUID, filters: Mapping[str, str | None]) -> str:
    """A cursor that continues after the row of `last_id` among those in order of time, within the same filters."""
    return _write(((at - _EPOCH) // _TICK).to_bytes(_MOMENT_BYTES, signed=True) + last_id.bytes, filters)


def read_moment_cursor(cursor: str, filters: Mapping[str, str | None]) -> tuple[datetime, UUID] | None:
    """The moment and id to continue after; None for a cursor that is damaged or belongs to other filters."""
    raw = _read(cursor, filters, _MOMENT_BYTES + _ID_BYTES)
    if raw is None:
        return None
    try:
        at = _EPOCH + int.from_bytes(raw[:_MOMENT_BYTES], signed=True) * _TICK
    except OverflowError:
        return None
    return at, UUID(bytes=raw[_MOMENT_BYTES:])


def _write(place: bytes, filters: Mapping[str, str | None]) -> str:
    return base64.urlsafe_b64encode(place + _hash(filters)).decode().rstrip("=")


def _read(cursor: str, filters: Mapping[str, str | None], size: int) -> bytes | None:
    """The place in a cursor, if that has so many bytes and the filters are these."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw[:size] if len(raw) == size + _HASH_BYTES and raw[size:] == _hash(filters) else None


def _hash(filters: Mapping[str, str | None]) -> bytes:
    text = "\n".join(f"{name}={value or ''}" for name, value in sorted(filters.items()))
    return hashlib.sha256(text.encode()).digest()[:_HASH_BYTES]
