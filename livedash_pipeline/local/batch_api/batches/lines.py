"""Requests files cut into lines, and result lines put together: the two directions of JSONL.

Lines end at the byte 0x0A and nowhere else: U+2028 and its relatives are legal inside JSON strings, and the text-mode line
readers cut there. Nothing here holds more than one line.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest line that is read as a whole; no request of 1M tokens comes near it, and it bounds the memory needed."""


def iterate_lines(stream: BinaryIO, longest: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes | None]]:
    r"""Yields (byte offset, line without its `\n`) from a stream at its start; None for a line that is too long."""
    offset = 0
    while line := stream.readline(longest + 1):
        start, too_long = offset, len(line) > longest
        offset += len(line)
        while not line.endswith(b"\n") and (rest := stream.readline(longest + 1)):
            too_long = True
            offset += len(rest)
            line = rest
        yield start, None if too_long else line.removesuffix(b"\n")


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Returns the JSON object on a line, or None if it holds anything else; NaN and a byte order mark are no JSON."""
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_line(document: dict[str, Any]) -> bytes:
    """Returns one line of a result file, non-ASCII characters as they are, as UTF-8.

    A lone surrogate cannot be written as UTF-8, so such a line is escaped as a whole.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
