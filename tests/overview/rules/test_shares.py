"""Somebody is told once of each share, limit, month or day and company, whatever is released, lost or malformed meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.budgets import Limit, LimitKind, Spent
from livedash_pipeline.money.rules.caps import Period, Scope
from livedash_pipeline.overview.rules.shares import (
    ALL,
    Mark,
    ReachedShare,
    Told,
    cents,
    describe_share,
    keep_told,
    news,
    now_told,
    periods_of,
    read_reached,
    read_told,
)

D = Decimal
MAY = datetime(2025, 5, 3, 23, tzinfo=UTC)


def reached(company: str, share: int, limit: str = "monthly cap 50", period: str = "2025-05") -> ReachedShare:
    return ReachedShare(company, period, share, limit, "m")


def test_a_share_names_the_limit_and_both_numbers() -> None:
    budget = Limit(LimitKind.BUDGET, Scope.COMPANY, Period.MONTH, D("100.0"), "LIVEDASH_MONTHLY_BUDGET_EUR")
    said = describe_share("acme", 80, budget, Spent(D("78.204"), D(0), D("4.1")), MAY)
    assert said.message == (
        "acme has reached 80 % of its monthly budget of 100 EUR (LIVEDASH_MONTHLY_BUDGET_EUR): 78.20 EUR spent in May 2025 (UTC) "
        "and at most 4.10 EUR in flight."
    )
    assert (said.period, said.limit) == ("2025-05", "monthly budget 100")
    cap = Limit(LimitKind.CAP, Scope.TOTAL, Period.MONTH, D(5), None)
    total = describe_share(ALL, 100, cap, Spent(D(4), D("1.5"), D("0.0003")), MAY)
    assert total.message == (
        "All companies together have reached 100 % of their monthly cap of 5 EUR (own): 5.50 EUR spent in May 2025 (UTC) (of "
        "which at most 1.50 EUR at a cost that is not known yet) and at most 0.0003 EUR in flight."
    )
    assert [total.is_full, said.is_full] == [True, False]
    assert not describe_share("acme", 99, cap, Spent(D(5)), MAY).is_full
    assert not describe_share("acme", 100, budget, Spent(D(500)), MAY).is_full, "a budget keeps nothing back"


def test_a_daily_share_names_its_day_and_what_has_no_known_limit() -> None:
    cap = Limit(LimitKind.CAP, Scope.COMPANY, Period.DAY, D(5), None)
    said = describe_share("acme", 50, cap, Spent(D(3), open_unlimited=1, in_flight_unlimited=1), MAY)
    assert said.message == (
        "acme has reached 50 % of its daily cap of 5 EUR (own): 3.00 EUR spent on 3 May 2025 (UTC) and at most 0.00 EUR in "
        "flight, and 2 entries without a known limit, which no sum has."
    )
    assert (said.period, said.limit) == ("2025-05-03", "daily cap 5")
    assert list(periods_of(MAY).values()) == ["2025-05", "2025-05-03"]


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
        assert read_told(json.loads(json.dumps(keep_told(told))), ["2025-05"]) == told
    assert len(said) == len(set(said))
    for company in ("acme", "globex", ALL):
        mine = [share for slug, share in said if slug == company]
        assert mine == sorted(mine)


def test_a_changed_limit_is_told_of_anew() -> None:
    told = now_told({}, [reached("acme", 100)])
    raised = reached("acme", 50, "monthly cap 100")
    assert news(told, [raised]) == [raised]
    told = now_told(told, [raised])
    assert news(told, [raised]) == []
    assert told == {"2025-05": {"acme": Mark(50, "monthly cap 100")}}


def test_a_day_is_told_of_beside_its_month() -> None:
    month, day, next_day = (reached("acme", 50, period=period) for period in ("2025-05", "2025-05-03", "2025-05-04"))
    told = now_told({}, [month, day])
    assert news(told, [month, day, next_day]) == [next_day]
    assert read_told(keep_told(told), ["2025-05", "2025-05-04"]) == {"2025-05": {"acme": Mark(50, "monthly cap 50")}}


def test_shares_go_through_json() -> None:
    share = ReachedShare("acme", "2025-05", 80, "monthly cap 50", "m", is_full=True)
    past = reached("acme", 80, period="2025-04").as_document()
    document = {"periods": ["2025-05", 7], "reached": [share.as_document(), past, {"company": "x"}, 7]}
    assert read_reached(document) == (["2025-05"], [share])


@pytest.mark.parametrize("document", [None, 7, [], {}, {"periods": 5}, {"periods": None, "reached": []}])
def test_metadata_of_another_form_says_nothing(document: Any) -> None:
    assert read_reached(document) == ([], [])


def test_shares_of_another_form_are_left_out() -> None:
    assert read_reached({"periods": ["2025-05"], "reached": "x"}) == (["2025-05"], [])
    bad = reached("a", 1).as_document() | {"share": "many"}
    assert read_reached({"periods": ["2025-05"], "reached": [bad]}) == (["2025-05"], [])


@pytest.mark.parametrize(
    "kept", [None, ["x"], {"2025-05": 7}, {"2025-05": {"acme": 80, "globex": [True, "x"], "initech": [50]}}]
)
def test_a_malformed_cursor_forgets_what_was_told(kept: Any) -> None:
    assert read_told(kept, ["2025-05"]) == {}
