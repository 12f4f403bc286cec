"""Text from outside as Markdown that shows it as it is: no link, picture, HTML, code or table comes of it.

Dagster's UI also links addresses that stand in plain text (GitHub's literal autolinks), and looks for them in what escapes and
entities come to. A word joiner (U+2060), which nobody sees, parts such an address. Add a character when a renderer gives it a
meaning. What is shown at all is decided by whoever calls this.
"""

from __future__ import annotations

import re

# Line ends of every kind would end a table's row, and tabs begin code.
_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# An underscore within a word, as in names of ours, means nothing.
_SPECIAL = re.compile(r"[\\`*<>\[\]|~&!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# Where an address begins that would be linked: before the slashes, before the dot, before the sign of an e-mail address.
_LINKED = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=[\w.+-])(?=@)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
# What begins a heading, a list, or a rule, where the text begins a line.
_OPENING = re.compile(r"^([#+\-=]|\d{1,9}(?=[.)](?: |$)))")


def escape_markdown(text: str) -> str:
    """Returns Markdown, of one line and fit for a table's cell, that is rendered as the text.

    Line breaks and tabs become spaces, spaces around the text go, control characters become U+FFFD, and addresses hold a word
    joiner.
    """
    line = _CONTROLS.sub("\ufffd", _BREAKS.sub(" ", text)).strip()
    escaped = _SPECIAL.sub(r"\\\g<0>", _LINKED.sub(_WORD_JOINER, line))
    return _OPENING.sub(_escape_opening, escaped)


def _escape_opening(match: re.Match[str]) -> str:
    # A digit cannot be escaped; what makes a list of it is the character behind.
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"
