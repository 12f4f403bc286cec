"""Shapes of what is sent and answered about chat batches, for the OpenAPI document; none of the answers is run.

Documents are made by `chats.steps.documents`. Add a field here when a document gets one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from livedash_pipeline.api.http.parameters import Body, PageOf
from livedash_pipeline.api.routes.admin.schemas import Answered, Page, Shape
from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, MAX_PAGE
from livedash_pipeline.chats.rules.slices import LONGEST, SHORTEST, USUAL
from livedash_pipeline.chats.steps.trial import MOST as MOST_TRIED
from livedash_pipeline.chats.steps.trial import USUAL as USUAL_TRIAL

ID = "01971c4e-8f2a-7c3d-9e4f-5a6b7c8d9e0f"
_MOMENT = "2025-05-01T12:00:00+00:00"
BatchId = Annotated[str, Field(max_length=64, description="Id of a chat batch.", examples=[ID])]
StatusWord = Literal[
    "created", "processing", "cancelling", "completed", "completed_with_failures", "failed", "cancelled"
]
StopWord = Literal["finished", "deadline", "cancelled", "paused", "held"]


class PageOfChatBatches(PageOf):
    """A page of chat batches."""

    status: str | None = Field(
        None,
        max_length=50,
        description="Only batches of this status, in either case.",
        json_schema_extra={"enum": [status.lower() for status in ChatBatchStatus], "type": "string"},
    )


class ResultsQuery(Body):
    """Which results, and how they are written."""

    model_config = ConfigDict(extra="forbid", strict=False)

    batch_id: BatchId = Field(alias="batchId")
    format: Literal["csv", "json", "xlsx"] = "csv"
    originals: Literal["first", "last"] = Field("first", description="Where the columns of the uploaded file stand.")


class TemplateQuery(Body):
    """In which format."""

    model_config = ConfigDict(extra="forbid", strict=False)

    format: Literal["csv", "json", "xlsx"] = "csv"


class CompareQuery(Body):
    """Which runs are compared, and which page of the rows that differ is shown."""

    model_config = ConfigDict(extra="forbid", strict=False)

    a: BatchId
    b: BatchId | None = Field(None, description="Another run of the same file; without it the file's expected answers.")
    limit: int = Field(DEFAULT_PAGE, ge=1, le=MAX_PAGE, description="Rows a page.")
    cursor: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="`nextCursor` of the page before.")
    show_text: bool = Field(False, alias="showText", description="Also the questions and answers.")
    judge_model: str | None = Field(
        None,
        alias="judgeModel",
        min_length=1,
        max_length=200,
        description="The judge whose verdicts are shown; OPENAI_MODEL if none is named. Nobody is asked here.",
    )


class JudgeBody(Body):
    """Which runs a model is asked to judge."""

    a: BatchId
    b: BatchId | None = Field(None, description="Another run of the same file; without it the file's expected answers.")
    judge_model: str | None = Field(
        None, min_length=1, max_length=200, description="The judge; without it OPENAI_MODEL."
    )
    dry_run: bool = Field(False, description="Only count pairs and say what they cost at most.")


class Judging(Answered):
    """What a model is asked about; it is sent with the next batch."""

    model: str = Field(examples=["gpt-5-mini"])
    prompt_version: str = Field(examples=["1"])
    pairs: int = Field(ge=0, description="Different pairs of answers that rules call changed.", examples=[8])
    requested: int = Field(ge=0, description="Those that this model was never asked about.", examples=[5])
    known: int = Field(ge=0, examples=[3])
    cost_eur_at_most: str | None = Field(description="Of those requested; null if price or exchange rate is unknown.")
    dry_run: bool


class Judgements(Shape):
    """What a model has said of the rows that rules call changed."""

    model: str
    prompt_version: str
    same: int = Field(ge=0)
    different: int = Field(ge=0)
    undecided: int = Field(ge=0)
    waiting: int = Field(ge=0, description="Asked for and not answered yet.")
    failed: int = Field(ge=0, description="Requests that failed; they can be requeued.")
    not_judged: int = Field(ge=0)
    cost_usd: str | None = Field(description="Of all these judgements; null where a price is unknown.")
    cost_eur: str | None


class ComparedRow(Shape):
    """A row whose answers are not the same; texts only if asked for."""

    row: int = Field(ge=0)
    source_line: int
    verdict: Literal["changed", "missing"]
    reason: str = Field(examples=["numbers"])
    judgement: Literal["same", "different", "undecided", "waiting", "failed"] | None = None
    question: str | None = None
    answer_a: str | None = None
    answer_b: str | None = None


class Compared(Page):
    """How the answers of two runs agree."""

    a: str = Field(examples=[ID])
    b: str | None
    same: int = Field(ge=0, examples=[110])
    changed: int = Field(ge=0, examples=[8])
    missing: int = Field(ge=0, examples=[2])
    reasons: dict[str, int]
    judgements: Judgements | None
    rows: list[ComparedRow]


class ProcessBody(Body):
    """A slice of work."""

    batch_id: BatchId
    duration_seconds: float = Field(
        USUAL, ge=SHORTEST, le=LONGEST, description="How long it lasts; what is under way then is waited for."
    )


class BatchBody(Body):
    """Which batch."""

    batch_id: BatchId


class TryBody(BatchBody):
    """A trial of the first conversations."""

    items: int = Field(USUAL_TRIAL, ge=1, le=MOST_TRIED, description="How many conversations, with all their turns.")
    dry_run: bool = Field(False, description="Only say what would be asked.")


class ResumeBody(BatchBody):
    """What is taken up again."""

    failed: bool = Field(False, description="Ask again what failed as well.")
    dry_run: bool = Field(False, description="Only say what would be asked again.")


class Created(Answered):
    """A batch was made; nothing is started."""

    batch_id: str = Field(examples=[ID])
    chats: int = Field(ge=1, examples=[120])
    rows: int = Field(ge=1, examples=[120])


class Note(Shape):
    """Something that was unclear in the file, and how it was read."""

    code: str
    count: int
    message: str


class Previewed(Answered):
    """What a batch would be."""

    chats: int = Field(examples=[120])
    rows: int = Field(examples=[120])
    too_short: int = Field(examples=[0])
    cost_eur_at_most: str | None = Field(examples=["0.42"])
    columns: list[str]
    meanings: dict[str, str | None]
    notes: list[Note]


class Sliced(Answered):
    """What a slice did, and why it ended."""

    processed: int = Field(ge=0, examples=[118])
    failed: int = Field(ge=0, examples=[0])
    remaining: int = Field(ge=0, examples=[0])
    stop_reason: StopWord
    skipped: int = Field(ge=0, examples=[2])
    status: StatusWord
    reason: str | None
    overrun_seconds: float = Field(examples=[0.0])


class Cancelled(Answered):
    """What a cancel did."""

    cancel_requested: bool
    already_ended: bool
    under_way: int = Field(ge=0, examples=[3])
    status: StatusWord


class Tried(Answered):
    """What a trial asks, or would ask."""

    tried: bool = Field(description="Whether this call began it; false for a batch that had begun, and for a dry run.")
    items: int = Field(ge=0, examples=[10])
    set_aside: int = Field(ge=0, examples=[110], description="Conversations that wait for a resume.")
    cost_eur_at_most: str | None = Field(examples=["0.04"])
    status: StatusWord


class Resumed(Answered):
    """What a resume did, or would do."""

    resumed: bool
    items: int = Field(ge=0, examples=[4])
    cost_eur_at_most: str | None = Field(examples=["0.42"])
    status: StatusWord


class ListedChatBatch(Shape):
    """A chat batch."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["Spring questions"])
    status: StatusWord
    chats: int = Field(examples=[120])
    total_items: int = Field(examples=[120])
    processed_items: int = Field(examples=[118])
    failed_items: int = Field(examples=[0])
    skipped_items: int = Field(examples=[2])
    cancelled_items: int = Field(examples=[0])
    last_processed_index: int = Field(ge=-1, examples=[119], description="End of the finished prefix; -1: none.")
    pending_items: int
    processing_items: int
    type: str
    company: str = Field(examples=["acme"])
    ai_provider: str = Field(examples=["openai"])
    search_provider: str = Field(examples=["none"])
    page_language: str | None = Field(examples=["en"])
    apply_overrides: bool
    mode: Literal["slices", "batch", "auto"]
    model: str
    file_name: str | None
    uploader: str | None
    percent: int = Field(ge=0, le=100)
    items_per_minute: float | None
    estimated_end_at: datetime | None = Field(examples=[_MOMENT])
    cost_eur: str | None
    due_at: datetime | None
    created_at: datetime = Field(examples=[_MOMENT])
    started_at: datetime | None
    cancel_requested_at: datetime | None
    ended_at: datetime | None


