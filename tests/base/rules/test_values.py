"""Money and times as documents show them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from livedash_pipeline.base.rules.values import moment, money
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
