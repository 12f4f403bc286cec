"""Shapes of answers, for the OpenAPI document and the tests that compare answers with it; none of them is run.

Documents are made by steps. Add a model when a route answers with a new kind of document, and an example that people can copy.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

RequestWord = Literal["pending_batching", "batching_in_progress", "processing_complete", "processing_failed"]
BatchWord = Literal[
    "pending", "uploading", "validating", "in_progress", "finalizing", "completed", "processed", "failed", "cancelled"
]
_ID = "01971c4e-8f2a-7c3d-9e4f-5a6b7c8d9e0f"
_MOMENT = "2025-05-01T12:00:00+00:00"


class Shape(BaseModel):
    """An object with keys in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Answered(Shape):
    """A document; `ok` is true unless a person has to look after something."""

    ok: bool = Field(examples=[True])


class Counts(BaseModel):
    """Requests per status."""

    pending_batching: int = Field(ge=0, examples=[15231])
    batching_in_progress: int = Field(ge=0, examples=[2500])
    processing_complete: int = Field(ge=0, examples=[85432])
    processing_failed: int = Field(ge=0, examples=[78])


class Summary(Answered):
    """Requests per status."""

    summary: Counts


class Page(Answered):
    """A page; `nextCursor` is null on the last one."""

    next_cursor: str | None = Field(examples=[None])


class ListedRequest(Shape):
    """A request."""

    id: UUID = Field(examples=[_ID])
    session_id: UUID | None
    status: RequestWord
    company_id: UUID
    model: str = Field(examples=["gpt-5-mini"])
    batch_id: UUID | None
    attempts: int = Field(ge=0, examples=[1])
    error_code: str | None = Field(examples=["truncated"])
    error_message: str | None
    requested_at: datetime = Field(examples=[_MOMENT])
    completed_at: datetime | None


class Requests(Page):
    """One page of requests, in the order of their ids."""

    requests: list[ListedRequest]


class Attempt(Shape):
    """One try of a request, and what it cost."""

    id: UUID
    batch_id: UUID | None
    openai_batch_id: str | None
    outcome: str | None = Field(examples=["parsed"])
    error_code: str | None
    error_message: str | None
    http_status: int | None
    finish_reason: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    total_cost_eur: str | None = Field(examples=["0.00031"])
    created_at: datetime
    settled_at: datetime | None


class DescribedRequest(ListedRequest):
    """A request with what it asks and how often it was released."""

    processing_type: str
    prompt_version: str
    token_estimate: int
    max_output_tokens: int
    releases: int
    updated_at: datetime


class OneRequest(Answered):
    """One request with all its tries, oldest first."""

    request: DescribedRequest
    attempts: list[Attempt]


class Requeued(Answered):
    """What a requeue did; the three counts sum to the distinct ids given."""

    requeued_count: int = Field(ge=0, examples=[2])
    not_found_count: int = Field(ge=0, examples=[0])
    not_failed_count: int = Field(ge=0, examples=[0])
    dry_run: Literal[True] | None = Field(None, description="There if nothing was changed.")
    cost_at_most_eur: str | None = Field(
        None, description="Of a dry run; null where a price or the exchange rate is unknown.", examples=["1.25"]
    )
    outdated_count: int | None = Field(
        None,
        ge=0,
        description="Of a dry run: of these the chat or the prompt has changed since; the cost is about the old one.",
    )
    until: datetime | None = Field(None, description="Of a dry run: the moment up to which it counted.")


class Reread(Answered):
    """What reading kept answers again did; those read are accepted or still refused."""

    read_count: int = Field(ge=0, examples=[3])
    accepted_count: int = Field(ge=0, examples=[2])
    still_refused_count: int = Field(ge=0, examples=[1])
    without_text_count: int = Field(ge=0, description="Their texts were deleted, or never kept.", examples=[0])
    outdated_count: int = Field(ge=0, description="Their sessions have gone on meanwhile.", examples=[0])
    dry_run: Literal[True] | None = Field(None, description="There if nothing was changed.")


class ListedBatch(Shape):
    """A batch."""

    id: UUID
    openai_batch_id: str | None = Field(examples=["batch_6812f0c2"])
    company: str = Field(examples=["acme"])
    model: str
    status: BatchWord
    openai_status: str | None
    requests: int = Field(ge=0)
    created_at: datetime
    processed_at: datetime | None
    error_code: str | None
    error_message: str | None
    purchase_guard: str | None = Field(
        None, description="How sure it is that it is not bought twice: `tag_fence` or `tag`."
    )
    estimated_cost_eur: str | None = Field(description="Set aside when it was claimed.", examples=["0.42"])
    cost_usd: str | None
    cost_eur: str | None = Field(description="All that it costs; null while a part is unknown.", examples=["0.31"])
    unattributed_eur: str = Field(description="What of it no line states.", examples=["0"])
    surplus_eur: str = Field(description="What of it surplus batches cost.", examples=["0"])
    open_entries: int = Field(ge=0, description="Its parts of unknown cost.", examples=[0])


class Batches(Page):
    """One page of batches, newest first."""

    batches: list[ListedBatch]


