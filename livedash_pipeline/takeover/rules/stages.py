"""Decides the five stages of a session of an existing LiveDash database, from its rows of stages and from its data.

The rule behind all of them: a session that was analysed, or is being analysed, must not become pending, since pending sessions
are bought. Add a further fact that a stage is judged by to `Evidence`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.takeover.rules.values import Note, Row, complaint, moment, text, whole, word

# Keys of a stage's metadata. The first names the open batch that an analysis is left to; the others are hashes of the messages
# that our grammar reads in the transcript, with their times and without (`reset_analysis.sql` compares them).
OPEN_BATCH = "livedashBatch"
READS_AS = "readsAs"
SAYS_AS = "saysAs"
_DONE = frozenset({StageStatus.COMPLETED, StageStatus.FAILED, StageStatus.SKIPPED})
# IN_PROGRESS tells nothing, since LiveDash left such rows behind.
_TOLD = frozenset({*_DONE, StageStatus.PENDING})
_LARGEST_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """The data of a session that its stages are judged by.

    Attributes:
        has_session: A row of `Session`.
        has_url: The row of the CSV names a transcript.
        has_text: The transcript's text.
        has_messages: At least one message.
        has_values: Summary, sentiment, category or language, which only the analysis writes.
        has_summary: A summary; the other three came from the CSV in the oldest versions.
        has_questions: At least one question.
        answered: A request that was answered.
        abandoned: A request whose batch ended without an answer.
        open_batch: The service's id of a batch that is still to be taken in.
        reads_as: Hash of the messages that our grammar reads in the text.
        says_as: Hash of the same messages without their times, which follow from the company's zone.
        imported_at: When the row was imported, for stages without a time of their own.
        analysed_at: The same for the analysis.
    """

    has_session: bool = False
    has_url: bool = False
    has_text: bool = False
    has_messages: bool = False
    has_values: bool = False
    has_summary: bool = False
    has_questions: bool = False
    answered: bool = False
    abandoned: bool = False
    open_batch: str | None = None
    reads_as: str | None = None
    says_as: str | None = None
    imported_at: datetime | None = None
    analysed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TakenStage:
    """One stage as it is written; a PENDING stage without history is omitted, since an absent row means PENDING."""

    stage: Stage
    status: StageStatus
    error_message: str | None = None
    retry_count: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metadata_text(self) -> str:
        """The metadata as `jsonb` takes it, which refuses NUL and lone surrogates."""
        written = json.dumps(self.metadata, default=_plain_number)
        return text_without_unstorable(written)


def _plain_number(value: Decimal) -> float | str:
    """A number of the metadata as JSON has it; text where it is too large for a float."""
    number = float(value)
    return number if isfinite(number) else str(value)


def text_without_unstorable(document: str) -> str:
    """Removes the escapes that `jsonb` refuses from JSON in ASCII."""
    if "\\u0000" not in document and "\\ud" not in document:
        return document
    kept = json.loads(document)
    return json.dumps(_storable(kept))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return text(value) or value
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value


def take_stages(rows: Iterable[Row], evidence: Evidence, session: str, notes: list[Note]) -> tuple[TakenStage, ...]:
    """The stages that LiveDash knows; `rows` are a session's in `SessionProcessingStatus`, none where it kept no such table."""
    known = {word(row.get("stage")): row for row in rows}
    statuses = _statuses({stage: _status_of(known.get(stage.value)) for stage in Stage}, evidence)
    return tuple(
        _stage(stage, status, known.get(stage.value), evidence, session, notes) for stage, status in statuses.items()
    )


def _status_of(row: Row | None) -> StageStatus | None:
    """The status in a row, as far as it can be believed."""
    status = None if row is None else word(row.get("status"))
    return StageStatus(status) if status in _TOLD else None


def _statuses(told: Mapping[Stage, StageStatus | None], evidence: Evidence) -> dict[Stage, StageStatus]:
    analysis = _analysis(told[Stage.AI_ANALYSIS], evidence)
    return {
        # The row exists, whatever failed after it; no other stage can replace a failed one.
        Stage.CSV_IMPORT: StageStatus.COMPLETED,
        Stage.TRANSCRIPT_FETCH: _fetch(told[Stage.TRANSCRIPT_FETCH], evidence),
        Stage.SESSION_CREATION: _creation(told[Stage.SESSION_CREATION], evidence),
        Stage.AI_ANALYSIS: analysis,
        Stage.QUESTION_EXTRACTION: _extraction(told[Stage.QUESTION_EXTRACTION], analysis, evidence),
    }


