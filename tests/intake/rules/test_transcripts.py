"""The grammar of transcripts, line by line."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.messages import (
    Message,
    ParsedTranscript,
    RefusedTranscript,
    transcript_hash,
    words_hash,
)
from livedash_pipeline.intake.rules.transcript_lines import read_stamp, split_lines, without_marks
from livedash_pipeline.intake.rules.transcripts import MessageTimes, parse_transcript

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
T = "[01.05.2025 12:00:00]"


def parse(text: str, *, bot_names: tuple[str, ...] = ("Emma",)) -> ParsedTranscript:
    parsed = parse_transcript(text, bot_names=bot_names, zone=AMSTERDAM)
    assert isinstance(parsed, ParsedTranscript), parsed
    return parsed


def spoken(text: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in parse(text).messages]


def sent(text: str) -> list[str | None]:
    return [f"{message.sent_at:%d %H:%M:%S}" if message.sent_at else None for message in parse(text).messages]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (f"{T} User: hello", [("user", "hello")]),
        (
            f"{T} USER: hello\n{T} aSSistant:hi\n{T} System: x",
            [("user", "hello"), ("assistant", "hi"), ("system", "x")],
        ),
        (f"{T} Emma: hi\n{T} EMMA: ho", [("assistant", "hi"), ("assistant", "ho")]),
        (f"{T} Anna: hi", [("unknown", "Anna: hi")]),
        (f"{T} Anna de Vries: hi", [("unknown", "Anna de Vries: hi")]),
        (f"{T} Klant: hi", [("unknown", "Klant: hi")]),
        ("User: hello\nAssistant: hi", [("user", "hello"), ("assistant", "hi")]),
        (f"{T} User: one\ntwo\n\n  three\n\n\n{T} Emma: x", [("user", "one\ntwo\n\n  three"), ("assistant", "x")]),
        (f"{T} User: a\nNote: x\nEmma says hi", [("user", "a\nNote: x\nEmma says hi")]),
        (f"{T} User: a\n[1] first\n[see] this", [("user", "a\n[1] first\n[see] this")]),
        (f"{T} User:\nbelow", [("user", "below")]),
        (f"\ufeff{T} User: a\r\nb\r\n{T} Emma: c\r\n", [("user", "a\nb"), ("assistant", "c")]),
        (f"{T} User: a\u2028b\u0085c\x0bd", [("user", "a\u2028b\u0085c\x0bd")]),
        (f"{T} User: a\rb", [("user", "a\rb")]),
        (f"{T} User: see https://a.example/x:1", [("user", "see https://a.example/x:1")]),
        (f"\n  \n{T} User: late start", [("user", "late start")]),
        (f"{T}User: no blank", [("user", "no blank")]),
        (" User: indented is no speaker".strip(), [("user", "indented is no speaker")]),
        (f"{T} User: a\n User: b", [("user", "a\n User: b")]),
        ("", []),
        ("\n\n", []),
        # Somebody speaks, whatever the name looks like.
        (f"{T} Robin:hello", [("unknown", "Robin:hello")]),
        (f"{T} +31 6 1234: hoi", [("unknown", "+31 6 1234: hoi")]),
        (f"{T} \U0001f916 Robin: yo", [("unknown", "\U0001f916 Robin: yo")]),
        (f"{T} ~Robin: yo", [("unknown", "~Robin: yo")]),
        (f"{T} C:\\temp is full", [("unknown", "C:\\temp is full")]),
        # What nobody sees hides no speaker.
        (f"{T}\u00a0User: a\n{T} User\u00a0: b\n{T} User : c", [("user", "a"), ("user", "b"), ("user", "c")]),
        (f"{T} User\uff1a a: b", [("user", "a: b")]),
        (f"{T} Robin\uff1ahello", [("unknown", "Robin\uff1ahello")]),
        (f"\u200e{T} User: a\n\u200f{T} \u2068Emma\u2069: b", [("user", "a"), ("assistant", "b")]),
        ("\u200bUser: a\n\ufeffEmma: b", [("user", "a"), ("assistant", "b")]),
        # In a chat with stamps a line without one is no notice of the system.
        (f"{T} User: my machine:\nSystem: Windows 11", [("user", "my machine:\nSystem: Windows 11")]),
        ("User: hello\nSystem: moved\nUser: on", [("user", "hello"), ("system", "moved"), ("user", "on")]),
        (f"System: welcome\n{T} User: hi", [("system", "welcome"), ("user", "hi")]),
        (f"{T} User: a\nEmma: b", [("user", "a"), ("assistant", "b")]),
        # More than a line was said by somebody.
        (f"{T} Chat opened at 12:00\nby a visitor", [("unknown", "Chat opened at 12:00\nby a visitor")]),
        (f"{T}\nhello", [("unknown", "hello")]),
        # Other ends of lines, where the file has no others.
        (f"{T} User: a\r{T} Emma: b\rc\r", [("user", "a"), ("assistant", "b\nc")]),
        (f"{T} User: a\u2028{T} Emma: b", [("user", "a"), ("assistant", "b")]),
        ("User: a\u0085Emma: b", [("user", "a"), ("assistant", "b")]),
        (f"{T} User: a\r{T} Emma: b\n{T} User: c", [("user", f"a\r{T} Emma: b"), ("user", "c")]),
    ],
)
def test_lines_become_messages(text: str, messages: list[tuple[str, str]]) -> None:
    assert spoken(text) == messages


def test_timestamped_line_without_a_speaker_is_an_event_that_ends_the_message() -> None:
    parsed = parse(f"{T} Chat opened at 12:00\n\n{T} User: a\n{T} Visitor opened https://a.example/x\n{T} Emma: b")
    assert [(m.role, m.content) for m in parsed.messages] == [("user", "a"), ("assistant", "b")]
    assert parsed.events == ("Chat opened at 12:00", "Visitor opened https://a.example/x")


def test_messages_without_content_are_dropped_and_counted() -> None:
    parsed = parse(f"{T} User: \n\n{T} Emma: b\n{T} User:")
    assert [(m.role, m.content) for m in parsed.messages] == [("assistant", "b")]
    assert parsed.dropped == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Hello there", 1),
        ("<!DOCTYPE html>\n<html>", 1),
        (f"\n\nHello\n{T} User: a", 3),
        ("Note: x", 1),
        ("[yesterday] User: a", 1),
        (" User: indented", 1),
    ],
)
def test_text_before_the_first_message_refuses_the_transcript_with_its_line(text: str, line: int) -> None:
    parsed = parse_transcript(text, bot_names=(), zone=AMSTERDAM)
    assert parsed == RefusedTranscript(line, "text_before_first_message")


def test_bot_names_are_the_companys_own() -> None:
    text = f"{T} Emma: hi"
    assert parse(text, bot_names=()).messages[0].role == "unknown"
    assert parse(text, bot_names=(" emma ",)).messages[0].role == "assistant"
    assert parse(f"{T} Straße: hi", bot_names=("STRASSE",)).messages[0].role == "assistant"
    assert parse(f"{T} User: hi", bot_names=("User", "")).messages[0].role == "user"


def test_times_are_the_companys_local_times() -> None:
    message = parse("[01.05.2025 12:00:07] User: a").messages[0]
    assert message.sent_at == datetime(2025, 5, 1, 10, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "bracket", ["[30.02.2025 12:00:00]", "[01.05.2025 25:00:00]", "[01.05.0000 12:00:00]", "[01.05.9999 12:00:00]"]
)
def test_impossible_time_leaves_its_message_untimed(bracket: str) -> None:
    parsed = parse(f"{bracket} User: a\n{T} Emma: b")
    assert [m.sent_at is None for m in parsed.messages] == [True, False]
    assert (parsed.untimed, parsed.odd_times) == (1, 1)


ODD_STAMPS = [
    "[2025-05-01 12:00]",
    "[1.5.2025 9:00]",
    "[2025-05-01T12:00:00Z]",
    "[12:00:00]",
    "[12:00]",
    "[01.05.2025 12:00]",
    "[01.05.2025 12:00:00.123]",
    "[2025-05-01T12:00:00.123+02:00]",
    "[5/1/2025, 12:00:00 PM]",
    "[5/1/25, 9:00\u202fa.m.]",
]


@pytest.mark.parametrize("bracket", ODD_STAMPS)
def test_time_in_another_form_begins_a_message_of_anybody(bracket: str) -> None:
    parsed = parse(f"{bracket} User: a\n{bracket} Anna: b\n{bracket} Emma: c\n{bracket} Visitor left")
    assert [(m.role, m.content) for m in parsed.messages] == [
        ("user", "a"),
        ("unknown", "Anna: b"),
        ("assistant", "c"),
    ]
    assert (parsed.untimed, parsed.odd_times, parsed.events) == (3, 4, ("Visitor left",))
    assert parse(f"{bracket} Anna: b").messages == (Message("unknown", "Anna: b", None),)


@pytest.mark.parametrize(
    "text", ["[1] first", "[2025-05-01] Note: x", "[see] this: x", "[12:00:00] and then", "[10:00"]
)
def test_brackets_in_a_text_are_text(text: str) -> None:
    assert spoken(f"{T} User: a\n{text}") == [("user", f"a\n{text}")]


_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]|\\s")


def test_messages_are_sorted_by_time_when_all_have_one() -> None:
    text = (
        "[01.05.2025 12:00:09] User: late\n[01.05.2025 12:00:01] User: early\ngoes on\n[01.05.2025 12:00:05] Emma: mid"
    )
    assert [content for _, content in spoken(text)] == ["early\ngoes on", "mid", "late"]


def test_equal_times_keep_the_order_of_the_file() -> None:
    assert [role for role, _ in spoken(f"{T} Emma: welcome\n{T} User: hi")] == ["assistant", "user"]


def test_one_untimed_message_keeps_all_in_the_order_of_the_file() -> None:
    text = "[01.05.2025 12:00:09] User: late\nEmma: untimed\n[01.05.2025 12:00:01] User: early"
    parsed = parse(text)
    assert [m.content for m in parsed.messages] == ["late", "untimed", "early"]
    assert parsed.untimed == 1


def test_skipped_hour_in_spring_moves_forward() -> None:
    assert sent("[30.03.2025 02:30:00] User: a\n[30.03.2025 03:10:00] Emma: b") == ["30 01:10:00", "30 01:30:00"]


def test_repeated_hour_in_autumn_is_the_second_only_where_that_keeps_the_order() -> None:
    first = "[26.10.2025 02:50:00] User: a\n[26.10.2025 02:55:00] Emma: b"
    assert sent(first) == ["26 00:50:00", "26 00:55:00"]
    second = "[26.10.2025 02:50:00] User: a\n[26.10.2025 02:10:00] Emma: b\n[26.10.2025 02:20:00] User: c"
    assert sent(second) == ["26 00:50:00", "26 01:10:00", "26 01:20:00"]
    neither = "[26.10.2025 05:00:00] User: a\n[26.10.2025 02:10:00] Emma: b"
    assert sent(neither) == ["26 00:10:00", "26 04:00:00"]


@given(
    moment=st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - a local time
    zone=st.sampled_from(["Europe/Amsterdam", "Australia/Lord_Howe", "America/Caracas", "Asia/Pyongyang"]).map(
        ZoneInfo
    ),
)
@example(datetime(2018, 5, 4, 23, 45), ZoneInfo("Asia/Pyongyang"))  # noqa: DTZ001 - skipped: 23:30 became 24:00
@example(datetime(2016, 5, 1, 2, 45), ZoneInfo("America/Caracas"))  # noqa: DTZ001 - skipped: 02:30 became 03:00
@example(datetime(2025, 4, 6, 1, 45), ZoneInfo("Australia/Lord_Howe"))  # noqa: DTZ001 - shown twice: 02:00 became 01:30
@example(datetime(2025, 10, 26, 2, 30), ZoneInfo("Europe/Amsterdam"))  # noqa: DTZ001 - shown twice
def test_single_times_mean_what_local_time_says(moment: datetime, zone: ZoneInfo) -> None:
    written = moment.strftime("%d.%m.") + f"{moment.year:04}" + moment.strftime(" %H:%M:%S")
    assert MessageTimes(zone).moment(written) == parse_local_time(written, zone)


LINES = st.one_of(
    st.sampled_from(
        [T, f"{T} ", "User:", "Emma: x", f"{T} User: hi", "[99.99.2025 00:00:00] a:", "[1.1.1 1:1] User: x"]
    ),
    st.text(max_size=20),
    st.from_regex(r"\[[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\] (User|uſer|assİstant|X): .*"),
)
TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=300),
    st.lists(LINES, max_size=12).map("\n".join),
)
ZONES = st.sampled_from([AMSTERDAM, ZoneInfo("Pacific/Apia"), ZoneInfo("Africa/Monrovia"), ZoneInfo("UTC")])


@given(text=TEXTS, bot_names=st.lists(st.text(max_size=8), max_size=3), zone=ZONES)
def test_no_text_makes_the_parser_raise(text: str, bot_names: list[str], zone: ZoneInfo) -> None:
    parsed = parse_transcript(text, bot_names=bot_names, zone=zone)
    if isinstance(parsed, RefusedTranscript):
        assert 1 <= parsed.line_number <= text.count("\n") + 1
        return
    assert all(m.content == m.content.strip() != "" for m in parsed.messages)
    assert {m.role for m in parsed.messages} <= {"user", "assistant", "system", "unknown"}
    assert parsed.untimed == sum(m.sent_at is None for m in parsed.messages)
    times = [m.sent_at for m in parsed.messages if m.sent_at]
    assert parsed.untimed or times == sorted(times)
    assert len(transcript_hash(parsed.messages)) == 64


@given(text=TEXTS, bot_names=st.lists(st.text(max_size=8), max_size=3))
def test_no_transcript_loses_a_word(text: str, bot_names: list[str]) -> None:
    parsed = parse_transcript(text, bot_names=bot_names, zone=AMSTERDAM)
    if isinstance(parsed, RefusedTranscript):
        return
    kept = Counter("".join(message.content for message in parsed.messages) + "".join(parsed.events))
    # Without stamps and the names of roles, which are columns of a message.
    said: Counter[str] = Counter()
    for line in split_lines(text, {}):
        stamp = read_stamp(without_marks(line)) if without_marks(line).startswith("[") else None
        rest = without_marks(line) if stamp is None else stamp.rest
        name, colon, words = rest.replace("\uff1a", ":", 1).partition(":")
        said.update(words if colon and len(name) <= 64 else rest)
    assert not {each for each in said - kept if not _UNSEEN.match(each)}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["User", "Assistant"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\n\r:["), min_size=1).filter(str.strip),
        ),
        max_size=8,
    )
)
def test_written_messages_are_read_back(written: list[tuple[str, str]]) -> None:
    text = "".join(f"{T} {role}: {content}\n" for role, content in written)
    assert spoken(text) == [(role.lower(), content.strip()) for role, content in written]


def test_hash_does_not_depend_on_the_zone_a_time_is_written_in() -> None:
    moment = datetime(2025, 5, 1, 10, 0, tzinfo=UTC)
    here, there = Message("user", "é\n\ud83d", moment), Message("user", "é\n\ud83d", moment.astimezone(AMSTERDAM))
    assert transcript_hash([here]) == transcript_hash([there])
    canonical = rb'[["user","2025-05-01T10:00:00+00:00","\u00e9\n\ud83d"]]'
    assert transcript_hash([here]) == hashlib.sha256(canonical).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        [Message("user", "a", None), Message("user", "c", None)],
        [Message("user", "b", None), Message("user", "a", None)],
        [Message("user", "a", None), Message("assistant", "b", None)],
        [Message("user", "a", None), Message("user", "b", datetime(2025, 5, 1, tzinfo=UTC))],
        [Message("user", "a", None)],
        [],
    ],
)
def test_hash_covers_role_time_content_and_order(other: list[Message]) -> None:
    assert transcript_hash([Message("user", "a", None), Message("user", "b", None)]) != transcript_hash(other)


def test_the_hash_of_the_words_knows_roles_and_contents_and_no_times() -> None:
    said = [Message("user", "a", datetime(2025, 5, 1, tzinfo=UTC)), Message("assistant", "b", None)]
    assert words_hash(said) == words_hash([Message("user", "a", None), Message("assistant", "b", None)])
    others = [
        said[:1],
        said[::-1],
        [Message("user", "ab", None)],
        [Message("system", "a", None), Message("assistant", "b", None)],
    ]
    assert len({words_hash(each) for each in [said, *others]}) == 5
