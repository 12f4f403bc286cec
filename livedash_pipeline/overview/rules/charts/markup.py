"""Safe SVG: text of others as text, addresses of the same site alone, numbers in few characters.

Every text and address of a chart passes through here. What is drawn is decided elsewhere.
"""

from __future__ import annotations

import re
from html import escape
from unicodedata import bidirectional

# What XML does not allow at all, even as a reference, and marks that turn the direction of what follows.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"\s+")
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
# A path or a query of this site: no host, no scheme, nothing that a browser would read as one.
_ADDRESS = re.compile(r"(/(?![/\\])|\?)[A-Za-z0-9/?&=%._~:@!$()*+,;#-]*")
_PREFIX = re.compile(r"[a-z][a-z0-9-]*")
_LONGEST_TEXT = 400


def clean(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns text that XML can hold, on one line, shortened with an ellipsis, without marks of direction."""
    replaced = _BLANKS.sub(" ", _FORBIDDEN.sub("\ufffd", _DIRECTIONS.sub("", text[: 4 * longest]))).strip()
    return replaced if len(replaced) <= longest and len(text) <= 4 * longest else f"{replaced[: longest - 1]}…"


def text_of(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns text as markup."""
    return escape(clean(text, longest), quote=True)


def isolated(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Returns text as markup whose direction cannot reach what stands beside it."""
    shown = text_of(text, longest)
    if any(bidirectional(letter) in _RIGHT_TO_LEFT for letter in shown):
        return f"{_ISOLATE}{shown}{_END_OF_ISOLATE}"
    return shown


def address(link: str | None) -> str | None:
    """Returns the address of a page of the same site; None for any other."""
    return link if link is not None and _ADDRESS.fullmatch(link) else None


def check_prefix(prefix: str) -> str:
    """Returns a prefix of ids.

    Raises:
        ValueError: It has other characters than small letters, digits and hyphens.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} is no prefix of ids: use small letters, digits and hyphens.")
    return prefix


def short(number: float) -> str:
    """Writes a coordinate with at most one decimal."""
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
