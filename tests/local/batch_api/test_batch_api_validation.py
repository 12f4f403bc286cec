"""The check of a requests file: codes, lines, bounds."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.batches.lines import iterate_lines, parse_object, write_line
from livedash_pipeline.local.batch_api.batches.validation import CheckedRequests, check_requests
from tests.local.batch_api.conftest import Requests

ENDPOINT = "/v1/chat/completions"


def check(content: bytes, **options: Any) -> CheckedRequests:
    return check_requests(io.BytesIO(content), ENDPOINT, Catalogue(), **options)


def faults(content: bytes, **options: Any) -> list[tuple[str, str | None, int | None]]:
    return [(fault.code, fault.param, fault.line) for fault in check(content, **options).faults]


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda line: line.pop(name)


def with_body(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda line: line["body"].update(values)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        (without("custom_id"), "missing_required_parameter", "custom_id"),
        (without("method"), "missing_required_parameter", "method"),
        (without("url"), "missing_required_parameter", "url"),
        (without("body"), "missing_required_parameter", "body"),
        (lambda line: line.update(url="/v1/embeddings"), "invalid_url", "url"),
        (lambda line: line.update(method="GET"), "invalid_request", "method"),
        (lambda line: line.update(custom_id=7), "invalid_request", "custom_id"),
        (lambda line: line.update(custom_id="first"), "duplicate_custom_id", "custom_id"),
        (with_body(stream=True), "streaming_unsupported", "body.stream"),
        (with_body(model="no-such-model"), "model_not_found", "body.model"),
        (with_body(model=["gpt-5"]), "model_not_found", "body.model"),
        (with_body(model="gpt-4o"), "mismatched_model", "body.model"),
        (with_body(model=None), "invalid_request", "body.model"),
        (with_body(messages=None), "invalid_request", "body.messages"),
    ],
)
def test_bad_line_is_reported_with_its_code_and_number(
    requests: Requests, change: Callable[[dict[str, Any]], None], code: str, param: str
) -> None:
    line = requests.line("second")
    change(line)
    assert faults(requests.jsonl(requests.line("first"), line)) == [(code, param, 2)]


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a": ' + b"9" * 9000],
)
def test_line_that_is_no_json_object_is_reported(requests: Requests, line: bytes) -> None:
    assert faults(requests.jsonl(requests.line()) + line) == [("invalid_json_line", None, 2)]


def test_all_faulty_lines_are_reported(requests: Requests) -> None:
    content = requests.jsonl({}, requests.line("a"), {}, requests.line("b", url="x")) + b"}\n"
    assert [(code, line) for code, _, line in faults(content)] == [
        ("missing_required_parameter", 1),
        ("missing_required_parameter", 3),
        ("invalid_url", 4),
        ("invalid_json_line", 5),
    ]


def test_good_file_gives_its_model_and_the_offset_of_every_request(requests: Requests) -> None:
    lines = [requests.jsonl(requests.line(name)) for name in ("a", "b")]
    checked = check(lines[0] + b"\n \r\n" + lines[1].rstrip(b"\n"))
    assert (checked.faults, checked.model) == ([], "gpt-5-mini")
    assert list(checked.offsets) == [0, len(lines[0]) + 4]


def test_alias_and_snapshot_of_a_model_do_not_mix(requests: Requests) -> None:
    other = requests.line("b", requests.body(model="gpt-5-mini-2025-08-07"))
    assert faults(requests.jsonl(requests.line("a"), other)) == [("mismatched_model", "body.model", 2)]


def test_file_without_requests_is_reported() -> None:
    assert faults(b"\n\n") == [("empty_file", None, None)]


def test_too_many_requests_are_one_fault_of_the_file(requests: Requests) -> None:
    lines = [requests.line(f"r-{i}") for i in range(4)]
    assert faults(requests.jsonl(*lines[:3]), max_requests=3) == []
    assert faults(requests.jsonl(*lines), max_requests=3) == [("invalid_request", None, None)]


def test_line_longer_than_the_bound_is_no_json_and_the_next_one_is_read(requests: Requests) -> None:
    good = requests.jsonl(requests.line("a"))
    content = good + b"x" * 5000 + b"\n" + requests.jsonl(requests.line("b")) + b"{"
    assert faults(content, longest_line=len(good)) == [("invalid_json_line", None, 2), ("invalid_json_line", None, 4)]


@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    st.integers(1, 50),
    st.booleans(),
)
def test_lines_are_cut_at_newlines_only_and_offsets_lead_back(lines: list[bytes], longest: int, ends: bool) -> None:
    content = b"\n".join(lines) + (b"\n" if ends else b"")
    found = list(iterate_lines(io.BytesIO(content), longest))
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert len(found) == len(expected)
    for (offset, line), true_line in zip(found, expected, strict=True):
        assert content[offset : offset + len(true_line)] == true_line
        if len(true_line) < longest:
            assert line == true_line
        elif len(true_line) > longest:
            assert line is None


@given(st.dictionaries(st.text(), st.text() | st.text(alphabet="\ud800\udfff\u2028\u0085\n\x00a")))
def test_written_line_is_one_line_of_utf8_and_reads_back(document: dict[str, str]) -> None:
    line = write_line(document)
    assert line.count(b"\n") == 1
    assert parse_object(line[:-1]) == json.loads(json.dumps(document))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["custom_id", "method", "url", "body", "x"]),
            st.none()
            | st.text()
            | st.integers()
            | st.dictionaries(
                st.sampled_from(["model", "messages", "stream"]), st.sampled_from(["gpt-5", "gpt-4o", 1, None, []])
            ),
        ),
        max_size=5,
    )
)
def test_check_never_raises_and_reports_a_line_once(lines: list[dict[str, Any]]) -> None:
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    numbers = [line for _, _, line in faults(content) if line]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= set(range(1, len(lines) + 1))
