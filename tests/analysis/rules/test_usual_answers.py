"""Answers in which nothing has to be repaired are read at once, and just as the careful reading reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.analysis.rules.answer import Category, Sentiment
from livedash_pipeline.analysis.rules.answer_reading import Answer, read_analysis, read_answer
from livedash_pipeline.analysis.rules.usual_answers import is_usual_answer
from livedash_pipeline.ledger.rules.results.answers import UsableAnswer
from tests.analysis.rules.test_analysis import GOOD, SESSION

_ODD_TEXTS = [" blank ", "A question?", "a question?", "nul \x00", "alone \ud800", "x" * 301]
_TEXT = st.text(max_size=12) | st.sampled_from(_ODD_TEXTS)
_WORDS = st.sampled_from(["nl", "NL", "dut", "xx", *Sentiment, *Category, SESSION, SESSION.upper()])
_VALUES = st.none() | st.booleans() | st.integers() | _TEXT | _WORDS | st.lists(_TEXT | st.integers(), max_size=6)
_CHANGES = st.dictionaries(st.sampled_from([*GOOD, "other"]), _VALUES, max_size=3)


def _compare(content: str) -> None:
    """What is read at once is usable to the careful reading, needs no repair, and holds the same values."""
    if not is_usual_answer(content, SESSION):
        return
    answer = read_answer(content, SESSION)
    assert isinstance(answer, Answer)
    assert answer.flags == ()
    assert json.loads(content) == json.loads(answer.analysis.model_dump_json())
    assert read_analysis(content, SESSION) == UsableAnswer(content, ())


@given(changes=_CHANGES, ascii_only=st.booleans(), spaces=st.sampled_from([None, 2]))
def test_what_is_read_at_once_is_what_the_careful_reading_reads(
    changes: dict[str, Any], ascii_only: bool, spaces: int | None
) -> None:
    _compare(json.dumps(GOOD | changes, ensure_ascii=ascii_only, indent=spaces))


@given(content=st.text() | st.builds(lambda start, end: start + json.dumps(GOOD) + end, _TEXT, _TEXT))
def test_text_around_an_answer_is_left_to_the_careful_reading(content: str) -> None:
    _compare(content)


def test_a_good_answer_is_usual_in_any_layout() -> None:
    for indent in (None, 2):
        assert is_usual_answer(f" {json.dumps(GOOD, indent=indent)}\n", SESSION)


@pytest.mark.parametrize(
    "changes",
    [
        {"language": "NL"},
        {"language": ["nl"]},
        {"sentiment": "neutral"},
        {"category": "Leave Vacation"},
        {"escalated": "false"},
        {"forwarded_hr": 1},
        {"summary": "short"},
        {"summary": " The user asked about holidays."},
        {"summary": "The user asked\x00about holidays."},
        {"summary": 7},
        {"questions": None},
        {"questions": ["a"] * 6},
        {"questions": [""]},
        {"questions": ["Why?", "why?"]},
        {"questions": ["How?", 3]},
        {"session_id": SESSION.upper()},
        {"other": 1},
    ],
)
def test_an_answer_with_something_to_repair_is_not_usual(changes: dict[str, Any]) -> None:
    assert not is_usual_answer(json.dumps(GOOD | changes), SESSION)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "{}",
        json.dumps(GOOD)[:-1],
        json.dumps(GOOD)[:-1] + ', "summary": "Twice, which is odd."}',
        "[" * 100_000,
    ],
)
def test_other_text_is_not_usual(content: str) -> None:
    assert not is_usual_answer(content, SESSION)
