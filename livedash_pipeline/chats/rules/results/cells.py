"""Values as cells of the two formats that people open in a spreadsheet, CSV and XLSX.

Text that a spreadsheet would take for a formula gets an apostrophe (`base.rules.escaping.spreadsheet`), line ends become line
feeds, and characters that XML forbids become U+FFFD; a program that needs a text exactly reads the JSON. Add a rule about how a
kind of value is written into a cell.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from livedash_pipeline.base.rules.escaping.spreadsheet import cell
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.base.rules.values import money
from livedash_pipeline.chats.rules.results.rows import Value

MOST_CHARACTERS = 32_767
"""What a cell of a spreadsheet holds at most, counted in UTF-16 as the program counts."""


def text_cell(value: Value) -> str:
    """A value as text: empty for None, `true` or `false`, times in UTC, money without exponent, one line an entry of a list."""
    if isinstance(value, str):
        return cell(storable_text(value)[0])
    if value is None or isinstance(value, bool | int):
        return cell(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return cell(money(value))
    return cell(storable_text("\n".join(value))[0])


def sheet_cell(value: Value) -> tuple[str, bool]:
    """A value as text that a cell of a sheet can hold, and whether it was cut.

    A text that is cut ends in a mark that names its length, ` … [cut from 40000 characters]`, within the limit.
    """
    text = text_cell(value)
    if text.startswith("<r>") and text.endswith("</r>"):
        # XlsxWriter takes such a text for markup of its own and would write it into the sheet as XML.
        text = f"'{text}"
    if 2 * len(text) <= MOST_CHARACTERS or _units(text) <= MOST_CHARACTERS:
        return text, False
    mark = f" … [cut from {len(text)} characters]"
    room = 2 * (MOST_CHARACTERS - len(mark))
    # The last character may be half inside the limit; it is left out then.
    kept = text[:MOST_CHARACTERS].encode("utf-16-le")[:room].decode("utf-16-le", errors="ignore")
    return kept + mark, True


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