def _fetch(told: StageStatus | None, evidence: Evidence) -> StageStatus:
    if told in _DONE:
        return told
    if evidence.has_text or evidence.has_messages:
        return StageStatus.COMPLETED
    return StageStatus.PENDING if evidence.has_url else StageStatus.SKIPPED


def _creation(told: StageStatus | None, evidence: Evidence) -> StageStatus:
    if not evidence.has_session:
        return StageStatus.PENDING
    if told in _DONE:
        return told
    return StageStatus.COMPLETED if evidence.has_messages else StageStatus.PENDING


def _analysis(told: StageStatus | None, evidence: Evidence) -> StageStatus:
    if told is StageStatus.COMPLETED:
        return told
    if evidence.answered:
        # It was paid for. Without values its answer was lost, and a person decides whether to ask again.
        return StageStatus.COMPLETED if evidence.has_values else StageStatus.FAILED
    if told is None and evidence.has_values:
        return StageStatus.COMPLETED
    if evidence.open_batch is not None or evidence.abandoned:
        return StageStatus.FAILED
    if told is StageStatus.PENDING and evidence.has_summary:
        # It was analysed and set back, and its request deleted since: `retry --reanalyse` buys it again, if a person wants that.
        return StageStatus.COMPLETED
    return told or StageStatus.PENDING


def _extraction(told: StageStatus | None, analysis: StageStatus, evidence: Evidence) -> StageStatus:
    if analysis is StageStatus.SKIPPED:
        return StageStatus.SKIPPED
    if told in _DONE:
        return told
    found = evidence.has_questions and analysis is not StageStatus.PENDING
    return StageStatus.COMPLETED if found else StageStatus.PENDING


def _stage(
    stage: Stage, status: StageStatus, row: Row | None, evidence: Evidence, session: str, notes: list[Note]
) -> TakenStage:
    row = row or {}
    over = status in _DONE
    started, completed = moment(row.get("startedAt")), moment(row.get("completedAt"))
    if over and completed is None:
        completed = evidence.analysed_at if stage is Stage.AI_ANALYSIS else evidence.imported_at
    if started and completed and completed < started:
        notes.append(
            Note("SessionProcessingStatus", session, f"{stage}: completedAt lies before startedAt, which is left out")
        )
        started = None
    stored = row.get("metadata")
    return TakenStage(
        stage,
        status,
        complaint(row.get("errorMessage")) if stage is not Stage.AI_ANALYSIS else _reason(status, row, evidence),
        whole(row.get("retryCount"), _LARGEST_COUNT) or 0,
        started if over else None,
        completed if over else None,
        (dict(stored) if isinstance(stored, dict) else {}) | _marks(stage, status, evidence),
    )


def _reason(status: StageStatus, row: Row, evidence: Evidence) -> str | None:
    """Says why an analysis must not be bought, in the words of LiveDash where it has any."""
    if status is StageStatus.FAILED and evidence.answered and not evidence.has_values:
        return (
            "the old system was answered and has lost the answer: `livedash retry --stage AI_ANALYSIS` pays for another"
        )
    if status is StageStatus.FAILED and not evidence.answered and evidence.open_batch is not None:
        return (
            f"its analysis is under way in the old system's batch {evidence.open_batch}: run import-livedash again once that "
            "has ended, or `livedash retry --stage AI_ANALYSIS`"
        )
    if status is StageStatus.FAILED and evidence.abandoned and not evidence.answered:
        return (
            "the old system's batch ended and no answer was taken in; it may have been paid: "
            "`livedash retry --stage AI_ANALYSIS` asks again"
        )
    return complaint(row.get("errorMessage"))


def _marks(stage: Stage, status: StageStatus, evidence: Evidence) -> dict[str, str]:
    if stage is not Stage.AI_ANALYSIS or status is StageStatus.PENDING:
        return {}
    hashes = {READS_AS: evidence.reads_as, SAYS_AS: evidence.says_as}
    marks = {name: value for name, value in hashes.items() if value is not None}
    if status is StageStatus.FAILED and evidence.open_batch is not None and not evidence.answered:
        marks[OPEN_BATCH] = evidence.open_batch
    return marks
