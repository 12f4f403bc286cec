"""How long texts are kept, what a deletion may ask for, and which rejected records hold an id."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.retention_periods import LONGEST_DAYS, Retention, read_days
from livedash_pipeline.retention.rules.retention import PruneRequest, find_fault, reject_patterns, url_patterns
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("30", 30),
        (" 0 ", 0),
        (str(LONGEST_DAYS), LONGEST_DAYS),
        ("forever", "forever"),
        ("Forever", "forever"),
        ("", "forever"),
        (str(LONGEST_DAYS + 1), None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("a month", None),
    ],
)
def test_days_are_a_number_or_forever(text: str, days: object) -> None:
    assert read_days(text) == days


@given(st.text())
def test_no_text_raises_and_no_number_is_too_large(text: str) -> None:
    days = read_days(text)
    assert days in (None, "forever") or 0 <= int(days) <= LONGEST_DAYS


def test_a_chat_is_deleted_so_many_days_after_its_end() -> None:
    cutoffs = Retention(transcripts=30, answers=0).cutoffs(NOW)
    assert cutoffs.transcripts is not None and (NOW - cutoffs.transcripts).days == 30
    assert (cutoffs.messages, cutoffs.answers) == (None, NOW)
    assert Retention().keeps_everything
    assert not Retention(answers=0).keeps_everything
    assert Retention(LONGEST_DAYS, LONGEST_DAYS, LONGEST_DAYS).cutoffs(NOW).messages is not None


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (PruneRequest(external_ids=("a",)), "--company"),
        (PruneRequest(ip_address="10.0.0.1"), "--company"),
        (PruneRequest(company="acme", external_ids=("a", " ")), "CSV"),
        (PruneRequest(company="acme", ip_address=""), "CSV"),
        (PruneRequest(session_ids=("a\0",)), "CSV"),
        (PruneRequest(dagster_older_than_days=6), "7"),
        (PruneRequest(dagster_older_than_days=LONGEST_DAYS + 1), "7"),
        (PruneRequest(session_ids=("a",), dagster_older_than_days=30), "one of the two"),
        (PruneRequest(audit_older_than_days=29), "Use 30 to 36500"),
        (PruneRequest(audit_older_than_days=LONGEST_DAYS + 1), "Use 30 to 36500"),
        (PruneRequest(dagster_older_than_days=7, audit_older_than_days=7), "Use 30 to 36500"),
        (PruneRequest(session_ids=("a",), audit_older_than_days=30), "one of the two"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_remedy(request_: PruneRequest, words: str) -> None:
    fault = find_fault(request_)
    assert fault is not None
    assert words in fault.remedy


@pytest.mark.parametrize(
    "request_",
    [
        PruneRequest(),
        PruneRequest(company="acme", dagster_older_than_days=7),
        PruneRequest(dagster_older_than_days=7, audit_older_than_days=30),
        PruneRequest(audit_older_than_days=LONGEST_DAYS),
        PruneRequest(session_ids=("a",)),
        PruneRequest(company="acme", external_ids=("a",), ip_address="10.0.0.1"),
    ],
)
def test_what_can_be_asked_for_is_a_dry_run_at_first(request_: PruneRequest) -> None:
    assert find_fault(request_) is None
    assert request_.dry_run


@pytest.mark.parametrize(
    ("name", "found", "passed_over"),
    [
        ("192.0.2.1", ["x,192.0.2.1,y", "192.0.2.1"], ["192.0.2.10", "1192.0.2.1", "192x0.2.1"]),
        ("chat-2025-17", ['"chat-2025-17"', "a chat-2025-17\nb"], ["chat-2025-170", "a-chat-2025-17"]),
        ("17", ["17,05.05.2025", 'x\n"17",y', "17"], ["x,17,y", "170,x", "a 17,b"]),
    ],
)
def test_a_rejected_record_is_found_by_a_name_that_stands_alone(
    name: str, found: list[str], passed_over: list[str]
) -> None:
    (pattern,) = reject_patterns([f" {name} "])
    # Python has no [:alnum:]; within ASCII it means the same as this.
    plain = re.compile(pattern.replace("[:alnum:]", "a-zA-Z0-9"))
    assert all(plain.search(text) for text in found)
    assert not any(plain.search(text) for text in passed_over)


def test_a_rejected_record_is_found_by_a_whole_url() -> None:
    (pattern,) = url_patterns(["https://acme.example/1.txt?a=b"])
    assert re.search(pattern, "x,https://acme.example/1.txt?a=b,y")
    assert not re.search(pattern, "x,https://acme.example/1.txt?a=bc,y")
    assert not re.search(pattern, "x,https://acme.example/1Xtxt?a=b,y")
