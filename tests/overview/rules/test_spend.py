"""Which days are asked about, which part an amount belongs to, and what a sum says of itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.overview.rules.spend import (
    Days,
    Dimension,
    Part,
    Spend,
    choose_days,
    notes_on,
    part_of,
    read_day,
    read_dimensions,
    sum_of,
)

TODAY = date(2025, 5, 15)


@pytest.mark.parametrize(
    ("first", "last", "chosen"),
    [
        (None, None, Days(date(2025, 5, 1), TODAY)),
        (date(2025, 4, 3), None, Days(date(2025, 4, 3), TODAY)),
        (None, date(2025, 3, 9), Days(date(2025, 3, 1), date(2025, 3, 9))),
        (date(2025, 6, 1), None, Days(date(2025, 6, 1), date(2025, 6, 1))),
        (date(2025, 5, 2), date(2025, 5, 1), Days(date(2025, 5, 2), date(2025, 5, 1))),
    ],
)
def test_days_are_this_month_unless_others_are_named(first: date | None, last: date | None, chosen: Days) -> None:
    assert choose_days(first, last, today=TODAY) == chosen


def test_days_begin_and_end_at_midnight_in_utc() -> None:
    days = Days(date(2025, 2, 28), date(2025, 2, 28))
    assert (days.since, days.until) == (datetime(2025, 2, 28, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC))


@given(st.text())
@example("2025-05-01")
@example("2025-02-30")
@example("20250501")
@example("2025-W05-1")
def test_only_days_are_read_as_days(text: str) -> None:
    found = read_day(text)
    assert found is None or found.isoformat() == text
    assert read_day("2025-05-01") == date(2025, 5, 1)


def test_dimensions_are_read_in_either_case_and_each_once() -> None:
    assert read_dimensions(["Model", " day ", "model", ""]) == (Dimension.DAY, Dimension.MODEL)
    assert read_dimensions([]) == ()
    assert read_dimensions(["day", "weather"]) == "weather"


@pytest.mark.parametrize(
    ("entry", "outcome", "known", "again", "complete", "part"),
    [
        ("line", Outcome.PARSED, False, False, True, None),
        ("surplus", None, True, False, False, Part.SURPLUS),
        ("unattributed", None, True, True, False, Part.UNATTRIBUTED),
        ("line", Outcome.PARSED, True, True, True, Part.RETRIED),
        ("call", Outcome.TRUNCATED, True, True, True, Part.RETRIED),
        ("line", Outcome.PARSED, True, False, False, Part.USEFUL),
        ("line", Outcome.INVALID_OUTPUT, True, False, True, Part.USEFUL),
        ("taken_back", Outcome.MISSING, True, True, True, Part.RETRIED),
        ("taken_over", Outcome.REFUSED, True, False, False, Part.WASTED),
    ],
)
def test_each_known_amount_is_one_part(
    entry: str, outcome: Outcome | None, known: bool, again: bool, complete: bool, part: Part | None
) -> None:
    assert part_of(entry, outcome, is_known=known, bought_again=again, is_complete=complete) is part


def test_sums_are_exact_and_unknown_where_a_part_is() -> None:
    tiny, huge = Decimal("0.000000000000000000001"), Decimal(10) ** 20
    first = Spend(entries=1, usd=tiny, converted=tiny, open_eur_at_most=None)
    summed = sum_of([first, Spend(entries=2, usd=huge, converted=None)])
    assert (summed.entries, summed.converted, summed.open_eur_at_most) == (3, None, None)
    assert str(summed.usd) == "100000000000000000000.000000000000000000001"
    assert sum_of([]) == Spend()


def test_a_saving_is_the_difference_to_what_the_same_lines_cost() -> None:
    assert Spend(usd=Decimal(9), synchronous_usd=Decimal(4), compared_usd=Decimal(2)).saved_usd == 2


def test_costs_are_given_in_the_currency_of_reports() -> None:
    spend = Spend(usd=Decimal(1), eur=Decimal(2), converted=Decimal(3))
    assert [spend.cost_in(currency) for currency in ("USD", "EUR", "CHF")] == [1, 2, 3]


def test_a_sum_says_what_it_leaves_out() -> None:
    assert (Spend().is_complete, notes_on(Spend(), "EUR")) == (True, [])
    partly = Spend(
        open_entries=1, open_eur_at_most=None, unpriced_entries=2, in_flight_entries=3, in_flight_eur_at_most=Decimal("0.5"),
        without_synchronous=1, converted=None,
    )  # fmt: skip
    notes = notes_on(partly, "CHF")
    assert not partly.is_complete
    assert [note.split(":")[0] for note in notes[:3]] == ["The sum is not complete"] * 2 + ["Not included"]
    assert "without a known limit" in notes[0] and "at most 0.5000 EUR" in notes[2]
    assert "no synchronous price" in notes[3] and "livedash rate set --currency CHF" in notes[4]
    assert not replace(Spend(), unpriced_entries=1).is_complete
