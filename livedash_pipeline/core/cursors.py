"""Opaque cursors of listings: where a page ended, bound to the filter that it was made with.

A cursor of another filter is refused, since going on from it would skip or repeat rows without a word.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from uuid import UUID

_HASH_BYTES = 6


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


def _hash(filters: Mapping[str, str | None]) -> bytes:
    text = "\n".join(f"{name}={value or ''}" for name, value in sorted(filters.items()))
    return hashlib.sha256(text.encode()).digest()[:_HASH_BYTES]
