"""The lists of outcomes that stand in SQL, against the ones that `base.rules.outcomes` names."""

from __future__ import annotations

import re

import pytest

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.paths import shipped

LISTED = re.compile(r"\boutcome (?:NOT )?IN \(([^)]*)\)")
WITH_PARSED = [
    pytest.param(frozenset(re.findall(r"'(\w+)'", listed)), id=f"{path.stem}-{place}")
    for path in sorted((shipped("sql") / "statements").rglob("*.sql"))
    for place, listed in enumerate(LISTED.findall(path.read_text(encoding="utf-8")))
    if "'parsed'" in listed
]


@pytest.mark.parametrize("listed", WITH_PARSED)
def test_statements_that_ask_what_was_paid_name_the_same_outcomes(listed: frozenset[str]) -> None:
    # What is gone may have been paid as well, and counts so where money that was set aside is concerned.
    assert listed in (PAID_OUTCOMES, PAID_OUTCOMES | {Outcome.ARTIFACT_UNAVAILABLE})


def test_statements_that_ask_what_was_paid_are_found() -> None:
    assert WITH_PARSED
