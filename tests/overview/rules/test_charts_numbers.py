"""Round numbers on the axes of charts, and how values are written."""

from __future__ import annotations

import itertools
import math
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.charts.scales import label_texts, scale_of, shown_labels
from livedash_pipeline.overview.rules.charts.units import (
    COUNT,
    EUR,
    NUMBER,
    PERCENT,
    USD,
    Number,
    Unit,
    finite,
    tick_text,
    value_text,
)

FLOATS = st.floats(min_value=-1e300, max_value=1e300)


@pytest.mark.parametrize(
    ("values", "whole", "ticks"),
    [
        ([], True, (0, 1)),
        ([0], False, (0, 0.25, 0.5, 0.75, 1)),
        ([1], True, (0, 1)),
        ([3], True, (0, 1, 2, 3)),
        ([7], True, (0, 2, 4, 6, 8)),
        ([9], True, (0, 5, 10)),
        ([100], True, (0, 25, 50, 75, 100)),
        ([97, 31], True, (0, 25, 50, 75, 100)),
        ([0.07], False, (0, 0.02, 0.04, 0.06, 0.08)),
        ([-3, 5], True, (-4, -2, 0, 2, 4, 6)),
        ([-0.4], False, (-0.4, -0.3, -0.2, -0.1, 0)),
        ([1e12], True, (0, 2.5e11, 5e11, 7.5e11, 1e12)),
    ],
)
def test_ticks_are_round_numbers(values: list[float], whole: bool, ticks: tuple[float, ...]) -> None:
    assert scale_of(values, whole=whole).ticks == pytest.approx(ticks)


@given(st.lists(FLOATS, max_size=8), st.booleans())
@example([5e-324], False)
@example([1e300, -1e300], True)
def test_a_scale_holds_its_values_and_zero_in_few_steps(values: list[float], whole: bool) -> None:
    scale = scale_of(values, whole=whole)
    assert 2 <= len(scale.ticks) <= 7
    assert scale.low < scale.high
    for value in (*values, 0.0):
        assert -1e-6 <= scale.share(value) <= 1 + 1e-6
    assert 0.0 in scale.ticks
    if whole:
        assert scale.step >= 1
        assert all(tick == int(tick) for tick in scale.ticks)


@given(st.floats(min_value=1e-9, max_value=1e300), st.booleans())
def test_a_step_is_a_round_number(value: float, whole: bool) -> None:
    step = scale_of([value], whole=whole).step
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(mantissa, each, rel_tol=1e-6) for each in (1, 2, 2.5, 5))


@given(st.integers(0, 2000), st.integers(-3, 60))
def test_no_more_labels_are_shown_than_there_is_room_for(count: int, room: int) -> None:
    shown = shown_labels(count, room)
    assert len(shown) <= max(room, 1)
    assert not count or shown[0] == 0
    assert len({second - first for first, second in itertools.pairwise(shown)}) <= 1


def test_days_are_written_with_their_year_where_it_changes() -> None:
    days = [date(2024, 12, 30) + timedelta(days=count) for count in range(4)]
    assert label_texts(days, (0, 1, 2, 3)) == ["30 Dec", "31 Dec", "1 Jan 2025", "2 Jan"]
    assert label_texts(["at night", days[0]], (0, 1)) == ["at night", "30 Dec"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, COUNT, ""),
        (0, COUNT, "0"),
        (-1234567, COUNT, "-1,234,567"),
        (Decimal("0"), EUR, "€0.00"),
        (Decimal("12.345"), EUR, "€12.34"),
        (Decimal("0.00042"), EUR, "€0.0004"),
        (Decimal("0.00002"), EUR, "€2e-05"),
        (Decimal("-1234.5"), USD, "-$1,234.50"),
        (Decimal("1E+400"), EUR, "€1e+300"),
        (Decimal("NaN"), EUR, ""),
        (Decimal("sNaN"), EUR, ""),
        (Decimal("-Infinity"), EUR, ""),
        (float("nan"), NUMBER, ""),
        (float("inf"), NUMBER, ""),
        (10**400, COUNT, "1e+300"),
        (2.5, NUMBER, "2.5"),
        (2.0, NUMBER, "2"),
        (0.00001, NUMBER, "1e-05"),
        (0.0, NUMBER, "0"),
        (33.3333, PERCENT, "33.3 %"),
        (3, Unit("CHF ", places=2), "CHF 3.00"),
    ],
)
def test_values_are_written_with_their_sign(value: Number | None, unit: Unit, text: str) -> None:
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("value", "step", "unit", "text"),
    [
        (0, 25, COUNT, "0"),
        (2500, 500, COUNT, "2,500"),
        (250_000, 50_000, COUNT, "250 k"),
        (2_500_000, 500_000, COUNT, "2.5 M"),
        (3e9, 1e9, COUNT, "3 bn"),
        (-7.5e12, 2.5e12, NUMBER, "-7.5 T"),
        (2e299, 1e299, NUMBER, "2e+299"),
        (0.25, 0.25, EUR, "€0.25"),
        (-0.5, 0.5, EUR, "-€0.5"),
        (0.30000000000000004, 0.1, NUMBER, "0.3"),
        (3e-14, 1e-14, NUMBER, "0.000000000000"),
    ],
)
def test_numbers_of_an_axis_are_short(value: float, step: float, unit: Unit, text: str) -> None:
    assert tick_text(value, step, unit) == text


@given(st.one_of(st.integers(), st.decimals(), st.floats()))
def test_every_number_is_finite_or_missing(value: Number) -> None:
    number = finite(value)
    assert number is None or abs(number) <= 1e300
    assert (value_text(value, EUR) == "") == (number is None)