class DescribedBatch(ListedBatch):
    """A batch with its files, times, counts and cost."""

    endpoint: str
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    token_estimate: int
    submitted_at: datetime | None
    expires_at: datetime | None
    completed_at: datetime | None
    cancel_requested_at: datetime | None
    reported: dict[str, int | None]
    lines: dict[str, int | None]
    outcomes: dict[str, int]
    total_cost_eur: str | None


class OneBatch(Answered):
    """One batch."""

    batch: DescribedBatch


class Cancelled(Answered):
    """What came of a cancel."""

    cancel_requested_count: int = Field(ge=0, examples=[1])
    already_ended_count: int = Field(ge=0, examples=[0])
    not_found_count: int = Field(ge=0, examples=[0])


class Stages(Answered):
    """Sessions per stage and status."""

    total_sessions: int = Field(ge=0, examples=[109])
    stages: dict[str, dict[str, int]] = Field(examples=[{"csv_import": {"pending": 0, "completed": 109}}])


class Reject(Shape):
    """A record of a CSV that could not be read."""

    id: UUID
    company: str
    import_run_id: UUID
    imported_at: datetime
    line_number: int = Field(ge=1)
    reason: str = Field(examples=["bad_start_time"])
    detail: str | None
    raw_text: str = Field(description="The record as it stands in the file, cut after 500 characters.")


class Rejects(Page):
    """One page of rejected records, newest import first."""

    rejects: list[Reject]


class Reconciled(Answered):
    """What reconciling did; `ok` is false, with an `error`, where whether a batch was bought cannot be known."""

    adopted: int
    surplus_cancelled: int
    strangers: int
    files_removed: int
    vanished: int
    unclear: int = Field(
        description="Batches with our mark of which the service's answers do not say whether they are surplus; left alone."
    )
    error: dict[str, str] | None = None


class Amounts(Shape):
    """A sum of costs, and what they were spent on; what is only estimated has names of its own."""

    entries: int = Field(ge=0, examples=[120])
    requests: int = Field(ge=0, description="Tries that the service ran and charges for.", examples=[118])
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: str = Field(examples=["0.0531"])
    cost_eur: str = Field(examples=["0.04779"])
    cost: str | None = Field(description="In `currency`; null where a rate is unknown.", examples=["0.04779"])
    useful_usd: str
    useful_eur: str
    retried_usd: str
    retried_eur: str
    wasted_usd: str
    wasted_eur: str
    surplus_usd: str
    surplus_eur: str
    unattributed_usd: str
    unattributed_eur: str
    synchronous_usd: str = Field(description="What paid lines of batches would have cost as single calls.")
    saved_usd: str
    without_synchronous_price: int = Field(ge=0)
    open_entries: int = Field(ge=0, description="Charged, or perhaps charged, at an unknown cost.")
    open_eur_at_most: str | None
    in_flight_entries: int = Field(ge=0)
    in_flight_eur_at_most: str | None
    unpriced_entries: int = Field(ge=0)
    complete: bool = Field(description="Whether the cost of everything that was charged is known.")


class SpendGroup(Amounts):
    """A group; it has the columns that it was asked to be grouped by."""

    day: str | None = Field(None, examples=["2025-05-01"])
    month: str | None = Field(None, examples=["2025-05"])
    company: str | None = Field(None, examples=["acme"])
    model: str | None = Field(None, examples=["gpt-5-mini"])
    kind: str | None = Field(None, examples=["session_analysis"])
    purchase: str | None = Field(None, description="`batch`, `call` or `taken_over`; with `kind`.", examples=["batch"])
    outcome: str | None = Field(None, examples=["parsed"])


class Spending(Answered):
    """What was spent in some UTC days, the last one included."""

    from_: str = Field(alias="from", examples=["2025-05-01"])
    to: str = Field(examples=["2025-05-31"])
    company: str | None
    by: list[str] = Field(examples=[["company"]])
    currency: str = Field(examples=["EUR"])
    complete: bool
    rows: list[SpendGroup]
    total: Amounts
    notes: list[str] = Field(description="A sentence for everything that the sums do not include.")


class Health(Shape):
    """The server is up, or ready."""

    status: Literal["up", "ready"]


class Received(Answered):
    """A webhook was taken."""


class FieldFault(Shape):
    """What is wrong with one field: a JSON pointer into the body, or the name of a parameter."""

    pointer: str | None = Field(None, examples=["/requestIds/0"])
    parameter: str | None = Field(None, examples=["limit"])
    detail: str


class ProblemDetails(Shape):
    """A failure (RFC 9457)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "/docs#problem-bad-argument",
                "title": "An argument is not valid",
                "status": 400,
                "detail": "'done' is not a status of requests.",
                "instance": "/api/admin/legacy/requests",
                "code": "bad_argument",
                "remedy": "Use one of pending_batching, batching_in_progress, processing_complete, processing_failed.",
                "errors": [],
            }
        },
    )

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str
    code: str
    remedy: str
    errors: list[FieldFault]


def answers(model: type[BaseModel], description: str = "Done", **more: Any) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with a document of this shape; links and the like in `more`."""
    return {200: {"model": model, "description": description, **more}}
