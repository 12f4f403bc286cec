"""What a probe's end shows of an endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livedash_pipeline.ledger.rules.recovery.probes import (
    ProbeKind,
    ProbeOutcome,
    judge_fence,
    judge_refusal,
    probe_filename,
    probe_line,
    probe_nonce,
)
from livedash_pipeline.ledger.rules.service.failures import classify_api_error
from livedash_pipeline.ledger.rules.service.remote import read_remote_batch

P = ProbeOutcome
FILE_GONE = {"code": "invalid_request", "param": "file_id", "message": "No such file.", "line": None}


def failed(*errors: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"status": "failed", "errors": {"data": list(errors)}, **fields}


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": "validating"}, None),
        ({"status": "cancelling"}, None),
        (failed(FILE_GONE), P.PROVEN),
        (failed({"code": "missing_file", "message": "Input file not found."}), P.PROVEN),
        # The lines were read, though the file was gone: it had been copied.
        (failed({"code": "model_not_found", "message": "No such model.", "line": 1}), P.REFUTED),
        (failed({"code": "model_not_found", "message": "No such model."}), P.REFUTED),
        (failed({"code": "invalid_url", "message": "x", "line": 1}, FILE_GONE), P.REFUTED),
        (failed(), P.UNKNOWN),
        (failed({"code": "server_error", "message": "Try again."}), P.UNKNOWN),
        # It ran, whatever its word for the end.
        ({"status": "completed"}, P.REFUTED),
        ({"status": "succeeded", "output_file_id": "f"}, P.REFUTED),
        (failed(FILE_GONE, usage={"input_tokens": 1, "output_tokens": 1}), P.REFUTED),
        ({"status": "expired", "output_file_id": "f"}, P.REFUTED),
        ({"status": "expired"}, P.UNKNOWN),
        ({"status": "cancelled"}, P.UNKNOWN),
    ],
)
def test_a_create_on_a_deleted_file_shows_whether_the_fence_holds(
    fields: dict[str, Any], outcome: ProbeOutcome | None
) -> None:
    judged = judge_fence(read_remote_batch({"id": "b", **fields}))
    assert (None if judged is None else judged[0]) is outcome


@pytest.mark.parametrize(
    ("status", "code", "message", "fence"),
    [
        (400, "bad_request", "Input file 'f' not found.", P.PROVEN),
        (404, None, "No such File object: f", P.PROVEN),
        (422, "missing_file", "x", P.PROVEN),
        (400, None, "Unknown model livedash-probe.", P.UNKNOWN),
        (404, "model_not_found", "No such model in the file.", P.UNKNOWN),
        (401, None, "No access to the file.", P.UNKNOWN),
        (403, None, "No access to the file.", P.UNKNOWN),
        (429, "insufficient_quota", "No quota for the file.", P.UNKNOWN),
    ],
)
def test_a_refused_create_shows_a_fence_only_where_the_file_is_refused(
    status: int, code: str | None, message: str, fence: ProbeOutcome
) -> None:
    failure = classify_api_error(status, code, None, message)
    assert judge_refusal(ProbeKind.FENCE, failure)[0] is fence
    assert judge_refusal(ProbeKind.LISTING, failure)[0] is P.UNKNOWN


def test_input_files_of_probes_are_known_by_their_names() -> None:
    assert probe_nonce(probe_filename("0a1b")) == "0a1b"
    assert [probe_nonce(name) for name in ("livedash-0a1b.jsonl", "my-livedash-probe-0a.jsonl", "x")] == [None] * 3


def test_the_line_of_a_probe_asks_a_model_that_does_not_exist_for_one_token() -> None:
    line = json.loads(probe_line("n"))
    assert (line["custom_id"], line["body"]["model"], line["body"]["max_tokens"]) == ("n", "livedash-probe", 1)
