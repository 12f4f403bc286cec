"""JSON objects on a line of a file: those from outside, what can still be told of a line that holds none, and lines of ours.

Add a habit of a writer or a reader of JSON lines. What the objects mean is read in `ledger.rules.results.result_lines`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any
from uuid import UUID

_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GAP = re.compile(r"[ \t\r,]*")
# Some writers leave control characters in strings as they are.
_JSON = json.JSONDecoder(strict=False)
# Made once: `json.dumps` makes one for every call.
_AS_WRITTEN = json.JSONEncoder(ensure_ascii=False)
# Where some servers end a line, though JSON takes them unescaped in strings; JSON itself escapes the others of that kind.
_LINE_ENDS = {"\u2028": "\\u2028", "\u2029": "\\u2029", "\x85": "\\u0085"}


def objects_on(line: bytes) -> list[dict[str, Any]]:
    """The JSON objects on a line, one as a rule; none where it holds anything else."""
    found, rest = read_objects(line)
    return [] if rest else found


def read_objects(line: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """The JSON objects that a line begins with, one as a rule, and the rest of the line, which is none; empty as a rule.

    Some writers lose line ends, so that objects follow each other, and some write a list. One that is damaged does not cost those
    before it.
    """
    # A broken byte must not cost a paid answer: it becomes a lone surrogate, which storing replaces and flags.
    text = line.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff").strip()
    try:
        whole = _JSON.decode(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        return [whole], b""
    found, end = _follow_each_other(text)
    if isinstance(whole, list) and len(found) == len(whole):
        end = len(text)
    return found, text[end:].encode("utf-8", errors="surrogateescape") if found else line


def find_ids(line: bytes, known: Container[UUID]) -> dict[UUID, bytes]:
    """Known ids on bytes that cannot be read, each with its part of them.

    The part of the first begins at the first brace, that of another at the last brace before its id: there its object begins, as
    a rule. Each ends where the next begins, so that what was kept of an object that is whole can be read.
    """
    places: dict[UUID, int] = {}
    before = 0
    for match in _UUID.finditer(line):
        found = UUID(match.group().decode())
        if found in known and found not in places:
            places[found] = _start_of(line, before, match.start(), first=not places)
            before = match.end()
    ends = [*list(places.values())[1:], len(line)]
    return {found: line[start:end] for (found, start), end in zip(places.items(), ends, strict=bool(places))}


def _start_of(line: bytes, before: int, place: int, *, first: bool) -> int:
    brace = line.find(b"{", before, place) if first else line.rfind(b"{", before, place)
    return brace if brace >= 0 else (before if first else place)


def _follow_each_other(text: str) -> tuple[list[dict[str, Any]], int]:
    """The objects that a text begins with, and where they end."""
    found: list[dict[str, Any]] = []
    place = 1 if text.startswith("[") else 0
    try:
        while place < len(text):
            value, end = _JSON.raw_decode(text, place)
            if not isinstance(value, dict):
                break
            found.append(value)
            gap = _GAP.match(text, end)
            place = gap.end() if gap else end
    except (ValueError, RecursionError):
        pass
    return found, place


def line_json(value: Any) -> str:
    """JSON on one line, whatever the reader takes for the end of one."""
    text = _AS_WRITTEN.encode(value)
    # Searched for one by one: a text without them is passed over at the speed of memory.
    for sign, escaped in _LINE_ENDS.items():
        if sign in text:
            text = text.replace(sign, escaped)
    return text
