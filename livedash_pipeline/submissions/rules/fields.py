"""The fields of a submitted session, their limits and descriptions, from which the schema for clients is made.

Add a field here; `submissions.rules.items` decides what is kept of it. The schema says as much as JSON Schema can: everything
that it refuses is refused, and beyond it only the calendar, the order of the two times and the form of an address are checked.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from livedash_pipeline.base.rules.rfc3339 import parse_moment
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH

MAX_MESSAGES = 5_000
MAX_CONTENT = 100_000
MAX_WORD = 100
# Years outside these are typing errors (`intake.rules.transcripts` has the same limits).
YEARS = range(1970, 2200)
LONGEST_SESSION = timedelta(days=366)

_TIME_REMEDY = "write a time as in 2025-05-01T12:00:00+02:00"
# An id is part of addresses: it has only characters that look the same everywhere, and no blank at its ends.
_ID_PATTERN = r"^[!-~]([ -~]*[!-~])?$"
_ID = re.compile(_ID_PATTERN.removesuffix("$"))
# Clients resolve these in an address before they send it, so nobody could ask for such a session, or erase it.
_NO_IDS = (".", "..")


def _read_time(value: object) -> datetime:
    moment = parse_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise ValueError(f"There is no such time, or it has no zone; {_TIME_REMEDY}.")
    if moment.astimezone(UTC).year not in YEARS:
        raise ValueError(f"The time is not in the years {YEARS[0]} to {YEARS[-1]}.")
    return moment


def _read_id(value: str) -> str:
    if not 1 <= len(value) <= MAX_ID_LENGTH or not _ID.fullmatch(value):
        raise ValueError(f"An id has 1 to {MAX_ID_LENGTH} visible characters of ASCII, with blanks between them only.")
    if value in _NO_IDS:
        raise ValueError("An id that is nothing but one or two dots cannot stand in an address.")
    return value


def _read_address(value: str) -> str:
    try:
        # A zone names a network interface of the sender, which means nothing here.
        return str(ip_address("" if "%" in value else value))
    except ValueError:
        raise ValueError("This is no IPv4 or IPv6 address.") from None


Text = Annotated[str, StringConstraints(strict=True)]
ExternalId = Annotated[
    Text,
    AfterValidator(_read_id),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ID_LENGTH,
            "pattern": _ID_PATTERN,
            "not": {"enum": list(_NO_IDS)},
        }
    ),
]
Moment = Annotated[datetime, BeforeValidator(_read_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Word = Annotated[Text, StringConstraints(max_length=MAX_WORD), AfterValidator(str.strip)]
Address = Annotated[
    Text,
    AfterValidator(_read_address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]

_EXAMPLE: dict[str, Any] = {
    "externalId": "chat-4711",
    "startTime": "2025-05-01T12:00:00+02:00",
    "endTime": "2025-05-01T12:03:20+02:00",
    "messages": [
        {"role": "user", "content": "Hoeveel vakantiedagen heb ik nog?", "sentAt": "2025-05-01T12:00:00+02:00"},
        {"role": "assistant", "content": "U heeft nog 12 dagen.", "sentAt": "2025-05-01T12:00:04+02:00"},
    ],
    "country": "NL",
    "language": "nl",
    "ip": "192.0.2.10",
}


class _Submitted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class SubmittedMessage(_Submitted):
    """One message of a chat."""

    role: Literal["user", "assistant", "system", "unknown"] = Field(description="Who wrote it.")
    content: Annotated[Text, StringConstraints(max_length=MAX_CONTENT)] = Field(
        description="What was written. A message of nothing but blanks is left out."
    )
    sent_at: Moment | None = Field(None, description="When, with its zone; null where it is not known.")


class SubmittedSession(_Submitted):
    """One chat session, with its messages in their order."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    external_id: ExternalId = Field(description="Your own id of the session. Sent again, it updates the session.")
    start_time: Moment = Field(description="When the chat began, with its zone.")
    end_time: Moment = Field(description="When it ended: not before its start, and at most 366 days after it.")
    messages: list[SubmittedMessage] = Field(
        min_length=1, max_length=MAX_MESSAGES, description="In their order; by their times, if every one has a time."
    )
    country: Word | None = Field(None, description="ISO 3166 code or a name; kept, and flagged, where it is unknown.")
    language: Word | None = Field(None, description="ISO 639 code or a name; kept, and flagged, where it is unknown.")
    ip: Address | None = Field(None, description="The user's IPv4 or IPv6 address.")

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> SubmittedSession:
        if not timedelta(0) <= self.end_time - self.start_time <= LONGEST_SESSION:
            raise ValueError(f"The chat ends before its start, or more than {LONGEST_SESSION.days} days after it.")
        return self


def session_schema() -> dict[str, Any]:
    """The JSON schema of one submitted session, without references."""
    schema = SubmittedSession.model_json_schema()
    message = schema.pop("$defs")["SubmittedMessage"]
    schema["properties"]["messages"]["items"] = message
    for described in (*schema["properties"].values(), *message["properties"].values()):
        # Derived from the field's name, which says more.
        described.pop("title", None)
    return schema
