"""The limits of health follow from the settings, and levels from the numbers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.budgets import Limit, LimitKind
from livedash_pipeline.money.rules.caps import Period, Scope
from livedash_pipeline.overview.rules.health import (
    Level,
    failure_level,
    import_freshness,
    longest_overdue,
    longest_preparation,
    longest_wait,
    reject_level,
    speaker_level,
    spending_level,
    worst,
)

HOUR = timedelta(hours=1)


def test_patience_follows_the_settings_and_never_falls_below_an_hour() -> None:
    assert [longest_wait(seconds) for seconds in (0, 60, 1800)] == [HOUR, HOUR, 2 * HOUR]
    assert [longest_preparation(seconds) for seconds in (60, 900, 3600)] == [2 * HOUR, 2 * HOUR, 4 * HOUR]
    assert [longest_overdue(seconds) for seconds in (5, 900, 86_400)] == [HOUR, HOUR, 48 * HOUR]


@given(st.integers(1, 10_000_000))
@example(900)
def test_an_import_may_be_a_warning_before_it_is_a_fault(interval: int) -> None:
    windows = import_freshness(interval)
    assert timedelta(seconds=interval) < windows.warn + HOUR
    assert HOUR <= windows.warn < windows.fail


@pytest.mark.parametrize(
    ("settled", "failed", "level"),
    [(0, 0, "green"), (1, 1, "error"), (49, 48, "green"), (49, 49, "error"), (50, 5, "green"), (50, 6, "error")],
)
def test_failures_count_as_a_share_from_fifty_requests_on(settled: int, failed: int, level: str) -> None:
    assert failure_level(settled, failed, 0.1) == level


@pytest.mark.parametrize(
    ("rejected", "level"), [(0, "green"), (10, "green"), (11, "warn"), (20, "warn"), (21, "error"), (100, "error")]
)
def test_rejects_warn_from_half_of_what_is_refused(rejected: int, level: str) -> None:
    assert reject_level(100, rejected, 0.2) == level


@pytest.mark.parametrize(
    ("sessions", "without_user", "without_speaker", "messages", "unknown", "level"),
    [
        (0, 0, 0, 0, 0, "green"),
        (0, 0, 1, 0, 0, "warn"),
        (10, 0, 10, 100, 5, "green"),
        (10, 0, 11, 100, 5, "warn"),
        (10, 0, 0, 100, 6, "warn"),
        (10, 9, 0, 100, 0, "green"),
        (10, 10, 0, 100, 0, "warn"),
    ],
)
def test_speakers_that_nobody_knows_are_worth_a_look(
    sessions: int, without_user: int, without_speaker: int, messages: int, unknown: int, level: str
) -> None:
    found = speaker_level(
        sessions=sessions,
        without_user=without_user,
        without_speaker=without_speaker,
        messages=messages,
        unknown=unknown,
    )
    assert found == level


def limit(kind: LimitKind, eur: str) -> Limit:
    return Limit(kind, Scope.COMPANY, Period.MONTH, Decimal(eur), None)


@pytest.mark.parametrize(
    ("committed", "of_cap", "of_budget"),
    [
        ("0", "green", "green"),
        ("4.99", "green", "green"),
        ("5", "warn", "warn"),
        ("9.5", "warn", "warn"),
        ("9.51", "error", "warn"),
        ("10", "error", "warn"),
        ("11", "error", "warn"),
    ],
)
def test_a_cap_is_an_error_once_no_request_fits_and_a_budget_only_warns(
    committed: str, of_cap: str, of_budget: str
) -> None:
    given = {"committed": Decimal(committed), "one_more": Decimal("0.5")}
    cap, budget = limit(LimitKind.CAP, "10"), limit(LimitKind.BUDGET, "10")
    assert spending_level(cap, **given, first_share=50) == of_cap
    assert spending_level(budget, **given, first_share=50) == of_budget
    assert spending_level(cap, **given, first_share=None) == ("error" if of_cap == "error" else "green")


def test_a_cap_of_0_stops_a_company_and_is_no_fault() -> None:
    given = {"committed": Decimal(5), "one_more": Decimal(1)}
    assert spending_level(limit(LimitKind.CAP, "0"), **given, first_share=None) == "green"
    assert spending_level(limit(LimitKind.BUDGET, "0"), **given, first_share=50) == "warn"


def test_the_worst_level_counts() -> None:
    assert worst([]) is Level.GREEN
    assert worst([Level.WARN, Level.GREEN]) is Level.WARN
    assert worst([Level.WARN, Level.ERROR, Level.GREEN]) is Level.ERROR
