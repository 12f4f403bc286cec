"""Transcripts as other tools write them, read by profiles."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.text import UNSEEN_MARKS
from livedash_pipeline.intake.rules.messages import ParsedTranscript, RefusedTranscript
from livedash_pipeline.intake.rules.profiles.documents import read_profile
from livedash_pipeline.intake.rules.profiles.line_templates import line_templates, normal_name
from livedash_pipeline.intake.rules.profiles.message_moments import read_clock
from livedash_pipeline.intake.rules.profiles.transcript_profile import SEED_LINES, SEED_TIMES, TranscriptProfile
from livedash_pipeline.intake.rules.profiles.transcript_reading import read_transcript
from livedash_pipeline.intake.rules.transcript_lines import split_where
from livedash_pipeline.intake.rules.transcripts import parse_transcript

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SLASHES = "%d/%m/%Y %H:%M:%S"


def read(
    text: str, *, starts_at: datetime | None = None, bot_names: tuple[str, ...] = (), **document: Any
) -> ParsedTranscript | RefusedTranscript:
    profile = read_profile(TranscriptProfile, document)
    return read_transcript(text, bot_names=bot_names, zone=AMSTERDAM, profile=profile, starts_at=starts_at)


def parsed(text: str, **given: Any) -> ParsedTranscript:
    found = read(text, **given)
    assert isinstance(found, ParsedTranscript), found
    return found


def spoken(text: str, **given: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in parsed(text, **given).messages]


def sent(text: str, **given: Any) -> list[str | None]:
    moments = [message.sent_at for message in parsed(text, **given).messages]
    return [f"{moment.astimezone(AMSTERDAM):%d %H:%M:%S}" if moment else None for moment in moments]


def test_without_a_profile_the_grammar_counts() -> None:
    text = "[01.05.2025 12:00:00] Emma: hi"
    found = read_transcript(text, bot_names=["Emma"], zone=AMSTERDAM)
    assert found == parse_transcript(text, bot_names=["Emma"], zone=AMSTERDAM)


def test_names_alone_are_added_to_the_grammar() -> None:
    text = "[01.05.2025 12:00:00] Klant: hoi\nlater\nRobin: dag\n[01.05.2025 12:00:05] Anna\u00a0B: hé\n[1/5/25 12:00] Klant: ja"
    names = {"user_names": ["KLANT"], "assistant_names": ["Anna B"]}
    assert spoken(text, bot_names=("Robin",), **names) == [
        ("user", "hoi\nlater"),
        ("assistant", "dag"),
        ("assistant", "hé"),
        ("user", "ja"),
    ]


def test_other_names_mean_what_the_profile_says() -> None:
    text = "[01.05.2025 12:00:00] Emma: hi\n[01.05.2025 12:00:01] Jan: hoi\n[01.05.2025 12:00:02] Chat opened"
    found = parsed(text, assistant_names=["Emma"], others="user")
    assert [(each.role, each.content) for each in found.messages] == [("assistant", "hi"), ("user", "hoi")]
    assert found.events == ("Chat opened",)


def test_lines_that_nobody_said_are_events() -> None:
    text = "Transcript of a chat\nUser: one\nCHAT  ENDED by x\ntwo\n" + "transcript " * 200
    found = parsed(text, skip=["transcript of a chat", "Chat ended*"])
    assert found.events == ("Transcript of a chat", "CHAT  ENDED by x")
    assert [each.content for each in found.messages] == ["one\ntwo\n" + ("transcript " * 200).strip()]


@pytest.mark.parametrize(
    ("lines", "times", "text", "messages"),
    [
        (
            ["[{time}] {name}: {text}", "[{time}] {text}"],
            ["%d/%m/%Y, %H:%M:%S"],
            "\u200e[01/05/2025, 12:00:03] Emma: \u200ehi\nmore\n[01/05/2025, 12:00:04] Jan\u00a0K\u200e: hoi\n"
            "[01/05/2025, 12:00:05] \u200eBerichten zijn versleuteld",
            [("assistant", "hi\nmore"), ("user", "hoi")],
        ),
        (
            ["{time} - {text}", "{time} - {name}: {text}"],
            ["%m/%d/%y, %I:%M %p"],
            "5/1/25, 12:00\u202fPM - Emma: hi\n5/1/25, 12:01 PM - Anna added you\n5/1/25, 12:02 PM - Jan K: see http://x.y: z",
            [("assistant", "hi"), ("user", "see http://x.y: z")],
        ),
        (["{name} ({time}): {text}"], [SLASHES], "Emma (01/05/2025 12:00:03): hi", [("assistant", "hi")]),
        (["{name} ({time})"], [SLASHES], "Emma(01/05/2025 12:00:03) \nhi\n\nyou", [("assistant", "hi\n\nyou")]),
        (["{name}, {time}"], [SLASHES], "X, 01/05/2025 12:00:03\nhi", [("unknown", "X:\nhi")]),
        (["{name} - {time}"], ["iso8601"], "Jan-K - 2025-05-01T12:00:03Z\nhi", [("unknown", "Jan-K:\nhi")]),
        (["{time} <{name}> {text}"], [SLASHES], "01/05/2025 12:00:03 <emma>hi", [("assistant", "hi")]),
        (["[{time}] {name} - {text}"], [SLASHES], "[01/05/2025 12:00:03] Emma - hi", [("assistant", "hi")]),
        (
            ["{name}\uff1a{text}"],
            [],
            "Emma: a\nJan K\uff1ab\nNote: c",
            [("assistant", "a"), ("user", "b\nNote: c")],
        ),
        (["{name}: {text}"], [], "Emma: a\nJan K\uff1ab\nNote: c", [("assistant", "a"), ("user", "b\nNote: c")]),
        (["{name} | {text}"], [], "Emma | a\n Jan K | b", [("assistant", "a\n Jan K | b")]),
        (
            ["[{time}] {name}: {text}", "{name}: {text}"],
            [SLASHES],
            "[01/05/2025 12:00:03] Emma: hi\nSystem: x\nUser: y",
            [("assistant", "hi\nSystem: x"), ("user", "y")],
        ),
        (["{name}: {text}"], [], "User: y\nSystem: x", [("user", "y"), ("system", "x")]),
        (
            ["[{time}] {name}: {text}", "[{time}] {text}"],
            [SLASHES],
            "[01/05/2025 12:00:03] Emma: hi\n[01/05/2025 12:00:04] at 12:30\n[01/05/2025 12:00:04] https://x\nmore\n"
            "[01/05/2025 12:00:04] \u200b: z",
            [("assistant", "hi"), ("unknown", "https://x\nmore")],
        ),
        ([], [SLASHES], "[01/05/2025 12:00:03] Emma: hi\nUser: ho", [("assistant", "hi"), ("user", "ho")]),
    ],
)
def test_lines_are_read_by_their_templates(
    lines: list[str], times: list[str], text: str, messages: list[tuple[str, str]]
) -> None:
    assert spoken(text, lines=lines, times=times, assistant_names=["Emma"], user_names=["Jan K"]) == messages


def test_text_before_the_first_message_refuses_the_transcript() -> None:
    assert read("\n\ufeff\nhello", times=[SLASHES]) == RefusedTranscript(3, "text_before_first_message")
    assert read("[01.05.2025 12:00:00] Emma: hi", times=[SLASHES]) == RefusedTranscript(1, "text_before_first_message")


def test_bare_carriage_returns_end_lines_that_begin_messages() -> None:
    text = "[01/05/2025 12:00:03] Emma: hi\r[01/05/2025 12:00:04] Jan: ho"
    assert spoken(text, times=[SLASHES], others="user") == [("user", "hi"), ("user", "ho")]
    assert spoken("User: a\rEmma: b", lines=["{name}: {text}"], bot_names=("Emma",)) == [
        ("user", "a"),
        ("assistant", "b"),
    ]
    assert spoken("User: a\rNote: b", lines=["{name}: {text}"]) == [("user", "a\rNote: b")]


def test_unlisted_names_without_a_time_speak_if_they_recur() -> None:
    given: dict[str, Any] = {"lines": ["{name}: {text}"], "assistant_names": ["Agent"], "others": "user"}
    text = "Agent: hi\nJan: one\nNote: x\nJan: two\n\nAgent: bye"
    assert spoken(text, **given) == [
        ("assistant", "hi"),
        ("user", "Jan: one\nNote: x"),
        ("user", "Jan: two"),
        ("assistant", "bye"),
    ]
    assert spoken("Jan: one\nAgent: hi", **given) == [("user", "Jan: one"), ("assistant", "hi")]
    assert read("Jan\nAgent: hi", **given) == RefusedTranscript(1, "text_before_first_message")


def test_messages_follow_their_times_where_all_have_one() -> None:
    text = "[01/05/2025 12:00:03] User: b\n[01/05/2025 12:00:02] Emma: a\n[01/05/2025 12:00:03] Emma: c\n"
    assert [content for _, content in spoken(text, times=[SLASHES])] == ["Emma: a", "b", "Emma: c"]
    text += "[31/02/2025 12:00:01] User: d\n[01/05/2525 12:00:01] User: e"
    assert [content for _, content in spoken(text, times=[SLASHES])] == ["b", "Emma: a", "Emma: c", "d", "e"]
    found = parsed(text, times=[SLASHES])
    assert (found.odd_times, found.untimed) == (2, 2)


def test_an_hour_that_comes_twice_is_the_second_where_only_that_is_later() -> None:
    text = "[26/10/2025 02:50:00] User: a\n[26/10/2025 02:10:00] User: b\n[26/10/2025 01:10:00] User: c"
    moments = [message.sent_at for message in parsed(text, times=[SLASHES]).messages]
    assert [f"{moment:%H:%M}" for moment in moments if moment] == ["23:10", "00:50", "01:10"]


@pytest.mark.parametrize(
    ("clocks", "starts", "times"),
    [
        (["12:00:03", "12:00"], "2025-05-01T10:00:00+00:00", ["01 12:00:00", "01 12:00:03"]),
        (["11:59 PM", "12:01am"], "2025-05-01T21:58:00+00:00", ["01 23:59:00", "02 00:01:00"]),
        (["23:59"], "2025-05-01T22:00:00+00:00", ["01 23:59:00"]),
        (["25:00", "13:00 PM", "12:00"], "2025-05-01T10:00:00+00:00", [None, None, "01 12:00:00"]),
        (["12:00"], "9999-12-31T23:00:00+00:00", [None]),
        (["12:00"], None, [None]),
    ],
)
def test_times_of_day_are_near_the_session_and_the_message_before(
    clocks: list[str], starts: str | None, times: list[str | None]
) -> None:
    text = "\n".join(f"({clock}) User: hi" for clock in clocks)
    given: dict[str, Any] = {"lines": ["({clock}) {name}: {text}"]}
    given["starts_at"] = starts and datetime.fromisoformat(starts)
    assert sent(text, **given) == times
    odd = sum(time is None for time in times) if starts else 0
    assert parsed(text, **given).odd_times == odd


def test_words_are_no_time_of_day() -> None:
    assert read_clock("noon") is None


def test_a_long_line_costs_what_its_length_costs() -> None:
    lines = ["[{time}] {name}: {text}", "{name} ({time}): {text}", "{name}, {time}", "{name} - {text}", "{name} {time}"]
    times = [SLASHES, "%d %b %Y %H:%M", "iso8601", "%m/%d/%y, %I:%M %p"]
    for piece in (" ", "a", "a ", "\u200e", "1", "01/05/2025 ", "[", "(", "a (", "-", "a, "):
        text = "[01/05/2025 12:00:03] User: x\n" + piece * (5_000_000 // len(piece))
        assert len(parsed(text, lines=lines, times=times).messages) == 1


TEMPLATES = st.sampled_from(
    [
        "[{time}] {name}: {text}",
        "{time} - {name}: {text}",
        "({clock}) {name}: {text}",
        "{name} ({time}): {text}",
        "{name}, {time}",
        "[{clock}] {name}",
        "{time} - {text}",
        "[{time}] {text}",
        "{name}: {text}",
        "<{name}> {text}",
    ]
)
NAMES = st.text(max_size=6).filter(lambda name: "\0" not in name and normal_name(name))
PROFILES = st.fixed_dictionaries(
    {
        "user_names": st.lists(NAMES, max_size=2),
        "others": st.sampled_from(["unknown", "user", "assistant"]),
        "lines": st.lists(TEMPLATES, min_size=1, max_size=4),
        "times": st.lists(st.sampled_from([SLASHES, "iso8601", "unix", "%m/%d/%y, %I:%M %p"]), max_size=2),
        "skip": st.lists(st.sampled_from(["ended", "note*"]), max_size=2),
    }
)
STAMPS = ["01/05/2025 12:00:03", "2025-05-01", "1746093603", "5/1/25, 12:00 PM", "12:00", "99/99/2025 00:00:00"]
LINES = st.one_of(
    st.builds(
        lambda form, stamp, name, words: form.format(t=stamp, n=name, w=words),
        st.sampled_from(
            ["[{t}] {n}: {w}", "{t} - {n}: {w}", "({t}) {n}: {w}", "{n} ({t}): {w}", "{n}, {t}", "{n}: {w}"]
        ),
        st.sampled_from(STAMPS),
        st.sampled_from(["User", "Anna", "", "Emma B", "\u200eJan", "note"]),
        st.text(max_size=12),
    ),
    st.text(max_size=20),
    st.sampled_from(["ended", "Note this", "\r", "[01/05/2025 12:00:03] event"]),
)
TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=200),
    st.lists(LINES, max_size=10).map("\n".join),
    st.lists(LINES, max_size=4).map("\r".join),
)


@given(text=TEXTS, document=PROFILES)
def test_no_profile_loses_a_word(text: str, document: dict[str, Any]) -> None:
    document["user_names"] = list({normal_name(name): name for name in document["user_names"]}.values())
    found = read(text, **document)
    if isinstance(found, RefusedTranscript):
        assert 1 <= found.line_number <= len(text) + 1
        return
    assert all(message.content == message.content.strip() != "" for message in found.messages)
    assert found.untimed == sum(message.sent_at is None for message in found.messages)
    times = [message.sent_at for message in found.messages if message.sent_at]
    assert found.untimed or times == sorted(times)
    kept = Counter("".join(message.content for message in found.messages) + "".join(found.events))
    lost = Counter(text) - kept - _consumed(text, document)
    assert not {each for each in lost if each.strip() and each not in UNSEEN_MARKS}


def _consumed(text: str, document: dict[str, Any]) -> Counter[str]:
    """What forms may consume: of each line the longest head of those that fit, without what has to stay."""
    templates = line_templates(tuple(document["lines"] or SEED_LINES), tuple(document["times"] or SEED_TIMES))
    consumed: Counter[str] = Counter()
    lines = split_where(text, lambda line: any(each.read(line) for each in templates))
    for line in [*lines, *text.split("\r"), *text.split("\n")]:
        heads = [head for head in (each.read(line) for each in templates) if head is not None]
        rest = min((head.rest for head in heads), key=len, default=line)
        consumed |= consumed + Counter(line[: len(line) - len(rest)])
    return consumed


@given(text=st.text(st.characters(codec=None), max_size=80), shape=st.sampled_from(["", "a", "a.b", "0.a"]))
def test_no_text_makes_the_reader_of_json_raise(text: str, shape: str) -> None:
    assert read(text, json={"messages": shape, "name": "n", "text": "t", "time": "at"}) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["n", "t", "at"]), inner, max_size=3),
    max_leaves=12,
)


@given(entries=st.lists(JSON, max_size=5), lines=st.booleans(), html=st.booleans())
def test_no_text_in_json_is_lost(entries: list[Any], lines: bool, html: bool) -> None:
    lines = lines and len(entries) > 1 and all(isinstance(each, dict) for each in entries)
    text = "\n".join(map(json.dumps, entries)) if lines else json.dumps(entries)
    shape = {"name": "n", "text": "t", "time": "at", "html": html}
    if entries and all(isinstance(each, dict) and each and each.get("t") is None for each in entries):
        assert read(text, json=shape) == RefusedTranscript(1, "no_messages"), "texts that are elsewhere"
        return
    found = parsed(text, json=shape)
    said = [each.get("t") if isinstance(each, dict) else each for each in entries]
    assert len(found.messages) + found.dropped == len(entries)
    kept = Counter("".join(message.content for message in found.messages))
    if not html:
        words = Counter("".join(each if isinstance(each, str) else "" for each in said).replace("\0", "\ufffd"))
        assert not {each for each in words - kept if each.strip()}


SHAPE = {"messages": "chat.parts", "name": ["author.name", "author.type"], "text": "body", "time": "at"}


def chat(*parts: Any, **more: Any) -> str:
    return json.dumps({"chat": {"parts": parts, **more}})


def part(kind: Any, body: Any, at: Any = None) -> dict[str, Any]:
    return {"author": {"type": kind}, "body": body, "at": at}


def test_messages_in_json_are_read_by_their_paths() -> None:
    text = chat(
        part("user", " hi ", 1746093603),
        {"author": {"name": "Emma", "type": "user"}, "body": "hello", "at": "1746093604.000200"},
        part("bot", {"kind": "card", "é": 1}, 1746093602),
        part("note", None, "soon"),
        part("note", "Chat ended"),
    )
    found = parsed(text, json=SHAPE, times=["unix"], assistant_names=["Emma"], skip=["chat ended"])
    assert [(each.role, each.content) for each in found.messages] == [
        ("unknown", 'bot: {"kind": "card", "é": 1}'),
        ("user", "hi"),
        ("assistant", "hello"),
    ]
    assert (found.events, found.dropped, found.untimed, found.odd_times) == (("Chat ended",), 1, 0, 0)


def test_what_has_no_time_or_none_that_can_be_read_is_untimed() -> None:
    found = parsed(chat(part("user", "a", "soon"), part("user", "b")), json=SHAPE, times=["iso8601"])
    assert (found.untimed, found.odd_times) == (2, 1)
    assert parsed(chat(part("user", "a", 5)), json=SHAPE | {"time": None}).odd_times == 0


def test_names_in_json_may_be_anything_that_json_has() -> None:
    text = json.dumps(
        [{"in": True, "t": "a"}, {"in": False, "t": "b"}, {"in": {"id": 7}, "t": "c"}, {"t": "d"}, {"t": ""}]
    )
    given: dict[str, Any] = {"json": {"name": "in", "text": "t"}, "user_names": ["true"], "assistant_names": ["false"]}
    said = [("user", "a"), ("assistant", "b")]
    assert spoken(text, **given) == [*said, ("unknown", '{"id": 7}: c'), ("unknown", "d")]
    assert spoken(text, **given, others="user") == [*said, ("user", "c"), ("unknown", "d")]


def test_elements_that_are_no_objects_are_texts_of_nobody() -> None:
    text = '["hello", 5, null, {"n": "user", "t": "a"}]'
    found = parsed(text, json={"name": "n", "text": "t", "time": "at"})
    assert [(each.role, each.content) for each in found.messages] == [
        ("unknown", "hello"),
        ("unknown", "5"),
        ("user", "a"),
    ]
    assert found.dropped == 1


def test_paths_go_through_lists_and_several_are_tried() -> None:
    text = json.dumps(
        {
            "first": {"role": "user", "parts": ["a", {"b": 1}, None]},
            "threads": [{"events": [{"role": "user", "content": "c"}]}, {"events": [{"role": "system", "content": 0}]}],
            "pairs": [[1, {"role": "user", "content": "e"}], []],
        }
    )
    shape = {"name": "role", "text": ["content", "parts"]}
    whole = {**shape, "messages": ["first", "threads.events", "pairs.0.1", "threads.x.y", "first.role", "first.role.x"]}
    assert spoken(text, json=whole) == [
        ("user", 'a\n{"b": 1}'),
        ("user", "c"),
        ("system", "0"),
        ("user", "e"),
    ]
    assert read(text, json={**shape, "messages": "threads.events.role"}) == RefusedTranscript(1, "no_messages")
    assert read(text, json={**shape, "messages": ""}) == RefusedTranscript(1, "no_messages")


def test_json_lines_are_documents_of_their_own() -> None:
    text = '\ufeff{"n": "user", "t": "a"}\r\n\n{"start": 1}\n{"n": "assistant", "t": "b"}\n'
    found = parsed(text, json={"name": "n", "text": "t"})
    assert [each.content for each in found.messages] == ["a", "b"]
    assert found.dropped == 1
    assert spoken('{"n": "user", "t": "a"}', json={"name": "n", "text": "t"}) == [("user", "a")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("User: hi", 1),
        ('[{"n": "user",\n"t": }]', 2),
        ('{"n": "user"}\n{"n": ', 2),
        ('[{"n": 1, "n": 2}]', 1),
        ("[" * 99, 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int) -> None:
    assert read(text, json={"name": "n", "text": "t"}) == RefusedTranscript(line, "not_json")


def test_html_becomes_text() -> None:
    body = (
        '<p>Hi&nbsp;<b>you</b> &amp; me</p>\n<ul><li>one</li><li>1 < 2</li></ul><a href="https://x.y/z">here</a>'
        "<a href='mailto:a@b.c'>a@b.c</a><a href=\"\">no</a><br/><img alt='a cat'><img alt=\"a dog\"><!-- x -->"
        "<table><tr><td>a</td><td>b</td></tr></table>"
    )
    assert spoken(chat(part("user", body)), json=SHAPE | {"html": True}) == [
        ("user", "Hi\u00a0you & me\none\n1 < 2\nhere (https://x.y/z)a@b.cno\na cata dog\na b")
    ]
    assert spoken(chat(part("user", "a  b\n c")), json=SHAPE | {"html": True}) == [("user", "a  b\n c")]


def test_no_html_costs_more_than_its_length() -> None:
    for piece in (
        "<",
        "<p ",
        "<a href=",
        '<img alt="',
        "<a href=''>",
        "alt=' ",
        "<!--",
        "&",
        "&#1",
        "<a " + "href='' " * 99,
    ):
        body = piece * (1_000_000 // len(piece))
        assert len(parsed(chat(part("user", body)), json=SHAPE | {"html": True}).messages) <= 1


def test_escapes_that_a_database_cannot_hold_are_replaced() -> None:
    text = r'[{"n": "a\u0000", "t": "b\ud800"}]'
    assert spoken(text, json={"name": "n", "text": "t"}) == [("unknown", "a\ufffd: b\ufffd")]


def test_texts_that_have_moved_refuse_the_transcript() -> None:
    profile = read_profile(TranscriptProfile, {"json": {"messages": "m", "name": "n", "text": "text"}})
    moved = read_transcript(
        '{"m": [{"n": "user", "txt": "hello"}]}', bot_names=(), zone=ZoneInfo("UTC"), profile=profile
    )
    assert moved == RefusedTranscript(1, "no_messages")
    empty = read_transcript('{"m": [{"n": "user", "text": ""}]}', bot_names=(), zone=ZoneInfo("UTC"), profile=profile)
    assert isinstance(empty, ParsedTranscript)
