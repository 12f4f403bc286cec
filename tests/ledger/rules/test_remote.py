"""Batch and file objects of every vendor are read into one shape, and odd values never raise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.endpoints import endpoint_of, is_loopback, key_fingerprint
from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.ledger.rules.service.remote import (
    METADATA_BATCH_ID,
    METADATA_PROBE,
    RemoteError,
    RemoteUsage,
    end_reason,
    local_status,
    read_remote_batch,
    read_remote_file,
)
from livedash_pipeline.ledger.rules.service.remote_values import (
    MESSAGE_LENGTH,
    read_count,
    read_moment,
    read_text,
    tidy_message,
)

MOMENT = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
SECONDS = 1_746_100_800

TIMES = [
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
]
FIELDS = [
    *TIMES,
    "status",
    "input_file_id",
    "output_file_id",
    "error_file_id",
    "request_counts",
    "errors",
    "usage",
    "model",
    "endpoint",
    "metadata",
]

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=5))
ODD = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
INSIDE = st.dictionaries(
    st.sampled_from(["total", "completed", "failed", "data", "code", "message", "line", "input_tokens", "total_tokens"])
    | st.sampled_from(["input_tokens_details", "cached_tokens", METADATA_BATCH_ID]),
    ODD,
    max_size=5,
)


def batch(**fields: Any) -> dict[str, Any]:
    return {"id": "batch_1", "object": "batch", "status": "validating", **fields}


@given(st.dictionaries(st.sampled_from(FIELDS), ODD | INSIDE, max_size=8))
def test_no_value_of_a_batch_object_makes_reading_or_judging_it_raise(fields: dict[str, Any]) -> None:
    remote = read_remote_batch({"id": "batch_1", **fields})
    assert remote.id == "batch_1"
    for name in TIMES:
        moment = getattr(remote, name)
        assert moment is None or moment.tzinfo is UTC
    assert all(value is None or value >= 0 for value in (remote.total, remote.completed, remote.failed))
    reason = end_reason(remote)
    assert (reason is not None) == (local_status(remote) in (BatchStatus.FAILED, BatchStatus.CANCELLED))
    assert remote.our_batch_id is None or isinstance(remote.our_batch_id, UUID)
    assert remote.ended_at is None or isinstance(remote.ended_at, datetime)


@given(st.dictionaries(st.sampled_from(["bytes", "created_at", "filename", "purpose", "expires_at"]), ODD))
def test_no_value_of_a_file_object_makes_reading_it_raise(fields: dict[str, Any]) -> None:
    assert read_remote_file({"id": "file-1", **fields}).id == "file-1"


@given(ODD)
def test_texts_that_are_read_can_be_stored_in_postgres(value: object) -> None:
    found = read_text(value)
    assert found is None or ("\x00" not in found and found.encode("utf-8"))


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": " "}, {"id": ["batch_1"]}, {"error": "not found"}])
def test_document_without_an_id_is_no_batch_and_no_file(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no id"):
        read_remote_batch(document)
    with pytest.raises(ValueError, match="no id"):
        read_remote_file(document)


def test_batch_as_openai_sends_it() -> None:
    ours = "0d9d1c9e-9c5b-4b61-8e9f-0f4a52d3a001"
    remote = read_remote_batch(
        batch(
            status="completed",
            endpoint="/v1/chat/completions",
            input_file_id="file-in",
            output_file_id="file-out",
            error_file_id=None,
            created_at=SECONDS,
            completed_at=SECONDS + 60,
            request_counts={"total": 3, "completed": 2, "failed": 1},
            metadata={METADATA_BATCH_ID: ours},
            model="gpt-5-mini-2025-08-07",
            usage={
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 20},
                "output_tokens": 30,
                "output_tokens_details": {"reasoning_tokens": 5},
                "total_tokens": 130,
            },
        )
    )
    assert (remote.input_file_id, remote.output_file_id, remote.error_file_id) == ("file-in", "file-out", None)
    assert (remote.total, remote.completed, remote.failed) == (3, 2, 1)
    assert remote.created_at == MOMENT
    assert remote.ended_at == datetime(2025, 5, 1, 12, 1, tzinfo=UTC)
    assert remote.our_batch_id == UUID(ours)
    assert remote.usage == RemoteUsage(100, 20, 30, 5, 130)
    assert remote.endpoint == "/v1/chat/completions"
    assert end_reason(remote) is None


@pytest.mark.parametrize("empty", [None, "", "  ", [], {}])
def test_empty_file_ids_are_no_file_ids(empty: object) -> None:
    remote = read_remote_batch(batch(output_file_id=empty, error_file_id=empty, input_file_id=empty))
    assert (remote.output_file_id, remote.error_file_id, remote.input_file_id) == (None, None, "")


@pytest.mark.parametrize(
    "value",
    [
        SECONDS,
        float(SECONDS),
        str(SECONDS),
        SECONDS * 1000,
        str(SECONDS * 1000),
        SECONDS * 1_000_000,
        "2025-05-01T12:00:00Z",
        "2025-05-01T14:00:00+02:00",
        "2025-05-01T12:00:00",
        " 2025-05-01 12:00:00 ",
    ],
)
def test_moments_are_read_in_every_way_that_servers_write_them(value: object) -> None:
    assert read_moment(value) == MOMENT


@pytest.mark.parametrize(
    "value", [None, 0, "0", -1, True, "", "soon", float("nan"), "inf", 10**400, "0001-01-01T00:00:00+14:00", [SECONDS]]
)
def test_what_is_no_moment_is_absent(value: object) -> None:
    assert read_moment(value) is None


@pytest.mark.parametrize(("value", "expected"), [(3, 3), ("3", 3), (3.0, 3), (0, 0)])
def test_counts_are_read_from_numbers_and_numeric_strings(value: object, expected: int) -> None:
    assert read_count(value) == expected


@pytest.mark.parametrize("value", [None, -1, 1.5, True, "many", 2**31, "1" * 5000, float("inf")])
def test_what_is_no_count_is_absent(value: object) -> None:
    assert read_count(value) is None


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("validating", BatchStatus.VALIDATING),
        ("IN_PROGRESS", BatchStatus.IN_PROGRESS),
        ("Finalizing", BatchStatus.FINALIZING),
        ("completed", BatchStatus.COMPLETED),
        ("failed", BatchStatus.FAILED),
        ("expired", BatchStatus.FAILED),
        ("cancelled", BatchStatus.CANCELLED),
        ("canceled", BatchStatus.CANCELLED),
        ("cancelling", None),
        ("queued_for_review", None),
        ("", None),
    ],
)
def test_status_words_and_where_they_lead(word: str, expected: BatchStatus | None) -> None:
    remote = read_remote_batch(batch(status=word))
    assert local_status(remote) is expected
    assert (remote.status, remote.status_word) == (word.lower(), word)


def test_end_time_is_the_one_of_the_status_and_else_any_end() -> None:
    assert read_remote_batch(batch(status="expired", expired_at=SECONDS, completed_at=1)).ended_at == MOMENT
    assert read_remote_batch(batch(status="canceled", cancelled_at=SECONDS)).ended_at == MOMENT
    assert read_remote_batch(batch(status="failed", completed_at=SECONDS)).ended_at == MOMENT
    assert read_remote_batch(batch(status="in_progress", completed_at=SECONDS)).ended_at is None
    assert read_remote_batch(batch(status="completed")).ended_at is None


def test_end_reasons_of_expired_and_cancelled_batches_say_how_far_they_came() -> None:
    counts = {"total": 10, "completed": 4, "failed": 0}
    assert end_reason(read_remote_batch(batch(status="expired", request_counts=counts))) == (
        "batch_expired",
        "The batch ran out of time after 4 of 10 requests had been answered.",
    )
    code, message = end_reason(read_remote_batch(batch(status="cancelled"))) or ("", "")
    assert code == "batch_cancelled"
    assert "unknown number" in message


def test_end_reason_of_a_failed_batch_is_its_first_error() -> None:
    errors = {"data": [{"code": "invalid_json_line", "message": "Not JSON.", "line": 7}, {"message": "More."}]}
    assert end_reason(read_remote_batch(batch(status="failed", errors=errors))) == (
        "invalid_json_line",
        "Not JSON. (line 7) And 1 more.",
    )


def test_end_reason_of_a_batch_that_failed_without_a_word() -> None:
    code, message = end_reason(read_remote_batch(batch(status="failed", errors=None))) or ("", "")
    assert code == "validation_failed"
    assert "without giving a reason" in message
    assert end_reason(read_remote_batch(batch(status="failed", errors=[{"code": None}]))) == (
        "validation_failed",
        "validation_failed",
    )


@pytest.mark.parametrize(
    "errors",
    [
        {"object": "list", "data": [{"code": "c", "message": "m", "param": "p", "line": 1}]},
        [{"code": "c", "message": "m", "param": "p", "line": "1"}],
        {"code": "c", "message": "m", "param": "p", "line": 1},
    ],
)
def test_errors_are_read_from_a_list_object_a_list_and_a_single_error(errors: object) -> None:
    assert read_remote_batch(batch(errors=errors)).errors == (RemoteError("c", "m", "p", 1),)


def test_error_that_is_only_a_text_is_its_message() -> None:
    assert read_remote_batch(batch(errors="out of order")).errors == (RemoteError(None, "out of order", None, None),)
    assert read_remote_batch(batch(errors={"data": None})).errors == ()
    assert read_remote_batch(batch(errors={"object": "list"})).errors == ()


def test_usage_is_read_in_both_dialects_and_absent_where_nothing_is_stated() -> None:
    chat = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
    assert read_remote_batch(batch(usage=chat)).usage == RemoteUsage(7, 1, 2, 0, 9)
    assert read_remote_batch(batch(usage={"output_tokens": 2})).usage == RemoteUsage(0, None, 2, 0, 2)
    assert read_remote_batch(batch(usage={})).usage is None


def test_metadata_keeps_what_is_text_and_an_odd_batch_id_is_none() -> None:
    remote = read_remote_batch(batch(metadata={METADATA_BATCH_ID: "batch of mine", "n": 3, "none": None}))
    assert remote.metadata == {METADATA_BATCH_ID: "batch of mine", "n": "3"}
    assert remote.our_batch_id is None


def test_file_object_as_openai_sends_it() -> None:
    remote = read_remote_file(
        {"id": "file-1", "bytes": 12, "created_at": SECONDS, "filename": "a.jsonl", "purpose": "batch_output"}
    )
    assert (remote.bytes, remote.created_at, remote.filename, remote.purpose) == (12, MOMENT, "a.jsonl", "batch_output")
    assert remote.expires_at is None


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-proj-abc*****wxyz. You can find it elsewhere.",
        "Incorrect API key provided: abc*****wxyz. You can find it elsewhere.",
        'rejected header "Authorization: Bearer abc*****wxyz"',
        "the key abc*****wxyz is unknown",
    ],
)
def test_keys_do_not_survive_in_messages(message: str) -> None:
    assert "wxyz" not in tidy_message(message, secret="abc*****wxyz")


def test_messages_are_one_line_of_limited_length() -> None:
    assert tidy_message("a\n  b\tc") == "a b c"
    assert tidy_message(None) == ""
    long = tidy_message("x" * 2000)
    assert len(long) == MESSAGE_LENGTH
    assert long.endswith("…")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", "api.openai.com/v1"),
        ("https://API.openai.com:443/v1/", "api.openai.com/v1"),
        ("https://user:secret@example.org:8443/openai/v1", "example.org:8443/openai/v1"),
        ("http://127.0.0.1:40001/v1", "127.0.0.1/v1"),
        ("http://localhost:40002/v1/", "localhost/v1"),
        ("http://[::1]:9/v1", "[::1]/v1"),
        ("http://example.org", "example.org"),
    ],
)
def test_endpoints_are_host_and_path_and_the_port_where_it_tells_servers_apart(base_url: str, expected: str) -> None:
    assert endpoint_of(base_url) == expected


@pytest.mark.parametrize("base_url", ["", "api.openai.com/v1", "https://", "http://example.org:port/v1"])
def test_address_that_names_no_server_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError):
        endpoint_of(base_url)


def test_loopback_is_recognised_by_name_and_address() -> None:
    assert [is_loopback(host) for host in ("localhost", "a.localhost", "127.9.9.9", "::1")] == [True] * 4
    assert [is_loopback(host) for host in ("example.org", "10.0.0.1", "localhost.example.org")] == [False] * 3


def test_fingerprints_tell_keys_apart_and_depend_on_the_salt() -> None:
    one = key_fingerprint("sk-one")
    assert len(one) == 12
    assert int(one, 16) >= 0
    assert one == key_fingerprint("sk-one")
    assert one != key_fingerprint("sk-two")
    assert one != key_fingerprint("sk-one", "another salt")


def test_a_probe_is_known_by_its_metadata() -> None:
    assert read_remote_batch({"id": "b", "metadata": {METADATA_PROBE: "1"}}).is_probe
    assert not read_remote_batch({"id": "b"}).is_probe
