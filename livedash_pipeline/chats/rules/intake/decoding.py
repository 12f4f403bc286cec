"""The text of a CSV or JSON file: UTF-8 with or without a byte order mark, or UTF-16 with one.

Nothing is guessed: bytes of another encoding are errors with the line that they stand on.
"""

from __future__ import annotations

import codecs
import re

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.chats.rules.intake.findings import Findings

BREAK = re.compile(r"\r\n|\r|\n")
_ESCAPED = re.compile("[\udc80-\udcff]+")
_MOST_LINES = 1_000


def decode(content: bytes, findings: Findings) -> str:
    """The text without its mark. With errors in `findings` it is only good for finding more of them."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_utf16(content, findings)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("utf-8-sig", "surrogateescape")
    findings.undecodable = True
    _name_lines(text, findings)
    return text


def line_breaks(text: str, start: int = 0, end: int | None = None) -> int:
    """Line ends of any kind in a part of a text: CR, LF or both."""
    stop = len(text) if end is None else end
    return text.count("\n", start, stop) + text.count("\r", start, stop) - text.count("\r\n", start, stop)


def _decode_utf16(content: bytes, findings: Findings) -> str:
    try:
        return content.decode("utf-16")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-16", "replace")
        findings.error(1 + line_breaks(before), "bad_encoding", f"Byte {error.start} of the file is no UTF-16.")
        return content.decode("utf-16", "replace")


def _name_lines(text: str, findings: Findings) -> None:
    """One error for each line with bytes that are no UTF-8."""
    line, place, named = 1, 0, 0
    for match in _ESCAPED.finditer(text):
        line += line_breaks(text, place, match.start())
        place = match.start()
        if line == named:
            continue
        named = line
        findings.error(line, "bad_encoding", f"{plural(len(match[0]), 'byte')} of the line are no UTF-8.")
        if findings.total >= _MOST_LINES:
            return
