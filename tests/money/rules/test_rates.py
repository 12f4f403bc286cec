"""Codes of currencies, and when a rate is old."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from livedash_pipeline.money.rules.rates import currency_code, days_old, is_old

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
