"""The answer that the analysis asks for: its eight keys and its JSON schema.

Add a key or a category here; the prompt's explanation of it goes to `analysis.rules.prompt`. How an answer is read and mildly
repaired is in `analysis.rules.answer_reading`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
