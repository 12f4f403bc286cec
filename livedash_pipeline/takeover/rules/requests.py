"""Reads the request history of an existing LiveDash database: how each request ended, and its row in our ledger.

LiveDash marked old rows as PENDING_BATCHING when it introduced batches, lost answers of batches, and left rows in progress
whose batch had long ended; so the status alone decides nothing. Add a further sign of how a request ended here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.takeover.rules.values import (
    Note,
    Row,
    complaint,
    decimal,
    kept_id,
    made_id,
    moment,
    text,
    truth,
    whole,
)

PROMPT_VERSION = "livedash"
# States of remote batches that LiveDash will not look at again. It has yet to ingest COMPLETED ones.
_CLOSED_BATCHES = frozenset({"PROCESSED", "FAILED", "CANCELLED"})
_STEP = Decimal("0.000000000001")
_LIMIT = Decimal(10) ** 8
_TOKENS = (
    ("prompt_tokens", "promptTokens"),
    ("completion_tokens", "completionTokens"),
    ("total_tokens", "totalTokens"),
    ("cached_tokens", "cachedTokens"),
    ("audio_tokens_prompt", "audioTokensPrompt"),
    ("reasoning_tokens", "reasoningTokens"),
    ("audio_tokens_completion", "audioTokensCompletion"),
    ("accepted_prediction_tokens", "acceptedPredictionTokens"),
    ("rejected_prediction_tokens", "rejectedPredictionTokens"),
)
ABANDONED = "The old system's batch ended and no answer for this request was taken in."


@dataclass(frozen=True, slots=True)
class OldBatch:
    """A batch of LiveDash's own."""

    openai_batch_id: str
    status: str

    @property
    def is_open(self) -> bool:
        """Whether LiveDash has yet to ingest its results."""
        return self.status not in _CLOSED_BATCHES


class RequestEnd(Enum):
    """The state of a request of the source.

    ANSWERED and FAILED are over. OPEN is in a batch that LiveDash has yet to ingest, ABANDONED in one that it will not look at
    again, and WAITING was never sent.
    """

    ANSWERED = auto()
    FAILED = auto()
    OPEN = auto()
    ABANDONED = auto()
    WAITING = auto()


@dataclass(frozen=True, slots=True)
class TakenRequest:
    """A request that is over, with its one try as the ledger keeps it.

    Attributes:
        legacy_id: The old id where that is no UUID.
        source_id: The old id in any case, which the try carries.
        tokens: By column of the ledger.
        prompt_cost_usd: Like the other costs None where LiveDash did not know it.
    """

    request_id: UUID
    legacy_id: str | None
    source_id: str
    attempt_id: UUID
    model: str
    processing_type: str
    answered: bool
    outcome: Outcome
    error_message: str | None
    openai_request_id: str | None
    service_tier: str | None
    system_fingerprint: str | None
    tokens: Mapping[str, int | None]
    prompt_cost_usd: Decimal | None
    completion_cost_usd: Decimal | None
    total_cost_eur: Decimal | None
    requested_at: datetime
    completed_at: datetime

    @property
    def input_hash(self) -> str:
        """Names what was asked; never equal to a hash of ours, which is 64 hexadecimal digits."""
        return f"{PROMPT_VERSION}:{self.source_id}"

    @property
    def total_cost_usd(self) -> Decimal | None:
        """Of both parts."""
        if self.prompt_cost_usd is None or self.completion_cost_usd is None:
            return None
        return self.prompt_cost_usd + self.completion_cost_usd


def request_end(row: Row, batches: Mapping[str, OldBatch]) -> RequestEnd:
    """Returns the state of a row of `AIProcessingRequest`; `batches` are all of the source by their old id."""
    status = text(row.get("processingStatus"))
    if truth(row.get("success")) or status == "PROCESSING_COMPLETE":
        return RequestEnd.ANSWERED
    batch_id = text(row.get("batchId"))
    if status is None or status == "PROCESSING_FAILED":
        return RequestEnd.FAILED
    if batch_id is not None:
        batch = batches.get(batch_id)
        # Nobody can tell whether a batch without a row has ended.
        return RequestEnd.OPEN if batch is None or batch.is_open else RequestEnd.ABANDONED
    failed = row.get("errorMessage") is not None and row.get("completedAt") is not None
    return RequestEnd.FAILED if failed else RequestEnd.WAITING


