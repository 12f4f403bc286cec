"""Translates the words that services use for the state of a batch; judges an unknown word by the fields beside it.

Add a word when a server is seen to use it. `ledger.rules.service.remote` reads the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from livedash_pipeline.base.rules.states import BatchStatus


class EndWord(StrEnum):
    """How a batch ended, in OpenAI's words."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


_ENDS: Mapping[EndWord, tuple[str, ...]] = {
    EndWord.COMPLETED: ("completed", "complete", "succeeded", "success", "successful", "done", "ended", "finished"),
    EndWord.FAILED: ("failed", "failure", "error", "errored", "batch_failed", "rejected"),
    EndWord.EXPIRED: ("expired", "timeout", "timed_out", "timeout_exceeded"),
    EndWord.CANCELLED: ("cancelled", "canceled", "stopped", "aborted", "terminated"),
}
_END_OF = {word: end for end, words in _ENDS.items() for word in words}
_STATUS_OF_END = {
    EndWord.COMPLETED: BatchStatus.COMPLETED,
    EndWord.FAILED: BatchStatus.FAILED,
    EndWord.EXPIRED: BatchStatus.FAILED,
    EndWord.CANCELLED: BatchStatus.CANCELLED,
}
_LIVE: Mapping[BatchStatus, tuple[str, ...]] = {
    BatchStatus.VALIDATING: ("validating", "queued", "pending", "created", "submitted", "scheduled", "not_started"),
    BatchStatus.IN_PROGRESS: ("in_progress", "running", "processing", "started"),
    BatchStatus.FINALIZING: ("finalizing", "finalising"),
}
_STATUS_OF_LIVE = {word: status for status, words in _LIVE.items() for word in words}
# Alive and about to end; we have no such state.
_LEAVING = frozenset({"cancelling", "canceling", "stopping", "cancellation_requested"})


@dataclass(frozen=True, slots=True)
class Beside:
    """The fields beside the word: which end times the service names, whether it names an output file, and its counts."""

    completed: bool = False
    failed: bool = False
    expired: bool = False
    cancelled: bool = False
    has_output: bool = False
    all_counted: bool = False


def end_of(word: str, beside: Beside) -> EndWord | None:
    """Returns how a batch ended; None while it has not.

    A known word decides alone. An unknown word is an end if an end time stands beside it, or an output file with counts that add
    up to all requests: an output file alone may be partial.
    """
    if word in _END_OF:
        return _END_OF[word]
    if is_known(word):
        return None
    times = (
        (beside.cancelled, EndWord.CANCELLED),
        (beside.expired, EndWord.EXPIRED),
        (beside.failed and not beside.has_output, EndWord.FAILED),
        (beside.completed or beside.failed, EndWord.COMPLETED),
        (beside.has_output and beside.all_counted, EndWord.COMPLETED),
    )
    return next((end for is_so, end in times if is_so), None)


def status_of(word: str, beside: Beside) -> BatchStatus | None:
    """Returns our state; None while a batch is being cancelled and for unknown words, since the row then keeps its state."""
    end = end_of(word, beside)
    return _STATUS_OF_LIVE.get(word) if end is None else _STATUS_OF_END[end]


def is_known(word: str) -> bool:
    """Whether a word, in lower case, is one of those above."""
    return word in _END_OF or word in _STATUS_OF_LIVE or word in _LEAVING


def end_word(word: str | None, status: BatchStatus, error_code: str | None) -> EndWord | None:
    """Returns how a batch ended, from its row: the service's word, our state, and our code for why it failed.

    None for a batch that the service never had: it has no word. The word is empty where the service sent an empty one.
    """
    if word is None:
        return None
    known = _END_OF.get(word.lower())
    if known is not None:
        return known
    if status is BatchStatus.FAILED:
        return EndWord.EXPIRED if error_code == "batch_expired" else EndWord.FAILED
    return EndWord.CANCELLED if status is BatchStatus.CANCELLED else EndWord.COMPLETED
