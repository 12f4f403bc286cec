"""The answer's schema, and how answers are read: small faults are repaired, everything else is refused, nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.analysis.rules.answer import Category, Sentiment, answer_schema
from livedash_pipeline.analysis.rules.answer_reading import Answer, InvalidAnswer, read_answer

SESSION = "0b8f7d6e-0000-7000-8000-000000000001"
GOOD: dict[str, Any] = {
    "language": "nl",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": True,
    "category": "LEAVE_VACATION",
    "questions": ["How many days are left?"],
    "summary": "The user asked about holidays.",
    "session_id": SESSION,
}
KEYS = list(GOOD)


def read(**changes: Any) -> Answer | InvalidAnswer:
    return read_answer(json.dumps(GOOD | changes), SESSION)


def usable(**changes: Any) -> Answer:
    answer = read(**changes)
    assert isinstance(answer, Answer), answer
    return answer


def objects_in(schema: Any) -> list[dict[str, Any]]:
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    own = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    return own + [found for child in children for found in objects_in(child)]


def test_the_schema_is_valid_in_strict_mode_and_uses_plain_keywords_only() -> None:
    schema = answer_schema()
    assert list(schema["properties"]) == KEYS
    for found in objects_in(schema):
        assert found["required"] == list(found["properties"])
        assert found["additionalProperties"] is False
    for spec in schema["properties"].values():
        assert set(spec) <= {"type", "enum", "items", "description"}
        assert spec["type"] in ("string", "boolean", "array")
    assert schema["properties"]["questions"]["items"] == {"type": "string"}
    assert schema["properties"]["category"]["enum"] == list(Category)
    assert schema["properties"]["sentiment"]["enum"] == list(Sentiment)


def test_a_good_answer_is_taken_as_it_is() -> None:
    answer = usable()
    assert answer.flags == ()
    assert json.loads(answer.analysis.model_dump_json()) == GOOD


@pytest.mark.parametrize(
    ("changes", "key", "value", "flag"),
    [
        ({"language": "NL"}, "language", "nl", "letter_case"),
        ({"sentiment": "positive"}, "sentiment", "POSITIVE", "letter_case"),
        ({"category": " leave_vacation "}, "category", "LEAVE_VACATION", "letter_case"),
        ({"questions": ["a", "b", "c", "d", "e", "f"]}, "questions", list("abcde"), "more_than_5_questions"),
        ({"questions": ["Where?", "where? "]}, "questions", ["Where?"], "duplicate_questions"),
        ({"questions": ["", "Where?"]}, "questions", ["Where?"], "blank_questions"),
        ({"questions": ["q" * 600]}, "questions", ["q" * 499 + "…"], "question_cut"),
        ({"summary": "word " * 100}, "summary", ("word " * 59).rstrip() + "…", "summary_cut"),
        ({"summary": "a NUL \x00 and \ud800 half"}, "summary", "a NUL \ufffd and \ufffd half", "replaced_characters"),
    ],
)
def test_small_faults_are_repaired_and_flagged(changes: dict[str, Any], key: str, value: Any, flag: str) -> None:
    answer = usable(**changes)
    assert getattr(answer.analysis, key) == value
    assert answer.flags == (flag,)


def test_five_questions_with_a_repeated_one_are_not_too_many() -> None:
    assert usable(questions=["a", "b", "c", "d", "e", "A"]).flags == ("duplicate_questions",)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_makes_the_answer_invalid(key: str) -> None:
    document = {name: value for name, value in GOOD.items() if name != key}
    assert read_answer(json.dumps(document), SESSION) == InvalidAnswer(f"{key} is missing")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"language": "blorbian"}, "language is no code or name of a language"),
        ({"language": "n1"}, "language is no code or name of a language"),
        ({"sentiment": "MIXED"}, "sentiment is not one of the three words"),
        ({"category": "HOLIDAYS"}, "category is not one of the thirteen words"),
        ({"escalated": "no"}, "escalated has the wrong type"),
        ({"escalated": 0}, "escalated has the wrong type"),
        ({"questions": {"1": "Where?"}}, "questions has the wrong type"),
        ({"questions": [1]}, "questions has an item that is not text"),
        ({"summary": " \n "}, "summary is empty"),
        ({"session_id": "another"}, "session_id is another session's"),
    ],
)
def test_other_faults_make_it_invalid_with_a_reason_that_quotes_nothing(changes: dict[str, Any], reason: str) -> None:
    assert read(**changes) == InvalidAnswer(reason)


@pytest.mark.parametrize("content", ["", "sorry", "[1]", '"text"', "{", "[" * 100_000, "1" * 10_000])
def test_text_that_is_no_json_object_is_invalid(content: str) -> None:
    assert isinstance(read_answer(content, SESSION), InvalidAnswer)


def test_the_session_id_is_compared_without_regard_to_case_and_kept_as_ours() -> None:
    assert usable(session_id=f" {SESSION.upper()} ").analysis.session_id == SESSION


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=700),
    lambda children: st.lists(children, max_size=7) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), values), st.text(st.characters()))
def test_whatever_comes_is_read_without_raising_and_within_all_bounds(changes: dict[str, Any], garbage: str) -> None:
    assert isinstance(read_answer(garbage, SESSION), InvalidAnswer)
    answer = read(**changes)
    if isinstance(answer, Answer):
        found = answer.analysis
        assert 1 <= len(found.summary) <= 300
        assert len(found.questions) <= 5
        assert all(1 <= len(question) <= 500 for question in found.questions)
        assert found.session_id == SESSION
        # Postgres takes neither NUL nor halves of surrogate pairs.
        assert "\x00" not in found.model_dump_json() and "\\u0000" not in found.model_dump_json()
        found.model_dump_json().encode()