def open_batch(rows: Sequence[Row], batches: Mapping[str, OldBatch]) -> str | None:
    """The service's id (or the old one) of the open batch that one of the requests is in."""
    for row in rows:
        if request_end(row, batches) is RequestEnd.OPEN:
            batch_id = str(row["batchId"])
            return batches[batch_id].openai_batch_id if batch_id in batches else batch_id
    return None


def take_request(row: Row, end: RequestEnd, notes: list[Note]) -> TakenRequest | None:
    """Reads a request that is over; None, with a note, for one without a time of creation."""
    source_id = str(row["id"])
    requested = moment(row.get("requestedAt"))
    if requested is None:
        notes.append(Note("AIProcessingRequest", source_id, "it has no requestedAt", skipped=True))
        return None
    completed = moment(row.get("completedAt")) or requested
    if completed < requested:
        notes.append(Note("AIProcessingRequest", source_id, "completedAt lies before requestedAt: set to that"))
        completed = requested
    request_id, legacy_id = kept_id("AIProcessingRequest", source_id)
    tokens: dict[str, int | None] = {ours: _tokens(row, theirs, source_id, notes) for ours, theirs in _TOKENS}
    spent = any(tokens.values())
    prompt, completion, total = _costs(row, tokens, source_id, notes)
    message = complaint(row.get("errorMessage"))
    return TakenRequest(
        request_id=request_id,
        legacy_id=legacy_id,
        source_id=source_id,
        attempt_id=made_id("attempt", source_id),
        model=text(row.get("model")) or "unknown",
        processing_type=text(row.get("processingType")) or "session_analysis",
        answered=end is RequestEnd.ANSWERED,
        outcome=_outcome(end, spent),
        error_message=None
        if end is RequestEnd.ANSWERED
        else message or (ABANDONED if end is RequestEnd.ABANDONED else None),
        openai_request_id=text(row.get("openaiRequestId")),
        service_tier=text(row.get("serviceTier")),
        system_fingerprint=text(row.get("systemFingerprint")),
        tokens=tokens if spent else dict.fromkeys(tokens),
        prompt_cost_usd=prompt,
        completion_cost_usd=completion,
        total_cost_eur=total,
        requested_at=requested,
        completed_at=completed,
    )


def _outcome(end: RequestEnd, spent: bool) -> Outcome:
    """The outcome that fits best what is known.

    LiveDash's failures have a message and no kind. A failure with tokens had a useless answer, one without tokens had none.
    Nobody knows what became of an abandoned request: it may have been paid for.
    """
    if end is RequestEnd.ANSWERED:
        return Outcome.PARSED
    if end is RequestEnd.ABANDONED:
        return Outcome.ARTIFACT_UNAVAILABLE
    return Outcome.INVALID_OUTPUT if spent else Outcome.REJECTED


def _tokens(row: Row, column: str, source_id: str, notes: list[Note]) -> int | None:
    value = row.get(column)
    count = whole(value)
    if count is None and value is not None:
        notes.append(Note("AIProcessingRequest", source_id, f"{column} is no count: left out"))
    return count


def _costs(
    row: Row, tokens: Mapping[str, int | None], source_id: str, notes: list[Note]
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Dollars for prompt and completion, and euro. Zero for used tokens means unknown, since batches recorded no cost."""
    prompt = _times(tokens["prompt_tokens"], row.get("promptTokenCost"))
    completion = _times(tokens["completion_tokens"], row.get("completionTokenCost"))
    euro = _money(row.get("totalCostEur"))
    if euro is None and row.get("totalCostEur") is not None:
        notes.append(Note("AIProcessingRequest", source_id, "totalCostEur is no amount: left out"))
    return prompt, completion, euro or None


def _times(tokens: int | None, unit_price: Any) -> Decimal | None:
    price = decimal(unit_price)
    return None if tokens is None or not price else _money(tokens * price)


def _money(value: Any) -> Decimal | None:
    amount = decimal(value)
    return amount.quantize(_STEP) if amount is not None and 0 <= amount < _LIMIT else None
