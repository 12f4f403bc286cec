"""Reads fields of a document by any of their names, and keeps account of what is left.

Names are compared as headers of a file of questions are: `CHAT_ID` is `chatId`. A value of the wrong type is a problem and
counts as missing. Add a type of value as a method.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.chats.rules.documents.extended_json import ObjectId, Unreadable, parse_moment
from livedash_pipeline.chats.rules.documents.problems import Place, Problems
from livedash_pipeline.chats.rules.intake.columns import plain_name

_LARGEST = 2**63 - 1
_MOST_CELLS = 500
_SPELT = 60
# What MongoDB and its library add for themselves.
_INTERNAL = {"id", "v"}


class Fields:
    """The fields of one document, embedded or not."""

    def __init__(self, fields: dict[str, Any], place: Place, problems: Problems) -> None:
        self.place = place
        self.problems = problems
        self._fields = fields
        self._names: dict[str, str] = {}
        for name in fields:
            self._names.setdefault(plain_name(name), name)
        self._used: set[str] = set()
        self._complained: set[str] = set()

    @property
    def id(self) -> str | None:
        """Its own id as text."""
        return id_text(self._fields.get("_id"))

    def value(self, *names: str) -> Any:
        """The first field of these names that is not null, whatever its type; an unreadable one is a problem."""
        for plain in names:
            name = self._names.get(plain)
            if name is None:
                continue
            self._used.add(name)
            found = self._fields[name]
            if isinstance(found, Unreadable):
                self._complain(name, found.reason)
            elif found is not None:
                return found
        return None

    def text(self, *names: str) -> str | None:
        """The first text that is not blank, white space included; numbers count as text."""
        for name in names:
            found = self.value(name)
            if isinstance(found, dict | list):
                self._complain(name, "it is no text")
                continue
            shown = storable(scalar_text(found))
            if shown is not None and shown.strip():
                return shown
        return None

    def number(self, *names: str) -> int | None:
        """A whole number from 0, also as text or as a whole float."""
        found = self.value(*names)
        if found is None:
            return None
        whole = _whole(found)
        if whole is None:
            self._complain(names[0], "it is no whole number from 0")
        return whole

    def moment(self, *names: str) -> datetime | None:
        """A moment, also as ISO 8601 text."""
        for name in names:
            found = self.value(name)
            moment = parse_moment(found) if isinstance(found, str) else found
            if isinstance(moment, datetime):
                return moment
            if found is not None:
                self._complain(name, "it is no moment")
        return None

    def truth(self, *names: str) -> bool | None:
        """A boolean."""
        found = self.value(*names)
        if found is None or isinstance(found, bool):
            return found
        self._complain(names[0], "it is neither true nor false")
        return None

    def items(self, *names: str) -> list[Any]:
        """A list; empty without one."""
        found = self.value(*names)
        if found is None or isinstance(found, list):
            return found or []
        self._complain(names[0], "it is no list")
        return []

    def inside(self, value: dict[str, Any]) -> Fields:
        """The fields of a document that is embedded in this one, or that it refers to."""
        return Fields(value, self.place, self.problems)

    def problem(self, code: str, message: str) -> None:
        """Adds a problem at the place of this document."""
        self.problems.add(self.place, code, message)

    def cells(self, prefix: str = "") -> dict[str, str]:
        """All fields that were not read and have a single value, as text; those of embedded documents with dotted names."""
        left = {name: each for name, each in self._fields.items() if name not in self._used}
        found: dict[str, str] = {}
        for name, value in _scalars(left, prefix):
            if isinstance(value, Unreadable):
                self._complain(name, value.reason)
                continue
            if len(found) == _MOST_CELLS:
                self.problem(
                    "too_many_fields", f"The document has more than {_MOST_CELLS} fields; the rest is left out."
                )
                break
            found[name] = value
        return found

    def _complain(self, name: str, reason: str) -> None:
        name = self._names.get(name, name)
        if name in self._complained:
            return
        self._complained.add(name)
        self.problem("bad_value", f'The field "{name[:_SPELT]}" cannot be read: {reason}.')


def id_text(value: Any) -> str | None:
    """An id, of any type that a person would use for one, as text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return storable(str(value)[:200]) or None


def scalar_text(value: Any) -> str | None:
    """A single value as text; None for null, for what cannot be read, and for lists and documents."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else None


def is_reference(value: Any) -> bool:
    """Whether a value is the id of another document and nothing else."""
    return isinstance(value, ObjectId)


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST else None


def _scalars(fields: dict[str, Any], prefix: str) -> Iterator[tuple[str, str | Unreadable]]:
    for name, value in fields.items():
        full = f"{prefix}{name}"
        if plain_name(name) in _INTERNAL:
            continue
        if isinstance(value, dict):
            yield from _scalars(value, f"{full}.")
            continue
        shown = value if isinstance(value, Unreadable) else storable(scalar_text(value))
        if shown is not None:
            yield str(storable(full)), shown
