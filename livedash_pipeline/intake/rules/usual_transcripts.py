"""Transcripts of the usual kind, read in one go: every message with a stamp, a known name and words, in the order of time.

What is read here is what the grammar (`intake.rules.transcripts`) makes of it, in a fraction of its time; tests compare the two
over transcripts of all kinds. Anything else is left to the grammar: add no form of a line here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.messages import PLAUSIBLE_YEARS, Message, ParsedTranscript
from livedash_pipeline.intake.rules.transcript_lines import Role, read_speaker, without_marks

# Date and hour, minute and second, name: no mark or blank stands before it, and no colon of either width within it.
_USUAL = re.compile(
    r"\[([0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}):([0-9]{2}:[0-9]{2})\] ([A-Za-z][^:\uff1a]{0,63}):", re.DOTALL
)
_WITHIN_HOUR = {
    f"{minute:02}:{second:02}": timedelta(minutes=minute, seconds=second)
    for minute in range(60)
    for second in range(60)
}


def read_usual_transcript(text: str, roles: Mapping[str, Role], zone: ZoneInfo) -> ParsedTranscript | None:
    """The messages of a transcript of the usual kind; None of any other, which may be read all the same.

    Args:
        text: The transcript.
        roles: What names mean, by the name in lower case.
        zone: Where its times are local.
    """
    if "\n" not in text:
        return None
    messages: list[Message] = []
    role: Role | None = None
    sent_at: datetime | None = None
    words: list[str] = []
    for line in text.split("\n"):
        found = _USUAL.match(line)
        if found is None:
            if role is None or _begins_something(line, roles):
                return None
            words.append(line.removesuffix("\r"))
            continue
        if role is not None and not _close(messages, role, words, sent_at):
            return None
        hour, within, name = found.groups()
        begins, offset = plain_hour(hour, zone), _WITHIN_HOUR.get(within)
        role = roles.get(name.casefold())
        if role is None or begins is None or offset is None or begins.year not in PLAUSIBLE_YEARS:
            return None
        moment = begins + offset
        if sent_at is not None and moment < sent_at:
            return None
        sent_at, words = moment, [line[found.end() :].removesuffix("\r")]
    if role is None or not _close(messages, role, words, sent_at):
        return None
    return ParsedTranscript(tuple(messages))


def _close(messages: list[Message], role: Role, words: list[str], sent_at: datetime | None) -> bool:
    """Whether a message has words, and is thus one."""
    content = (words[0] if len(words) == 1 else "\n".join(words)).strip()
    if content:
        messages.append(Message(role, content, sent_at))
    return bool(content)


def _begins_something(line: str, roles: Mapping[str, Role]) -> bool:
    """Whether the grammar may take a line for more than a further one of the message above it."""
    bare = line if line.isascii() else without_marks(line)
    return bare.startswith("[") or ((":" in bare or "\uff1a" in bare) and read_speaker(bare, roles) is not None)


@lru_cache(maxsize=4096)
def plain_hour(date_and_hour: str, zone: ZoneInfo) -> datetime | None:
    """When a local hour, `DD.MM.YYYY HH`, begins, if no change of the clocks lies in it; None as well if there is none such."""
    begins = parse_local_time(f"{date_and_hour}:00:00", zone)
    ends = parse_local_time(f"{date_and_hour}:59:59", zone)
    return begins if begins and ends and ends - begins == timedelta(minutes=59, seconds=59) else None
