"""Sample sessions of a company, each a function of seed, company and number, so any of them can be made again alone.

Add here what a session's CSV row or its truth needs. What people say is in `phrases`, how a chat runs in `dialogue`;
the demo's fixed set with its oddities is in `demo_set`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from random import Random
from typing import TypeVar
from uuid import UUID

from livedash_pipeline.intake.rules.csv_layout import COLUMNS
from livedash_pipeline.local.sample_data.dialogue import Chat, Transcript, fill, has_closing, vendor_time
from livedash_pipeline.local.sample_data.phrases.languages import LANGUAGES
from livedash_pipeline.local.sample_data.phrases.model import CATEGORIES, Phrases

FIRST_DAY = date(2025, 5, 5)
"""The day of the first session where nothing else is asked for; a Monday, after the clocks have changed."""

_OPENS_AT = time(7)
_OPEN_SECONDS = 15 * 3600
"""Chats start between 07:00 and 22:00, so no local time is missing or ambiguous when the clocks change."""
_INDEX_MASK = (1 << 48) - 1
_VERSION_AND_VARIANT = (0xF << 76) | (0x3 << 62)
_VERSION_8 = (0x8 << 76) | (0x2 << 62)
"""RFC 9562: version 8 is for ids of one's own layout; here a hash with the session's number in its last 48 bits."""

_MESSAGE_COUNTS = (1,) * 30 + (2,) * 20 + (3,) * 16 + (4,) * 12 + (5,) * 9 + (6,) * 6 + (7,) * 4 + (8,) * 3
_SENTIMENTS = ("NEUTRAL",) * 5 + ("POSITIVE",) * 3 + ("NEGATIVE",) * 2
_SENTIMENT_WORDS: Mapping[str, tuple[str, ...]] = {
    "POSITIVE": ("happy", "excited", "positive", "playful"),
    "NEUTRAL": ("neutral", "Neutral"),
    "NEGATIVE": ("frustrated", "angry", "sad", "negative"),
}
_CATEGORY_WORDS: Mapping[str, tuple[str, ...]] = {
    "SCHEDULE_HOURS": ("Schedules & Hours", "Schedule", "Planning"),
    "LEAVE_VACATION": ("Leave & Vacation", "Holidays", "Leave"),
    "SICK_LEAVE_RECOVERY": ("Sick leave", "Absence, illness"),
    "SALARY_COMPENSATION": ("HR & Payroll", "Salary"),
    "CONTRACT_HOURS": ("Contract", "HR & Payroll"),
    "ONBOARDING": ("Onboarding",),
    "OFFBOARDING": ("Offboarding",),
    "WORKWEAR_STAFF_PASS": ("Workwear", "Staff pass"),
    "TEAM_CONTACTS": ("Role & Responsibilities", "Contacts"),
    "PERSONAL_QUESTIONS": ("Personal data", "General Information"),
    "ACCESS_LOGIN": ("Technical Support", "Login"),
    "SOCIAL_QUESTIONS": ("Greeting", "Small talk"),
    "UNRECOGNIZED_OTHER": ("General", "Other", "Language inquiry"),
}
_TIMES = ("06:00", "07:15", "08:30", "10:00", "14:00", "15:30", "17:00", "22:00")
_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")
"""The networks that RFC 5737 sets aside for documentation."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class SampleCompany:
    """A company that publishes chats."""

    slug: str
    name: str
    time_zone: str
    """IANA name; the times in CSV and transcripts are local to it."""
    languages: tuple[tuple[str, int], ...]
    """Codes of languages with their weights, for instance `(("nl", 3), ("en", 1))`."""
    bot_name: str | None = None
    """What transcripts call the chatbot; None means `Assistant`."""
    username: str = "livedash"
    password: str | None = None
    """Basic auth is asked for only with a password."""
    sessions_per_day: int = 400


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect analysis of a session would find."""

    language: str
    category: str
    sentiment: str
    escalated: bool
    forwarded_hr: bool


@dataclass(frozen=True, slots=True)
class SampleSession:
    """One session: its CSV row, its transcript and the truth about it."""

    external_id: str
    fields: tuple[str, ...]
    """The columns of the CSV, in order."""
    truth: Truth
    chat: Transcript

    @property
    def transcript(self) -> str | None:
        """The transcript's text, written anew at each call, or None where the source has none (404)."""
        return self.chat.text()


