"""Submitted messages as the content of a transcript: JSON, written when a session is submitted and read when it is derived.

So what a client submits is kept where a fetched transcript is kept, and waits, is pruned and is derived in the same way. The
grammar of `intake.rules.transcripts` would not do: it knows neither parts of a second nor zones, and a message may quote it.
Add what is kept of a message here; what a client may send is `submissions.rules.fields`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from livedash_pipeline.intake.rules.messages import Message, ParsedTranscript

# Stands as the address of transcripts that were submitted; nothing can be fetched from it.
SUBMITTED = "api:"


def write_messages(messages: Iterable[Message]) -> str:
    """Messages in the order given, as a JSON array; times in UTC."""
    listed = [
        {"role": each.role, "at": each.sent_at and each.sent_at.astimezone(UTC).isoformat(), "text": each.content}
        for each in messages
    ]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":"))


def read_messages(content: str) -> ParsedTranscript:
    """What `write_messages` wrote, by the rules that hold for every transcript.

    Content is without blanks at either end, messages without content are dropped, and messages stand in the order of their
    times if every one has a time, else as they were given; equal times keep that order.
    """
    found = [
        Message(each["role"], each["text"].strip(), each["at"] and datetime.fromisoformat(each["at"]))
        for each in json.loads(content)
    ]
    messages = [message for message in found if message.content]
    timed = [(message.sent_at, message) for message in messages if message.sent_at is not None]
    if len(timed) == len(messages):
        messages = [message for _, message in sorted(timed, key=lambda pair: pair[0])]
    return ParsedTranscript(tuple(messages), dropped=len(found) - len(messages), untimed=len(messages) - len(timed))
