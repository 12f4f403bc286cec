"""What every profile is: a small JSON document with a version, checked field by field, with one sentence for what cannot be.

Add what holds for profiles of every kind here; their fields are in `csv_profile` and `transcript_profile`.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from livedash_pipeline.intake.rules.profiles.time_forms import BadTimeFormError, TimeForms

LONGEST_WORD = 255
MOST_WORDS = 500
# Encodings of names of hosts and of source code, which read nearly anything.
_NO_FILES = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7"}


class BadProfileError(ValueError):
    """A document is no profile; its text is a sentence, with the field's name."""


class Profile(BaseModel):
    """A profile; a field that is not given is that of the seed's files."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = Field(1, description="of the document; others are refused")

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, document: object) -> object:
        # Read strictly, a list would be no tuple, which is what cannot be changed afterwards.
        return _frozen(document)

    def document(self) -> dict[str, Any]:
        """The profile as it is stored and shown: what differs from the seed's, and the version."""
        return {"version": self.version} | self.model_dump(mode="json", exclude_defaults=True)

    def digest(self) -> str:
        """A short hash of what it says: rows that were read by another one are read again."""
        return digest_of(self.document())


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def digest_of(document: Mapping[str, Any]) -> str:
    """A short hash of a document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=8).hexdigest()


SomeProfile = TypeVar("SomeProfile", bound=Profile)


def read_profile(kind: type[SomeProfile], document: object) -> SomeProfile:
    """The profile that a JSON document holds.

    Raises:
        BadProfileError: It holds something else; the first fault is told.
    """
    if not isinstance(document, Mapping):
        raise BadProfileError("The profile cannot be used: the document is no JSON object.")
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        reason = first["msg"].removeprefix("Value error, ")
        raise BadProfileError(f"The profile cannot be used: {place}: {reason}.") from None


def field_names(kind: type[Profile]) -> list[str]:
    """The fields of a kind of profile as a document names them."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def checked_times(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of forms of times, all of which exist; ValueError for others, as pydantic wants it."""
    for name in names:
        try:
            TimeForms.of((name,))
        except BadTimeFormError as error:
            raise ValueError(f"{name!r} {error}") from None
    return names


def checked_encoding(name: str) -> str:
    """Python's own name of an encoding of text files; ValueError for what is none, as pydantic wants it."""
    try:
        found = codecs.lookup(name).name
        "e".encode(found)
    except (LookupError, ValueError):
        found = ""
    if not found or found in _NO_FILES:
        raise ValueError(f"{name[:100]!r} is no encoding of text files that Python knows")
    return found


def checked_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that a cell or a name can be; ValueError for others, as pydantic wants it."""
    if len(words) > MOST_WORDS:
        raise ValueError(f"has {len(words)} words, and {MOST_WORDS} are the most")
    for word in words:
        if not word.strip() or len(word) > LONGEST_WORD or "\0" in word:
            raise ValueError(f"{word[:40]!r} is no word of 1 to {LONGEST_WORD} characters")
    return words


def normal_word(word: str) -> str:
    """A word as it is compared: in any case, with single blanks."""
    return " ".join(word.split()).casefold()
