"""Bytes of another encoding as UTF-8, piece by piece; and a file without its first lines.

Bytes that are none of the encoding become bytes that are no UTF-8 either, so that their record is rejected for its encoding.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from livedash_pipeline.intake.rules.profiles.cells import UnreadableFileError

_UTF_8 = {"utf-8", "utf-8-sig", "ascii"}
# No UTF-8 holds this byte.
_BAD = b"\xff"


def to_utf_8(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces of a file in an encoding, in UTF-8.

    Raises:
        UnreadableFileError: Bytes are none of the encoding, and it cannot go on behind them.
    """
    if encoding in _UTF_8:
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)(_errors(encoding))
    try:
        for piece in pieces:
            yield _encoded(decoder.decode(piece))
    except UnicodeError:
        # Some encodings have bytes that stand for nothing, and cannot be taken up again behind them.
        raise UnreadableFileError(f"holds bytes that are no {encoding}, as its profile says") from None
    try:
        yield _encoded(decoder.decode(b"", final=True))
    except UnicodeError:  # Half a character at the end.
        yield _BAD


def _errors(encoding: str) -> str:
    # Only a lone half of a pair can be wrong in UTF-16; other encodings have bytes without a meaning.
    return "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def without_lines(pieces: Iterable[bytes], lines: int) -> Iterator[bytes]:
    """A file without its first lines."""
    left = lines
    for piece in pieces:
        start = 0
        while left and (end := piece.find(b"\n", start)) >= 0:
            start, left = end + 1, left - 1
        if not left and start < len(piece):
            yield piece[start:] if start else piece
