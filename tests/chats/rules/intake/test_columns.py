"""Headers are compared without what people write differently."""

from __future__ import annotations

import pytest

from livedash_pipeline.chats.rules.intake.columns import plain_name


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        (" Redacted_Question ", "redactedquestion"),
        ("Problem-Details", "problemdetails"),
        ("PROBLEM\u00a0DETAILS\n", "problemdetails"),
        ("Ｑｕｅｓｔｉｏｎ", "question"),
        ("chat\u2013ID", "chatid"),
        ("", ""),
    ],
)
def test_headers_are_compared_in_their_plain_form(header: str, plain: str) -> None:
    assert plain_name(header) == plain
