"""The one JSON object in a model's text, out of everything that models and gateways put around it.

Add a wrapping that leaves no doubt about the object inside. Nothing is completed and nothing is chosen: a text that is cut
off, or holds two different objects, has no answer. What the object must hold is read in `analysis.rules.answer_reading`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

MAX_LAYERS = 8
"""Wrappings inside each other that are taken off; nobody has reported more than three."""

_BYTE_ORDER_MARK = "\ufeff"
# What ends a model's thoughts, by the words that several families of models use.
_THOUGHT_NAMES = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think"
_THOUGHT_END = re.compile(
    rf"</(?:{_THOUGHT_NAMES})>|\[/THINK\]|◁/think▷|<\|channel\|>\s*final\s*(?:<\|[a-z]+\|>[^<{{]*)?<\|message\|>",
    re.IGNORECASE,
)
_THOUGHT_START = re.compile(rf"\s*(?:<(?:{_THOUGHT_NAMES})>|\[THINK\]|◁think▷)", re.IGNORECASE)
_FENCE = "```"
_FENCE_START = re.compile(r"```[\w+-]*")
_BRACES = frozenset("{}")
_FENCED = re.compile(r"```[\w+-]*(.*)```", re.DOTALL)
# A comma before a closing bracket, and strings, in which it means nothing.
_TRAILING_COMMA = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object, and the names of what was taken off around it; whether it has all wanted keys is its reader's business."""

    document: dict[str, Any]
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class NoObject:
    """Why a text has no object that could be meant; quotes nothing."""

    reason: str


def find_object(text: str, keys: Collection[str], *, unique: Collection[str] = ()) -> FoundObject | NoObject:
    """The one object with these keys in a text, or the one object in it at all; never raises.

    Flags: `byte_order_mark`, `thinking_removed`, `code_fence`, `text_around`, `control_characters`, `trailing_comma`,
    `json_in_text`, `wrapped`, `repeated_object`, `repeated_keys`, `key_names`.

    Args:
        text: What a model wrote.
        keys: The keys of the object.
        unique: Keys that must not be given twice with different values: of others the last one counts.
    """
    reader = _Reader(frozenset(keys), frozenset(map(_plain, unique)))
    try:
        value = reader.text(text, 0)
        document = reader.wanted(value, 0) or _only_object(value)
    except _NoObjectError as error:
        return NoObject(str(error))
    except RecursionError:
        return NoObject("the answer is nested too deep")
    if reader.contradiction is not None:
        return NoObject(f"{reader.contradiction} is given twice")
    return FoundObject(document, frozenset(reader.flags))


class _NoObjectError(Exception):
    """A text has no object, or more than one; carries the reason."""


