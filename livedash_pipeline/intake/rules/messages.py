"""Messages of a transcript, however it was written, and the hashes that name them.

Add what every message has. How messages are found in a text is `intake.rules.transcripts` and, for the usual kind,
`intake.rules.usual_transcripts`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from livedash_pipeline.base.rules.rfc3339 import utc_text

# Made once: `json.dumps` makes one for every call.
_COMPACT = json.JSONEncoder(separators=(",", ":"))
# A chat before or after these years is a slip of the pen, and would stretch its session over centuries.
PLAUSIBLE_YEARS = range(1970, 2200)


class Message(NamedTuple):
    """One message. `role` is user, assistant, system or unknown; `sent_at` is aware, or None where no time is known."""

    role: str
    content: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class ParsedTranscript:
    """Messages in their order, and what else was met.

    Attributes:
        messages: In order of time, or of the file.
        events: Timestamped lines without a speaker, word by word.
        dropped: Messages without content, which are not among `messages`.
        untimed: Messages without a time.
        odd_times: Lines whose time cannot be read or cannot be; such messages are among the untimed.
    """

    messages: tuple[Message, ...]
    events: tuple[str, ...] = ()
    dropped: int = 0
    untimed: int = 0
    odd_times: int = 0


@dataclass(frozen=True, slots=True)
class RefusedTranscript:
    """A transcript that does not follow the grammar, or its company's profile; lines count from 1."""

    line_number: int
    reason: Literal["text_before_first_message", "not_json", "no_messages"]


def transcript_hash(messages: Iterable[Message]) -> str:
    """SHA-256 in hex over role, time in UTC and content of each message; the same for messages read from the database."""
    return spoken_hash(spoken(messages))


Spoken = tuple[str, str | None, str]
"""Role, time in UTC as `base.rules.rfc3339.utc_text` writes it, and content of a message."""


def spoken(messages: Iterable[Message]) -> list[Spoken]:
    """Messages as they are hashed and asked about: whoever does both writes their times once."""
    return [
        (message.role, None if message.sent_at is None else utc_text(message.sent_at), message.content)
        for message in messages
    ]


def spoken_hash(listed: Sequence[Spoken]) -> str:
    """The `transcript_hash` of what `spoken` lists."""
    return hashlib.sha256(_COMPACT.encode(listed).encode("ascii")).hexdigest()


def words_hash(messages: Iterable[Message]) -> str:
    """SHA-256 in hex over role and content of each message: the same whenever they are taken to have been sent."""
    listed = [(message.role, message.content) for message in messages]
    return hashlib.sha256(_COMPACT.encode(listed).encode("ascii")).hexdigest()
