"""One sample chat: from a few facts about it to its messages and the text of its transcript.

Add here what changes how a chat runs or how a transcript is laid out. Which facts a chat has is drawn in `generate`.
A chat writes its messages only when asked, so that a CSV of a million sessions never pays for transcripts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from livedash_pipeline.local.sample_data.phrases.languages import LANGUAGES
from livedash_pipeline.local.sample_data.phrases.model import Exchange


class Transcript(Protocol):
    """A session's transcript file: its text, or its absence."""

    def text(self) -> str | None:
        """Returns the file's text, or None where the source has no such file."""


@dataclass(frozen=True, slots=True)
class WrittenTranscript:
    """A transcript with a fixed text; None means that the source answers 404."""

    content: str | None

    def text(self) -> str | None:
        """Returns the fixed text."""
        return self.content


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message; `sent_at` is the company's local time without a zone, as in the vendor's files."""

    sent_at: datetime
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Chat:
    """The facts of a chat, from which its messages follow."""

    seed: int
    language: str
    category: str
    sentiment: str
    escalated: bool
    forwarded_hr: bool
    user_messages: int
    opening: str
    """The first user message, which the CSV repeats."""
    opening_exchange: int
    """Which of the category's exchanges the opening asks about."""
    blanks: dict[str, str]
    start: datetime
    end: datetime
    response_seconds: int
    bot_role: str

    def messages(self) -> list[ChatMessage]:
        """Returns every user message followed by the chatbot's answer, from `start` to `end`."""
        rng = Random(self.seed)  # noqa: S311 - sample data
        messages = []
        for (question, answer), asked_at in zip(self._exchanges(rng), self._times(rng), strict=True):
            answered_at = min(asked_at + timedelta(seconds=self.response_seconds), self.end)
            messages.append(ChatMessage(asked_at, "User", question))
            messages.append(ChatMessage(answered_at, self.bot_role, answer))
        return messages

    def text(self) -> str | None:
        """Returns the transcript: `[DD.MM.YYYY HH:MM:SS] Role: text`, further lines of a message without prefix."""
        return transcript_text(self.messages())

    def _exchanges(self, rng: Random) -> list[Exchange]:
        phrases = LANGUAGES[self.language]
        topic = phrases.topics[self.category]
        other = [exchange for number, exchange in enumerate(topic) if number != self.opening_exchange]
        ending = self._ending(rng)
        middle = (rng.sample(other, len(other)) + rng.sample(phrases.follow_ups, len(phrases.follow_ups)))[
            : self.user_messages - 1 - len(ending)
        ]
        first = (self.opening, fill(topic[self.opening_exchange][1], self.blanks))
        return [first, *((fill(asked, self.blanks), fill(told, self.blanks)) for asked, told in middle + ending)]

    def _ending(self, rng: Random) -> list[Exchange]:
        phrases = LANGUAGES[self.language]
        ending = []
        if self.escalated:
            ending.append(rng.choice(phrases.escalations))
        if self.forwarded_hr:
            ending.append(rng.choice(phrases.hr_forwards))
        if has_closing(self.sentiment, self.user_messages, self.escalated, self.forwarded_hr):
            positive = self.sentiment == "POSITIVE"
            ending.append(rng.choice(phrases.positive_closings if positive else phrases.negative_closings))
        return ending

    def _times(self, rng: Random) -> list[datetime]:
        if self.user_messages == 1:
            return [self.start]
        gaps = self.user_messages - 1
        span = int((self.end - self.start).total_seconds()) - self.response_seconds
        late = span // gaps // 3
        seconds = [span * number // gaps for number in range(self.user_messages)]
        jittered = [second + rng.randint(0, late) for second in seconds[1:-1]]
        return [self.start + timedelta(seconds=second) for second in (0, *jittered, span)]


def has_closing(sentiment: str, user_messages: int, escalated: bool, forwarded_hr: bool) -> bool:
    """Says whether a chat of this length has a closing message of its own for its tone."""
    return sentiment != "NEUTRAL" and user_messages - 1 - escalated - forwarded_hr >= 1


def fill(sentence: str, blanks: dict[str, str]) -> str:
    """Fills the slots of a sentence."""
    return sentence.format_map(blanks) if "{" in sentence else sentence


def vendor_time(moment: datetime) -> str:
    """Writes a time as the vendor does, `DD.MM.YYYY HH:MM:SS` (strftime takes thrice as long)."""
    return f"{moment.day:02}.{moment.month:02}.{moment.year:04} {moment.hour:02}:{moment.minute:02}:{moment.second:02}"


def transcript_text(messages: list[ChatMessage]) -> str:
    """Lays messages out as a transcript file, one line feed after each."""
    return "".join(f"[{vendor_time(message.sent_at)}] {message.role}: {message.content}\n" for message in messages)
