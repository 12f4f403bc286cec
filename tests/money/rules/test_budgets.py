"""Budgets and caps as people watch them: which of them count, and which share of one is reached."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.budgets import (
    Limit,
    LimitKind,
    Spent,
    company_limits,
    parse_shares,
    percent,
    reached_share,
    say_limits,
    total_limits,
    watched,
    yardstick,
)
from livedash_pipeline.money.rules.caps import CapSettings, CompanyCaps, Period, Scope

D = Decimal
EUROS = st.decimals(0, 1000, places=6)
SHARES = st.lists(st.integers(1, 1000), min_size=1, max_size=5).map(lambda shares: tuple(sorted(set(shares))))


def own(kind: LimitKind, period: Period, eur: int) -> Limit:
    return Limit(kind, Scope.COMPANY, period, D(eur), None)


def test_a_companys_own_limits_stand_instead_of_those_of_the_settings() -> None:
    settings = CapSettings(monthly=D(10), monthly_budget=D(8), total_monthly=D(100), total_monthly_budget=D(90))
    budget = "LIVEDASH_MONTHLY_BUDGET_EUR"
    assert company_limits(settings, CompanyCaps(monthly=D(50), daily=D(0))) == (
        own(LimitKind.CAP, Period.MONTH, 50),
        own(LimitKind.CAP, Period.DAY, 0),
        Limit(LimitKind.BUDGET, Scope.COMPANY, Period.MONTH, D(8), budget),
    )
    assert company_limits(settings, CompanyCaps(monthly_budget=D(5)))[-1] == own(LimitKind.BUDGET, Period.MONTH, 5)
    assert total_limits(settings) == (
        Limit(LimitKind.CAP, Scope.TOTAL, Period.MONTH, D(100), "LIVEDASH_TOTAL_MONTHLY_CAP_EUR"),
        Limit(LimitKind.BUDGET, Scope.TOTAL, Period.MONTH, D(90), "LIVEDASH_TOTAL_MONTHLY_BUDGET_EUR"),
    )
    assert company_limits(CapSettings(), CompanyCaps()) == total_limits(CapSettings(daily=D(1))) == ()


def test_shares_are_those_of_the_budget_or_of_the_monthly_cap() -> None:
    cap, day = own(LimitKind.CAP, Period.MONTH, 10), own(LimitKind.CAP, Period.DAY, 1)
    budget = own(LimitKind.BUDGET, Period.MONTH, 0)
    assert yardstick([cap, day, budget]) == budget
    assert yardstick([day, cap]) == cap
    assert yardstick([day]) is None
    stopped = own(LimitKind.CAP, Period.MONTH, 0)
    assert yardstick([stopped]) is None, "somebody has stopped the company"
    assert watched([cap, day, budget]) == [budget, day]
    assert watched([stopped, own(LimitKind.CAP, Period.DAY, 0)]) == []
    assert (cap.noun, cap.source, day.noun, budget.noun) == ("monthly cap", "own", "daily cap", "monthly budget")
    assert total_limits(CapSettings(total_daily=D(1)))[0].source == "LIVEDASH_TOTAL_DAILY_CAP_EUR"


@given(SHARES, EUROS, EUROS)
@example((50, 80, 100), D(80), D(100))
@example((50, 80, 100), D("49.999999"), D(100))
@example((50,), D(1), D(0))
@example((50,), D(0), D(0))
def test_the_highest_share_that_is_reached_is_told(shares: tuple[int, ...], committed: Decimal, limit: Decimal) -> None:
    found = reached_share(shares, committed, limit)
    reached = [share for share in shares if committed > 0 and committed >= limit * share / 100]
    assert found == (reached[-1] if reached else None)


@given(EUROS, EUROS)
@example(D("99.96"), D(100))
@example(D(1), D(0))
def test_a_share_is_shown_as_whole_only_when_all_is_used(committed: Decimal, limit: Decimal) -> None:
    shown = percent(committed, limit)
    if limit == 0:
        assert shown is None
    else:
        assert shown is not None and (shown >= 100) is (committed >= limit)
        assert 0 <= committed * 100 / limit - shown < D("0.1")


def test_what_counts_is_what_claims_count() -> None:
    spent = Spent(D(1), D("0.2"), D("0.03")) + Spent(D(10), D(2))
    assert (spent.known, spent.spent, spent.committed) == (D(11), D("13.2"), D("13.23"))
    assert Spent() == Spent(D(0), D(0), D(0))


@pytest.mark.parametrize(
    ("text", "shares"), [("50,80,100", (50, 80, 100)), ("100, 7 ,7", (7, 100)), ("1000", (1000,)), ("120", (120,))]
)
def test_shares_are_read_in_any_order(text: str, shares: tuple[int, ...]) -> None:
    assert parse_shares(text) == shares


@pytest.mark.parametrize("text", ["", "0", "50,", "-1", "1001", "12.5", "50%", "٥", "1_0", "10000000", "x" * 99])
def test_what_is_no_share_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no whole number of per cent from 1 to 1000"):
        parse_shares(text)


@given(st.text(max_size=12))
@example("50,80")
@example("²")
def test_any_text_is_shares_or_an_error(text: str) -> None:
    try:
        shares = parse_shares(text)
    except ValueError:
        return
    assert shares and list(shares) == sorted(set(shares)) and all(0 < share <= 1000 for share in shares)


def test_all_limits_are_named_in_one_sentence() -> None:
    settings = CapSettings(monthly=D("25.00"), total_daily=D(3), monthly_budget=D(20))
    own_caps = {"acme": CompanyCaps(monthly=D(0), monthly_budget=D("1.5")), "globex": CompanyCaps(daily=D(2))}
    assert say_limits(settings, own_caps) == (
        "Limits in euro: LIVEDASH_MONTHLY_CAP_EUR 25, LIVEDASH_MONTHLY_BUDGET_EUR 20, LIVEDASH_TOTAL_DAILY_CAP_EUR 3, acme's own "
        "monthly cap 0 and monthly budget 1.5, globex's own daily cap 2."
    )
    assert say_limits(CapSettings(), {}) == "No spending cap and no budget is set."


def test_a_sum_with_parts_without_a_known_limit_says_so() -> None:
    known = Spent(D(1), D(2), D(3))
    assert (known.open_at_most, known.in_flight_at_most, known.unlimited) == (D(2), D(3), 0)
    both = known + Spent(open_unlimited=1, in_flight_unlimited=2)
    assert (both.open_at_most, both.in_flight_at_most, both.unlimited) == (None, None, 3)
    assert both.committed == known.committed
