"""Which template the lines of some transcripts follow, with the forms of their times and the names that speak.

Templates of known tools are tried with anything that looks like a time; the one that fits most lines counts. Add the lines of
another tool to `_TEMPLATES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.detection.speakers import role_of_word
from livedash_pipeline.intake.rules.detection.written_times import STAMP, ChosenTimes, choose_times
from livedash_pipeline.intake.rules.profiles.line_templates import Head, LineTemplate, line_template, normal_name

_STAMPED = (
    *("[{time}] {name}: {text}", "({time}) {name}: {text}", "{time} - {name}: {text}", "{time} | {name}: {text}"),
    *("{time} [{name}]: {text}", "{time} {name}: {text}", "{time}, {name}: {text}", "{time}: {name}: {text}"),
    *("{name} ({time}): {text}", "{name} [{time}]: {text}", "{name}, {time}: {text}", "{name} {time}: {text}"),
    *("[{time}] <{name}> {text}", "{time} <{name}> {text}", "[{time}] {name} - {text}", "[{time}] {name} | {text}"),
    *("{time} | {name} | {text}", "{time} - {name} - {text}"),
    *(
        "[{time}] {name}",
        "({time}) {name}",
        "{name} ({time})",
        "{name}, [{time}]",
        "{name} [{time}]",
        "{name}, {time}",
        "{name} - {time}",
    ),
    *(
        "{name} | {time}",
        "{name} \u2014 {time}",
        "{name}, [{time}]",
        "{time} - {name}",
        "{time} | {name}",
        "{time}, {name}",
        "{name} {time}",
        "{time} {name}",
    ),
)
_TEMPLATES = (*_STAMPED, *(template.replace("{time}", "{clock}") for template in _STAMPED))
_TIMELESS = (
    *("{name}: {text}", "<{name}> {text}", "[{name}]: {text}", "[{name}] {text}"),
    *("**{name}:** {text}", "**{name}**: {text}"),
)
# Samples are looked at, not read: lines of all transcripts, of each one at least, and characters of each line.
_MOST_LINES = 5000
_FEWEST_LINES = 40
_MOST_CHARACTERS = 400
_LONGEST_NAME_IN_WORDS = 4
_SKIPPED_BEGIN = 40


@dataclass(frozen=True, slots=True)
class LineGuess:
    """What the lines of some transcripts follow.

    Attributes:
        lines: Templates, the one of messages first.
        times: Forms of times, if the template has full ones.
        names: Of each transcript, in the order of its messages.
        skip: Lines before the first message.
        evidence: A sentence for fields.
        unclear: What a person has to decide.
    """

    lines: tuple[str, ...]
    times: ChosenTimes | None
    names: tuple[tuple[str, ...], ...]
    skip: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    unclear: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A template, and the heads that it finds: of each transcript by the number of the line."""

    template: LineTemplate
    heads: tuple[dict[int, Head], ...]

    @property
    def count(self) -> int:
        return sum(map(len, self.heads))

    @property
    def chats(self) -> int:
        return sum(map(bool, self.heads))


