"""Which bytes of a result file are believed, by what the service states and what the lines say."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.ledger.rules.results.result_evidence import (
    FileEvidence,
    content_fault,
    is_sized,
    transfer_fault,
)


def file(**changes: Any) -> FileEvidence:
    values: dict[str, Any] = {"name": "output", "bytes": 100, "stated_bytes": 100, "ended": True, "ends_whole": True}
    return FileEvidence(**(values | {"lines": 3, "ours": 3} | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bytes": 99}, "99 bytes of the output file came, and the service states 100"),
        ({"ended": False}, "broke off"),
        ({"stated_bytes": None, "ended": False}, "broke off"),
        ({"stated_bytes": None, "ends_whole": False}, "ends within a line"),
    ],
)
def test_a_transfer_that_may_be_cut_is_not_believed(changes: dict[str, Any], said: str) -> None:
    fault = transfer_fault(file(**changes))
    assert fault is not None and said in fault


@pytest.mark.parametrize("changes", [{}, {"ends_whole": False}, {"stated_bytes": None}])
def test_a_whole_transfer_is_believed(changes: dict[str, Any]) -> None:
    assert transfer_fault(file(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unreadable": 3, "ours": 0}, "holds no JSON lines"),
        ({"unreadable": 3, "stated_bytes": None}, "holds no JSON lines"),
        ({"ours": 0}, "no line of the output file is about a request"),
        ({"unreadable": 1, "stated_bytes": None}, "1 lines of the output file are no JSON"),
    ],
)
def test_lines_that_name_no_request_of_the_batch_are_not_believed(changes: dict[str, Any], said: str) -> None:
    fault = content_fault(file(**changes))
    assert fault is not None and said in fault


@pytest.mark.parametrize(
    "changes", [{}, {"unreadable": 1}, {"unreadable": 3}, {"lines": 0, "ours": 0}, {"needed": False, "ours": 0}]
)
def test_lines_about_our_requests_are_believed(changes: dict[str, Any]) -> None:
    assert content_fault(file(**changes)) is None


def test_an_unneeded_file_says_something_only_about_our_requests() -> None:
    assert file(ours=0).says_something
    assert not file(ours=0, needed=False).says_something
    assert file(needed=False).says_something


def test_a_stated_size_vouches_for_a_file() -> None:
    assert is_sized(file())
    assert not is_sized(file(stated_bytes=None))
