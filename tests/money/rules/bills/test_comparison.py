"""Bill and ledger side by side: what differs, and why."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.bills.billed_days import BilledDay, sum_days
from livedash_pipeline.money.rules.bills.comparison import Difference, Scope, Why, compare_bill
from livedash_pipeline.money.rules.pricing import family_name

D = Decimal
DAY = date(2026, 6, 14)
MINI = "gpt-5-mini"


def row(day: int, usd: str | None = None, tokens: int | None = None, model: str | None = MINI) -> BilledDay:
    given = None if tokens is None else tokens * 2
    return BilledDay(DAY + timedelta(days=day), model, None if usd is None else D(usd), given, None, tokens, 1)


def family(model: str) -> str:
    return family_name(model)


def told(found: list[Difference]) -> list[tuple[str, int | None, str | None, Decimal | None, int | None, str]]:
    return [
        (
            each.scope.value,
            None if each.day is None else (each.day - DAY).days,
            each.model,
            each.usd,
            each.tokens,
            each.why.value,
        )
        for each in found
    ]


def test_a_bill_that_agrees_has_no_differences() -> None:
    ours = [row(0, "1.0000004", 5), row(1, "2", 7)]
    assert compare_bill(ours, [row(0, "1", 5), row(1, "2", 7)]) == []
    assert compare_bill([], []) == []


def test_a_dated_snapshot_meets_its_family() -> None:
    theirs = [row(0, "1", 5, "gpt-5-mini-2025-08-07"), row(0, "1", 5)]
    assert compare_bill([row(0, "2", 10)], theirs, names=family) == []
    assert {each.why for each in compare_bill([row(0, "1", 5)], theirs[:1])} == {
        Why.ONLY_OURS,
        Why.ONLY_THEIRS,
    }


def test_differences_of_days_models_and_everything() -> None:
    ours = [row(0, "1", 5), row(1, "1", 5), row(2, "3", 5, "gpt-4o")]
    theirs = [row(0, "1.5", 5), row(1, "1", 6), row(2, "2", 5, "o3")]
    assert told(compare_bill(ours, theirs)) == [
        ("day", 2, "gpt-4o", D(-3), -15, "only_ours"),
        ("day", 0, MINI, D("0.5"), 0, "amounts_differ"),
        ("day", 1, MINI, D(0), 3, "tokens_differ"),
        ("day", 2, "o3", D(2), 15, "only_theirs"),
        ("model", None, "gpt-4o", D(-3), -15, "only_ours"),
        ("model", None, MINI, D("0.5"), 3, "tokens_differ"),
        ("model", None, "o3", D(2), 15, "only_theirs"),
        ("range", None, None, D("-0.5"), 3, "tokens_differ"),
    ]
    (first, *_) = compare_bill(ours, theirs)
    assert (first.ours, first.theirs) == (ours[2], None)


def test_neighbours_that_cancel_out_are_a_days_edge() -> None:
    ours = [row(0, "1", 5), row(1, "5", 9), row(5, "1", 1)]
    theirs = [row(0, "4", 8), row(1, "2", 6), row(5, "2", 1)]
    assert told(compare_bill(ours, theirs)) == [
        ("day", 0, MINI, D(3), 9, "day_edge"),
        ("day", 1, MINI, D(-3), -9, "day_edge"),
        ("day", 5, MINI, D(1), 0, "amounts_differ"),
        ("model", None, MINI, D(1), 0, "amounts_differ"),
        ("range", None, None, D(1), 0, "amounts_differ"),
    ]


def test_a_real_difference_beside_a_days_edge_stays_one() -> None:
    ours = [row(0, "1", 5), row(1, "1", 5), row(2, "5", 9), row(3, "1", 5)]
    theirs = [row(0, "2", 5), row(1, "4", 8), row(2, "2", 6), row(3, "1", 5)]
    found = [(each[1], each[-1]) for each in told(compare_bill(ours, theirs)) if each[0] == "day"]
    assert found == [(0, "amounts_differ"), (1, "day_edge"), (2, "day_edge")]


def test_days_far_apart_and_other_models_do_not_cancel_out() -> None:
    apart = compare_bill([row(0, "1"), row(4, "2")], [row(0, "2"), row(4, "1")])
    assert [each.why for each in apart] == [Why.AMOUNTS_DIFFER] * 2
    models = compare_bill([row(0, "1"), row(1, "2", model="o3")], [row(0, "2"), row(1, "1", model="o3")])
    assert Why.DAY_EDGE not in {each.why for each in models}


def test_a_result_that_counts_a_day_later_cancels_out() -> None:
    assert told(compare_bill([row(1, "2", 3)], [row(0, "2", 3)])) == [
        ("day", 0, MINI, D(2), 9, "day_edge"),
        ("day", 1, MINI, D(-2), -9, "day_edge"),
    ]


def test_a_missing_price_is_not_stated() -> None:
    found = compare_bill([row(0, None, 5), row(1, "1", 5)], [row(0, "1", 5), row(1, "2", 5)])
    assert told(found)[:2] == [
        ("day", 0, MINI, None, 0, "not_stated"),
        ("day", 1, MINI, D(1), 0, "amounts_differ"),
    ]
    # A day without a price neither cancels out nor lets its neighbours do so.
    cut = compare_bill(
        [row(0, "1", 5), row(1, None, 5), row(2, "2", 5)], [row(0, "2", 5), row(1, "1", 5), row(2, "1", 5)]
    )
    assert [each.why for each in cut][:3] == [Why.AMOUNTS_DIFFER, Why.NOT_STATED, Why.AMOUNTS_DIFFER]
    # Not even one price: what the bill states is not passed over.
    assert [each.why for each in compare_bill([row(0, None, 5)], [row(0, "1")])] == [Why.NOT_STATED] * 3


def test_an_empty_side_differs_in_everything() -> None:
    assert {each.why for each in compare_bill([], [row(0, "1", 5)])} == {Why.ONLY_THEIRS}
    assert {each.why for each in compare_bill([row(0, "1", 5)], [])} == {Why.ONLY_OURS}


def test_only_figures_that_both_state_are_compared() -> None:
    assert compare_bill([row(0, "1", 5)], [row(0, "1")]) == []
    assert compare_bill([row(0, "1", 5)], [row(0, None, 5)]) == []
    assert told(compare_bill([row(0, "1", 5)], [row(0, "2")]))[0] == ("day", 0, MINI, D(1), None, "amounts_differ")


def test_costs_without_models_are_compared_by_day_and_tokens_by_model() -> None:
    ours = [row(0, "1", 5), row(0, "2", 7, "o3")]
    assert compare_bill(ours, [row(0, "3", None, None)]) == []
    both = [row(0, "3", None, None), row(0, None, 5), row(0, None, 8, "o3")]
    assert told(compare_bill(ours, both)) == [
        ("day", 0, "o3", None, 3, "tokens_differ"),
        ("model", None, "o3", None, 3, "tokens_differ"),
        ("range", None, None, D(0), 3, "tokens_differ"),
    ]


ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 6),
        st.none() | st.decimals(-5, 5, places=2).map(str),
        st.none() | st.integers(0, 5),
        st.sampled_from([None, MINI, "o3"]),
    ),
    max_size=8,
)


@example(ours=[row(0, "1", 5)], theirs=[row(1, "1", 5)])
@given(ours=ROWS, theirs=ROWS)
def test_laws_of_comparison(ours: list[BilledDay], theirs: list[BilledDay]) -> None:
    assert all(each.why is Why.NOT_STATED for each in compare_bill(ours, ours))
    found = compare_bill(ours, theirs)
    assert found == compare_bill(sum_days(ours), list(reversed(theirs)))
    edges = [each for each in found if each.why is Why.DAY_EDGE]
    assert all(each.scope is Scope.DAY for each in edges)
    assert abs(sum((each.usd or D(0) for each in edges), D(0))) <= D("0.000001") * len(edges)


@pytest.mark.parametrize("within", ["0", "0.5"])
def test_amounts_may_differ_by_what_the_caller_says(within: str) -> None:
    found = compare_bill([row(0, "1")], [row(0, "1.5")], within=D(within))
    assert bool(found) is (within == "0")
