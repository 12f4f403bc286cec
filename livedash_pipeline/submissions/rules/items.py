"""Turns the bytes of one submitted chat session into values to store, or into a list of its faulty fields.

Add what is kept of a field, and its part of the content hash, here. `submissions.rules.fields` has the fields,
`submissions.rules.json_items` cuts bodies into items, `intake.rules.submitted_messages` turns messages into text. An unusable
submission is a value that names its fields; nothing here raises, whatever the text.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any, Literal

from pydantic import ValidationError

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.intake.rules.submitted_messages import write_messages
from livedash_pipeline.intake.rules.vocabulary import country_code, source_language
from livedash_pipeline.submissions.rules.fields import SubmittedSession
from livedash_pipeline.submissions.rules.parts import judged_parts

MAX_ITEM_BYTES = 2_000_000
# Further faults are not reported: the client corrects these first.
ERRORS_TOLD = 10
_MAX_POINTER = 200
# Names that pydantic gives to faults.
_NO_OBJECT = "model_type"
_OWN_RULE = "value_error"

RefusalCode = Literal["malformed", "too_large", "invalid", "duplicate_id", "erased", "texts_deleted"]
_GONE: Mapping[RefusalCode, str] = {
    "erased": "The session was erased on request, and is not taken in again.",
    "texts_deleted": "The session's texts were deleted by age, and do not come back; nothing of it was changed.",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """The fault of one field; `pointer` is a JSON pointer (RFC 6901) into the item, empty for the whole item."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An item that cannot be used, with the first of its faults."""

    code: RefusalCode
    errors: tuple[FieldError, ...]
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """A session as it is stored.

    Attributes:
        external_id: The natural key within its company.
        start: Start, with the zone that was given.
        end: End, with the zone that was given.
        ip_address: In its usual form.
        country_raw: The word that was given.
        country: The ISO code that it means, if it is known.
        language_raw: The word that was given.
        language: The ISO code that it means, if it is known.
        transcript: The messages as text (`intake.rules.submitted_messages`).
        transcript_sha256: Of that text, in hex.
        replaced: Characters that cannot be stored became U+FFFD.
        content_hash: Over everything that is stored: equal hash, nothing to do.
    """

    external_id: str
    start: datetime
    end: datetime
    ip_address: str | None
    country_raw: str | None
    country: str | None
    language_raw: str | None
    language: str | None
    transcript: str
    transcript_sha256: str
    replaced: bool
    content_hash: str

    @property
    def flags(self) -> list[str]:
        """What a client should know of an item that was taken all the same."""
        found = {
            "characters_replaced": self.replaced,
            "country_unknown": self.country_raw is not None and self.country is None,
            "language_unknown": self.language_raw is not None and self.language is None,
        }
        return [name for name, holds in found.items() if holds]


def read_item(raw: bytes) -> AcceptedItem | RefusedItem:
    """Reads one item from its bytes; refuses more than `MAX_ITEM_BYTES` unread."""
    if len(raw) > MAX_ITEM_BYTES:
        return too_large(len(raw))
    value = read_json(raw.removeprefix(codecs.BOM_UTF8))
    if isinstance(value, JsonFault):
        return _refused("malformed", f"The item {value.reason}.")
    value = judged_parts(value, unknown=ERRORS_TOLD)
    # Only an escape can bring in what cannot be stored: JSON forbids a plain NUL, and UTF-8 a plain surrogate.
    value, replaced = _storable(value) if b"\\u" in raw else (value, False)
    try:
        session = SubmittedSession.model_validate(value)
    except ValidationError as error:
        return RefusedItem("invalid", _field_errors(error), _id_of(value))
    return _accepted(session, replaced)


def too_large(size: int) -> RefusedItem:
    """Returns the refusal of an item that is too large to be read."""
    return _refused("too_large", f"The item has {size} bytes, and at most {MAX_ITEM_BYTES} are taken.")


def repeated(external_id: str) -> RefusedItem:
    """Returns the refusal of an item whose id a later item of the same batch has."""
    error = FieldError("/externalId", "A later item of the batch has the same id, and that one counts.")
    return RefusedItem("duplicate_id", (error,), external_id)


def gone(code: Literal["erased", "texts_deleted"], external_id: str) -> RefusedItem:
    """Returns the refusal of a session whose texts were deleted for good."""
    return RefusedItem(code, (FieldError("/externalId", _GONE[code]),), external_id)


def json_pointer(path: tuple[int | str, ...]) -> str:
    """RFC 6901. Names of fields may be the client's own, so it is cut."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)[:_MAX_POINTER]


def _accepted(session: SubmittedSession, replaced: bool) -> AcceptedItem:
    transcript = write_messages(Message(each.role, each.content, each.sent_at) for each in session.messages)
    digest = sha256(transcript.encode()).hexdigest()
    country, language = session.country or None, session.language or None
    start, end = session.start_time.isoformat(), session.end_time.isoformat()
    hashed = json.dumps(["api", session.external_id, start, end, session.ip, country, language, digest])
    return AcceptedItem(
        external_id=session.external_id,
        start=session.start_time,
        end=session.end_time,
        ip_address=session.ip,
        country_raw=country,
        country=country_code(country) if country else None,
        language_raw=language,
        language=source_language(language) if language else None,
        transcript=transcript,
        transcript_sha256=digest,
        replaced=replaced,
        content_hash=blake2b(hashed.encode(), digest_size=16).hexdigest(),
    )


def _storable(value: Any) -> tuple[Any, bool]:
    """The value with every text as Postgres can hold it, names of fields included, and whether one was changed."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        pairs = [_storable(each) for each in value]
        return [each for each, _ in pairs], any(changed for _, changed in pairs)
    if isinstance(value, dict):
        names = [storable_text(name) for name in value]
        pairs = [_storable(each) for each in value.values()]
        cleaned = {name: each for (name, _), (each, _) in zip(names, pairs, strict=True)}
        return cleaned, any(changed for _, changed in (*names, *pairs))
    return value, False


def _refused(code: RefusalCode, detail: str) -> RefusedItem:
    return RefusedItem(code, (FieldError("", detail),))


def _id_of(value: object) -> str | None:
    """The id of an item that is refused, if it has one that can be shown."""
    given = value.get("externalId") if isinstance(value, Mapping) else None
    return given if isinstance(given, str) and len(given) <= MAX_ID_LENGTH else None


def _field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    # Without the input, which is somebody's words.
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return tuple(FieldError(_place(each), _sentence(each)) for each in found[:ERRORS_TOLD])


def _place(found: Mapping[str, Any]) -> str:
    # Only the rule about two fields has an error without a field.
    path = found["loc"] or (("endTime",) if found["type"] == _OWN_RULE else ())
    return json_pointer(path)


def _sentence(found: Mapping[str, Any]) -> str:
    text = "Input should be an object" if found["type"] == _NO_OBJECT else str(found["msg"])
    return text.removeprefix("Value error, ").rstrip(".") + "."
