"""Text that Postgres can hold: whatever came from a file, a server or a model passes through here before it is stored.

Add rules that hold for every text of the program. What a text means (a transcript, an answer) is decided by its parser.
"""

from __future__ import annotations

import re

# Postgres refuses NUL in text, and a lone surrogate has no UTF-8 form.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
# Zero-width characters, marks of direction, the soft hyphen and the byte order mark: messengers and spreadsheets write them, and
# nobody sees them.
UNSEEN_MARKS = (
    "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
# What `str.strip` takes for a blank, which a test compares.
BLANKS = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)


def storable_text(text: str) -> tuple[str, bool]:
    """The text with NUL and surrogates as U+FFFD, and whether any character was replaced."""
    if text.isascii():
        return (text.replace("\x00", _REPLACEMENT), True) if "\x00" in text else (text, False)
    replaced, count = _UNSTORABLE.subn(_REPLACEMENT, text)
    return (replaced, True) if count else (text, False)


def storable(text: str | None) -> str | None:
    """The text as Postgres can hold it; None for none."""
    return None if text is None else storable_text(text)[0]


LANGUAGE_FORM = "^[a-z]{2,3}$"
"""What the database takes for a language."""
