"""Words of services for the state of a batch: known ones in many spellings, unknown ones judged by what stands beside them."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.ledger.rules.service.batch_words import EndWord, end_word, is_known
from livedash_pipeline.ledger.rules.service.remote import (
    RemoteBatch,
    end_reason,
    local_status,
    read_remote_batch,
    remote_end,
)

B = BatchStatus
HALF = {"total": 4, "completed": 2, "failed": 0}
ALL = {"total": 4, "completed": 3, "failed": 1}


def remote(word: str | None, **fields: Any) -> RemoteBatch:
    return read_remote_batch({"id": "b", "status": word, **fields})


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("validating", B.VALIDATING),
        ("Queued", B.VALIDATING),
        ("PENDING", B.VALIDATING),
        ("in_progress", B.IN_PROGRESS),
        ("RUNNING", B.IN_PROGRESS),
        ("processing", B.IN_PROGRESS),
        ("finalizing", B.FINALIZING),
        ("completed", B.COMPLETED),
        ("succeeded", B.COMPLETED),
        ("SUCCESS", B.COMPLETED),
        ("done", B.COMPLETED),
        ("complete", B.COMPLETED),
        ("ended", B.COMPLETED),
        ("failed", B.FAILED),
        ("error", B.FAILED),
        ("failure", B.FAILED),
        ("expired", B.FAILED),
        ("timeout", B.FAILED),
        ("TIMEOUT_EXCEEDED", B.FAILED),
        ("cancelled", B.CANCELLED),
        ("canceled", B.CANCELLED),
        ("stopped", B.CANCELLED),
        # On its way out, or nothing that anybody knows: the batch stays where it is.
        ("cancelling", None),
        ("CANCELLATION_REQUESTED", None),
        ("resting", None),
        ("", None),
    ],
)
def test_words_are_read_as_states(word: str, status: BatchStatus | None) -> None:
    assert local_status(remote(word)) is status


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({}, None),
        ({"completed_at": 5}, EndWord.COMPLETED),
        ({"failed_at": 5}, EndWord.FAILED),
        ({"failed_at": 5, "output_file_id": "f"}, EndWord.COMPLETED),
        ({"expired_at": 5}, EndWord.EXPIRED),
        ({"cancelled_at": 5, "output_file_id": "f"}, EndWord.CANCELLED),
        ({"output_file_id": "f", "request_counts": ALL}, EndWord.COMPLETED),
        # An output file alone may be a partial one.
        ({"output_file_id": "f"}, None),
        ({"output_file_id": "f", "request_counts": HALF}, None),
        ({"request_counts": ALL}, None),
        ({"in_progress_at": 5, "expires_at": 9}, None),
    ],
)
@pytest.mark.parametrize("word", ["resting", ""])
def test_an_unknown_word_ends_a_batch_only_with_evidence(
    word: str, fields: dict[str, Any], end: EndWord | None
) -> None:
    assert remote_end(remote(word, **fields)) is end
    assert remote_end(remote("in_progress", **fields)) is None, "a known word counts alone"


@pytest.mark.parametrize(
    ("word", "status", "code", "end"),
    [
        (None, B.FAILED, "create_lost", None),
        ("", B.CANCELLED, None, EndWord.CANCELLED),
        ("", B.COMPLETED, None, EndWord.COMPLETED),
        ("Succeeded", B.COMPLETED, None, EndWord.COMPLETED),
        ("expired", B.FAILED, "batch_expired", EndWord.EXPIRED),
        ("canceled", B.CANCELLED, None, EndWord.CANCELLED),
        ("resting", B.COMPLETED, None, EndWord.COMPLETED),
        ("resting", B.FAILED, "batch_expired", EndWord.EXPIRED),
        ("resting", B.FAILED, "invalid_url", EndWord.FAILED),
        ("resting", B.CANCELLED, "batch_cancelled", EndWord.CANCELLED),
        # A batch that was believed to have vanished while it went on.
        ("in_progress", B.FAILED, "batch_vanished", EndWord.FAILED),
    ],
)
def test_a_row_says_how_its_batch_ended(
    word: str | None, status: BatchStatus, code: str | None, end: EndWord | None
) -> None:
    assert end_word(word, status, code) is end


def test_the_reason_follows_the_meaning_of_the_word() -> None:
    assert (end_reason(remote("timeout")) or ("",))[0] == "batch_expired"
    assert (end_reason(remote("stopped")) or ("",))[0] == "batch_cancelled"
    assert end_reason(remote("succeeded")) is None
    assert is_known("cancelling") and not is_known("resting")