def generate_sessions(
    company: SampleCompany, count: int, seed: int, *, transcript_base_url: str, start: date = FIRST_DAY
) -> Iterator[SampleSession]:
    """Yields the sessions 0 to `count` - 1 in order of time, one at a time.

    `transcript_base_url` is the address below which the transcripts lie, without a slash at its end; it changes
    nothing but column 10.
    """
    session = _session_maker(company, seed, transcript_base_url, start)
    return (session(index) for index in range(count))


def session_at(
    company: SampleCompany, index: int, seed: int, *, transcript_base_url: str, start: date = FIRST_DAY
) -> SampleSession:
    """Returns the session with this number, equal to the one that `generate_sessions` yields."""
    return _session_maker(company, seed, transcript_base_url, start)(index)


def session_index(company: SampleCompany, seed: int, external_id: str) -> int | None:
    """Returns the number of the session with this id, or None if the id is not of this company and seed."""
    try:
        value = UUID(external_id).int
    except ValueError:
        return None
    index = (value ^ _digest(f"{seed}/{company.slug}")) & _INDEX_MASK
    return index if _external_id(company, seed, index) == external_id else None


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())


def _identity(mask: int, digest: int, index: int) -> str:
    hidden = (digest & ~_INDEX_MASK) | ((index ^ mask) & _INDEX_MASK)
    text = f"{(hidden & ~_VERSION_AND_VARIANT) | _VERSION_8:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _external_id(company: SampleCompany, seed: int, index: int) -> str:
    stream = f"{seed}/{company.slug}"
    return _identity(_digest(stream), _digest(f"{stream}/{index}"), index)


def _session_maker(
    company: SampleCompany, seed: int, transcript_base_url: str, start: date
) -> Callable[[int], SampleSession]:
    stream = f"{seed}/{company.slug}"
    mask = _digest(stream)
    languages = [code for code, weight in company.languages for _ in range(weight)]
    opening = datetime.combine(start, _OPENS_AT)
    rng = Random()  # noqa: S311 - sample data; seeded again for each session

    def session(index: int) -> SampleSession:
        digest = _digest(f"{stream}/{index}")
        rng.seed(digest)
        began = _start_of(rng, opening, index, company.sessions_per_day)
        chat, response = _draw_chat(rng, _pick(rng, languages), began, digest, company.bot_name or "Assistant")
        external_id = _identity(mask, digest, index)
        fields = _csv_fields(rng, external_id, chat, response, transcript_base_url)
        truth = Truth(chat.language, chat.category, chat.sentiment, chat.escalated, chat.forwarded_hr)
        return SampleSession(external_id, fields, truth, chat)

    return session


def _pick(rng: Random, items: list[_Item] | tuple[_Item, ...]) -> _Item:
    # A quarter of the time of Random.choice, which counts: a CSV row takes about twenty draws.
    return items[int(rng.random() * len(items))]


def _start_of(rng: Random, opening: datetime, index: int, per_day: int) -> datetime:
    day, number = divmod(index, per_day)
    slot = _OPEN_SECONDS / per_day
    return opening + timedelta(days=day, seconds=int((number + rng.random()) * slot))