def _only_object(value: Any) -> dict[str, Any]:
    """The object that lacks keys, so that its reader can name them."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        return value
    raise _NoObjectError("the answer is not a JSON object")


@dataclass
class _Reader:
    """Takes off one wrapping after the other, and remembers what it took off."""

    keys: frozenset[str]
    unique: frozenset[str]
    flags: set[str] = field(default_factory=set)
    contradiction: str | None = None

    def text(self, text: str, layers: int) -> Any:
        """The value in a text, or _NoObjectError."""
        if layers > MAX_LAYERS:
            raise _NoObjectError("the answer is wrapped too often")
        trimmed = text.strip()
        if trimmed.startswith(_BYTE_ORDER_MARK):
            self.flags.add("byte_order_mark")
            return self.text(trimmed.lstrip(_BYTE_ORDER_MARK), layers + 1)
        found = self.whole(trimmed)
        return self.unwrapped(trimmed, layers) if found is None else found[0]

    def unwrapped(self, text: str, layers: int) -> Any:
        """The value in a text that is no JSON as a whole."""
        # Inside of a fence thoughts may stand in a string; before one, a fence may stand in the thoughts.
        steps = (self.in_fence, self.behind_thoughts)
        for step in steps if text.startswith(_FENCE) else reversed(steps):
            inner = step(text)
            if inner is not None:
                return self.text(inner, layers + 1)
        return self.amid(text)

    def behind_thoughts(self, text: str) -> str | None:
        ended = _THOUGHT_END.search(text)
        if ended is not None:
            self.flags.add("thinking_removed")
            return text[ended.end() :]
        if _THOUGHT_START.match(text):
            raise _NoObjectError("the answer is cut off while the model was thinking")
        return None

    def in_fence(self, text: str) -> str | None:
        """What stands from the first fence to the last: there may be others inside, in a string or one in the other."""
        fenced = _FENCED.search(text)
        outside = text[: fenced.start()] + text[fenced.end() :] if fenced else ""
        if fenced is None or _BRACES.intersection(outside):
            return None
        self.note_outside(_FENCE + outside)
        return fenced[1]

    def amid(self, text: str) -> dict[str, Any]:
        """The one object in a text; brackets outside of it mean that there is something else."""
        start, end = text.find("{"), text.rfind("}") + 1
        outside = text[:start] + text[end:]
        if start < 0 or end <= start or _BRACES.intersection(outside) or outside.count("[") != outside.count("]"):
            raise _NoObjectError("the answer is not JSON")
        found = self.whole(text[start:end])
        # JSON that begins with a brace is an object.
        value: dict[str, Any] = self.repeated(text[start:end]) if found is None else found[0]
        self.note_outside(outside)
        return value

    def note_outside(self, outside: str) -> None:
        if _FENCE in outside:
            self.flags.add("code_fence")
        if _FENCE_START.sub("", outside).strip():
            self.flags.add("text_around")

    def repeated(self, text: str) -> Any:
        """The object that a text gives several times over."""
        first, place = None, 0
        while place >= 0:
            try:
                value, end = self.decoder(strict=False).raw_decode(text, place)
            except (ValueError, RecursionError):
                raise _NoObjectError("the answer is not JSON") from None
            place = text.find("{", end)
            if "}" in (text[end:] if place < 0 else text[end:place]):
                raise _NoObjectError("the answer is not JSON")
            if first is not None and value != first:
                raise _NoObjectError("the answer holds different objects")
            first = value
        self.flags.add("repeated_object")
        return first

    def whole(self, text: str) -> tuple[Any] | None:
        """The value that a text is, control characters in strings and commas before closing brackets allowed for."""
        found = self.decoded(text)
        if found is None:
            found = self.decoded(tidied := _TRAILING_COMMA.sub(r"\1", text)) if "," in text else None
            if found is not None and tidied != text:
                self.flags.add("trailing_comma")
        return found

    def decoded(self, text: str) -> tuple[Any] | None:
        for strict in (True, False):
            try:
                value = self.decoder(strict=strict).decode(text)
            except (ValueError, RecursionError):
                continue
            self.flags.update(() if strict else {"control_characters"})
            return (value,)
        return None

    def decoder(self, *, strict: bool) -> json.JSONDecoder:
        return json.JSONDecoder(strict=strict, object_pairs_hook=self.pairs)

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; of a key that is repeated the last value counts, as it does for most readers of JSON."""
        document = dict(pairs)
        if len(document) != len(pairs):
            self.flags.add("repeated_keys")
            changed = (key for key, value in pairs if _plain(key) in self.unique and value != document[key])
            self.contradiction = next(changed, self.contradiction)
        return document

    def wanted(self, value: Any, layers: int) -> dict[str, Any] | None:
        """The object with all keys that a value is or wraps; None if there is none, _NoObjectError if there are several."""
        if layers > MAX_LAYERS:
            return None
        if isinstance(value, str):
            return self.written(value, layers)
        if isinstance(value, dict):
            named = self.named(value)
            if named is not None:
                return named
            # What lacks some of the keys is an answer with gaps and no wrapper: nothing in it may stand in for it.
            if not self.keys.isdisjoint(value):
                return None
            inner = list(value.values())
        elif isinstance(value, list):
            inner = value
        else:
            return None
        found = [object_ for each in inner if (object_ := self.wanted(each, layers + 1)) is not None]
        if any(each != found[0] for each in found):
            raise _NoObjectError("the answer holds different objects")
        if found:
            self.flags.update({"wrapped"}, {"repeated_object"} if len(found) > 1 else ())
        return found[0] if found else None

    def written(self, text: str, layers: int) -> dict[str, Any] | None:
        """The object that a string holds as text; the flags of a string that holds none are forgotten."""
        if "{" not in text:
            return None
        flags, contradiction = set(self.flags), self.contradiction
        try:
            found = self.wanted(self.text(text, layers + 1), layers + 1)
        except _NoObjectError:
            found = None
        if found is None:
            self.flags, self.contradiction = flags, contradiction
        else:
            self.flags.add("json_in_text")
        return found

    def named(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """The object if it has all keys, also under names of other case and without underscores, such as `sessionId`."""
        if self.keys <= document.keys():
            return document
        plain = {_plain(key): key for key in self.keys}
        renamed = [(plain[_plain(key)], value) for key, value in document.items() if _plain(key) in plain]
        if len(renamed) != len(self.keys) or {key for key, _ in renamed} != self.keys:
            return None
        self.flags.add("key_names")
        return dict(renamed)


def _plain(key: str) -> str:
    return re.sub(r"[\W_]", "", key).casefold()