class ChatBatches(Page):
    """A page of chat batches, newest first."""

    batches: list[ListedChatBatch]


class ShownChatBatch(ListedChatBatch):
    """A chat batch with what it is asked with."""

    configuration: dict[str, Any]
    columns: list[str]


class OneChatBatch(Answered):
    """One chat batch."""

    batch: ShownChatBatch


_FIELDS: dict[str, Any] = {
    "name": {"type": "string", "maxLength": 200},
    "company": {"type": "string", "description": "Slug; only for tokens of platform administrators."},
    "type": {"type": "string"},
    "aiProvider": {"type": "string"},
    "searchProvider": {"type": "string", "enum": ["none", "postgres"]},
    "pageLanguage": {"type": "string"},
    "applyOverrides": {"type": "boolean"},
    "overrideText": {"type": "string"},
    "mode": {"type": "string", "enum": ["slices", "batch", "auto"]},
    "dueAt": {"type": "string", "format": "date-time"},
    "turnPolicy": {"type": "string", "enum": ["stop", "continue"]},
}


def upload_body() -> dict[str, Any]:
    """`requestBody` of an upload: a form with a file, or a document with the questions."""
    items = {
        "type": "array",
        "minItems": 1,
        "items": {"description": "A question as text, or an object with `question` and whatever else belongs to it."},
    }
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {**_FIELDS, "file": {"type": "string", "format": "binary"}},
    }
    document = {"type": "object", "required": ["items"], "properties": {**_FIELDS, "items": items}}
    example = {"company": "acme", "name": "Spring questions", "items": [{"question": "How do I apply for leave?"}]}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": document, "example": example},
            "multipart/form-data": {"schema": form},
        },
    }
