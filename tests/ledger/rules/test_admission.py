"""Who may submit how much, and how long a refusal holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.admission.admission import (
    Budget,
    CappedRequests,
    HoldRule,
    HoldScope,
    PendingGroup,
    budget,
    cap_reasons,
    free_tokens,
    hold_rule,
    hold_until,
    is_due,
    learned_limit,
    refused_call,
    said_of_cap,
    take_turns,
    unpriced_reason,
)
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.money.rules.caps import Cap, Period, Room, Scope
from livedash_pipeline.money.rules.pricing import Ceiling, Rates
from livedash_pipeline.money.rules.token_margins import token_margin
from tests.conftest import NOW

LIMIT_REACHED = (
    "Enqueued token limit reached for {} in organization org-1234567890. Limit: {} enqueued tokens. Try later."
)


def group(company: str = "acme", *, requests: int = 1, waited: float = 0, model: str = "m") -> PendingGroup:
    return PendingGroup(
        uuid4(), company, model, "session_analysis", requests, 100, 4000, NOW - timedelta(seconds=waited)
    )


@pytest.mark.parametrize(
    ("requests", "waited", "due"), [(9, 0, False), (10, 0, True), (1, 1799, False), (1, 1800, True), (9, 1801, True)]
)
def test_a_group_is_due_when_it_is_large_or_old_enough(requests: int, waited: float, due: bool) -> None:
    assert is_due(group(requests=requests, waited=waited), now=NOW, min_batch=10, max_wait=1800) is due


def test_a_group_that_returned_from_a_batch_that_was_never_made_is_due() -> None:
    assert is_due(replace(group(), returned=True), now=NOW, min_batch=10, max_wait=1800)


def test_the_longest_waiting_group_comes_first() -> None:
    groups = [group("b", waited=5), group("a", waited=5), group("c", waited=9)]
    assert [each.company for each in take_turns(groups)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("limit", "learned", "enqueued", "free"),
    [(None, None, 5, None), (10, None, 4, 6), (None, 8, 4, 4), (10, 8, 4, 4), (8, 10, 4, 4), (5, None, 9, 0)],
)
def test_the_smaller_limit_counts(limit: int | None, learned: int | None, enqueued: int, free: int | None) -> None:
    assert free_tokens(limit, learned, enqueued) == free


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        (LIMIT_REACHED.format("gpt-4o", "90,000"), 90_000),
        (LIMIT_REACHED.format("gpt-4.1-mini", "2,000,000"), 2_000_000),
        (LIMIT_REACHED.format("gpt-3.5-turbo-0125", "200.000"), 200_000),
        ("The limit is 5_000_000 tokens.", 5_000_000),
        ("The enqueued token limit of 1350000 is reached", 1_350_000),
        ("Enqueued token limit reached for gpt-4.1.", 500),
        ("Too many tokens.", 500),
        ("Limit: 0", 500),
        ("", 500),
    ],
)
def test_a_limit_is_learned_from_the_figure_in_the_message_else_halved(message: str, limit: int) -> None:
    assert learned_limit(message, 1000) == limit


@given(st.text(), st.integers(0, 10**9))
def test_a_learned_limit_is_at_least_one(message: str, refused: int) -> None:
    assert learned_limit(message, refused) >= 1


def test_holds_double_from_a_quarter_of_an_hour_to_six_hours() -> None:
    lengths = [hold_until(NOW, times) - NOW for times in range(1, 8)]
    assert [length / timedelta(minutes=15) for length in lengths] == [1, 2, 4, 8, 16, 24, 24]
    assert hold_until(NOW, 10_000) == NOW + timedelta(hours=6)


@pytest.mark.parametrize(
    ("kind", "scope", "timed"),
    [
        (FailureKind.BAD_KEY, HoldScope.ENDPOINT, True),
        (FailureKind.FORBIDDEN, HoldScope.ENDPOINT, True),
        (FailureKind.QUOTA, HoldScope.ENDPOINT, True),
        (FailureKind.BILLING, HoldScope.ENDPOINT, False),
        (FailureKind.MODEL_NOT_FOUND, HoldScope.MODEL, False),
        (FailureKind.REFUSED, HoldScope.MODEL, True),
        (FailureKind.NOT_FOUND, HoldScope.MODEL, True),
    ],
)
def test_a_hold_has_the_scope_of_its_cause(kind: FailureKind, scope: HoldScope, timed: bool) -> None:
    assert hold_rule(kind) == HoldRule(scope, timed)


MONTH = Cap(Scope.COMPANY, Period.MONTH, Decimal(10), "LIVEDASH_MONTHLY_CAP_EUR")
RATES = Rates(input=Decimal(2), output=Decimal(8))


def test_a_budget_is_what_is_left_of_the_cap_and_the_most_that_tokens_cost_in_euro() -> None:
    room = Room(MONTH, Decimal("7.5"))
    found = budget(model="m", room=room, rates=RATES, usd_eur=Decimal("0.5"))
    assert found == Budget(Ceiling.flat(Decimal("0.000001"), Decimal("0.000004")), room, token_margin("m"))
    assert found.left == Decimal("2.5")


def test_an_overdrawn_cap_leaves_nothing() -> None:
    found = budget(model="m", room=Room(MONTH, Decimal(15)), rates=RATES, usd_eur=Decimal(1))
    assert found is not None and found.left == 0


@pytest.mark.parametrize(
    ("rates", "usd_eur"),
    [(Rates(output=Decimal(1)), Decimal(1)), (Rates(input=Decimal(1)), Decimal(1)), (RATES, None)],
)
def test_with_a_cap_and_an_unknown_price_or_rate_there_is_no_budget(rates: Rates, usd_eur: Decimal | None) -> None:
    assert budget(model="m", room=Room(MONTH, Decimal(0)), rates=rates, usd_eur=usd_eur) is None
    without = budget(model="m", room=None, rates=rates, usd_eur=usd_eur)
    assert without == Budget(None) and without.left is None


def test_a_request_is_priced_at_the_most_that_it_can_state() -> None:
    found = budget(model="gpt-4", room=None, rates=RATES, usd_eur=Decimal("0.5"))
    assert found is not None
    # A byte may be a token of this model, and eight more stand around them.
    assert found.of(10, 92, 1000) == Decimal("0.0041")
    assert found.of_many(2, 20, 92, 1000, longest=10) == Decimal("0.004109")
    assert Budget(None).of(1, 1, 1) is None
    assert Budget(None).of_many(1, 1, 1, 1, longest=1) is None


def test_groups_can_be_told_apart_by_company_and_model() -> None:
    same = UUID(int=1)
    assert len({PendingGroup(same, "acme", model, "session_analysis", 1, 1, 1, NOW) for model in ("m", "n", "m")}) == 2


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        (CappedRequests(0, None, None), []),
        (CappedRequests(0, None, Decimal("0.5")), []),
        (
            CappedRequests(2, Decimal("12.50"), None),
            ["2 of 3 requests of acme for m can never be sent: one may cost 12.5 EUR"],
        ),
        (CappedRequests(0, None, Decimal("1.01")), ["acme has 1 EUR of its monthly spending cap of 10 left"]),
        (CappedRequests(1, None, Decimal(2)), ["one may cost 0 EUR", "may cost 2"]),
    ],
)
def test_a_cap_says_why_requests_wait(requests: CappedRequests, said: list[str]) -> None:
    reasons = cap_reasons(group(requests=3), Room(MONTH, Decimal("9.00")), MONTH, requests)
    assert len(reasons) == len(said)
    assert all(words in reason for words, reason in zip(said, reasons, strict=True))


def test_a_cap_of_all_companies_names_none_of_them() -> None:
    room = Room(Cap(Scope.TOTAL, Period.DAY, Decimal(3), "LIVEDASH_TOTAL_DAILY_CAP_EUR"), Decimal(1))
    said = said_of_cap("acme", room)
    assert said == "All companies together have 2 EUR of their daily spending cap of 3 left"


def test_a_company_reads_its_own_figures_in_a_refusal_and_none_of_all_together() -> None:
    total = Room(Cap(Scope.TOTAL, Period.DAY, Decimal(7), "LIVEDASH_TOTAL_DAILY_CAP_EUR"), Decimal(5))
    assert refused_call("m", Decimal("3.10"), total) == (
        "The daily spending cap of all companies together leaves less, and a call to m may cost 3.1 EUR."
    )
    assert refused_call("m", Decimal(3), Room(MONTH, Decimal(8))) == (
        "The company has 2 EUR of its monthly spending cap of 10 left, and a call to m may cost 3."
    )


def test_a_group_without_a_price_is_named_with_its_model() -> None:
    assert unpriced_reason(group("acme", model="m")).startswith("acme has a spending cap, and the price of m")
