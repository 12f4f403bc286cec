"""Cells of files that people open in a spreadsheet: text that would be taken for a formula is made text again.

A spreadsheet of a country that writes decimal commas cuts a line at its semicolons, and takes quotation marks for what they are
only at the beginning of a cell; so text behind a semicolon, a tab or a line break begins a cell, too. Add a rule about how a
value is written into a cell. Which values an export has is decided by the room that writes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

# Where a cell may begin; then what is skipped before a formula: spaces, quotation marks, and characters that show nothing; then
# what begins one (OWASP, "CSV Injection"), also as Asian keyboards type it.
_FORMULA = re.compile(
    r"(?P<before>^|[;\t\n\u2028\u2029])(?P<skipped>[^\S\t\n]*(?:[\"\ufeff\u200b-\u200f\u2060][^\S\t\n]*)*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
)
# A plain number begins no formula, even with a minus before it.
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LINE_ENDS = re.compile(r"\r\n?|\x85")
# Whatever else is no character to read, with what XML and most editors refuse.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def cell(value: object) -> str:
    """A value as the text of a cell: empty for None, `true` or `false`, ISO 8601, one line per entry of a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Sequence):
        return safe_text("\n".join(str(entry) for entry in value))
    return safe_text(str(value))


def safe_text(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet would take what follows for a formula; a number stays a number.

    Line ends become line feeds, and other control characters but the tab become U+FFFD.
    """
    if _NUMBER.fullmatch(text):
        return text
    readable = _CONTROLS.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    guarded = _FORMULA.sub(r"\g<before>\g<skipped>'", readable)
    # A tab or a line break at the very beginning is skipped by some, and what follows is read.
    return f"'{guarded}" if guarded.startswith(("\t", "\n")) else guarded
