"""Somebody is told once of each share, month and company, whatever is released, lost or malformed meanwhile."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.budgets import Limit, LimitKind, Spent
from livedash_pipeline.money.rules.caps import Period, Scope
from livedash_pipeline.overview.rules.shares import (
    ALL,
    ReachedShare,
    Told,
    cents,
    describe_share,
    news,
    now_told,
    read_reached,
    read_told,
)

D = Decimal


def reached(company: str, share: int) -> ReachedShare:
    return ReachedShare(company, share, "m")


def test_a_share_names_the_limit_and_both_numbers() -> None:
    budget = Limit(LimitKind.BUDGET, Scope.COMPANY, Period.MONTH, D("100.0"), "LIVEDASH_MONTHLY_BUDGET_EUR")
    said = describe_share("acme", 80, budget, Spent(D("78.204"), D(0), D("4.1")), "May 2025")
    assert said.message == (
        "acme has reached 80 % of its monthly budget of 100 EUR (LIVEDASH_MONTHLY_BUDGET_EUR): 78.20 EUR spent in May 2025 (UTC) "
        "and at most 4.10 EUR in flight."
    )
    cap = Limit(LimitKind.CAP, Scope.TOTAL, Period.MONTH, D(5), None)
    total = describe_share(ALL, 100, cap, Spent(D(4), D("1.5"), D("0.0003")), "May 2025")
    assert total.message == (
        "All companies together have reached 100 % of their monthly cap of 5 EUR (own): 5.50 EUR spent in May 2025 (UTC) (of "
        "which at most 1.50 EUR at a cost that is not known yet) and at most 0.0003 EUR in flight."
    )
    assert [total.is_full, said.is_full] == [True, False]
    assert not describe_share("acme", 99, cap, Spent(D(5)), "May 2025").is_full
    assert not describe_share("acme", 100, budget, Spent(D(500)), "May 2025").is_full, "a budget keeps nothing back"


def test_cents_are_shown_and_less_in_full() -> None:
    assert [cents(D(each)) for each in ("0", "0.01", "1234.567", "0.00361")] == ["0.00", "0.01", "1234.57", "0.00361"]


@given(st.lists(st.lists(st.builds(reached, st.sampled_from([ALL, "acme", "globex"]), st.sampled_from([50, 80, 100])))))
@example([[reached("acme", 50)], [], [reached("acme", 50), reached(ALL, 100)], [reached("acme", 80)]])
def test_each_share_is_told_at_most_once_and_only_upwards(evaluations: list[list[ReachedShare]]) -> None:
    told: Told = {}
    said: list[tuple[str, int]] = []
    for shares in evaluations:
        once = list({share.company: share for share in shares}.values())
        said += [(share.company, share.share) for share in news(told, once)]
        told = now_told(told, once)
        assert news(told, once) == [], "the next evaluation brings no news"
    assert len(said) == len(set(said))
    for company in ("acme", "globex", ALL):
        mine = [share for slug, share in said if slug == company]
        assert mine == sorted(mine)


def test_shares_go_through_json_and_a_new_month_begins_anew() -> None:
    share = ReachedShare("acme", 80, "m", is_full=True)
    document = {"month": "2025-05", "reached": [share.as_document(), {"company": "x"}, 7]}
    assert read_reached(document) == ("2025-05", [share])
    kept = {"2025-05": {"acme": 80, "globex": True, "initech": "50"}}
    assert read_told(kept, "2025-05") == {"acme": 80}
    assert read_told(kept, "2025-06") == {}


@pytest.mark.parametrize("document", [None, 7, [], {}, {"month": 5}, {"month": None, "reached": []}])
def test_metadata_of_another_form_says_nothing(document: Any) -> None:
    assert read_reached(document) == ("", [])


def test_shares_of_another_form_are_left_out() -> None:
    assert read_reached({"month": "2025-05", "reached": "x"}) == ("2025-05", [])
    bad = {"company": "a", "share": "many", "message": "", "isFull": False}
    assert read_reached({"month": "2025-05", "reached": [bad]}) == ("2025-05", [])
    assert read_told(["x"], "2025-05") == read_told({"2025-05": 7}, "2025-05") == {}
