"""Bodies that are made to cost time are judged like all others, in as many calls as their size asks for and not their marks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from livedash_pipeline.base.rules.json_brackets import after_brackets, bracket_steps, count_brackets, mark_steps
from livedash_pipeline.base.rules.json_text import JsonFault, deeper_than, read_json
from livedash_pipeline.submissions.rules.fields import SubmittedSession
from livedash_pipeline.submissions.rules.items import ERRORS_TOLD, AcceptedItem, RefusedItem, read_item
from livedash_pipeline.submissions.rules.json_items import ArraySplitter, ItemSplitter, LineSplitter
from livedash_pipeline.submissions.rules.parts import judged_parts

SIZE = 200_000
PIECE = 8_192
# Of a piece: what is looked at together begins small and grows.
CALLS_OF_A_PIECE = 150
TEXT = st.binary(max_size=80) | st.text(alphabet='[]{}",:\\ 1a\n', max_size=80).map(str.encode)
DEEP = "The item is nested deeper than 32 levels."


def of(unit: bytes) -> bytes:
    return unit * (SIZE // len(unit))


def listed(unit: bytes) -> bytes:
    return b"[" + b",".join([unit] * (SIZE // (len(unit) + 1))) + b"]"


SHAPES: dict[str, bytes] = {
    "opened": of(b"["),
    "nested": b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "nested objects": b'{"a":' * (SIZE // 6) + b"1" + b"}" * (SIZE // 6),
    "opened objects": of(b'{"a":'),
    "mixed": b'[{"a":' * (SIZE // 8) + b"1" + b"}]" * (SIZE // 8),
    "flat": listed(b"[]"),
    "flat objects": listed(b"{}"),
    "up and down": listed(b"[" * 40 + b"]" * 40),
    "up and down, allowed": listed(b"[" * 20 + b"]" * 20),
    "climbing": of(b"[[[]"),
    "side by side": of(b"[]"),
    "escapes": listed(b'"\\u0000"'),
    "strings side by side": of(b'"\\u0000"'),
    "one string of escapes": b'"' + of(b"\\u0000") + b'"',
    "one string of backslashes": b'"' + of(b"\\\\") + b'"',
    "strings of brackets": listed(b'"[{"'),
    "keys": b"{" + b",".join(b'"%x":1' % n for n in range(SIZE // 9)) + b"}",
    "keys with escapes": b"{" + b",".join(b'"\\u0000%x":1' % n for n in range(SIZE // 15)) + b"}",
    "the same key": b"{" + b",".join([b'"a":1'] * (SIZE // 6)) + b"}",
    "a number": b"9" * SIZE,
    "a fraction": b"1." + b"9" * SIZE,
    "numbers": listed(b"1"),
}
BROKEN = ("opened", "opened objects", "climbing")


def calls(work: Callable[[], object]) -> int:
    """How many functions, those of the interpreter too, are called by name."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def cut(splitter: ItemSplitter, body: bytes) -> list[bytes]:
    spans = []
    for at in range(0, len(body), PIECE):
        spans += splitter.feed(body[at : at + PIECE])
    return [body[span.start : span.end] for span in [*spans, *splitter.finish()]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("end", [b"]", b',{"a": 1}]'])
def test_an_array_is_cut_without_a_call_for_every_mark(shape: str, end: bytes) -> None:
    item = SHAPES[shape]
    body = b"[" + item + end
    splitter = ArraySplitter()
    found: list[bytes] = []
    made = calls(lambda: found.extend(cut(splitter, body)))
    assert made < CALLS_OF_A_PIECE * (len(body) // PIECE + 2)
    if shape in BROKEN:
        assert splitter.fault is not None
    else:
        assert splitter.fault is None
        assert found == ([item] if end == b"]" else [item, b'{"a": 1}'])


@pytest.mark.parametrize("lines", [*SHAPES.values(), of(b"\n"), of(b" \r\n"), of(b" ")])
def test_lines_are_cut_without_a_call_for_every_mark(lines: bytes) -> None:
    splitter = LineSplitter()
    found: list[bytes] = []
    body = lines + b"\n[1]"
    assert calls(lambda: found.extend(cut(splitter, body))) < CALLS_OF_A_PIECE * (len(body) // PIECE + 2)
    assert found == ([lines] if lines.strip() else []) + [b"[1]"]


@pytest.mark.parametrize("shape", [name for name, text in SHAPES.items() if deeper_than(text, 32)])
def test_what_is_nested_too_deep_never_reaches_the_parser(shape: str) -> None:
    # Most of these are no JSON either, and a parser would say so, or come to the end of its stack.
    for item in (SHAPES[shape], SHAPES[shape] + b"nonsense"):
        refused: list[AcceptedItem | RefusedItem] = []
        assert calls(partial(_read_into, refused, item)) < 100
        (told,) = refused
        assert isinstance(told, RefusedItem)
        assert (told.code, told.errors[0].pointer, told.errors[0].detail) == ("malformed", "", DEEP)


def _read_into(told: list[AcceptedItem | RefusedItem], item: bytes) -> None:
    told.append(read_item(item))


def test_the_shapes_are_deep_enough_to_say_something() -> None:
    assert {name for name, text in SHAPES.items() if deeper_than(text, 32)} == {
        "opened",
        "nested",
        "nested objects",
        "opened objects",
        "mixed",
        "up and down",
        "climbing",
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hostile_text_is_read_as_the_plain_reader_does_where_that_takes_it(shape: str) -> None:
    read = read_json(SHAPES[shape])
    try:
        plain = json.loads(SHAPES[shape])
    except (ValueError, RecursionError):
        assert isinstance(read, JsonFault)
        return
    if isinstance(read, JsonFault):
        assert "deeper" in read.reason or "twice" in read.reason
    else:
        assert read == plain


@given(TEXT)
def test_steps_are_those_of_a_walk_through_the_text(text: bytes) -> None:
    walked, in_string, escaped = [], False, False
    for mark in text.decode("latin-1"):
        if in_string:
            escaped, in_string = (mark == "\\" and not escaped), escaped or mark != '"'
        elif mark == '"':
            in_string = True
        elif mark in "[]{},":
            walked.append(mark)
    brackets = [2 if mark in "[{" else -2 for mark in walked if mark != ","]
    assert list(bracket_steps(text)) == brackets
    steps = mark_steps(text)
    assert count_brackets(steps) == len(brackets)
    assert sum(steps) == sum(brackets)
    if "," * 16 not in "".join(walked):
        assert list(steps) == [
            each for mark in walked for each in ([-1, 1] if mark == "," else [2 if mark in "[{" else -2])
        ]


def test_many_commas_in_a_row_leave_a_level_as_one_does() -> None:
    steps = mark_steps(b"[1" + b",1" * 1000 + b"]")
    assert len(steps) < 200
    assert set(accumulate(steps)) == {2, 1, 0}


def test_a_bracket_is_found_by_its_number() -> None:
    text = b'a"["[b"\\"{"],{'
    assert [text[after_brackets(text, n, 0, len(text)) - 1 :][:1] for n in (1, 2, 3)] == [b"[", b"]", b"{"]
    assert after_brackets(text, 0, 4, len(text)) == 4


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b"1", b'""']), max_size=60).map(b"".join))
def test_depth_is_that_of_the_plain_reader(text: bytes) -> None:
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert not deeper_than(text, _depth(value))
    assert _depth(value) == 0 or deeper_than(text, _depth(value) - 1)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