def _draw_chat(rng: Random, language: str, began: datetime, digest: int, bot_role: str) -> tuple[Chat, float]:
    phrases = LANGUAGES[language]
    category, sentiment, count = _pick(rng, CATEGORIES), _pick(rng, _SENTIMENTS), _pick(rng, _MESSAGE_COUNTS)
    escalated = count > 1 and rng.random() < 0.1
    forwarded = count > 1 + escalated and rng.random() < 0.12
    response = 1.2 + rng.random() * 5
    seconds = max(1, round(response))
    # The vendor gives a chat of one message the same start and end.
    length = sum(20 + int(rng.random() * 70) for _ in range(count - 1)) + seconds if count > 1 else 0
    blanks = _draw_blanks(rng, phrases)
    exchange = int(rng.random() * len(phrases.topics[category]))
    note = "" if has_closing(sentiment, count, escalated, forwarded) else sentiment
    chat = Chat(
        seed=digest + 1,  # another stream than the one that drew these facts
        language=language,
        category=category,
        sentiment=sentiment,
        escalated=escalated,
        forwarded_hr=forwarded,
        user_messages=count,
        opening=_opening(rng, phrases, phrases.topics[category][exchange][0], note, blanks),
        opening_exchange=exchange,
        blanks=blanks,
        start=began,
        end=began + timedelta(seconds=length),
        response_seconds=seconds,
        bot_role=bot_role,
    )
    return chat, response


def _draw_blanks(rng: Random, phrases: Phrases) -> dict[str, str]:
    return {
        "name": _pick(rng, phrases.people),
        "weekday": _pick(rng, phrases.weekdays),
        "month": _pick(rng, phrases.months),
        "time": _pick(rng, _TIMES),
        "number": str(2 + int(rng.random() * 8)),
        "amount": str(10 + int(rng.random() * 90)),
    }


def _opening(rng: Random, phrases: Phrases, question: str, note: str, blanks: dict[str, str]) -> str:
    text = _pick(rng, phrases.greetings) + fill(question, blanks)
    if note == "POSITIVE":
        text = f"{text} {_pick(rng, phrases.positive_notes)}"
    elif note == "NEGATIVE":
        text = f"{text} {_pick(rng, phrases.negative_notes)}"
    if rng.random() < 0.05:
        text = f"{text}\n{fill(_pick(rng, phrases.details), blanks)}"
    return text


def _csv_fields(
    rng: Random, external_id: str, chat: Chat, response: float, transcript_base_url: str
) -> tuple[str, ...]:
    phrases = LANGUAGES[chat.language]
    tokens = sum(6400 + int(rng.random() * 700) for _ in range(chat.user_messages))
    language, sentiment, escalated, forwarded, category = _vendor_analysis(rng, phrases, chat)
    fields = {
        "external_session_id": external_id,
        "start_time_raw": vendor_time(chat.start),
        "end_time_raw": vendor_time(chat.end),
        "ip_address": f"{_pick(rng, _NETWORKS)}{1 + int(rng.random() * 254)}",
        "country_code": _pick(rng, phrases.countries),
        "language": language,
        "messages_sent": str(chat.user_messages),
        "sentiment_raw": sentiment,
        "escalated_raw": escalated,
        "forwarded_hr_raw": forwarded,
        "full_transcript_url": f"{transcript_base_url}/{external_id}.txt",
        "avg_response_time_seconds": f"{response:.3f}",
        "tokens": str(tokens),
        "tokens_eur": f"{tokens * 1.475e-7:.4f}",  # 0.0009 euros for 6,470 tokens in the vendor's sample
        "category": category,
        "initial_message": chat.opening,
    }
    return tuple(fields.get(name, "") for name in COLUMNS)


def _vendor_analysis(rng: Random, phrases: Phrases, chat: Chat) -> tuple[str, str, str, str, str]:
    # All of these are empty where the vendor's own analysis did not run.
    if rng.random() < 0.08:
        return "", "", "", "", ""
    return (
        _pick(rng, phrases.csv_names),
        _pick(rng, _SENTIMENT_WORDS[chat.sentiment]),
        "yes" if chat.escalated else "no",
        "yes" if chat.forwarded_hr else "no",
        _pick(rng, _CATEGORY_WORDS[chat.category]),
    )
