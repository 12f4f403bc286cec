"""JSON objects on a line of a file from outside, and what can still be told of a line that holds none.

Add a habit of a writer of JSON lines. What the objects mean is read in `core.result_lines`.
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


def objects_on(line: bytes) -> list[dict[str, Any]]:
    """The JSON objects on a line, one as a rule; none where it holds anything else.

    Some writers lose line ends, so that objects follow each other, and some write a list.
    """
    # A broken byte must not cost a paid answer: it becomes a lone surrogate, which storing replaces and flags.
    text = line.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff").strip()
    try:
        found = [_JSON.decode(text)]
    except (ValueError, RecursionError):
        found = _follow_each_other(text) if text.startswith("{") else []
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    return found if all(isinstance(document, dict) for document in found) else []


def find_ids(line: bytes, known: Container[UUID]) -> dict[UUID, bytes]:
    """Known ids on a line that cannot be read, each with its part of the line: all of it, or up to the next one."""
    places: dict[UUID, int] = {}
    for match in _UUID.finditer(line):
        found = UUID(match.group().decode())
        if found in known:
            places.setdefault(found, match.start())
    if len(places) == 1:
        return dict.fromkeys(places, line)
    ends = [*list(places.values())[1:], len(line)]
    return {found: line[start:end] for (found, start), end in zip(places.items(), ends, strict=bool(places))}


def _follow_each_other(text: str) -> list[Any]:
    found, place = [], 0
    try:
        while place < len(text):
            value, end = _JSON.raw_decode(text, place)
            found.append(value)
            gap = _GAP.match(text, end)
            place = gap.end() if gap else end
    except (ValueError, RecursionError):
        return []
    return found
