"""Values of MongoDB's Extended JSON, relaxed or canonical, as plain values.

Add a type to `_TYPES`. What cannot be read becomes `Unreadable`, so that one bad value does not cost its document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ObjectId(str):
    """An id of MongoDB: as the value of a field it refers to another document."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is not what its type says."""

    reason: str


def plain(value: Any) -> Any:
    """A value with all typed values inside it as text, number, moment, `ObjectId` or `Unreadable`."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value), "")
    if not kind.startswith("$"):
        return {name: plain(each) for name, each in value.items()}
    if kind == "$ref":
        return plain(value.get("$id"))
    read = _TYPES.get(kind)
    found = Unreadable(f"{kind[:20]} is no known type") if read is None else read(value[kind])
    return Unreadable(f"{kind} holds no such value") if found is _NOTHING else found


def parse_moment(text: str) -> datetime | None:
    """An ISO 8601 moment; one without a zone is UTC, as MongoDB stores it. None for anything else."""
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_NOTHING = object()


def _object_id(value: Any) -> Any:
    return ObjectId(value.lower()) if isinstance(value, str) and _OBJECT_ID.fullmatch(value) else _NOTHING


def _date(value: Any) -> Any:
    if isinstance(value, str):
        return parse_moment(value) or _NOTHING
    milliseconds = plain(value)
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return _NOTHING
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _NOTHING


def _integer(value: Any) -> Any:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return _NOTHING
    return value if -_LARGEST - 1 <= value <= _LARGEST else _NOTHING


def _double(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _NOTHING
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return _NOTHING
    return found if isfinite(found) else _NOTHING


def _decimal(value: Any) -> Any:
    try:
        found = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        return _NOTHING
    return found if found.is_finite() else _NOTHING


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else _NOTHING


def _binary(value: Any) -> Any:
    """Bytes stay base64: nothing here needs them."""
    return _text(value.get("base64") if isinstance(value, dict) else value)


def _undefined(_: Any) -> None:
    return None


_TYPES: dict[str, Callable[[Any], Any]] = {
    "$oid": _object_id,
    "$date": _date,
    "$numberInt": _integer,
    "$numberLong": _integer,
    "$numberDouble": _double,
    "$numberDecimal": _decimal,
    "$uuid": _text,
    "$symbol": _text,
    "$binary": _binary,
    "$undefined": _undefined,
}
