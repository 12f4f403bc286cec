"""The words of a text in HTML: tags go, ends of blocks become ends of lines, entities become characters.

What stands between tags stays, scripts and comments with angle brackets in them included: too much is better than a lost word.
"""

from __future__ import annotations

import html
import re

# None of these looks further than the next angle bracket, or goes back within a tag, so that no text costs more than another.
_BREAKS = re.compile(r"</?(?:br|p|div|li|tr|ul|ol|h[1-6]|blockquote|pre|table)(?:[\s/][^<>]*+)?>", re.IGNORECASE)
_CELLS = re.compile(r"</?(?:td|th)(?:[\s/][^<>]*+)?>", re.IGNORECASE)
_TAGS = re.compile(r"</?[A-Za-z][^<>]*+>|<!--[^<>]*+>")
_VALUE = r"=(?:\"([^\"<>]*)\"|'([^'<>]*)')[^<>]*+>)"
_PICTURE = re.compile(r"<img\b(?=[^<>]{0,4000}+>)(?>[^<>]*?\balt" + _VALUE, re.IGNORECASE)
_LINK = re.compile(r"<a\b(?=[^<>]{0,4000}+>)(?>[^<>]*?\bhref" + _VALUE + r"([^<>]{0,4000}+)</a>", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_RUNS = re.compile("  +")


def text_of_html(source: str) -> str:
    """The text that somebody sees, with the addresses of links and the descriptions of pictures."""
    if "<" not in source and "&" not in source:
        return source
    text = _BLANKS.sub(" ", source)
    text = _LINK.sub(_as_text, text)
    text = _PICTURE.sub(lambda match: match[1] or match[2] or "", text)
    text = _TAGS.sub("", _CELLS.sub(" ", _BREAKS.sub("\n", text)))
    lines = (_RUNS.sub(" ", line).strip() for line in html.unescape(text).split("\n"))
    return "\n".join(line for line in lines if line)


def _as_text(match: re.Match[str]) -> str:
    address, words = match[1] or match[2] or "", match[3].strip()
    same = address.removeprefix("mailto:").removeprefix("tel:") in words or not address.strip()
    return match[3] if same else f"{match[3]} ({address})"
