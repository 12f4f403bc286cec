"""Text in which the same character is always written in the same way.

Add a character that is only another way to write one that is there. What words, numbers and dates are is decided by the other
modules of this folder.
"""

from __future__ import annotations

import unicodedata

# U+2212 is the minus of typesetters; apostrophes separate thousands in Switzerland; Arabic has separators of its own.
_SIGNS = {"\u2212": "-", "\u2019": "'", "\u02bc": "'", "\u066b": ".", "\u066c": ",", "\u066a": "%"}
_OTHER_PUNCTUATION = ";"


class _Characters(dict[int, str]):
    """What becomes of each character, by its code; worked out once for each that is met."""

    def __missing__(self, code: int) -> str:
        self[code] = written = _written(chr(code))
        return written


def fold(text: str) -> str:
    """The text in one way of writing.

    - Unicode's compatibility form (NFKC) in lower case (case folding): ligatures, full width and no-break spaces are gone.
    - A digit of any script is the ASCII digit of the same value; Arabic's separators of numbers are `.` and `,`.
    - Every dash and the minus sign is `-`, a curly apostrophe `'`; any other punctuation beyond ASCII is `;`.
    - Characters that show nothing (format characters, such as zero-width joiners and marks of direction) are gone.

    Folding a folded text changes nothing.
    """
    if text.isascii():
        return text.lower()
    previous, folded = "", text
    while folded != previous:
        # To compose can make a capital, and to take a character out can bring two together that compose.
        previous, folded = folded, _fold_once(folded)
    return folded


def _fold_once(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_CHARACTERS)


def _written(character: str) -> str:
    category = unicodedata.category(character)
    if character in _SIGNS:
        return _SIGNS[character]
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    return _OTHER_PUNCTUATION if category[0] == "P" and not character.isascii() else character


_CHARACTERS = _Characters()