def detect_lines(texts: Sequence[str], zone: ZoneInfo) -> LineGuess | None:
    """The template that fits most lines; None where none fits lines in half of the transcripts."""
    sampled = [_sample(text, max(_FEWEST_LINES, _MOST_LINES // len(texts))) for text in texts]
    stamped = max((_fit(template, sampled) for template in _TEMPLATES), key=lambda fit: fit.count)
    timeless = max((_spoken(_fit(template, sampled)) for template in _TIMELESS), key=lambda fit: fit.count)
    fit = stamped if stamped.count * 2 >= timeless.count else timeless
    if not fit.count or fit.chats * 2 < len(texts):
        return None
    template = fit.template.template
    names = tuple(tuple(head.name or "" for head in heads.values()) for heads in fit.heads)
    total = sum(1 for lines in sampled for line in lines if line.strip())
    evidence = [
        ("lines", f"{template!r} fits {fit.count} of {total} lines, in {fit.chats} of {len(texts)} transcripts")
    ]
    unclear = []
    times = None
    if "{time}" in template:
        written = [[head.stamp or "" for head in heads.values()] for heads in fit.heads]
        times = choose_times(written, zone)
        evidence.append(
            ("times", f"{times.read} of {fit.count} times are read by {' and '.join(times.forms) or 'no form'}")
        )
        unclear += [times.unclear] if times.unclear else []
    elif "{clock}" in template:
        evidence.append(("lines", "times have no date: they are found near the start of the session's row"))
    skip = _headers(sampled, fit)
    evidence += [
        ("skip", f"lines that begin with {each.removesuffix('*')!r} stand before the first message") for each in skip
    ]
    if skip and len(texts) == 1:
        unclear.append(
            "Lines stand before the first message of the only transcript: see whether skip names them as all have them."
        )
    return LineGuess((template, *_event(fit.template)), times, names, skip, tuple(evidence), tuple(unclear))


def _sample(text: str, most: int) -> list[str]:
    return [line[:_MOST_CHARACTERS] for line in text.replace("\r\n", "\n").split("\n", most)[:most]]


def _fit(template: str, sampled: Sequence[Sequence[str]]) -> _Fit:
    compiled = line_template(template, STAMP)
    return _Fit(compiled, tuple(dict(_heads(compiled, lines)) for lines in sampled))


def _heads(template: LineTemplate, lines: Sequence[str]) -> Iterator[tuple[int, Head]]:
    for number, line in enumerate(lines):
        head = template.read(line)
        if head is None or not _is_likely(head.name or ""):
            continue
        # The head of a message has its text below it; a line without one only looks like it.
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if template.has_text or (below.strip() and template.read(below) is None):
            yield number, head


def _is_likely(name: str) -> bool:
    begins_well = name[:1].isalnum() or name[:1] in "+@~_"
    return begins_well and name[-1:] not in ",;|-\u2013\u2014" and len(name.split()) <= _LONGEST_NAME_IN_WORDS


def _spoken(fit: _Fit) -> _Fit:
    """The heads whose name speaks: it is a word for somebody, or in half of several transcripts, or it recurs in one."""
    chats = Counter(name for heads in fit.heads for name in {normal_name(head.name or "") for head in heads.values()})
    speaks = {
        name for name, count in chats.items() if role_of_word(name) or (count > 1 and count * 2 >= len(fit.heads))
    }
    kept = []
    for heads in fit.heads:
        times = Counter(normal_name(head.name or "") for head in heads.values())
        first = next(iter(heads), None)
        kept.append(
            {
                number: head
                for number, head in heads.items()
                for name in [normal_name(head.name or "")]
                if name in speaks or times[name] > 1 or number == first == 0
            }
        )
    return _Fit(fit.template, tuple(kept))


def _event(template: LineTemplate) -> tuple[str, ...]:
    """The template of lines with the same time that name nobody, where the time says that a line begins."""
    written = template.template
    for stamp in ("{time}", "{clock}"):
        begin = next(
            (sign for sign in (f"[{stamp}] ", f"({stamp}) ", f"{stamp} - ", f"{stamp} | ") if written.startswith(sign)),
            "",
        )
        if begin and template.has_text:
            return (begin + "{text}",)
    return ()


def _headers(sampled: Sequence[Sequence[str]], fit: _Fit) -> tuple[str, ...]:
    """What stands before the first message, as lines to skip: their begin where a value follows, else the whole line."""
    event = [line_template(each, STAMP) for each in _event(fit.template)]
    found: dict[str, int] = {}
    for lines, heads in zip(sampled, fit.heads, strict=True):
        first = next(iter(heads), 0)
        above = [line.strip() for line in lines[:first] if line.strip()]
        for line in dict.fromkeys(line for line in above if not any(each.read(line) for each in event)):
            begin, colon, _ = line.partition(":")
            form = f"{begin}:*" if colon and len(begin) <= _SKIPPED_BEGIN else line[:255].rstrip("*")
            found[form] = found.get(form, 0) + 1
    chats = sum(map(bool, fit.heads))
    return tuple(form for form, count in found.items() if count * 2 >= chats and normal_name(form.rstrip("*")))
