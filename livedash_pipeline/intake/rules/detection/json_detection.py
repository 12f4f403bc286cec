"""Where the messages of some transcripts in JSON stand, and which of their values are name, text and time.

The list with most texts counts. Values are told by the names that tools give them, names of speakers also by what they say.
Add the word of another tool to the lists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.intake.rules.detection.speakers import role_of_word
from livedash_pipeline.intake.rules.detection.written_times import ChosenTimes, choose_times
from livedash_pipeline.intake.rules.messages import RefusedTranscript
from livedash_pipeline.intake.rules.profiles.json_transcripts import first_value, read_documents, values_at
from livedash_pipeline.intake.rules.profiles.transcript_profile import JsonShape

_TEXTS = (
    *("text", "body_text", "plain_text", "content", "body", "message", "msg", "value", "utterance", "description"),
    "parts",
)
_NAMES = (
    *("role", "sender_type", "author_type", "participant_type", "from", "author", "sender", "user", "speaker"),
    *("participant", "who", "name", "username", "display_name", "real_name", "nick", "direction", "incoming"),
    *("source", "owner", "type", "user_id", "author_id", "sender_id"),
)
_TIMES = (
    *("created_at", "timestamp", "ts", "time", "sent_at", "date", "datetime", "createdat", "sentat", "created", "at"),
    *("when", "created_time", "sent_time", "event_time", "updated_at", "received_at"),
)
# A value of yes or no that says which party speaks.
_USER_FLAGS = {"incoming", "from_user", "fromuser", "is_user", "isuser", "is_visitor", "inbound"}
_BOT_FLAGS = {"outgoing", "from_me", "fromme", "is_agent", "isagent", "is_bot", "isbot", "outbound"}
_TAG = re.compile(r"</?(?:p|br|div|a|b|i|span|ul|ol|li|strong|em|img)\b[^<>]*>", re.IGNORECASE)
_DEEPEST = 7
_LONGEST_PATH = 240
_MOST_ENTRIES = 500
_MOST_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class JsonGuess:
    """Where messages stand.

    Attributes:
        shape: The field `json` of a profile.
        times: Forms of times, if messages have some.
        names: Of each transcript, in the order of its messages.
        flags: What `true` and `false` mean, where they are the names: the user, and the assistant.
        evidence: A sentence for fields.
        unclear: What a person has to decide.
    """

    shape: JsonShape
    times: ChosenTimes | None
    names: tuple[tuple[str, ...], ...]
    flags: tuple[str, str] | None
    evidence: tuple[tuple[str, str], ...]
    unclear: tuple[str, ...]


@dataclass(slots=True)
class _Values:
    """What stands at one path of the entries of a list, by the transcript."""

    path: str
    found: list[list[Any]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.path.rpartition(".")[2].casefold()

    @property
    def all(self) -> list[Any]:
        return [value for values in self.found for value in values]


def detect_json(texts: Sequence[str], zone: ZoneInfo) -> JsonGuess | None:
    """Where messages stand; None where less than half of the texts are JSON with lists of texts that somebody says."""
    read = [documents for documents in map(read_documents, texts) if not isinstance(documents, RefusedTranscript)]
    documents = [each for each in read if any(isinstance(document, dict | list) for document in each)]
    if not documents or len(documents) * 2 < len(texts):
        return None
    lists = _lists(documents)
    shapes = [shape for path in lists for shape in [_shape(path, lists[path], zone)] if shape is not None]
    if not shapes:
        return None
    # Of a list and one within its elements, in which the same texts stand, the inner one holds the messages.
    count, shape, times = max(shapes, key=lambda found: (found[0], str(found[1].messages).count(".")))
    beside = _beside(documents, shape)
    whole = shape.model_copy(update={"messages": (*beside, str(shape.messages))}) if beside else shape
    names = tuple(tuple(_names(each, shape)) for each in lists[str(shape.messages)])
    evidence = [
        ("json", f"{count} texts stand at {shape.messages or 'the document itself'!r}, in {len(documents)} transcripts")
    ]
    evidence += [("json", f"{path!r} holds a message by itself") for path in beside]
    unclear = []
    if times is not None:
        evidence.append(("times", f"{times.read} times are read by {' and '.join(times.forms)}"))
        unclear += [times.unclear] if times.unclear else []
    flags = _flags(str(shape.name), names)
    return JsonGuess(whole, times, names, flags, tuple(evidence), tuple(unclear))


def _lists(documents: Sequence[list[Any]]) -> dict[str, list[list[dict[str, Any]]]]:
    """Objects in lists, by the path of the list, for each transcript."""
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for number, each in enumerate(documents):
        if len(each) > 1:
            entries = [document for document in each if isinstance(document, dict)]
            found.setdefault("", [[] for _ in documents])[number] += entries[:_MOST_ENTRIES]
        for document in each:
            for path, entries in _walk(document, ""):
                listed = found.setdefault(path, [[] for _ in documents])[number]
                listed += entries[: _MOST_ENTRIES - len(listed)]
    return found


def _walk(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if _is_path(name):
                yield from _walk(inner, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        entries = [each for each in value if isinstance(each, dict)]
        if entries:
            yield path, entries
        for each in value[:_MOST_ENTRIES]:
            yield from _walk(each, path, depth + 1)


def _is_path(name: str) -> bool:
    can_be = bool(name.strip()) and "." not in name and not storable_text(name)[1]
    return can_be and len(name) * _DEEPEST <= _LONGEST_PATH and not name.isdecimal()


def _shape(
    path: str, entries: list[list[dict[str, Any]]], zone: ZoneInfo
) -> tuple[int, JsonShape, ChosenTimes | None] | None:
    values = _leaves(entries)
    total = sum(map(len, entries))
    text = _first(_TEXTS, [each for each in values if any(isinstance(value, str) for value in each.all)])
    if text is None:
        return None
    others = [each for each in values if each.path != text.path and len(each.all) * 2 >= min(total, len(text.all))]
    times = _times(others, zone)
    name = _name([each for each in others if times is None or each.path != times[0]])
    if name is None:
        return None
    words = [value for value in text.all if isinstance(value, str)]
    html = sum(_TAG.search(word) is not None for word in words) * 10 >= len(words)
    shape = JsonShape(
        messages=path,
        name=name.path,
        text=text.path,
        time=None if times is None else times[0],
        html=html and bool(words),
    )
    return len(text.all), shape, None if times is None else times[1]


def _leaves(entries: list[list[dict[str, Any]]]) -> list[_Values]:
    """The values of entries by their path, in the order in which they are met."""
    found: dict[str, _Values] = {}
    for number, each in enumerate(entries):
        for entry in each:
            for path, value in _scalars(entry, "", 0):
                values = found.setdefault(path, _Values(path, [[] for _ in entries]))
                values.found[number].append(value[:_MOST_CHARACTERS] if isinstance(value, str) else value)
    return list(found.values())


def _scalars(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items() if depth <= 3 else ():
            if _is_path(name):
                yield from _scalars(inner, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        for each in value[:_MOST_ENTRIES] if depth <= 3 else ():
            yield from _scalars(each, path, depth + 1)
    elif value is not None:
        yield path, value


def _first(keys: Sequence[str], values: Sequence[_Values]) -> _Values | None:
    """Of values whose key is listed, those of the first one; of several the one that is met most often."""
    listed = [each for each in values if each.key in keys]
    return min(listed, key=lambda each: (keys.index(each.key), -len(each.all)), default=None)


def _times(values: Sequence[_Values], zone: ZoneInfo) -> tuple[str, ChosenTimes] | None:
    left = values
    while (found := _first(_TIMES, left)) is not None:
        chosen = choose_times([[_word(value) for value in each] for each in found.found], zone)
        if chosen.read * 5 >= len(found.all) * 4:
            return found.path, chosen
        left = [each for each in left if each is not found]
    return None


def _name(values: Sequence[_Values]) -> _Values | None:
    """Who speaks: values that are words for somebody; else by their key, where something is said twice under it."""
    likely = [each for each in values if each.key in _NAMES or _parent(each) in _NAMES]
    roles = {each.path: {role_of_word(_word(value)) for value in each.all} for each in values}
    told = [each for each in values if None not in roles[each.path] and roles[each.path] != {"system"}]
    if told:
        return max(told, key=lambda each: (len(roles[each.path]), len(each.all), each in likely))
    flags = [
        each for each in values if each.key in _USER_FLAGS | _BOT_FLAGS and all(isinstance(v, bool) for v in each.all)
    ]
    if flags:
        return flags[0]
    people = [each for each in likely if each.key != "type"]
    recurring = [each for each in people if max(Counter(map(_word, each.all)).values()) > 1]
    named = [
        each for each in recurring or people if each.key in {"name", "display_name", "real_name", "username", "nick"}
    ]
    return next(iter(named), None) or _first(_NAMES, recurring or people)


def _parent(values: _Values) -> str:
    return values.path.rpartition(".")[0].rpartition(".")[2].casefold()


def _flags(path: str, names: Sequence[Sequence[str]]) -> tuple[str, str] | None:
    key = path.rpartition(".")[2].casefold()
    if key not in _USER_FLAGS | _BOT_FLAGS or not {name for each in names for name in each} <= {"true", "false"}:
        return None
    return ("true", "false") if key in _USER_FLAGS else ("false", "true")


def _names(entries: Sequence[dict[str, Any]], shape: JsonShape) -> Iterator[str]:
    for entry in entries:
        name, text = first_value(entry, shape.name), first_value(entry, shape.text)
        if name is not None and text is not None:
            yield _word(name)


def _beside(documents: Sequence[list[Any]], shape: JsonShape) -> tuple[str, ...]:
    """Paths of objects beside the list that have a text and a name of their own, in half of the transcripts."""
    counts = Counter(
        path
        for each in documents
        for document in each[:1]
        for path in (document if isinstance(document, dict) else ())
        if _is_path(path) and any(_is_message(value, shape) for value in values_at(document, path))
    )
    return tuple(path for path, count in counts.items() if count * 2 >= len(documents))


def _is_message(value: Any, shape: JsonShape) -> bool:
    return isinstance(value, dict) and None not in (first_value(value, shape.name), first_value(value, shape.text))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
