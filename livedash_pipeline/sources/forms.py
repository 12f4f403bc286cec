"""What the beginning of a file says it is instead of a CSV with commas: told by name, before it becomes a heap of rejects.

Add a form with the sentence that names it and what helps. What is in a CSV is the business of `intake.rules.csv_records`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# So much of a file is looked at.
SAMPLE_BYTES = 4096
# Columns of a record, less one: `intake.rules.csv_layout` has the list, which a test compares.
SEPARATORS = 15
_BOM = b"\xef\xbb\xbf"
_MAGIC = {
    b"\x1f\x8b": "is a gzip file, not a CSV",
    b"\x28\xb5\x2f\xfd": "is a zstd file, not a CSV",
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook, not a CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook, not a CSV",
    b"%PDF": "is a PDF, not a CSV",
    b"\xff\xfe": "is UTF-16 text, not UTF-8",
    b"\xfe\xff": "is UTF-16 text, not UTF-8",
}
_COMMENTS = re.compile(rb"(?:\s|<!--.*?-->)*", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype|html|head|body|script|meta|title|style|div|p|h1)\b", re.IGNORECASE)
_JSON = re.compile(rb'\s*[\[{]\s*["\[{\]}]')
_OTHER_SEPARATORS = {b";": "semicolons", b"\t": "tabs", b"|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class OtherForm:
    """What a file is, after its name in a sentence, and what helps."""

    what: str
    remedy: str


def other_form(beginning: bytes) -> OtherForm | None:
    """What a file is instead of a CSV with commas, by its first bytes; None where nothing speaks against one."""
    for magic, what in _MAGIC.items():
        if beginning.startswith(magic):
            return OtherForm(
                what, "Have it published as plain CSV in UTF-8; the answer's Content-Encoding may be gzip."
            )
    text = beginning.removeprefix(_BOM)
    if _is_utf_16(text):
        return OtherForm("is UTF-16 text, not UTF-8", "Have it exported as UTF-8.")
    marked = text[_matched(_COMMENTS, text) :]
    if _HTML.match(marked):
        return OtherForm("is an HTML page (a login page?), not a CSV", "Check the address and the credentials.")
    if marked.startswith(b"<?xml"):
        return OtherForm("is XML, not a CSV", "Have it exported as CSV.")
    if _JSON.match(text):
        return OtherForm("is JSON, not a CSV", "Have it exported as CSV.")
    return _otherwise_separated(text)


def _otherwise_separated(text: bytes) -> OtherForm | None:
    first = text.lstrip().partition(b"\n")[0]
    if first.count(b",") >= SEPARATORS:
        return None
    for separator, name in _OTHER_SEPARATORS.items():
        if first.count(separator) >= SEPARATORS:
            return OtherForm(f"separates its columns with {name}, not with commas", "Have it exported with commas.")
    return None


def _is_utf_16(text: bytes) -> bool:
    """Whether every second byte is NUL, as in UTF-16 of European text; a stray NUL in a CSV is a reject of its own."""
    even, odd = text[0::2], text[1::2]
    return len(text) >= 8 and max(even.count(0) / len(even), odd.count(0) / len(odd)) > 0.5


def _matched(pattern: re.Pattern[bytes], text: bytes) -> int:
    match = pattern.match(text)
    return match.end() if match else 0
