"""The answer that the analysis asks for: its eight keys, its JSON schema, and how an answer is read and mildly repaired.

Add a key or a category here; the prompt's explanation of it goes to `core.prompt`. Whether a line holds an answer at all is
decided in `core.result_lines`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from livedash_pipeline.core.text import storable_text

MAX_QUESTIONS = 5
SUMMARY_MIN = 10
SUMMARY_MAX = 300
QUESTION_MAX = 500


class Sentiment(StrEnum):
    """Overall tone of the user."""

    POSITIVE = "POSITIVE"
    NEUTRAL = "NEUTRAL"
    NEGATIVE = "NEGATIVE"


class Category(StrEnum):
    """What the session is about."""

    SCHEDULE_HOURS = "SCHEDULE_HOURS"
    LEAVE_VACATION = "LEAVE_VACATION"
    SICK_LEAVE_RECOVERY = "SICK_LEAVE_RECOVERY"
    SALARY_COMPENSATION = "SALARY_COMPENSATION"
    CONTRACT_HOURS = "CONTRACT_HOURS"
    ONBOARDING = "ONBOARDING"
    OFFBOARDING = "OFFBOARDING"
    WORKWEAR_STAFF_PASS = "WORKWEAR_STAFF_PASS"  # noqa: S105 - a category, not a password
    TEAM_CONTACTS = "TEAM_CONTACTS"
    PERSONAL_QUESTIONS = "PERSONAL_QUESTIONS"
    ACCESS_LOGIN = "ACCESS_LOGIN"
    SOCIAL_QUESTIONS = "SOCIAL_QUESTIONS"
    UNRECOGNIZED_OTHER = "UNRECOGNIZED_OTHER"


class SessionAnalysis(BaseModel):
    """The eight keys, in the order in which the model is asked for them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str = Field(description="Main language of the user, ISO 639-1, two lower-case letters")
    sentiment: Sentiment = Field(description="Overall emotional tone of the user")
    escalated: bool = Field(description="The user was passed on to a supervisor or manager, or asked to be")
    forwarded_hr: bool = Field(description="Contact with HR was mentioned or its details were given")
    category: Category = Field(description="The one category that fits best")
    questions: list[str] = Field(description="Up to 5 questions of the user, paraphrased in English")
    summary: str = Field(description="What the session was about and how it ended, 10 to 300 characters")
    session_id: str = Field(description="The session_id of the input, repeated")


@dataclass(frozen=True)
class Answer:
    """A usable answer, and what was repaired in it.

    Attributes:
        analysis: The eight keys, within all bounds.
        flags: Names of the repairs, sorted: `letter_case`, `more_than_5_questions`, `duplicate_questions`, `blank_questions`,
            `question_cut`, `summary_cut`, `replaced_characters`.
    """

    analysis: SessionAnalysis
    flags: tuple[str, ...]


@dataclass(frozen=True)
class InvalidAnswer:
    """Text that is not the answer that was asked for; `reason` names the key or the fault and quotes nothing."""

    reason: str


def answer_schema() -> dict[str, Any]:
    """The strict JSON schema of the answer, in the plain keywords that every vendor's strict mode takes.

    Lengths, patterns and item counts are left out (vendors differ on them) and checked when the answer is read.
    """
    generated = SessionAnalysis.model_json_schema()
    definitions = generated.get("$defs", {})
    properties = {name: _plain(spec, definitions) for name, spec in generated["properties"].items()}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(spec: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    resolved = definitions[spec["$ref"].rsplit("/", 1)[1]] if "$ref" in spec else spec
    plain = {key: resolved[key] for key in ("type", "enum") if key in resolved}
    if "items" in resolved:
        plain["items"] = _plain(resolved["items"], definitions)
    if "description" in spec:
        plain["description"] = spec["description"]
    return plain


def read_answer(content: str, session_id: str) -> Answer | InvalidAnswer:
    """Reads the text of an answer to the question about `session_id`.

    Small faults are repaired and flagged; anything else is invalid: not JSON, a key missing or of the wrong type, an unknown
    word, a summary that says nothing, another session's id.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return InvalidAnswer("the answer is not JSON")
    if not isinstance(document, dict):
        return InvalidAnswer("the answer is not a JSON object")
    flags: set[str] = set()
    fault = _fault_of(document)
    if fault is not None:
        return InvalidAnswer(fault)
    if document["session_id"].strip().lower() != session_id.lower():
        return InvalidAnswer("session_id is another session's")
    language = _cased(document["language"], str.lower, flags)
    sentiment = _cased(document["sentiment"], str.upper, flags)
    category = _cased(document["category"], str.upper, flags)
    if not re.fullmatch(r"[a-z]{2}", language):
        return InvalidAnswer("language is not two letters")
    if sentiment not in Sentiment.__members__:
        return InvalidAnswer("sentiment is not one of the three words")
    if category not in Category.__members__:
        return InvalidAnswer("category is not one of the thirteen words")
    summary = _repaired_summary(document["summary"], flags)
    if len(summary) < SUMMARY_MIN:
        return InvalidAnswer(f"summary is shorter than {SUMMARY_MIN} characters")
    analysis = SessionAnalysis(
        language=language,
        sentiment=Sentiment(sentiment),
        escalated=document["escalated"],
        forwarded_hr=document["forwarded_hr"],
        category=Category(category),
        questions=_repaired_questions(document["questions"], flags),
        summary=summary,
        session_id=session_id,
    )
    return Answer(analysis, tuple(sorted(flags)))


def _fault_of(document: dict[str, Any]) -> str | None:
    kinds: dict[str, type] = {
        "language": str,
        "sentiment": str,
        "escalated": bool,
        "forwarded_hr": bool,
        "category": str,
        "questions": list,
        "summary": str,
        "session_id": str,
    }
    for key, kind in kinds.items():
        if key not in document:
            return f"{key} is missing"
        if not isinstance(document[key], kind):
            return f"{key} has the wrong type"
    if not all(isinstance(question, str) for question in document["questions"]):
        return "questions has an item that is not text"
    return None


def _cased(word: str, change: Any, flags: set[str]) -> str:
    trimmed = word.strip()
    changed: str = change(trimmed)
    if changed != trimmed:
        flags.add("letter_case")
    return changed


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
    return kept


def _repaired_questions(questions: list[str], flags: set[str]) -> list[str]:
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
