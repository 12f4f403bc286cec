"""Values of an existing LiveDash database, as its rows say them in JSON, turned into ours: ids, moments, decimals, words.

Rows are what Postgres's `row_to_json` gives, with decimals instead of floats, so that a `real` keeps its shortest text. Add a
kind of value here; what a whole row becomes is decided by the sibling modules `livedash_…`.
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

# Of this program alone, so that an id of the source becomes the same UUID in every run.
_NAMESPACE = uuid.UUID("6a0b8f0e-3f1d-5c57-9c5b-0d4a8c1f7e21")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LARGEST_INTEGER = 2**63 - 1
# Also where the end of the quotation was cut off.
_QUOTED = re.compile(r'"[^"]*(?:"|$)')


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a source row that a person has to know; `reason` is a fixed text and quotes nothing.

    Attributes:
        table: Table of the source.
        id: Id of its row.
        reason: Why it is not taken over, or what of it is not.
        skipped: Not taken over at all; else the row came, changed as the reason says.
        count: Rows that this is about; above 1 the id is that of the row they hang on.
        listed: Whether the report names the row, or only counts it.
    """

    table: str
    id: str
    reason: str
    skipped: bool = False
    count: int = 1
    listed: bool = True


def kept_id(table: str, text: object) -> tuple[uuid.UUID, str | None]:
    """The id that a row keeps, and its old one where that is no UUID and a UUID is made of it."""
    name = str(text)
    if _UUID.fullmatch(name):
        return uuid.UUID(name), None
    return made_id(table, name), name


def made_id(kind: str, name: str) -> uuid.UUID:
    """The UUID of something that has no id of its own; the same in every run."""
    return uuid.uuid5(_NAMESPACE, f"{kind}:{name}")


def moment(value: object) -> datetime | None:
    """A moment in UTC; None for null and for what no calendar has. Without a zone it is UTC, as Prisma stores it."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # `infinity`, and years that Python does not have.
        return None


def decimal(value: object) -> Decimal | None:
    """A finite number; None for null, NaN and infinity (texts in JSON)."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def decimal_text(value: object, places: int) -> str:
    """A number as the CSV had it, which gives so many decimals at least; empty where there is none.

    A `real` has lost final zeros (0.0010 reads 0.001), so they are put back.
    """
    number = decimal(value)
    if number is None:
        return ""
    exponent = number.as_tuple().exponent
    short = isinstance(exponent, int) and -exponent < places
    return f"{number.quantize(Decimal(1).scaleb(-places)) if short else number:f}"


def whole(value: object, most: int = _LARGEST_INTEGER) -> int | None:
    """A whole number from 0 up to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def text(value: object) -> str | None:
    """A text that is not empty, as Postgres can keep it."""
    return storable(value) if isinstance(value, str) and value else None


def complaint(value: object) -> str | None:
    """An error message without what it quotes: a parser's complaint shows the beginning of the answer that it could not read."""
    found = text(value)
    return None if found is None else _QUOTED.sub('"…"', found)


def truth(value: object) -> bool | None:
    """A boolean."""
    return value if isinstance(value, bool) else None


def word(value: object) -> str | None:
    """A word of an enum, in upper case."""
    return value.strip().upper() or None if isinstance(value, str) else None
