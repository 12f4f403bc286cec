r"""The grammar of transcripts: a text in, its messages or the line that cannot be read out. No word is lost on the way.

A transcript is read line by line (`intake.rules.transcript_lines`).

    [01.05.2025 12:00:00] User: text    message; role User, Assistant or System in any case, or one of the company's bot
                                        names, which stand for the assistant
    User: text                          the same without a time, for these roles alone; in a chat with stamps, `System: text`
                                        is part of the message above
    [2025-05-01 12:00] User: text       the same with a time in another form, which is not guessed: counted as odd
    [01.05.2025 12:00:00] Anna: text    message of the role `unknown`, with everything after the bracket as its content; also
                                        where the time has another form
    [01.05.2025 12:00:00] Chat opened   event: no message, and it ends the one before
    any other line                      goes on with the message above it; below an event it makes a message `unknown` of both

Content is joined with `\n`, without blank lines and blanks at either end; a message without content is dropped. Text before
the first message or event makes the transcript unreadable: it is no transcript, or one of another kind. Times are local
times of the company (`MessageTimes`); one that cannot be, such as 30.02., leaves its message without a time. Messages stand
in the order of their times if every one has a time, else as in the file. **Equal times keep the order of the file**: it is
what was recorded, and a chatbot that greets first in the second in which the user writes did greet first.

Add forms of lines here, and to the table of the tests. Where a text comes from, and what is derived from its messages, is
elsewhere. Nothing here raises, whatever the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.messages import PLAUSIBLE_YEARS, Message, ParsedTranscript, RefusedTranscript
from livedash_pipeline.intake.rules.transcript_lines import (
    Role,
    Stamp,
    behind_name,
    names_somebody,
    read_speaker,
    read_stamp,
    split_lines,
    without_marks,
)
from livedash_pipeline.intake.rules.usual_transcripts import plain_hour, read_usual_transcript

_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def parse_transcript(text: str, *, bot_names: Iterable[str], zone: ZoneInfo) -> ParsedTranscript | RefusedTranscript:
    """Reads a transcript; local times are those of `zone`, and `bot_names` (any case, no colon) mean the assistant."""
    return parse_spoken(text, known_roles(tuple(bot_names)), zone)


def parse_spoken(
    text: str,
    roles: Mapping[str, Role],
    zone: ZoneInfo,
    *,
    others: Role = "unknown",
    is_skipped: Callable[[str], bool] | None = None,
) -> ParsedTranscript | RefusedTranscript:
    """Reads a transcript of the grammar.

    Args:
        text: The transcript.
        roles: What names mean, by the name in lower case (`casefold`).
        zone: Where its times are local.
        others: Who speaks under any other name, in lines with a time.
        is_skipped: Tells lines that nobody said; they are events, and do not end the message around them.
    """
    usual = read_usual_transcript(text, roles, zone) if is_skipped is None else None
    return usual or parse_carefully(text, roles, zone, others=others, is_skipped=is_skipped)


def parse_carefully(
    text: str,
    roles: Mapping[str, Role],
    zone: ZoneInfo,
    *,
    others: Role = "unknown",
    is_skipped: Callable[[str], bool] | None = None,
) -> ParsedTranscript | RefusedTranscript:
    """As `parse_spoken`, by the whole grammar for every transcript."""
    reader = _GrammarReader(times=MessageTimes(zone), roles=roles, others=others)
    return read_lines(split_lines(text, roles), reader, is_skipped)


def read_lines(
    lines: Iterable[str], reader: MessageReader, is_skipped: Callable[[str], bool] | None
) -> ParsedTranscript | RefusedTranscript:
    """What a reader makes of lines."""
    take = reader.take if is_skipped is None else partial(_take_or_skip, reader, is_skipped)
    for number, line in enumerate(lines, 1):
        if not take(line):
            return RefusedTranscript(number, "text_before_first_message")
    return reader.result()


def _take_or_skip(reader: MessageReader, is_skipped: Callable[[str], bool], line: str) -> bool:
    if not is_skipped(line):
        return reader.take(line)
    reader.events.append(line.strip())
    return True


class MessageTimes:
    """Turns the local times of one transcript, in the order of its lines, into moments in UTC.

    A time that the clock skips in spring moves forward by the hour that is skipped. One that it shows twice in autumn is
    the first of the two (`base.rules.local_time`), unless only the second keeps it from lying before the message above.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._previous: datetime | None = None

    def moment(self, text: str) -> datetime | None:
        """The moment in UTC that `DD.MM.YYYY HH:MM:SS` means; None where there is no such date or time."""
        found = _read_time(text, self._zone)
        if found is None or found.year not in PLAUSIBLE_YEARS:
            return None
        if self._previous is not None and found < self._previous:
            second_showing = found.astimezone(self._zone).replace(fold=1).astimezone(UTC)
            found = second_showing if second_showing >= self._previous else found
        self._previous = found
        return found


