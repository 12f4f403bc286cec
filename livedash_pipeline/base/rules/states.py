"""The state machines of batches, requests and stages, each in one table that Python and SQL both obey.

Add a state or a move here and nowhere else: statements take the states they expect from these tables, and a test walks the
tables against the database. Why a move happens is decided elsewhere (`base.rules.outcomes`, `ledger.rules.service.remote`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar


class BatchStatus(StrEnum):
    """Our word for where a batch stands; the service's own word is kept beside it in `openai_status`."""

    PENDING = "PENDING"
    UPLOADING = "UPLOADING"
    VALIDATING = "VALIDATING"
    IN_PROGRESS = "IN_PROGRESS"
    FINALIZING = "FINALIZING"
    COMPLETED = "COMPLETED"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class RequestStatus(StrEnum):
    """Where a request stands. `released` is no state: it is the move back to PENDING_BATCHING."""

    PENDING_BATCHING = "PENDING_BATCHING"
    BATCHING_IN_PROGRESS = "BATCHING_IN_PROGRESS"
    PROCESSING_COMPLETE = "PROCESSING_COMPLETE"
    PROCESSING_FAILED = "PROCESSING_FAILED"


class StageStatus(StrEnum):
    """Status of one session at one stage; an absent row means PENDING."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Stage(StrEnum):
    """The stages that this program works on. The table `processing_stages` may hold more."""

    CSV_IMPORT = "CSV_IMPORT"
    TRANSCRIPT_FETCH = "TRANSCRIPT_FETCH"
    SESSION_CREATION = "SESSION_CREATION"
    AI_ANALYSIS = "AI_ANALYSIS"
    QUESTION_EXTRACTION = "QUESTION_EXTRACTION"


class ImportFileState(StrEnum):
    """What became of the newest known version of a file in a company's folder."""

    # Seen, and perhaps still being written.
    WAITING = "WAITING"
    IMPORTED = "IMPORTED"
    # Its bytes were imported under another name.
    SAME = "SAME"
    # Read and not usable; this version is not read again.
    REFUSED = "REFUSED"
    # Not read to its end; tried again.
    FAILED = "FAILED"


class CompanyStatus(StrEnum):
    """Companies other than ACTIVE or TRIAL are not imported, fetched or claimed for."""

    ACTIVE = "ACTIVE"
    TRIAL = "TRIAL"
    SUSPENDED = "SUSPENDED"
    ARCHIVED = "ARCHIVED"


WORKING_COMPANIES = (CompanyStatus.ACTIVE, CompanyStatus.TRIAL)

_B = BatchStatus
_ENDS = frozenset({_B.COMPLETED, _B.FAILED, _B.CANCELLED})

BATCH_MOVES: Mapping[BatchStatus, frozenset[BatchStatus]] = {
    # A batch seen for the first time may already have ended, so every later state can follow every earlier one.
    _B.PENDING: frozenset({_B.UPLOADING, _B.FAILED, _B.CANCELLED}),
    _B.UPLOADING: frozenset({_B.VALIDATING, _B.IN_PROGRESS, _B.FINALIZING}) | _ENDS,
    _B.VALIDATING: frozenset({_B.IN_PROGRESS, _B.FINALIZING}) | _ENDS,
    _B.IN_PROGRESS: frozenset({_B.FINALIZING}) | _ENDS,
    _B.FINALIZING: _ENDS,
    _B.COMPLETED: frozenset({_B.PROCESSED}),
    _B.PROCESSED: frozenset(),
    # FAILED and CANCELLED keep their word; `processed_at` says that their results have been ingested.
    _B.FAILED: frozenset(),
    _B.CANCELLED: frozenset(),
}

_R = RequestStatus
REQUEST_MOVES: Mapping[RequestStatus, frozenset[RequestStatus]] = {
    # To PROCESSING_COMPLETE by an answer that shows after its batch was settled: it is not bought again.
    _R.PENDING_BATCHING: frozenset({_R.BATCHING_IN_PROGRESS, _R.PROCESSING_COMPLETE, _R.PROCESSING_FAILED}),
    _R.BATCHING_IN_PROGRESS: frozenset({_R.PENDING_BATCHING, _R.PROCESSING_COMPLETE, _R.PROCESSING_FAILED}),
    _R.PROCESSING_COMPLETE: frozenset(),
    # A kept answer that a later reader takes; or a requeue.
    _R.PROCESSING_FAILED: frozenset({_R.PENDING_BATCHING, _R.PROCESSING_COMPLETE}),
}

_S = StageStatus
STAGE_MOVES: Mapping[StageStatus, frozenset[StageStatus]] = {
    _S.PENDING: frozenset({_S.IN_PROGRESS, _S.COMPLETED, _S.FAILED, _S.SKIPPED}),
    _S.IN_PROGRESS: frozenset({_S.PENDING, _S.COMPLETED, _S.FAILED, _S.SKIPPED}),
    # Back to PENDING: a changed row, a changed transcript, a retry.
    _S.COMPLETED: frozenset({_S.PENDING}),
    _S.FAILED: frozenset({_S.PENDING, _S.IN_PROGRESS, _S.COMPLETED, _S.SKIPPED, _S.FAILED}),
    _S.SKIPPED: frozenset({_S.PENDING}),
}

# Batches that the service may still be working on, or whose results have not been ingested.
LIVE_BATCHES = (_B.PENDING, _B.UPLOADING, _B.VALIDATING, _B.IN_PROGRESS, _B.FINALIZING)
ENDED_BATCHES = (_B.COMPLETED, _B.FAILED, _B.CANCELLED)
OPEN_REQUESTS = (_R.PENDING_BATCHING, _R.BATCHING_IN_PROGRESS)
PASSED_STAGES = (_S.COMPLETED, _S.SKIPPED)

_State = TypeVar("_State", bound=StrEnum)


def is_ready(earlier: Iterable[StageStatus]) -> bool:
    """Whether a stage may begin: every earlier one has been passed.

    Specification of the statements that ask it of sessions; `tests/base/store/test_stages_in_statements.py` compares them.
    """
    return all(status in PASSED_STAGES for status in earlier)


def is_done(stages: Iterable[StageStatus]) -> bool:
    """Whether nothing more happens to a session by itself: nothing is under way, and what waits stands behind a failure.

    Specification of the statements that ask it of sessions; `tests/base/store/test_stages_in_statements.py` compares them.
    """
    failed = False
    for status in stages:
        if status is StageStatus.IN_PROGRESS or (status is StageStatus.PENDING and not failed):
            return False
        failed |= status is StageStatus.FAILED
    return True


def sources_of(moves: Mapping[_State, frozenset[_State]], after: _State) -> tuple[_State, ...]:
    """The states from which `after` can be reached, for `WHERE status = ANY(:expected)`."""
    return tuple(before for before, targets in moves.items() if after in targets)
