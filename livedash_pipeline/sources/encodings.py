"""Which characters the bytes of a transcript are: by their marks, as UTF-8, as declared, and guessed only where it shows.

A wrong guess makes words of other words, and a model is paid to read them; so what nobody declares and nothing shows is refused.
Add an encoding with the evidence for it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Control characters that no text holds; tab, line ends and form feed are not among them.
_CONTROLS = bytes([*range(9), 11, *range(14, 32), 127])
_ASCII = bytes(range(128))
# In French, which has most accents in Western Europe, some 4 of 100 letters have one. Of a few bytes no share can be told.
_MOST_ACCENTS = 0.12
_TELLING = 20


def decode_transcript(data: bytes, charset: str | None, expected: str | None = None) -> tuple[str, str] | None:
    """Text and the name of its encoding; None where it is no text, or text of an encoding that nobody declares.

    Args:
        data: The bytes, decompressed.
        charset: What the server says of them.
        expected: What the company's profile says of them; tried where the server says nothing.
    """
    for encoding in _encodings(data, charset or expected):
        try:
            return data.decode(encoding), encoding
        except (UnicodeError, LookupError):
            continue
    return None


def _encodings(data: bytes, named: str | None) -> Iterator[str]:
    """What the bytes may be, the surest first; each is looked for only where those before it have failed."""
    controls = len(data) - len(data.translate(None, _CONTROLS))
    yield from [name for mark, name in _MARKS if data.startswith(mark)][:1]
    if controls * 10 <= len(data):
        yield "utf-8-sig"
    if named:
        yield named
    yield from _utf_16_of(data)
    # cp1252 reads nearly anything, so it is tried only on bytes that hardly hold a control character, and few accents.
    if controls * 100 <= len(data) and _looks_western(data):
        yield "cp1252"


def _utf_16_of(data: bytes) -> list[str]:
    """UTF-16 without a mark: of European text every second byte is NUL, and no other one."""
    halves = {"utf-16-be": data[0::2], "utf-16-le": data[1::2]}
    if len(data) % 2 or data.count(0) * 3 < len(data):
        return []
    return [name for name, half in halves.items() if half.count(0) == data.count(0)]


def _looks_western(data: bytes) -> bool:
    high = len(data.translate(None, _ASCII))
    return high < _TELLING or high <= len(data) * _MOST_ACCENTS
