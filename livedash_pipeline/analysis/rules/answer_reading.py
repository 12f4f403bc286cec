"""How the answer to the analysis is read: what is repaired and flagged, and what is refused.

Add a repair that leaves no doubt about what was meant, with a flag of its own. What stands around the object is taken off in
`analysis.rules.answer_text`; whether a line holds an answer at all is decided in `ledger.rules.results.result_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from livedash_pipeline.analysis.rules.answer import (
    MAX_QUESTIONS,
    QUESTION_MAX,
    SUMMARY_MAX,
    SUMMARY_MIN,
    Category,
    Sentiment,
    SessionAnalysis,
)
from livedash_pipeline.analysis.rules.answer_language import read_language
from livedash_pipeline.analysis.rules.answer_text import NoObject, find_object
from livedash_pipeline.analysis.rules.usual_answers import is_usual_answer
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer

_KEYS = tuple(SessionAnalysis.model_fields)
_KINDS: dict[str, type] = dict.fromkeys(_KEYS, str) | {"escalated": bool, "forwarded_hr": bool, "questions": list}
_BOOLEANS = {"true": True, "false": False}
# Categories without what stands between their words, which models write as they like.
_CATEGORIES = {name.replace("_", ""): Category(name) for name in Category.__members__}


@dataclass(frozen=True)
class Answer:
    """A usable answer, and what was repaired in it.

    Attributes:
        analysis: The eight keys, within all bounds; the summary may be shorter than asked for.
        flags: Names of the repairs, sorted: those of `answer_text.find_object` and `answer_language.read_language`, and
            `word_form`, `boolean_text`, `questions_null`, `single_question`, `more_than_5_questions`, `duplicate_questions`,
            `blank_questions`, `question_cut`, `summary_short`, `summary_cut`, `session_id_form`, `replaced_characters`.
    """

    analysis: SessionAnalysis
    flags: tuple[str, ...]


@dataclass(frozen=True)
class InvalidAnswer:
    """Text that is not the answer that was asked for; `reason` names the key or the fault and quotes nothing."""

    reason: str


def read_analysis(content: str, session_id: str) -> UsableAnswer | UnusableAnswer:
    """`read_answer` as the ledger stores it: JSON of the eight keys, or why there are none."""
    if is_usual_answer(content, session_id):
        return UsableAnswer(content, ())
    found = read_answer(content, session_id)
    if isinstance(found, InvalidAnswer):
        return UnusableAnswer(found.reason)
    return UsableAnswer(found.analysis.model_dump_json(), found.flags)


def read_answer(content: str, session_id: str) -> Answer | InvalidAnswer:
    """Reads the text of an answer to the question about `session_id`; never raises.

    What leaves no doubt is repaired and flagged; anything else is invalid: no JSON, a key missing or of the wrong type, an
    unknown word, no summary, another session's id.
    """
    found = find_object(content, _KEYS, unique=("session_id",))
    if isinstance(found, NoObject):
        return InvalidAnswer(found.reason)
    flags = set(found.flags)
    values = _repaired_types(found.document, flags)
    fault = _fault_of(values)
    if fault is not None:
        return InvalidAnswer(fault)
    if not _names_session(values["session_id"], session_id, flags):
        return InvalidAnswer("session_id is another session's")
    language = read_language(values["language"])
    sentiment = _cased(values["sentiment"], flags)
    category = _category(values["category"], flags)
    if language is None:
        return InvalidAnswer("language is no code or name of a language")
    if sentiment not in Sentiment.__members__:
        return InvalidAnswer("sentiment is not one of the three words")
    if category is None:
        return InvalidAnswer("category is not one of the thirteen words")
    summary = _repaired_summary(values["summary"], flags)
    if not summary:
        return InvalidAnswer("summary is empty")
    analysis = SessionAnalysis(
        language=language[0],
        sentiment=Sentiment(sentiment),
        escalated=values["escalated"],
        forwarded_hr=values["forwarded_hr"],
        category=category,
        questions=_repaired_questions(values["questions"], flags),
        summary=summary,
        session_id=session_id,
    )
    return Answer(analysis, tuple(sorted(flags | language[1])))


def _repaired_types(document: dict[str, Any], flags: set[str]) -> dict[str, Any]:
    """The values with those of another type that can mean one thing only."""
    values = dict(document)
    for key in ("escalated", "forwarded_hr"):
        word = values.get(key)
        if isinstance(word, str) and word.strip().lower() in _BOOLEANS:
            flags.add("boolean_text")
            values[key] = _BOOLEANS[word.strip().lower()]
    if "questions" in values and values["questions"] is None:
        flags.add("questions_null")
        values["questions"] = []
    elif isinstance(values.get("questions"), str):
        flags.add("single_question")
        values["questions"] = [values["questions"]]
    return values


def _fault_of(values: dict[str, Any]) -> str | None:
    for key, kind in _KINDS.items():
        if key not in values:
            return f"{key} is missing"
        if not isinstance(values[key], kind):
            return f"{key} has the wrong type"
    if not all(isinstance(question, str) for question in values["questions"]):
        return "questions has an item that is not text"
    return None


def _names_session(given: str, session_id: str, flags: set[str]) -> bool:
    if given.strip().lower() == session_id.lower():
        return True
    try:
        # Without hyphens, in braces, or as a URN: the same id.
        same = UUID(given.strip()) == UUID(session_id)
    except ValueError:
        return False
    if same:
        flags.add("session_id_form")
    return same


def _cased(word: str, flags: set[str]) -> str:
    trimmed = word.strip()
    changed = trimmed.upper()
    if changed != trimmed:
        flags.add("letter_case")
    return changed


def _category(word: str, flags: set[str]) -> Category | None:
    """The category, also with other letters or other signs between its words, such as `Schedule Hours`."""
    trimmed = word.strip()
    known = _CATEGORIES.get(re.sub(r"[\W_]+", "", trimmed).upper())
    if known is not None and trimmed != known:
        flags.add("letter_case" if trimmed.upper() == known else "word_form")
    return known


def _storable(text: str, flags: set[str]) -> str:
    kept, replaced = storable_text(text)
    if replaced:
        flags.add("replaced_characters")
    return kept.strip()


def _repaired_summary(summary: str, flags: set[str]) -> str:
    kept = _storable(summary, flags)
    if len(kept) > SUMMARY_MAX:
        flags.add("summary_cut")
        kept = _cut_at_word(kept, SUMMARY_MAX)
    elif len(kept) < SUMMARY_MIN:
        flags.add("summary_short")
    return kept


def _repaired_questions(questions: Iterable[str], flags: set[str]) -> list[str]:
    kept: dict[str, str] = {}
    for question in questions:
        text = _storable(question, flags)
        if len(text) > QUESTION_MAX:
            flags.add("question_cut")
            text = _cut_at_word(text, QUESTION_MAX)
        if not text:
            flags.add("blank_questions")
        elif text.casefold() in kept:
            flags.add("duplicate_questions")
        else:
            kept[text.casefold()] = text
    if len(kept) > MAX_QUESTIONS:
        flags.add("more_than_5_questions")
    return list(kept.values())[:MAX_QUESTIONS]


def _cut_at_word(text: str, limit: int) -> str:
    """The longest beginning of whole words that fits together with an ellipsis; a single long word is cut."""
    room = text[: limit - 1]
    head, space, _ = room.rpartition(" ")
    return (head if space and len(head) >= limit // 2 else room).rstrip() + "…"
