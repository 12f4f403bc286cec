r"""Templates of lines: what stands before the text of a message, written as somebody would describe it.

    [{time}] {name}: {text}     a message with its time
    {time} - {text}             an event: nobody is named
    {name}: {text}              a message without a time, where the name is known
    {name}, {time}              the head of a message whose text begins on the next line
    ({clock}) {name}: {text}    a time of day alone; the day is that of the message before, or of the session

A blank in a template is one or more blanks of any kind, invisible marks among them; before the text it may be missing. A colon
may be a full-width one. A name holds no colon and has 64 characters at most. Each match looks at the first characters of a line
alone, so that its cost has a bound, however long the line. Add a placeholder here; what matches make of a transcript is
`transcript_reading`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from livedash_pipeline.base.rules.text import UNSEEN_MARKS
from livedash_pipeline.intake.rules.profiles.documents import normal_word
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForms
from livedash_pipeline.intake.rules.transcript_lines import without_marks

CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[ \u00a0\u202f]?[AaPp]\.?[Mm]\b\.?)?"
_BLANK = r"[ \t\u00a0\u2007\u202f\u3000" + UNSEEN_MARKS + "]"
_COLONS = ":\uff1a"
_NAME = rf"(?P<name>(?!{_BLANK})[^{_COLONS}\n]{{1,64}}?)"
# The longest that can stand before a text: a name, a time of the longest form, and a template's own characters.
_HEAD = 600
_LONGEST = 100
_PARTS = re.compile(r"(\{[^{}]*\}|\s+|[{}])")
_PLACEHOLDERS = ("{time}", "{clock}", "{name}", "{text}")
_NO_MARKS = dict.fromkeys(map(ord, UNSEEN_MARKS))


class BadTemplateError(ValueError):
    """A template that cannot be; its text is the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a text, as a template found it.

    Attributes:
        name: Who speaks, without blanks and marks around it; None where the template has no name.
        stamp: The time or clock as it is written; None where the template has none.
        kind: Which of the two it is.
        rest: The line behind the head.
    """

    name: str | None
    stamp: str | None
    kind: Literal["time", "clock"]
    rest: str


@dataclass(frozen=True, slots=True)
class LineTemplate:
    """A template as an expression of heads."""

    template: str
    head: re.Pattern[str]

    @property
    def has_name(self) -> bool:
        """Whether somebody is named."""
        return "{name}" in self.template

    @property
    def has_stamp(self) -> bool:
        """Whether it has a time or a clock."""
        return "{time}" in self.template or "{clock}" in self.template

    @property
    def has_text(self) -> bool:
        """Whether the text begins on the same line."""
        return self.template.endswith("{text}")

    def read(self, line: str) -> Head | None:
        """The head that a line begins with, if it does; marks before it do not count."""
        bare = line if line.isascii() else without_marks(line)
        find = self.head.match if self.has_text else self.head.fullmatch
        match = find(bare, 0, _HEAD)
        if match is None or not (self.has_text or len(bare) <= _HEAD):
            return None
        found, rest = match.groupdict(), bare[match.end() :]
        name = found.get("name")
        if name is not None:
            name = name.translate(_NO_MARKS).strip()
            if not name or _is_no_name(name, bare[: match.end()], rest):
                return None
        kind: Literal["time", "clock"] = "time" if "time" in found else "clock"
        return Head(name, found.get(kind), kind, rest)


def _is_no_name(name: str, head: str, rest: str) -> bool:
    """A colon of an address or of a clock ends no name: `http://…`, `at 12:30`."""
    return head[-1] in _COLONS and (rest.startswith("//") or (name[-1].isdigit() and rest[:1].isdigit()))


def normal_name(name: str) -> str:
    """A name as it is compared: without invisible marks, with single blanks, in any case."""
    return normal_word(name.translate(_NO_MARKS))


def check_template(template: str) -> None:
    """Does nothing for a template that can be.

    Raises:
        BadTemplateError: It cannot; the text is the end of a sentence.
    """
    parts = _parts(template)
    found = [part for part in parts if part in _PLACEHOLDERS]
    if len(template) > _LONGEST:
        raise BadTemplateError(f"has {len(template)} characters, and a template has {_LONGEST} at most")
    if "\n" in template or "\r" in template or "\0" in template:
        raise BadTemplateError("holds a line break")
    if any(part[0] in "{}" and part not in _PLACEHOLDERS for part in parts):
        raise BadTemplateError(f"has braces that hold none of {', '.join(each[1:-1] for each in _PLACEHOLDERS)}")
    if any(found.count(each) > 1 for each in found) or {"{time}", "{clock}"} <= set(found):
        raise BadTemplateError("has a placeholder twice, or both a time and a clock")
    _check_order(parts, found)


def _check_order(parts: Sequence[str], found: Sequence[str]) -> None:
    stamped = "{time}" in found or "{clock}" in found
    if not (stamped or "{name}" in found) or not {"{name}", "{text}"} & set(found):
        raise BadTemplateError("needs a {name}, or a time and a {text}")
    if "{text}" in found and parts[-1] != "{text}":
        raise BadTemplateError("has something behind {text}, which reaches to the end of the line")
    if "{text}" not in found and not stamped:
        raise BadTemplateError("has no {text} and no time, so that every line would be its own message")
    pairs = list(pairwise(parts))
    if any(each in _PLACEHOLDERS and after in _PLACEHOLDERS for each, after in pairs):
        raise BadTemplateError("has nothing between two placeholders")
    behind = list(zip(parts, parts[1:], parts[2:], strict=False))
    if any(each == "{name}" and between.isspace() and after == "{text}" for each, between, after in behind):
        raise BadTemplateError(
            "has only a blank between {name} and {text}, so that nobody can tell where the name ends"
        )


@lru_cache(maxsize=256)
def line_templates(templates: tuple[str, ...], times: tuple[str, ...]) -> tuple[LineTemplate, ...]:
    """Templates with forms of times, in the order in which they are tried: those with a name before the others.

    Raises:
        BadTemplateError: A template cannot be.
        BadTimeFormError: A form of a time cannot be.
    """
    expression = TimeForms.of(times).expression
    made = [line_template(template, expression) for template in templates]
    return tuple(sorted(made, key=lambda each: not each.has_name))


@lru_cache(maxsize=1024)
def line_template(template: str, time: str) -> LineTemplate:
    """A template whose times are those of an expression without named groups.

    Raises:
        BadTemplateError: The template cannot be.
    """
    check_template(template)
    parts = _parts(template)
    expressions = {"{time}": f"(?P<time>{time})", "{clock}": f"(?P<clock>{CLOCK})", "{name}": _NAME, "{text}": ""}
    made = []
    for number, part in enumerate(parts):
        if part.isspace():
            after = parts[number + 1]
            optional = after == "{text}" or (parts[number - 1] == "{name}" and after not in expressions)
            made.append(_BLANK + ("{0,32}+" if optional else "{1,32}+"))
        elif part in expressions:
            made.append(expressions[part])
        else:
            made.append("".join(f"[{_COLONS}]" if sign in _COLONS else re.escape(sign) for sign in part))
    if "{text}" not in parts:
        made.append(_BLANK + "{0,32}+")
    return LineTemplate(template.strip(), re.compile("".join(made)))


def _parts(template: str) -> list[str]:
    return [part for part in _PARTS.split(template.strip()) if part]