NAMES = st.sampled_from(["externalId", "startTime", "endTime", "messages", "country", "role", "content", "sentAt"])
FLAT = st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["user", "2025-05-01T12:00:00Z", "a"])
ITEMS = st.recursive(
    FLAT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=20)
        | st.lists(inner, max_size=3).map(lambda values: {"externalId": "a", "messages": values})
    ),
    max_leaves=30,
)


@given(ITEMS)
def test_what_is_left_out_changes_no_fault_of_which_a_client_is_told(value: Any) -> None:
    assert faults(judged_parts(value, unknown=ERRORS_TOLD)) == faults(value)


@pytest.mark.parametrize("messages", [[{}] * 5_001, [1] * 6_000, [{"role": "user", "content": "x"}] * 5_001])
def test_too_many_messages_are_told_in_their_number(messages: list[Any]) -> None:
    value = {"externalId": "a", "messages": messages}
    assert faults(judged_parts(value, unknown=ERRORS_TOLD)) == faults(value)


def faults(value: Any) -> list[tuple[Any, ...]]:
    try:
        SubmittedSession.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:ERRORS_TOLD]
        return [(each["type"], each["loc"], each["msg"]) for each in found]
    return []


def test_of_many_unknown_names_only_those_are_judged_that_are_told() -> None:
    item = {f"x{n}": n for n in range(1000)}
    assert len(judged_parts(item, unknown=10)) == 10
    messages = judged_parts({"messages": [item, item]}, unknown=10)["messages"]
    assert [len(message) for message in messages] == [10, 10]
