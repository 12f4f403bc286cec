"""Decides what to do with a batch whose submitter is gone, from its row and from what the service shows.

Nothing may be bought twice. A batch counts as absent only for a key that has seen the input file, only after the service has had
time to show what it made, only by a listing that has proven itself, and only once the input file is deleted, so that a late
create fails unbilled. `ledger.rules.recovery.evidence` decides what proves a listing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Proof, Tag
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, local_status


class Step(StrEnum):
    """The next step of a recovery."""

    CANCEL = "cancel"  # nothing was bought or can be any more, and nobody wants it
    RESUME = "resume"  # create never began: go on from the uploaded file, or upload
    LOOK = "look"  # create may have taken effect: ask the service
    ADOPT = "adopt"
    WAIT = "wait"
    DELETE_INPUT = "delete_input"
    PROBE = "probe"  # the listing shows nothing else of ours: make something that it must show
    UNPROVEN = "unproven"  # the listing cannot be believed: a person decides
    STOP = "stop"  # this key cannot see the input file: say so
    START_OVER = "start_over"  # no create can take effect any more


@dataclass(frozen=True)
class UnfinishedBatch:
    """The part of a row without an id of the service that recovery needs. Times are of the database's clock."""

    create_started_at: datetime | None
    cancel_requested_at: datetime | None
    input_delete_requested_at: datetime | None
    input_delete_key: str | None
    input_deleted_at: datetime | None
    absence_believed_at: datetime | None = None


@dataclass(frozen=True)
class RecoveryClock:
    """How long a create may take, and how long the service may take to show what it made."""

    deadline: timedelta
    lag: timedelta


def first_step(batch: UnfinishedBatch) -> Step:
    """Returns the step that follows from the row alone; LOOK where the service has to be asked."""
    if batch.create_started_at is not None:
        return Step.LOOK
    return Step.CANCEL if batch.cancel_requested_at is not None else Step.RESUME


def choose_ours(listed: Sequence[RemoteBatch], tag: Tag) -> list[RemoteBatch]:
    """Returns the listed batches of one create in the order of adoption: with results, then the furthest on, then the oldest."""
    return sorted((remote for remote in listed if tag.is_on(remote)), key=_worth)


_PROGRESS = {
    BatchStatus.COMPLETED: 0,
    BatchStatus.FINALIZING: 1,
    BatchStatus.IN_PROGRESS: 2,
    BatchStatus.VALIDATING: 3,
    BatchStatus.CANCELLED: 5,
    BatchStatus.FAILED: 6,
}
# `cancelling`, or an unknown word: alive, but about to end.
_UNKNOWN_PROGRESS = 4


def _worth(remote: RemoteBatch) -> tuple[bool, int, float, str]:
    status = local_status(remote)
    progress = _UNKNOWN_PROGRESS if status is None else _PROGRESS[status]
    has_results = remote.output_file_id is not None or bool(remote.completed)
    created = remote.created_at.timestamp() if remote.created_at is not None else float("inf")
    return (not has_results, progress, created, remote.id)


def next_step(
    batch: UnfinishedBatch,
    *,
    found: bool,
    file_visible: bool,
    same_project: bool,
    absence: Absence,
    now: datetime,
    clock: RecoveryClock,
) -> Step:
    """Returns the step that follows from a look at the service.

    Args:
        batch: The row.
        found: The listing shows a batch on the row's current input file.
        file_visible: The service answers 200 for the input file with this key.
        same_project: The key of this look deleted the input file, or sees what the key that did has made.
        absence: What the listing proves by not showing the batch; a person's word replaces a proof.
        now: The database's clock before the look began: a batch that shows up during the look may be missed by it.
        clock: Deadline and lag.
    """
    if found:
        return Step.ADOPT
    if batch.create_started_at is None:
        return Step.RESUME
    if batch.input_delete_requested_at is None:
        if not file_visible:
            return Step.STOP
        overdue = now >= overdue_at(batch.create_started_at, clock)
        return (_doubt(batch, absence) or Step.DELETE_INPUT) if overdue else Step.WAIT
    if not same_project:
        # The file is gone, so it can no longer show whether this key looks into the right project.
        return Step.DELETE_INPUT if file_visible else Step.STOP
    if batch.input_deleted_at is None:
        return Step.DELETE_INPUT
    if now < batch.input_deleted_at + clock.lag:
        return Step.WAIT
    doubt = _doubt(batch, absence)
    if doubt is not None:
        return doubt
    return Step.CANCEL if batch.cancel_requested_at is not None else Step.START_OVER


def overdue_at(create_started_at: datetime, clock: RecoveryClock) -> datetime:
    """Returns the moment by which the service shows a create, if it took effect at all, as far as time alone can tell."""
    return create_started_at + clock.deadline + clock.lag


_OF_ONE_BATCH = frozenset(
    {FailureKind.NOT_FOUND, FailureKind.NO_SUCH_ROUTE, FailureKind.REFUSED, FailureKind.CONFLICT, FailureKind.BROKEN}
)


def concerns_one_batch(failure: ApiFailure) -> bool:
    """Whether a failed look-up concerns this batch and neither key, network nor endpoint: recovery goes on with the others."""
    return failure.kind in _OF_ONE_BATCH


def _doubt(batch: UnfinishedBatch, absence: Absence) -> Step | None:
    """Returns the step for an absence that is not proven; None where it is."""
    if batch.absence_believed_at is not None or absence.proof is Proof.ABSENT:
        return None
    return Step.PROBE if absence.proof is Proof.NO_WITNESS else Step.UNPROVEN


def look_again_at(batch: UnfinishedBatch, *, now: datetime, clock: RecoveryClock) -> datetime:
    """Returns when the next look at a waiting batch makes sense."""
    if batch.input_deleted_at is not None:
        return batch.input_deleted_at + clock.lag
    if batch.create_started_at is not None and batch.input_delete_requested_at is None:
        return max(overdue_at(batch.create_started_at, clock), now)
    return now
