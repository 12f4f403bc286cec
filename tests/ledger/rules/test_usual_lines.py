"""Lines as the Batch API documents them are read at once, and just as the careful reading reads them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.ledger.rules.results.result_lines import ResultLine
from livedash_pipeline.ledger.rules.results.usual_lines import read_usual_line
from tests.ledger.rules.test_line_shapes import ANSWERS, chat, in_response
from tests.support.result_lines import read_result_line

USUAL: dict[str, Any] = in_response(
    chat(model="gpt-5-mini-2025-08-07", service_tier="default", system_fingerprint="fp_1")
)
# Where a generated line differs from the usual one.
PLACES = [
    ("custom_id",),
    ("error",),
    ("response",),
    *(("response", name) for name in ("status_code", "request_id", "error", "usage", "body")),
    *(
        ("response", "body", name)
        for name in ("choices", "usage", "error", "output", "model", "service_tier", "system_fingerprint", "content")
    ),
    *(("response", "body", "usage", name) for name in ("prompt_tokens", "total_tokens", "prompt_tokens_details")),
    *(("response", "body", "choices", 0, name) for name in ("message", "finish_reason", "text", "delta")),
    *(
        ("response", "body", "choices", 0, "message", name)
        for name in ("content", "refusal", "tool_calls", "reasoning")
    ),
]
GONE = object()
_WORDS = [None, "", " ", "stop", "length", "flex", "NUL \x00 and \ud800"]
_NUMBERS = [True, 0, 200, 200.0, "200", 429, 1280]
_PARTS = [[], {}, [{}], {"code": "odd"}, {"0": {}}, [{"text": "x"}], {"type": "text", "text": "x"}]
VALUES = st.sampled_from([GONE, *_WORDS, *_NUMBERS, *_PARTS, {"cached_tokens": 1300}, {"reasoning_tokens": 8}])


def _compare(raw: bytes) -> None:
    """What is read at once says of a line what the careful reading says."""
    usual = read_usual_line(raw)
    if usual is None:
        return
    assert read_result_line(raw) == ResultLine(
        custom_id=usual.custom_id,
        outcome=Outcome.PARSED,
        content=usual.content,
        http_status=200,
        finish_reason="stop",
        remote_request_id=usual.remote_request_id,
        model=usual.model,
        service_tier=usual.service_tier,
        system_fingerprint=usual.system_fingerprint,
        usage=usual.usage,
    )


def _part(parent: Any, step: str | int) -> Any:
    if isinstance(parent, dict):
        return parent.get(step)
    return parent[0] if isinstance(parent, list) and parent else None


def _changed(changes: list[tuple[tuple[str | int, ...], Any]]) -> dict[str, Any]:
    document = deepcopy(USUAL)
    for place, value in changes:
        parent: Any = document
        for step in place[:-1]:
            parent = _part(parent, step)
        if isinstance(parent, dict):
            if value is GONE:
                parent.pop(place[-1], None)
            else:
                # A value of its own: one that stands in two places would be changed in both, or hold itself.
                parent[place[-1]] = deepcopy(value)
    return document


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), VALUES), max_size=3), ascii_only=st.booleans())
def test_both_readings_of_a_line_agree(changes: list[tuple[tuple[str | int, ...], Any]], ascii_only: bool) -> None:
    _compare(json.dumps(_changed(changes), ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@given(st.binary() | st.builds(lambda start, end: start + json.dumps(USUAL).encode() + end, st.binary(), st.binary()))
def test_bytes_around_a_line_are_left_to_the_careful_reading(raw: bytes) -> None:
    _compare(raw)


@pytest.mark.parametrize("document", [case[1] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_both_readings_of_unusual_shapes_agree(document: dict[str, Any]) -> None:
    _compare(json.dumps(document).encode())


def test_a_line_as_the_service_documents_it_is_read_at_once() -> None:
    raw = json.dumps(USUAL).encode()
    found = read_usual_line(raw)
    assert found is not None
    assert (found.custom_id, found.model, found.service_tier) == ("r-1", "gpt-5-mini-2025-08-07", "default")
    _compare(raw)


@pytest.mark.parametrize(
    "changes",
    [
        [(("custom_id",), 7)],
        [(("response",), None)],
        [(("response", "status_code"), 500)],
        [(("response", "status_code"), True)],
        [(("response", "error"), "odd")],
        [(("response", "body", "choices"), {"0": 1})],
        [(("response", "body", "choices"), [])],
        [(("response", "body", "output"), [])],
        [(("response", "body", "usage"), None)],
        [(("response", "body", "usage", "total_tokens"), 9)],
        [(("response", "body", "choices", 0, "finish_reason"), "length")],
        [(("response", "body", "choices", 0, "message", "content"), [])],
        [(("response", "body", "choices", 0, "message", "content"), " ")],
        [(("response", "body", "choices", 0, "message", "refusal"), "No.")],
    ],
)
def test_other_lines_are_left_to_the_careful_reading(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    assert read_usual_line(json.dumps(_changed(changes)).encode()) is None


def test_a_dictionary_of_choices_is_left_to_the_careful_reading() -> None:
    document = deepcopy(USUAL)
    document["response"]["body"]["choices"] = {0: document["response"]["body"]["choices"][0]}
    assert read_usual_line(json.dumps(document).encode()) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[1]", b"7", b"null", b"[" * 100_000])
def test_what_is_no_line_is_left_to_the_careful_reading(raw: bytes) -> None:
    assert read_usual_line(raw) is None
