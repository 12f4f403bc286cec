"""Profiles that are proposed from transcripts as tools write them, and what is read with them."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.detection.transcript_detection import TranscriptProposal, detect_transcripts
from livedash_pipeline.intake.rules.messages import ParsedTranscript, RefusedTranscript
from livedash_pipeline.intake.rules.profiles.documents import read_profile
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.intake.rules.profiles.transcript_reading import read_transcript
from livedash_pipeline.intake.rules.transcripts import parse_transcript

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def detect(*texts: str) -> TranscriptProposal:
    proposal = detect_transcripts(texts, zone=AMSTERDAM)
    assert read_profile(TranscriptProfile, proposal.profile.document()) == proposal.profile
    return proposal


def spoken(proposal: TranscriptProposal, text: str) -> list[tuple[str, str, str | None]]:
    parsed = read_transcript(text, bot_names=(), zone=AMSTERDAM, profile=proposal.profile)
    assert isinstance(parsed, ParsedTranscript)
    return [
        (each.role, each.content, f"{each.sent_at.astimezone(AMSTERDAM):%d.%m %H:%M:%S}" if each.sent_at else None)
        for each in parsed.messages
    ]


def field_of(proposal: TranscriptProposal, name: str) -> Any:
    return proposal.profile.document().get(name)


WHATSAPP_IOS = (
    "\ufeff[14/05/2025, 12:00:03] \u200eBerichten zijn versleuteld.\n"
    "[14/05/2025, 12:00:03] Robin: hallo\nwaarmee kan ik helpen?\n"
    "\u200e[14/05/2025, 12:01:13] Jan\u00a0K.: \u200eafbeelding weggelaten\n",
    "[02/05/2025, 09:00:00] Piet: vraag\n[02/05/2025, 09:00:09] Robin: antwoord\n",
)
WHATSAPP_ANDROID = (
    "5/14/25, 12:00\u202fPM - Messages and calls are encrypted.\n5/14/25, 12:00\u202fPM - Robin: hi\n"
    "5/14/25, 12:01\u202fPM - Jan: hello\nagain\n",
    "5/2/25, 9:00\u202fAM - Piet: question\n5/2/25, 9:01\u202fAM - Robin: answer\n",
)


def test_whatsapp_from_a_phone_of_apple() -> None:
    found = detect(*WHATSAPP_IOS)
    assert found.profile.document() == {
        "version": 1,
        "assistant_names": ["Robin"],
        "others": "user",
        "lines": ["[{time}] {name}: {text}", "[{time}] {text}"],
        "times": ["%d/%m/%Y, %H:%M:%S"],
    }
    assert (found.messages, found.events, found.refused, found.transcripts) == (
        {"user": 2, "assistant": 2, "system": 0, "unknown": 0},
        1,
        0,
        2,
    )
    assert found.unclear == ()
    assert spoken(found, WHATSAPP_IOS[0]) == [
        ("assistant", "hallo\nwaarmee kan ik helpen?", "14.05 12:00:03"),
        ("user", "afbeelding weggelaten", "14.05 12:01:13"),
    ]


def test_whatsapp_from_other_phones() -> None:
    found = detect(*WHATSAPP_ANDROID)
    assert field_of(found, "lines") == ["{time} - {name}: {text}", "{time} - {text}"]
    assert field_of(found, "times") == ["%m/%d/%y, %I:%M %p"]
    assert (found.events, found.unclear) == (1, ())
    assert spoken(found, WHATSAPP_ANDROID[0])[1] == ("user", "hello\nagain", "14.05 12:01:00")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("5/1/25, 12:00 PM - Robin: a\n5/1/25, 12:00 PM - User: b", "%m/%d/%y, %I:%M %p"),
        ("05/01/2025 12:00 - Robin: a\n05/01/2025 12:00 - User: b", "%d/%m/%Y %H:%M"),
    ],
)
def test_day_and_month_that_no_sample_tells_apart_are_for_a_person(text: str, form: str) -> None:
    found = detect(text)
    assert field_of(found, "times") == [form]
    assert [each for each in found.unclear if "day or month first" in each]


def test_a_chat_that_passes_midnight_tells_day_and_month_apart() -> None:
    found = detect("[5/1/2025 23:59] Agent: a\n[5/2/2025 00:01] Customer: b")
    assert (field_of(found, "times"), found.unclear) == (["%m/%d/%Y %H:%M"], ())


def test_zendesk_has_times_of_day() -> None:
    texts = (
        "(12:00:03) Visitor 4711: hello\n(12:00:09) *** Emma joined the chat ***\n(12:00:11) Emma: hi there\n",
        "(23:59:58) Visitor 4712: hello\n(00:00:09) Tom: hi there\n",
    )
    found = detect(*texts)
    assert field_of(found, "lines") == ["({clock}) {name}: {text}", "({clock}) {text}"]
    assert (field_of(found, "others"), field_of(found, "assistant_names")) == ("user", ["Emma", "Tom"])
    assert spoken(found, texts[1]) == [("user", "hello", None), ("assistant", "hi there", None)]
    assert any("no date" in sentence for _, sentence in found.evidence)


def intercom(name: str, at: int) -> str:
    parts = [
        {
            "type": "part",
            "body": "<p>Hello &amp; welcome</p>",
            "created_at": at,
            "author": {"type": "bot", "name": "Fin"},
        },
        {"type": "part", "body": None, "created_at": at + 1, "author": {"type": "admin", "name": "Emma"}},
        {
            "type": "part",
            "body": "<p>one<br>two</p>",
            "created_at": at + 2,
            "author": {"type": "admin", "name": "Emma"},
        },
    ]
    source = {"type": "conversation", "body": "<p>Hi there</p>", "author": {"type": "user", "name": name}}
    return json.dumps({"id": "1", "source": source, "conversation_parts": {"conversation_parts": parts, "total": 3}})


def test_intercom() -> None:
    texts = (intercom("Jan", 1746093603), intercom("Piet", 1746193603))
    found = detect(*texts)
    assert field_of(found, "json") == {
        "messages": ["source", "conversation_parts.conversation_parts"],
        "name": "author.type",
        "text": "body",
        "time": "created_at",
        "html": True,
    }
    assert (field_of(found, "times"), found.unclear) == (["unix"], ())
    assert spoken(found, texts[0]) == [
        ("user", "Hi there", None),
        ("assistant", "Hello & welcome", "01.05 12:00:03"),
        ("assistant", "one\ntwo", "01.05 12:00:05"),
    ]


def livechat(visitor: str) -> str:
    events = [
        {"type": "message", "text": "hi", "author_id": visitor, "created_at": "2025-05-01T10:00:03.120000Z"},
        {"type": "message", "text": "hello", "author_id": "emma@acme.example", "created_at": "2025-05-01T10:00:04.5Z"},
        {"type": "message", "text": "bye", "author_id": visitor, "created_at": "2025-05-01T10:00:09.000001Z"},
    ]
    return json.dumps({"id": "c", "threads": [{"id": "t", "events": events}], "users": [{"id": visitor}]})


def test_livechat() -> None:
    found = detect(livechat("b7e"), livechat("c8f"))
    assert field_of(found, "json") == {
        "messages": "threads.events",
        "name": "author_id",
        "text": "text",
        "time": "created_at",
    }
    assert spoken(found, livechat("d"))[:2] == [
        ("user", "hi", "01.05 12:00:03"),
        ("assistant", "hello", "01.05 12:00:04"),
    ]


def test_3cx() -> None:
    texts = [
        f"{day}/05/2025 12:00:03 Visitor: hello\n{day}/05/2025 12:00:13 Agent {name}: hi"
        for day, name in ((1, "A"), (13, "B"))
    ]
    found = detect(*texts)
    assert field_of(found, "lines") == ["{time} {name}: {text}"]
    assert (field_of(found, "times"), field_of(found, "others")) == (["%d/%m/%Y %H:%M:%S"], "assistant")
    assert [role for role, _, _ in spoken(found, texts[1])] == ["user", "assistant"]


def test_freshdesk_says_by_a_flag_who_speaks() -> None:
    entries = [
        {
            "body": "<div>a</div>",
            "body_text": "a",
            "incoming": True,
            "user_id": 5,
            "created_at": "2025-05-01T10:00:00Z",
        },
        {
            "body": "<div>b</div>",
            "body_text": "b",
            "incoming": False,
            "user_id": 7,
            "created_at": "2025-05-01T10:01:00Z",
        },
    ]
    found = detect(json.dumps({"conversations": entries}))
    assert (field_of(found, "user_names"), field_of(found, "assistant_names")) == (["true"], ["false"])
    assert spoken(found, json.dumps({"conversations": entries})) == [
        ("user", "a", "01.05 12:00:00"),
        ("assistant", "b", "01.05 12:01:00"),
    ]
    sent = [{"text": "a", "outgoing": True}, {"text": "b", "outgoing": False}]
    assert field_of(detect(json.dumps(sent)), "user_names") == ["false"]


def test_tawk_has_lines_before_the_first_message() -> None:
    texts = [
        f"Conversation of today\nStarted: 2025-05-0{day} 12:00\n\n[2025-05-0{day} 12:00:03] V17{day}: hello\n"
        f"[2025-05-0{day} 12:00:04] Emma: hi\n"
        for day in (1, 2)
    ]
    found = detect(*texts)
    assert field_of(found, "skip") == ["Conversation of today", "Started:*"]
    assert (field_of(found, "times"), found.refused, found.unclear) == (["iso8601"], 0, ())
    assert spoken(found, texts[0]) == [("user", "hello", "01.05 12:00:03"), ("assistant", "hi", "01.05 12:00:04")]
    assert any("skip names them" in each for each in detect(texts[0]).unclear)


def test_crisp() -> None:
    data = [
        {"type": "text", "from": "user", "content": "hi", "timestamp": 1746093603123, "user": {"nickname": "visitor1"}},
        {
            "type": "text",
            "from": "operator",
            "content": {"a": 1},
            "timestamp": 1746093604123,
            "user": {"nickname": "E"},
        },
        {"type": "text", "from": "operator", "content": "hello", "timestamp": 1746093604123, "user": {"nickname": "E"}},
    ]
    found = detect(json.dumps({"error": False, "data": data}))
    assert field_of(found, "json") == {"messages": "data", "name": "from", "text": "content", "time": "timestamp"}
    assert (field_of(found, "times"), field_of(found, "assistant_names")) == (["unix_ms"], ["operator"])


def test_teams_has_heads_above_texts() -> None:
    texts = (
        "[12:00] Emma\nhi\nyou\n[12:01] Jan K\nhello\n\n[12:02] Emma\nbye",
        "[13:00] Emma\nhi\n[13:01] Piet\nhello",
    )
    found = detect(*texts)
    assert field_of(found, "lines") == ["[{clock}] {name}"]
    assert spoken(found, texts[0]) == [
        ("assistant", "hi\nyou", None),
        ("user", "hello", None),
        ("assistant", "bye", None),
    ]


@pytest.mark.parametrize(
    ("text", "lines", "times"),
    [
        ("Agent  10:12 AM\nhi\nVisitor  10:13 AM\nhello", ["{name} {clock}"], None),
        ("[10:12 AM] Agent: hi\n[10:13 AM] Visitor: a: b\nc", ["[{clock}] {name}: {text}", "[{clock}] {text}"], None),
        ("Agent (12:00): hi\nVisitor (12:01): hello", ["{name} ({clock}): {text}"], None),
        ("Agent [12:00]:\nhi\nVisitor [12:01]:\nhello", ["{name} [{clock}]: {text}"], None),
        (
            "Agent \u2014 13/05/2025 12:00\nhi\nVisitor \u2014 13/05/2025 12:01\nx",
            ["{name} \u2014 {time}"],
            ["%d/%m/%Y %H:%M"],
        ),
        ("Agent, [13.05.2025 12:00]\nhi\n\nVisitor, [13.05.2025 12:01]\nx", ["{name}, [{time}]"], ["%d.%m.%Y %H:%M"]),
        ("2025-05-01T12:00:03Z Agent: a\n2025-05-01T12:00:04.5Z Visitor: b", ["{time} {name}: {text}"], ["iso8601"]),
        ("**Visitor:** a\n**Agent:** b", ["**{name}:** {text}"], None),
        ("<Visitor> a\n<Agent> b", ["<{name}> {text}"], None),
        ("Visitor: a\r\n(Agent): b\r\nAgent: c", None, None),
        ("[01.05.2025 12:00:03] Visiteur : a\n[01.05.2025 12:00:04] Conseiller : b", None, None),
    ],
)
def test_lines_of_further_tools(text: str, lines: list[str] | None, times: list[str] | None) -> None:
    found = detect(text)
    assert (field_of(found, "lines"), field_of(found, "times"), found.refused) == (lines, times, 0)
    assert (found.messages["user"], found.messages["assistant"], found.messages["unknown"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("entries", "name", "text", "roles"),
    [
        (
            [
                {"actor_type": kind, "message_parts": [{"text": {"content": "hi"}}], "kind": "event", "id": number}
                for number, kind in enumerate(("user", "agent"))
            ],
            "actor_type",
            "message_parts.text.content",
            {"user": 1, "assistant": 1},
        ),
        (
            [{"user": each, "user_profile": {"real_name": each.upper()}, "text": "hi"} for each in ("u1", "u2")],
            "user_profile.real_name",
            "text",
            {"unknown": 2},
        ),
        (
            [{"author_id": each, "body": "hi", "html_body": "<p>hi</p>"} for each in (55, 66, 55)],
            "author_id",
            "body",
            {"unknown": 3},
        ),
    ],
)
def test_json_of_further_tools(entries: list[Any], name: str, text: str, roles: dict[str, int]) -> None:
    found = detect(json.dumps({"items": entries}))
    assert field_of(found, "json") == {"messages": "items", "name": name, "text": text}
    assert {role: count for role, count in found.messages.items() if count} == roles


def test_names_alone_are_added_to_the_grammar() -> None:
    found = detect("Customer: hi\nAgent: hello\nthere", "Agent: hello\nCustomer: x: y")
    assert found.profile.document() == {"version": 1, "user_names": ["Customer"], "assistant_names": ["Agent"]}
    found = detect("Gebruiker: hoi\nAssistent: dag\nSysteem: einde")
    assert found.profile.document() == {
        "version": 1,
        "user_names": ["Gebruiker"],
        "assistant_names": ["Assistent"],
        "system_names": ["Systeem"],
    }


def test_names_that_differ_in_each_chat_are_the_users() -> None:
    found = detect("Jan: hoi\nEmma: dag\nJan: ok\nNote: hm", "Piet: hoi\nEmma: dag\n")
    assert (field_of(found, "assistant_names"), field_of(found, "others")) == (["Emma"], "user")
    assert found.refused == 0


def test_slack() -> None:
    texts = [
        json.dumps(
            [
                {"type": "message", "user": user, "text": "hi", "ts": "1746093603.000200"},
                {"type": "message", "user": "U0EMMA", "text": "hello", "ts": "1746093604.000200"},
                {"type": "message", "user": user, "text": "ok", "ts": "1746093605.000200"},
            ]
        )
        for user in ("U01", "U02")
    ]
    found = detect(*texts)
    assert field_of(found, "json") == {"name": "user", "text": "text", "time": "ts"}
    assert spoken(found, texts[0])[0] == ("user", "hi", "01.05 12:00:03")


def test_json_lines_and_content_in_parts() -> None:
    lines = [
        {"role": "user", "content": [{"type": "text", "text": "hi"}], "at": "soon"},
        {"role": "assistant", "content": [{"type": "text", "text": "hello"}], "at": "later"},
    ]
    text = "\n".join(map(json.dumps, lines))
    found = detect(text)
    assert field_of(found, "json") == {"name": "role", "text": "content.text"}
    assert [role for role, _, _ in spoken(found, text)] == ["user", "assistant"]


def test_what_a_path_or_a_list_of_names_cannot_say_is_left_out() -> None:
    entries = [
        {"from": "user", "text": "a", "a.b": "user", "k" * 99: "user"},
        {"from": "Bot\0", "text": "b"},
        {"from": "bot " + "x" * 300, "text": "c"},
    ]
    deep: Any = entries
    for _ in range(9):
        deep = {"in": deep}
    found = detect(json.dumps({"a.b": entries, "chat": entries, "deep": deep}))
    assert field_of(found, "json") == {"messages": "chat", "name": "from", "text": "text"}
    assert (field_of(found, "assistant_names"), found.messages["unknown"]) == (None, 2)


def test_a_head_without_words_below_it_does_not_count() -> None:
    found = detect("[12:00] Emma\nhi\n[12:01] Klant\nhello\n[12:02] Emma left")
    assert field_of(found, "lines") == ["[{clock}] {name}"]
    assert any("fits 2 of 5 lines" in sentence for _, sentence in found.evidence)


def test_the_seeds_grammar_is_kept_where_nothing_reads_more() -> None:
    found = detect("[01.05.2025 12:00:00] User: hello\n[01.05.2025 12:00:04] Assistant: hi\n")
    assert found.profile == TranscriptProfile()
    assert [name for name, _ in found.evidence] == ["lines"]
    found = detect(*["[01.05.2025 12:00:00] User: hello\n[01.05.2025 12:00:04] Robin: hi\n"] * 2)
    assert found.profile.document() == {"version": 1, "assistant_names": ["Robin"]}


@pytest.mark.parametrize(
    "texts", [(), ("hello\nthere",), ("{}", "[]"), ('{"a": [{"b": 1}]}',), ("[1]",), ('[{"text": "a"}]',)]
)
def test_what_has_no_form_is_said(texts: tuple[str, ...]) -> None:
    found = detect(*texts)
    assert (found.profile, found.refused) == (TranscriptProfile(), len(texts))
    assert found.unclear


def test_transcripts_that_stay_refused_are_counted() -> None:
    found = detect("Agent: a\nCustomer: b", "words\nAgent: a\nCustomer: b", "Agent: a\nCustomer: b")
    assert found.refused == 1
    assert "1 of 3 transcripts are refused: text_before_first_message." in found.unclear


SAMPLES = st.lists(
    st.one_of(
        st.text(st.characters(codec=None), max_size=80),
        st.lists(
            st.builds(
                "{0} {1}: {2}".format,
                st.sampled_from(
                    ["[01.05.2025 12:00:00]", "5/1/25, 12:00 PM -", "(12:00)", "1746093603", "99/99/2025 10:00", ""]
                ),
                st.sampled_from(["User", "Agent", "Visitor 7", "Jan", "Emma", "\u200b", "a" * 70]),
                st.text(max_size=12),
            ),
            max_size=6,
        ).map("\n".join),
        st.lists(
            st.dictionaries(
                st.sampled_from(["text", "from", "user", "ts", "content", "incoming", "type", "a.b", "7", "k" * 70]),
                st.text(st.characters(codec=None), max_size=6)
                | st.integers()
                | st.booleans()
                | st.none()
                | st.just([{"text": "x"}]),
                max_size=4,
            ),
            max_size=5,
        ).map(json.dumps),
    ),
    max_size=4,
)


@given(SAMPLES)
def test_no_proposal_reads_fewer_messages_than_the_seeds_grammar(texts: list[str]) -> None:
    found = detect(*texts)
    seed = [parse_transcript(text, bot_names=(), zone=AMSTERDAM) for text in texts]
    assert sum(found.messages.values()) >= sum(
        len(each.messages) for each in seed if isinstance(each, ParsedTranscript)
    )
    assert found.refused <= sum(isinstance(each, RefusedTranscript) for each in seed)
    assert {name for name, _ in found.evidence} <= set(TranscriptProfile.model_fields) | {"json"}
