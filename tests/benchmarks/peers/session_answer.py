"""The answer that is asked for as a pydantic model, for peers that make the schema from it and check answers by it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


# The schema is named after the class, and by this name the local Batch API knows which answer is wanted.
class session_analysis(BaseModel):  # noqa: N801
    """The eight keys of an analysis."""

    model_config = ConfigDict(extra="forbid")

    language: str
    sentiment: Literal["POSITIVE", "NEUTRAL", "NEGATIVE"]
    escalated: bool
    forwarded_hr: bool
    category: Literal[
        "SCHEDULE_HOURS",
        "LEAVE_VACATION",
        "SICK_LEAVE_RECOVERY",
        "SALARY_COMPENSATION",
        "CONTRACT_HOURS",
        "ONBOARDING",
        "OFFBOARDING",
        "WORKWEAR_STAFF_PASS",
        "TEAM_CONTACTS",
        "PERSONAL_QUESTIONS",
        "ACCESS_LOGIN",
        "SOCIAL_QUESTIONS",
        "UNRECOGNIZED_OTHER",
    ]
    questions: list[str]
    summary: str
    session_id: str
