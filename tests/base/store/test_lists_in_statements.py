"""Lists of states that stand in statements, since an index or a plan depends on them, against those that the rules name."""

from __future__ import annotations

import re
from collections.abc import Collection

import pytest

from livedash_pipeline.base.rules.states import (
    OPEN_REQUESTS,
    PASSED_STAGES,
    BatchStatus,
    StageStatus,
)
from livedash_pipeline.paths import shipped

LISTS = [
    (path.stem, frozenset(re.findall(r"'(\w+)'", listed)))
    for path in sorted((shipped("sql") / "statements").rglob("*.sql"))
    for listed in re.findall(r"\bIN \(('[^)]*)\)", path.read_text(encoding="utf-8"))
]
OVER = {StageStatus.COMPLETED, StageStatus.FAILED, StageStatus.SKIPPED}


@pytest.mark.parametrize(
    ("member", "rules"),
    [
        ("BATCHING_IN_PROGRESS", [OPEN_REQUESTS]),
        (StageStatus.SKIPPED, [PASSED_STAGES, OVER]),
        # These are given to statements by name.
        ("parsed", []),
        ("ACTIVE", []),
        (BatchStatus.VALIDATING, []),
        (BatchStatus.CANCELLED, []),
    ],
)
def test_a_list_in_a_statement_is_that_of_a_rule(member: str, rules: list[Collection[str]]) -> None:
    allowed = {frozenset(map(str, rule)) for rule in rules}
    found = {(name, listed) for name, listed in LISTS if member in listed}
    assert {each for each in found if each[1] not in allowed} == set()
    assert bool(found) == bool(rules), "the test has to look where the lists are"