@dataclass(slots=True)
class MessageReader:
    """Keeps messages, events, and the one that is still open; kinds of transcripts differ in how they `take` lines."""

    messages: list[Message] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    dropped: int = 0
    odd_times: int = 0
    started: bool = False
    role: Role | None = None
    sent_at: datetime | None = None
    lines: list[str] = field(default_factory=list)

    def take(self, line: str) -> bool:
        """Reads one line that begins nothing; False where it cannot stand there."""
        if self.started:
            self.lines.append(line)
        return self.started or not without_marks(line).strip()

    def open(self, role: Role | None, sent_at: datetime | None, first: str) -> None:
        """Begins a message with its first line, or, without a role, an event."""
        self._close()
        self.started = True
        self.role, self.sent_at, self.lines = role, sent_at, [first]

    def result(self) -> ParsedTranscript:
        """Everything that was read."""
        self._close()
        untimed = sum(message.sent_at is None for message in self.messages)
        ordered = self.messages if untimed else sorted(self.messages, key=_time_of)
        return ParsedTranscript(tuple(ordered), tuple(self.events), self.dropped, untimed, self.odd_times)

    def _close(self) -> None:
        if not self.started:
            return
        content = "\n".join(self.lines).strip()
        if self.role is None and not any(line.strip() for line in self.lines[1:]):
            # What the window of a chat says of itself fits on a line; more than that was said by somebody.
            self.events.append(content)
        elif content:
            self.messages.append(Message(self.role or "unknown", content, self.sent_at))
        else:
            self.dropped += 1


@dataclass(slots=True)
class _GrammarReader(MessageReader):
    """Takes lines of the grammar.

    Attributes:
        times: What times mean.
        roles: What names mean.
        others: Who speaks under other names.
        stamped: A message with a stamp was met.
        oddly_stamped: A message whose stamp has another form was met, so that such stamps begin events as well.
    """

    times: MessageTimes = field(kw_only=True)
    roles: Mapping[str, Role] = field(kw_only=True)
    others: Role = "unknown"
    stamped: bool = False
    oddly_stamped: bool = False

    def take(self, line: str) -> bool:
        """Reads one line; False where it cannot stand there."""
        bare = line if line.isascii() else without_marks(line)
        stamp = read_stamp(bare) if bare.startswith("[") else None
        if self._take_unstamped(bare) if stamp is None else self._take_stamped(stamp):
            return True
        # Without super(): most lines of a long text come here.
        if self.started:
            self.lines.append(line)
        return self.started or not bare.strip()

    def _take_stamped(self, stamp: Stamp) -> bool:
        spoken = read_speaker(stamp.rest, self.roles)
        somebody = spoken is not None or names_somebody(stamp.rest)
        if stamp.time is None and spoken is None and not (stamp.has_clock and (somebody or self.oddly_stamped)):
            return False
        sent_at = None if stamp.time is None else self.times.moment(stamp.time)
        self.odd_times += sent_at is None
        self.stamped = self.stamped or somebody
        self.oddly_stamped = self.oddly_stamped or (somebody and stamp.time is None)
        if spoken is not None:
            self.open(spoken[0], sent_at, spoken[1])
        elif somebody and self.others != "unknown":
            self.open(self.others, sent_at, behind_name(stamp.rest))
        else:
            self.open("unknown" if somebody else None, sent_at, stamp.rest)
        return True

    def _take_unstamped(self, line: str) -> bool:
        spoken = read_speaker(line, self.roles)
        if spoken is None or (spoken[0] == "system" and self.stamped):
            return False
        self.open(spoken[0], None, spoken[1])
        return True


def _read_time(text: str, zone: ZoneInfo) -> datetime | None:
    # Most of a transcript's time goes into its times, and most messages of a chat, or of a day's chats, share their hour.
    begins = plain_hour(text[:13], zone)
    minute, second = int(text[14:16]), int(text[17:19])
    if begins is None or minute > 59 or second > 59:
        return parse_local_time(text, zone)
    return begins + timedelta(minutes=minute, seconds=second)


def _time_of(message: Message) -> datetime:
    if message.sent_at is None:
        raise AssertionError("messages are sorted only where every one has a time")
    return message.sent_at


@lru_cache(maxsize=256)
def known_roles(bot_names: tuple[str, ...]) -> Mapping[str, Role]:
    """What names mean to the grammar, by the name in lower case."""
    bots: dict[str, Role] = {name.strip().casefold(): "assistant" for name in bot_names if name.strip()}
    return bots | dict(_ROLES)
