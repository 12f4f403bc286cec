"""What a probe's end shows of an endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livedash_pipeline.core.failures import classify_api_error
from livedash_pipeline.core.probes import ProbeKind, ProbeOutcome, judge_fence, judge_refusal, probe_line
from livedash_pipeline.core.remote import read_remote_batch

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
    ("status", "code", "fence"),
    [
        (400, "bad_request", P.PROVEN),
        (404, None, P.PROVEN),
        (422, None, P.PROVEN),
        (404, "model_not_found", P.UNKNOWN),
        (401, None, P.UNKNOWN),
        (403, None, P.UNKNOWN),
        (429, "insufficient_quota", P.UNKNOWN),
    ],
)
def test_a_refused_create_shows_a_fence_only_where_the_file_is_refused(
    status: int, code: str | None, fence: ProbeOutcome
) -> None:
    failure = classify_api_error(status, code, None, "Input file 'f' not found.")
    assert judge_refusal(ProbeKind.FENCE, failure)[0] is fence
    assert judge_refusal(ProbeKind.LISTING, failure)[0] is P.UNKNOWN


def test_the_line_of_a_probe_asks_a_model_that_does_not_exist_for_one_token() -> None:
    line = json.loads(probe_line("n"))
    assert (line["custom_id"], line["body"]["model"], line["body"]["max_tokens"]) == ("n", "livedash-probe", 1)
