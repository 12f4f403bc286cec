"""Codes of currencies, and when a rate is old."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from livedash_pipeline.money.rules.rates import currency_code, days_old, is_old, is_rate

NOW = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CHF", "CHF"),
        (" chf ", "CHF"),
        ("EUR", "EUR"),
        ("usd", None),
        ("", None),
        ("EURO", None),
        ("E1R", None),
        ("ÆØÅ", None),
    ],
)
def test_a_code_has_three_letters_and_is_not_the_dollars(text: str, code: str | None) -> None:
    assert currency_code(text) == code


def test_a_rate_is_old_after_thirty_days_in_utc() -> None:
    assert not is_old(date(2026, 10, 2), NOW)
    assert is_old(date(2026, 10, 1), NOW)
    assert days_old(date(2026, 11, 2), NOW) == -1
    # The same moment elsewhere is the same day in UTC.
    assert days_old(date(2026, 11, 1), NOW.astimezone(timezone(timedelta(hours=-8)))) == 0


@pytest.mark.parametrize(
    ("rate", "is_one"),
    [
        ("0.92", True),
        ("0.000000001", True),
        ("999999999.999999999", True),
        ("0", False),
        ("-0.92", False),
        ("1e-30", False),
        ("0.0000000015", False),
        ("1e9", False),
        ("1e400", False),
        ("NaN", False),
        ("Infinity", False),
    ],
)
def test_a_rate_is_what_its_column_holds(rate: str, is_one: bool) -> None:
    assert is_rate(Decimal(rate)) == is_one
