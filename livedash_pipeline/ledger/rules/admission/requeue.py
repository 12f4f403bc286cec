"""Which failed requests may be put back to wait, and what keeps the others from it.

Add an obstacle here and to the statement that decides over many rows. Which requests a person or a filter names is decided in
`ledger.steps.batches.requests`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus


class RequeueObstacle(StrEnum):
    """Why a request is not put back."""

    NOT_FAILED = "not_failed"
    """It waits, is in a batch, or has its answer."""
    SUBJECT_CLOSED = "subject_closed"
    """Its subject is gone, has its answer, or cannot be asked about."""
    OTHER_OPEN = "other_open"
    """Another request about the subject waits or is in a batch: a second one would buy the same answer twice."""
    NOT_NEWEST = "not_newest"
    """A later request about the subject has taken its place."""


@dataclass(frozen=True)
class AskedRequest:
    """A request as a requeue sees it."""

    id: UUID
    requested_at: datetime
    status: RequestStatus

    def is_newer_than(self, other: AskedRequest) -> bool:
        """Whether it was made later; of two made at the same moment the greater id is the newer.

        Ids alone do not tell: requests of a system that was taken over keep theirs, which do not grow with time.
        """
        return (self.requested_at, self.id) > (other.requested_at, other.id)


def requeue_obstacle(
    request: AskedRequest, others: Iterable[AskedRequest], *, subject_is_requeueable: bool
) -> RequeueObstacle | None:
    """Returns what keeps a request from being put back, the first that applies; None if it may be.

    Attempts, releases, the batch, holds and the company's status are no obstacles: a requeue restarts both allowances, a failed
    request's batch is settled, and the claim asks for the rest.

    Specification of `sql/statements/ledger/requeue_requests.sql`; `tests/ledger/store/test_requeues.py` compares the two.

    Args:
        request: The request that somebody wants back.
        others: All other requests of its kind about its subject.
        subject_is_requeueable: What the kind's view of subjects says; false for a subject that is gone.
    """
    if request.status is not RequestStatus.PROCESSING_FAILED:
        return RequeueObstacle.NOT_FAILED
    if not subject_is_requeueable:
        return RequeueObstacle.SUBJECT_CLOSED
    known = list(others)
    if any(other.status in OPEN_REQUESTS for other in known):
        return RequeueObstacle.OTHER_OPEN
    if any(other.is_newer_than(request) for other in known):
        return RequeueObstacle.NOT_NEWEST
    return None
