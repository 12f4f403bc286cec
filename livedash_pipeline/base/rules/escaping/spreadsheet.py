"""Cells of files that people open in a spreadsheet: text that would be taken for a formula is made text again.

A spreadsheet of a country that writes decimal commas cuts a line at its semicolons, and takes quotation marks for what they are
only at the beginning of a cell; so text behind a semicolon, a tab or a line break begins a cell, too. Add a rule about how a
value is written into a cell. Which values an export has is decided by the room that writes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

# What is skipped before a formula: spaces, quotation marks, and characters that show nothing. No character at which a cell may
# begin: so each is looked at once, however many there are.
_SKIPPED = '(?:[^\\S\t\n\u2028\u2029]|["\ufeff\u200b-\u200f\u2060])*'
# What begins a formula (OWASP, "CSV Injection"), also as Asian keyboards type it.
_BEGINS = "(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])"
# A formula where the text begins, and where a cut inside the text makes a cell begin. Apart, since the search for a cut is fast.
_FIRST_FORMULA = re.compile(f"{_SKIPPED}{_BEGINS}")
_LATER_FORMULA = re.compile(f"[;\t\n\u2028\u2029]{_SKIPPED}{_BEGINS}")
# A plain number begins no formula, even with a minus before it.
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LINE_ENDS = re.compile(r"\r\n?|\x85")
# Whatever else is no character to read, with what XML and most editors refuse.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
# Any character that either of the two replaces; and with those at which a cut makes a cell begin.
_REPLACED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_CHANGING = re.compile(r"[;\t\n\u2028\u2029\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


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
    if (text[:1].isalnum() and not _CHANGING.search(text)) or _NUMBER.fullmatch(text):
        return text
    readable = _CONTROLS.sub("\ufffd", _LINE_ENDS.sub("\n", text)) if _REPLACED.search(text) else text
    first = _FIRST_FORMULA.match(readable)
    marked = f"{first[0]}'{readable[first.end() :]}" if first else readable
    guarded = _LATER_FORMULA.sub(r"\g<0>'", marked)
    # A tab or a line break at the very beginning is skipped by some, and what follows is read.
    return f"'{guarded}" if guarded.startswith(("\t", "\n")) else guarded
