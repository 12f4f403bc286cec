"""What of a submitted session is taken, what is refused and with which pointer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.intake.rules.submitted_messages import read_messages, write_messages
from livedash_pipeline.submissions.rules.fields import MAX_CONTENT, MAX_MESSAGES, session_schema
from livedash_pipeline.submissions.rules.items import (
    MAX_ITEM_BYTES,
    AcceptedItem,
    RefusedItem,
    gone,
    json_pointer,
    read_item,
    repeated,
    too_large,
)

MESSAGE = {"role": "user", "content": "hello"}
NO_TIME = datetime.fromtimestamp(0, UTC)
SESSION: dict[str, Any] = {
    "externalId": "chat-1",
    "startTime": "2025-05-01T12:00:00+02:00",
    "endTime": "2025-05-01T12:03:20+02:00",
    "messages": [MESSAGE],
}


def read(**changes: Any) -> AcceptedItem | RefusedItem:
    return read_item(json.dumps(SESSION | changes).encode())


def accepted(**changes: Any) -> AcceptedItem:
    item = read(**changes)
    assert isinstance(item, AcceptedItem), item
    return item


def pointers(**changes: Any) -> list[str]:
    item = read(**changes)
    assert isinstance(item, RefusedItem), item
    return [error.pointer for error in item.errors]


def test_a_whole_session_is_taken() -> None:
    item = accepted(country="Nederland", language="Dutch", ip="2001:DB8::1")
    assert (item.external_id, item.start.astimezone(UTC)) == ("chat-1", datetime(2025, 5, 1, 10, tzinfo=UTC))
    assert (item.country, item.language, item.ip_address) == ("NL", "nl", "2001:db8::1")
    assert read_messages(item.transcript).messages == (Message("user", "hello", None),)
    assert item.flags == []


def test_words_that_are_not_known_are_kept_and_flagged() -> None:
    item = accepted(country="Atlantis", language="Klingonish")
    assert (item.country_raw, item.country, item.language) == ("Atlantis", None, None)
    assert item.flags == ["country_unknown", "language_unknown"]


def test_blank_words_are_no_words() -> None:
    item = accepted(country="  ", language=None)
    assert (item.country_raw, item.language_raw, item.flags) == (None, None, [])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"externalId": ""}, "/externalId"),
        ({"externalId": " a"}, "/externalId"),
        ({"externalId": ".."}, "/externalId"),
        ({"externalId": "a\n"}, "/externalId"),
        ({"externalId": "a\u0000b"}, "/externalId"),
        ({"externalId": "a\ud800"}, "/externalId"),
        ({"externalId": "a" * 256}, "/externalId"),
        ({"externalId": 7}, "/externalId"),
        ({"startTime": None}, "/startTime"),
        ({"startTime": 1746093600}, "/startTime"),
        ({"startTime": "2025-05-01T12:00:00"}, "/startTime"),
        ({"startTime": "01.05.2025 12:00:00"}, "/startTime"),
        ({"startTime": "2025-02-30T12:00:00Z"}, "/startTime"),
        ({"startTime": "2025-05-01T24:00:00Z"}, "/startTime"),
        ({"startTime": "2025-05-01T12:00:00+24:00"}, "/startTime"),
        ({"startTime": "2025-05-01T12:00:00+02:60"}, "/startTime"),
        ({"startTime": "0001-01-01T00:00:00+14:00"}, "/startTime"),
        ({"startTime": "9999-12-31T23:59:60Z"}, "/startTime"),
        ({"endTime": "2025-05-01T11:59:59+02:00"}, "/endTime"),
        ({"endTime": "2026-05-03T12:00:00+02:00"}, "/endTime"),
        ({"messages": []}, "/messages"),
        ({"messages": {}}, "/messages"),
        ({"messages": [MESSAGE] * (MAX_MESSAGES + 1)}, "/messages"),
        ({"messages": [MESSAGE, MESSAGE | {"role": "User"}]}, "/messages/1/role"),
        ({"messages": [{"role": "user"}]}, "/messages/0/content"),
        ({"messages": [MESSAGE | {"content": None}]}, "/messages/0/content"),
        ({"messages": [MESSAGE | {"content": "x" * (MAX_CONTENT + 1)}]}, "/messages/0/content"),
        ({"messages": [MESSAGE | {"sentAt": "12:00"}]}, "/messages/0/sentAt"),
        ({"messages": [MESSAGE | {"at/~": 1}]}, "/messages/0/at~1~0"),
        ({"messages": [[]]}, "/messages/0"),
        ({"country": "x" * 101}, "/country"),
        ({"language": 1}, "/language"),
        ({"ip": "1.2.3"}, "/ip"),
        ({"ip": "fe80::1%eth0"}, "/ip"),
        ({"ip": ""}, "/ip"),
        ({"unheardOf": 1}, "/unheardOf"),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer(changes: dict[str, Any], pointer: str) -> None:
    assert pointers(**changes) == [pointer]


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000, b"[" + b"1" * 6000 + b"]"])
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    item = read_item(raw)
    assert isinstance(item, RefusedItem)
    assert (item.code, [error.pointer for error in item.errors]) == ("malformed", [""])


@pytest.mark.parametrize("raw", [b"1", b"null", b"[]", b'"text"'])
def test_what_is_no_object_is_invalid(raw: bytes) -> None:
    item = read_item(raw)
    assert isinstance(item, RefusedItem)
    assert (item.code, item.errors[0].pointer, item.errors[0].detail) == ("invalid", "", "Input should be an object.")


def test_what_is_too_large_is_not_parsed() -> None:
    item = read_item(b"{" * (MAX_ITEM_BYTES + 1))
    assert isinstance(item, RefusedItem)
    assert item.code == "too_large"


def test_a_refusal_says_nothing_of_what_was_written() -> None:
    secret = "my salary is 1234"
    item = read(messages=[{"role": secret, "content": secret, "sentAt": secret}], country=[secret], ip=secret)
    assert isinstance(item, RefusedItem)
    assert secret not in repr(item)


def test_characters_that_cannot_be_stored_are_replaced_and_flagged() -> None:
    item = accepted(messages=[MESSAGE | {"content": "a\u0000b\ud800c \U0001f600"}], country="N\u0000L")
    (message,) = read_messages(item.transcript).messages
    assert message.content == "a\ufffdb\ufffdc \U0001f600"
    assert (item.country_raw, item.flags) == ("N\ufffdL", ["characters_replaced", "country_unknown"])


def test_escapes_alone_are_no_reason_for_a_flag() -> None:
    assert accepted(messages=[MESSAGE | {"content": "é \U0001f600 \ufffd"}]).flags == []


def test_equal_sessions_have_equal_hashes_whatever_their_json_looks_like() -> None:
    first = accepted(country="NL", messages=[MESSAGE | {"sentAt": None}])
    again = read_item(json.dumps({"country": " NL ", **SESSION}, indent=2, ensure_ascii=False).encode())
    assert isinstance(again, AcceptedItem)
    assert again.content_hash == first.content_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"externalId": "chat-2"},
        {"startTime": "2025-05-01T12:00:01+02:00"},
        {"endTime": "2025-05-01T12:03:21+02:00"},
        {"messages": [MESSAGE | {"content": "hello!"}]},
        {"messages": [MESSAGE | {"role": "system"}]},
        {"messages": [MESSAGE | {"sentAt": "2025-05-01T12:00:00+02:00"}]},
        {"country": "NL"},
        {"language": "nl"},
        {"ip": "192.0.2.1"},
    ],
)
def test_every_field_counts_in_the_hash(changes: dict[str, Any]) -> None:
    assert accepted(**changes).content_hash != accepted().content_hash


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2025-05-01T12:00:00Z", "2025-05-01T12:00:00+00:00"),
        ("2025-05-01t12:00:00z", "2025-05-01T12:00:00+00:00"),
        ("2025-05-01 12:00:00.5+02:00", "2025-05-01T10:00:00.500000+00:00"),
        ("2025-05-01T12:00:00.123456789-03:30", "2025-05-01T15:30:00.123456+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_times_are_those_of_rfc_3339(text: str, utc: str) -> None:
    assert accepted(startTime=text, endTime=text).start.astimezone(UTC).isoformat() == utc


def test_messages_stand_by_their_times_only_where_every_one_has_a_time() -> None:
    late = {"role": "user", "content": "l", "sentAt": "2025-05-01T12:00:05Z"}
    early = {"role": "user", "content": "e", "sentAt": "2025-05-01T12:00:01Z"}
    timed = read_messages(accepted(messages=[late, early]).transcript)
    assert [message.content for message in timed.messages] == ["e", "l"]
    mixed = read_messages(accepted(messages=[late, MESSAGE, early, MESSAGE | {"content": " \n"}]).transcript)
    assert [message.content for message in mixed.messages] == ["l", "hello", "e"]
    assert (mixed.untimed, mixed.dropped) == (1, 1)


MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["user", "assistant", "system", "unknown"]),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: f"x{text}x"),
        st.none() | st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds / 8, UTC)),
    ),
    max_size=6,
)


@given(MESSAGES)
def test_messages_come_back_as_they_were_written(messages: list[Message]) -> None:
    read_back = list(read_messages(write_messages(messages)).messages)
    if all(message.sent_at for message in messages):
        messages = sorted(messages, key=lambda message: message.sent_at or NO_TIME)
    assert read_back == messages


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    assert isinstance(read_item(raw), RefusedItem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*SESSION, "country", "language", "ip", "other"]), JSON))
def test_no_value_of_any_field_breaks_the_reader(changes: dict[str, Any]) -> None:
    item = read(**changes)
    if isinstance(item, AcceptedItem):
        assert timedelta(0) <= item.end - item.start
        json.dumps(item.transcript).encode()
    else:
        assert item.errors


def test_a_pointer_is_cut() -> None:
    assert len(json_pointer(("x" * 10_000,))) == 200


def test_the_schema_has_no_references_and_its_example_is_taken() -> None:
    schema = session_schema()
    assert "$ref" not in json.dumps(schema)
    (example,) = schema["examples"]
    assert isinstance(read_item(json.dumps(example).encode()), AcceptedItem)


def test_refusals_that_no_item_is_read_for_name_the_reason() -> None:
    large = too_large(MAX_ITEM_BYTES + 1)
    assert large.code == "too_large" and str(MAX_ITEM_BYTES + 1) in large.errors[0].detail
    twice = repeated("chat-1")
    assert (twice.code, twice.external_id, twice.errors[0].pointer) == ("duplicate_id", "chat-1", "/externalId")
    erased = gone("erased", "chat-1")
    assert (erased.code, erased.external_id) == ("erased", "chat-1")


def test_what_cannot_be_stored_is_replaced_in_values_of_every_kind() -> None:
    item = accepted(country=None, messages=[MESSAGE | {"content": "a\x00b\ud800"}])
    assert item.replaced
    assert not accepted(messages=[MESSAGE | {"content": "caf\xe9"}]).replaced
