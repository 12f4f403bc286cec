"""JSON from outside is read strictly, and nothing makes the reader raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.json_text import JsonFault, deeper_than, read_json

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(VALUES, st.booleans())
def test_what_was_written_is_read(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert read_json(text, max_depth=64) == value or b"\xed" in text


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ 1aé', max_size=60).map(str.encode))
def test_the_reader_never_raises(text: bytes) -> None:
    read_json(text)


@given(VALUES)
def test_depth_is_judged_as_a_parser_would(value: Any) -> None:
    text = json.dumps(value).encode()
    depth = _depth(value)
    assert not deeper_than(text, depth)
    if depth:
        assert deeper_than(text, depth - 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 1}', "gives a key twice"),
        (b"[NaN]", "holds NaN"),
        (b"[1e999]", "holds a number beyond all"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1", "is not JSON at line 1, column 3"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"9" * 5000, "too long"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b"[" * 1_000_000, "deeper than 32"),
        (b"", "is not JSON"),
        (b"{} {}", "is not JSON"),
    ],
)
def test_faults_are_named(text: bytes, reason: str) -> None:
    fault = read_json(text)
    assert isinstance(fault, JsonFault)
    assert reason in fault.reason


def test_brackets_within_strings_do_not_count() -> None:
    assert read_json(b'["' + b"[" * 100 + b'\\"{"]') == ["[" * 100 + '"{']
