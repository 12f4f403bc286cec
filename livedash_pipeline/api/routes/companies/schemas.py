"""Shapes of what clients submit and read of their own sessions, for the OpenAPI document; none of them is run.

What a submitted session may be is `submissions.rules.fields`, from which its schema is taken. Add a model when a route for
companies answers with a new kind of document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from livedash_pipeline.api.http.idempotency import REPLAYED
from livedash_pipeline.api.routes.admin.schemas import Answered, Shape
from livedash_pipeline.submissions.rules.fields import session_schema
from livedash_pipeline.submissions.steps.take_submissions import MAX_ITEMS

_MOMENT = "2025-05-01T12:00:00+00:00"
StageWord = Literal["csv_import", "transcript_fetch", "session_creation", "ai_analysis", "question_extraction"]
StatusWord = Literal["pending", "in_progress", "completed", "failed", "skipped"]
Flags = list[Literal["characters_replaced", "country_unknown", "language_unknown"]]
Sentiment = Literal["positive", "neutral", "negative"]


class PointedFault(Shape):
    """What is wrong with one field; the pointer leads into the item."""

    pointer: str = Field(examples=["/messages/0/sentAt"])
    detail: str


class Submitted(Answered):
    """A session that was taken; where to look for it is in `Location`."""

    external_id: str = Field(examples=["chat-4711"])
    outcome: Literal["created", "updated", "unchanged"]
    flags: Flags = Field(description="What was made of it; empty if it was taken as it is.")


class SubmittedItem(Shape):
    """What became of one item of a batch."""

    index: int = Field(ge=0, description="Its place in the batch, from 0.")
    external_id: str | None = Field(examples=["chat-4711"])
    outcome: Literal["created", "updated", "unchanged", "rejected"]
    code: Literal["malformed", "too_large", "invalid", "duplicate_id", "erased", "texts_deleted"] | None
    flags: Flags
    errors: list[PointedFault]


class SubmittedBatch(Answered):
    """What became of a batch: counts, and its items in their order."""

    created: int = Field(ge=0, examples=[1])
    updated: int = Field(ge=0, examples=[0])
    unchanged: int = Field(ge=0, examples=[0])
    rejected: int = Field(ge=0, examples=[0])
    items: list[SubmittedItem]


class Analysis(Shape):
    """What the analysis says."""

    analysed_at: datetime = Field(examples=[_MOMENT])
    language: str | None = Field(
        examples=["nl"], description="ISO 639-1, two letters; for languages that have none, ISO 639-3, three letters."
    )
    sentiment: Sentiment | None
    escalated: bool | None
    forwarded_hr: bool | None
    category: str | None = Field(examples=["leave_vacation"])
    summary: str | None
    questions: list[str] = Field(description="Most important first.")


class CurrentAnalysis(Analysis):
    """The newest analysis."""

    current: bool = Field(description="False: the session has changed since and waits to be analysed again.")


class ReachedStage(Shape):
    """How one stage stands."""

    stage: StageWord
    status: StatusWord
    error_message: str | None
    completed_at: datetime | None


class OwnSession(Shape):
    """A session: the first stage that is not over, or the last one, and the result once there is one."""

    external_id: str
    stage: StageWord
    status: StatusWord
    error_message: str | None
    source: Literal["api", "csv"]
    start_time: datetime
    end_time: datetime
    received_at: datetime
    changed_at: datetime
    erased_at: datetime | None
    stages: list[ReachedStage]
    result: CurrentAnalysis | None


class OneSession(Answered):
    """One session."""

    session: OwnSession


class Erased(Answered):
    """A session was erased, now or before."""

    external_id: str
    erased: Literal[True]
    in_flight_count: int = Field(ge=0, description="Requests about it at the service: settled without their answers.")


class ListedResult(Analysis):
    """An analysed session."""

    external_id: str
    start_time: datetime
    end_time: datetime


class Results(Answered):
    """Results in the order of their analysis."""

    results: list[ListedResult]
    next_cursor: str | None = Field(description="Ask with it for what comes after, also when there is no more now.")
    has_more: bool


def session_body() -> dict[str, Any]:
    """`requestBody` of one session."""
    return {"required": True, "content": {"application/json": {"schema": session_schema()}}}


def batch_body() -> dict[str, Any]:
    """`requestBody` of a batch. Its items are judged one by one, so that the schema of the whole takes any."""
    example = session_schema()["examples"][0]
    array = {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_ITEMS,
        "items": {"description": "As the body of `POST /api/v1/sessions`; judged one by one."},
    }
    # JSON Schema has no word for lines of JSON.
    lines = {"description": "A session a line, each as the body of `POST /api/v1/sessions`; judged one by one."}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": array, "example": [example]},
            "application/x-ndjson": {"schema": lines, "example": "{…}\n{…}\n"},
        },
    }


def taken(model: type[BaseModel], location: str, **more: Any) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that takes something in; `location` says where to look, links and the like are in `more`."""
    headers = {
        "Location": {"description": location, "required": True, "schema": {"type": "string"}},
        REPLAYED: {
            "description": "`true` if this is the answer that the same request with the same key got before.",
            "schema": {"type": "string"},
        },
    }
    return {202: {"model": model, "description": "Taken", "headers": headers, **more}}
