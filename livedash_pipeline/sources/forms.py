"""What the beginning of a file says it is instead of what is expected: told by name, before it becomes a heap of rejects.

Expected is the seed's CSV, or what a company's profile says. Add a form with the sentence that names it and what helps. What is
in a CSV is the business of `intake.rules.csv_records`; packed files are unpacked before (`packing`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# So much of a file is looked at.
SAMPLE_BYTES = 4096
# Columns of a record, less one: `intake.rules.csv_layout` has the list, which a test compares.
SEPARATORS = 15
Expected = Literal["seed", "csv", "jsonl", "xlsx", "any"]
"""The seed's CSV, the form that a profile names, or any of these where a file is only looked at."""
_BOM = b"\xef\xbb\xbf"
_ZIP = b"PK\x03\x04"
_DETECT = "`livedash company detect {slug}` looks at it and proposes how it is to be read."
_NEVER_READ = {
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook, not a CSV",
    b"%PDF": "is a PDF, not a CSV",
}
_COMMENTS = re.compile(rb"(?:\s|<!--.*?-->)*", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype|html|head|body|script|meta|title|style|div|p|h1)\b", re.IGNORECASE)
_JSON = re.compile(rb'\s*[\[{]\s*["\[{\]}]')
_OTHER_SEPARATORS = {b";": "semicolons", b"\t": "tabs", b"|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class OtherForm:
    """What a file is, after its name in a sentence, and what helps, with `{slug}` where the company's slug stands."""

    what: str
    remedy: str


def other_form(beginning: bytes, expected: Expected = "seed") -> OtherForm | None:
    """What a file is instead of what is expected, by its first bytes; None where nothing speaks against it."""
    for magic, what in _NEVER_READ.items():
        if beginning.startswith(magic):
            return OtherForm(what, "Have it exported as CSV, JSON lines or XLSX.")
    if expected == "xlsx":
        return None if beginning.startswith(_ZIP) else OtherForm("is no Excel workbook, as its profile says", _DETECT)
    if beginning.startswith(_ZIP) and expected != "any":
        return OtherForm("is an Excel workbook, not a CSV", _DETECT)
    text = beginning.removeprefix(_BOM)
    marked = text[_matched(_COMMENTS, text) :]
    if _HTML.match(marked):
        return OtherForm("is an HTML page (a login page?), not a CSV", "Check the address and the credentials.")
    if marked.startswith(b"<?xml"):
        return OtherForm("is XML, not a CSV", "Have it exported as CSV.")
    return _other_than_the_seeds(text) if expected == "seed" else None


def _other_than_the_seeds(text: bytes) -> OtherForm | None:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_utf_16(text):
        return OtherForm("is UTF-16 text, not UTF-8", _DETECT)
    if _JSON.match(text):
        return OtherForm("is JSON, not a CSV", _DETECT)
    return _otherwise_separated(text)


def _otherwise_separated(text: bytes) -> OtherForm | None:
    first = text.lstrip().partition(b"\n")[0]
    if first.count(b",") >= SEPARATORS:
        return None
    for separator, name in _OTHER_SEPARATORS.items():
        if first.count(separator) >= SEPARATORS:
            return OtherForm(f"separates its columns with {name}, not with commas", _DETECT)
    return None


def _is_utf_16(text: bytes) -> bool:
    """Whether every second byte is NUL, as in UTF-16 of European text; a stray NUL in a CSV is a reject of its own."""
    even, odd = text[0::2], text[1::2]
    return len(text) >= 8 and max(even.count(0) / len(even), odd.count(0) / len(odd)) > 0.5


def _matched(pattern: re.Pattern[bytes], text: bytes) -> int:
    match = pattern.match(text)
    return match.end() if match else 0
