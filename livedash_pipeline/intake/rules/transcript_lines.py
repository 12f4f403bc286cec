r"""One line of a transcript: where it ends, its stamp, and who speaks.

    [01.05.2025 12:00:00] User: text     a stamp in the form of the grammar, and a speaker
    [2025-05-01 12:00 PM] Anna: text     a stamp in another form, which is not read, and somebody

Names are compared without marks that nobody sees, without blanks around them and in any case; a no-break space is a blank, and a
full-width colon is a colon. Add forms of stamps and names here; what they make of a transcript is `intake.rules.transcripts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from livedash_pipeline.base.rules.text import UNSEEN_MARKS

Role = Literal["user", "assistant", "system", "unknown"]

_STAMPED = re.compile(r"\[([0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})\]")
# Anything else in brackets that looks like a time, with or without a half of the day.
_ODDLY_STAMPED = re.compile(r"\[[0-9][0-9 .,:/TZ+\-\u00a0\u202f]{3,40}(?:[AaPp]\.?[Mm]\.?)?\]")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")
# As names are compared: without marks, and with plain blanks instead of those at which no line breaks.
_WITHOUT_MARKS: dict[int, str | None] = dict.fromkeys(map(ord, UNSEEN_MARKS)) | dict.fromkeys(
    (0xA0, 0x2007, 0x202F), " "
)
_BLANKS = " \t\u00a0\u2007\u202f\u3000"
_LONGEST_NAME = 64
_FULL_WIDTH_COLON = "\uff1a"
# Ends of lines of other systems: carriage return, the two separators of Unicode, next line, vertical tab and form feed.
_OTHER_ENDS = ("\r", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamp at the begin of a line.

    Attributes:
        time: `DD.MM.YYYY HH:MM:SS`; None where the stamp has another form.
        has_clock: It shows hours and minutes, as one in a text like `[2025-05-01]` does not.
        rest: The line behind it, without blanks and marks before it.
    """

    time: str | None
    has_clock: bool
    rest: str


def split_lines(text: str, roles: Mapping[str, Role]) -> list[str]:
    """The lines of a transcript of the grammar, as `split_where` cuts them."""
    return split_where(text, lambda line: _begins_message(line, roles))


def split_where(text: str, begins_message: Callable[[str], bool]) -> list[str]:
    r"""The lines of a transcript; `\n` and `\r\n` end one.

    Where there is no `\n` at all, another end counts if it stands before several messages: a single one may be part of a text.
    """
    if "\n" in text:
        return [line.removesuffix("\r") for line in text.split("\n")]
    for end in _OTHER_ENDS:
        if end in text:
            lines = text.split(end)
            if sum(map(begins_message, lines)) > 1:
                return lines
    return [text]


def without_marks(line: str) -> str:
    """A line without the invisible marks at its begin."""
    return line.lstrip(UNSEEN_MARKS)


def read_stamp(line: str) -> Stamp | None:
    """The stamp that a line begins with, if it does."""
    match = _STAMPED.match(line)
    if match is not None:
        return Stamp(match[1], True, _behind(line, match))
    match = _ODDLY_STAMPED.match(line)
    if match is None:
        return None
    return Stamp(None, _CLOCK.search(match[0]) is not None, _behind(line, match))


def read_speaker(line: str, roles: Mapping[str, Role]) -> tuple[Role, str] | None:
    """The role and the words of a line that begins with a name which is known."""
    colon = _first_colon(line)
    if colon < 1:
        return None
    name = line[:colon]
    role = roles.get(name.casefold())
    if role is None and (colon <= _LONGEST_NAME or len(name.strip()) <= _LONGEST_NAME):
        role = roles.get(name.translate(_WITHOUT_MARKS).rstrip(_BLANKS).casefold())
    return None if role is None else (role, line[colon + 1 :])


def names_somebody(line: str) -> bool:
    """Whether a line begins with a name, known or not: something before a colon that is no clock's and no address's."""
    colon = _first_colon(line)
    if not 0 < colon <= _LONGEST_NAME or not line[:colon].translate(_WITHOUT_MARKS).strip():
        return False
    is_clock = line[colon - 1].isdigit() and line[colon + 1 : colon + 2].isdigit()
    return not is_clock and not line.startswith("//", colon + 1)


def behind_name(line: str) -> str:
    """The words behind the name that a line begins with (`names_somebody`)."""
    return line[_first_colon(line) + 1 :]


def _begins_message(line: str, roles: Mapping[str, Role]) -> bool:
    line = without_marks(line)
    stamp = read_stamp(line)
    if stamp is not None:
        return stamp.has_clock
    return read_speaker(line, roles) is not None


def _behind(line: str, match: re.Match[str]) -> str:
    return line[match.end() :].lstrip(_BLANKS + UNSEEN_MARKS)


def _first_colon(line: str) -> int:
    colon = line.find(":")
    if line.isascii():
        return colon
    wide = line.find(_FULL_WIDTH_COLON)
    return wide if colon < 0 or 0 <= wide < colon else colon
