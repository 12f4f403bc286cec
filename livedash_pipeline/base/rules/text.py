"""Text that Postgres can hold: whatever came from a file, a server or a model passes through here before it is stored.

Add rules that hold for every text of the program. What a text means (a transcript, an answer) is decided by its parser.
"""

from __future__ import annotations

import re

# Postgres refuses NUL in text, and a lone surrogate has no UTF-8 form.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


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
