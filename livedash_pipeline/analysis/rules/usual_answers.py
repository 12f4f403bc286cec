"""Reads answers in which nothing has to be repaired, which nearly all are, in a fifth of the time of the careful reading.

Nothing is added here: a repair belongs to `analysis.rules.answer_reading`, which reads every text that is left to it. A test
compares both readings.
"""

from __future__ import annotations

import json
from typing import Any

from livedash_pipeline.analysis.rules.answer import (
    MAX_QUESTIONS,
    QUESTION_MAX,
    SUMMARY_MAX,
    SUMMARY_MIN,
    Category,
    Sentiment,
    SessionAnalysis,
)
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.intake.rules.vocabulary_languages import LANGUAGE_CODES

_KEYS = frozenset(SessionAnalysis.model_fields)
_SENTIMENTS = frozenset(Sentiment.__members__)
_CATEGORIES = frozenset(Category.__members__)


def is_usual_answer(content: str, session_id: str) -> bool:
    """Whether a text is the answer about a session just as it was asked for; it is its own JSON document then."""
    try:
        values = _DECODE(content)
    except (ValueError, RecursionError):
        return False
    return (
        type(values) is dict
        and values.keys() == _KEYS
        and values["session_id"] == session_id
        and type(values["escalated"]) is bool
        and type(values["forwarded_hr"]) is bool
        and _is_word(values["language"], LANGUAGE_CODES)
        and _is_word(values["sentiment"], _SENTIMENTS)
        and _is_word(values["category"], _CATEGORIES)
        and _is_text(values["summary"], SUMMARY_MIN, SUMMARY_MAX)
        and _are_questions(values["questions"])
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; ValueError where a key is repeated."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


_DECODE = json.JSONDecoder(object_pairs_hook=_once).decode


def _is_word(value: object, words: frozenset[str]) -> bool:
    return type(value) is str and value in words


def _is_text(value: object, least: int, most: int) -> bool:
    """Whether a text is stored as it is: without blanks around it, and without characters that are replaced."""
    return (
        type(value) is str
        and least <= len(value) <= most
        and value.strip() == value
        and storable_text(value)[0] == value
    )


def _are_questions(value: object) -> bool:
    if (
        type(value) is not list
        or len(value) > MAX_QUESTIONS
        or not all(_is_text(each, 1, QUESTION_MAX) for each in value)
    ):
        return False
    return len({each.casefold() for each in value}) == len(value)
