"""Cells of a CSV that people open in a spreadsheet: text that would be taken for a formula is made text again.

Add a rule about how a value is written into a cell. Which values an export has is decided in `flow.export`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), also as Asian keyboards type it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# A plain number begins no formula, even with a minus before it.
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


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
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula; a number stays a number."""
    if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
