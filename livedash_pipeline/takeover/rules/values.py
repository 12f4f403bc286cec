"""Turns single JSON values of an existing LiveDash database into ours: ids, moments, decimals, words.

Rows come from Postgres's `row_to_json`, with decimals instead of floats, so that a `real` keeps its shortest text. Add a kind of
value here; the modules beside this one read whole rows.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from livedash_pipeline.base.rules.text import storable

Row = Mapping[str, Any]

# A namespace of this program, so that an id of the source becomes the same UUID in every run.
_NAMESPACE = uuid.UUID("6a0b8f0e-3f1d-5c57-9c5b-0d4a8c1f7e21")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LARGEST_INTEGER = 2**63 - 1
# Also where the end of the quotation was cut off.
_QUOTED = re.compile(r'"[^"]*(?:"|$)')


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about a source row for people; `reason` is a fixed text and quotes nothing.

    Attributes:
        table: Table of the source.
        id: Id of its row.
        reason: Why the row, or a part of it, is not taken over.
        skipped: The row is not taken over at all; otherwise it is, changed as the reason says.
        count: Rows that the note is about; above 1 the id is that of the row that they refer to.
        listed: Whether the report names the row, or only counts it.
    """

    table: str
    id: str
    reason: str
    skipped: bool = False
    count: int = 1
    listed: bool = True


def kept_id(table: str, text: object) -> tuple[uuid.UUID, str | None]:
    """Returns the id of a row here, and the old one if it is not a UUID, so that a UUID had to be made of it."""
    name = str(text)
    if _UUID.fullmatch(name):
        return uuid.UUID(name), None
    return made_id(table, name), name


def made_id(kind: str, name: str) -> uuid.UUID:
    """Makes the UUID of a thing without an id; it is the same in every run."""
    return uuid.uuid5(_NAMESPACE, f"{kind}:{name}")


def moment(value: object) -> datetime | None:
    """Reads a moment in UTC; None for null and for impossible dates. Without a zone it is UTC, as Prisma stores it."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # `infinity`, and years that Python does not have.
        return None


def decimal(value: object) -> Decimal | None:
    """Reads a finite number; None for null, NaN and infinity (texts in JSON)."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def decimal_text(value: object, places: int) -> str:
    """Writes a number as the CSV had it, with at least so many decimals; empty where there is none.

    A `real` has lost final zeros (0.0010 reads 0.001), so they are put back.
    """
    number = decimal(value)
    if number is None:
        return ""
    exponent = number.as_tuple().exponent
    short = isinstance(exponent, int) and -exponent < places
    return f"{number.quantize(Decimal(1).scaleb(-places)) if short else number:f}"


def whole(value: object, most: int = _LARGEST_INTEGER) -> int | None:
    """Reads a whole number from 0 up to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def text(value: object) -> str | None:
    """Reads a text that is not empty, in a form that Postgres can keep."""
    return storable(value) if isinstance(value, str) and value else None


def complaint(value: object) -> str | None:
    """Reads an error message without its quotations: a parser's message quotes the beginning of the unreadable answer."""
    found = text(value)
    return None if found is None else _QUOTED.sub('"…"', found)


def truth(value: object) -> bool | None:
    """Reads a boolean."""
    return value if isinstance(value, bool) else None


def word(value: object) -> str | None:
    """Reads a word of an enum, in upper case."""
    return value.strip().upper() or None if isinstance(value, str) else None
