"""Money and times as documents show them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.values import NO_LIMIT, is_amount, moment, money, read_limit
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, None),
        (Decimal("0.000"), "0"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.0000001"), "0.0000001"),
    ],
)
def test_money_has_neither_exponent_nor_trailing_zeros(amount: Decimal | None, shown: str | None) -> None:
    assert money(amount) == shown


def test_a_time_is_iso_8601() -> None:
    assert (moment(NOW), moment(None)) == (NOW.isoformat(), None)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("25", Decimal(25)),
        (" 12.50 ", Decimal("12.5")),
        ("0", Decimal(0)),
        ("99999999.999999999999", Decimal("99999999.999999999999")),
        ("none", NO_LIMIT),
        ("None", NO_LIMIT),
        ("", None),
        ("-1", None),
        ("12,50", None),
        ("1e3", None),
        (".5", None),
        ("NaN", None),
        ("Infinity", None),
        ("1_000", None),
        ("٢", None),
        ("100000000", None),
        ("0.0000000000001", None),
    ],
)
def test_a_limit_is_a_plain_amount_or_none(text: str, limit: Decimal | str | None) -> None:
    assert read_limit(text) == limit


@given(st.decimals() | st.decimals(0, Decimal("99999999.999999999999"), places=12))
@example(Decimal("1e400"))
@example(Decimal("1e-30"))
@example(Decimal("1.5"))
def test_an_amount_that_can_be_stored_is_one_that_people_may_write(amount: Decimal) -> None:
    written = money(amount) if amount.is_finite() and abs(amount.adjusted()) < 50 else "none of it"
    assert written is not None
    assert is_amount(amount) == isinstance(read_limit(written), Decimal)


@given(st.text(max_size=20))
@example("1.5")
def test_any_text_is_a_limit_that_the_database_holds_or_nothing(text: str) -> None:
    found = read_limit(text)
    if isinstance(found, Decimal):
        assert 0 <= found < 10**8 and read_limit(money(found) or "") == found
    else:
        assert found in (None, NO_LIMIT)


@given(st.decimals(0, 99_999_999, places=12))
@example(Decimal("0.000000000001"))
def test_every_amount_that_the_database_holds_is_read_as_it_is_shown(amount: Decimal) -> None:
    assert read_limit(money(amount) or "") == amount
