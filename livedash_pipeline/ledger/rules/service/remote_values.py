"""Readers for single values as Batch API servers send them: text, counts, moments, and messages fit to be kept.

Add a reader here when a server writes one more kind of value in its own way. `ledger.rules.service.remote` and
`ledger.rules.service.failures` put the values together. No reader raises: an odd value counts as absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from livedash_pipeline.base.rules.text import storable_text

MESSAGE_LENGTH = 500
LARGEST_COUNT = 2**31 - 1
LARGEST_TOKENS = 2**63 - 1

# Numbers from 10^11 on cannot be seconds (that would be the year 5138): Zhipu and iFlytek send milliseconds.
_MILLISECONDS_FROM = 1e11
_MICROSECONDS_FROM = 1e14

# `sk-…` keys, `Bearer …`, and whatever follows "API key provided:", the words with which a 401 quotes the key.
_SECRETS = (
    (re.compile(r"\bsk-[\w*.…-]{4,}"), "sk-***"),
    (re.compile(r"(?i)\bbearer\s+[^\s,;\"']+"), "Bearer ***"),
    (re.compile(r"(?i)(api[ _-]?key(?: provided)?\s*[:=]\s*[\"']?)(?!sk-\*\*\*)[^\s,;\"']+"), r"\1***"),
)


def read_text(value: object) -> str | None:
    """A string that can be stored, without outer spaces; None for "", null and anything else.

    Numbers count as text, since some servers number their ids.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_TOKENS:
        return str(value)
    if not isinstance(value, str):
        return None
    return storable_text(value)[0].strip() or None


def read_count(value: object, largest: int = LARGEST_COUNT) -> int | None:
    """A number from 0 to `largest`; None for null, negative, fractional and anything that is no number."""
    number = _read_number(value)
    if number is None or not 0 <= number <= largest or number != int(number):
        return None
    return int(number)


def read_moment(value: object) -> datetime | None:
    """A moment in UTC from seconds, milliseconds or microseconds, a numeric string, or an ISO 8601 string.

    Zero and negative numbers mean "not yet" with servers that cannot send null. ISO strings without an offset are UTC.
    """
    number = _read_number(value)
    try:
        if number is None:
            return _read_iso(value) if isinstance(value, str) else None
        if number <= 0:
            return None
        if number >= _MICROSECONDS_FROM:
            number /= 1_000_000
        elif number >= _MILLISECONDS_FROM:
            number /= 1_000
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def tidy_message(text: object, *, secret: str | None = None) -> str:
    """A service's message on one line of at most `MESSAGE_LENGTH` characters, key material masked.

    Args:
        text: What the service sent; anything but text gives "".
        secret: A key that must not appear in whatever shape; masked besides everything that looks like a key.
    """
    message = " ".join((read_text(text) or "").split())
    if secret:
        message = message.replace(secret, "***")
    for pattern, replacement in _SECRETS:
        message = pattern.sub(replacement, message)
    return message if len(message) <= MESSAGE_LENGTH else message[: MESSAGE_LENGTH - 1] + "…"


def _read_number(value: object) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, int | float) else None


def _read_iso(value: str) -> datetime | None:
    moment = datetime.fromisoformat(value.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
