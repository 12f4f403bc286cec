"""Codes of currencies, what may be an exchange rate, and the age from which on an exchange rate is old.

Add a rule about rates here; they are stored and found by `money.store.rates`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

OLD_AFTER = timedelta(days=30)
"""Older than this, the rate that counts is worth a look: costs are worked out with it all the same."""

DOLLAR = "USD"
# What the columns of rates hold: numeric(18, 9).
_RATE_LIMIT, _RATE_STEP = Decimal(10) ** 9, Decimal("0.000000001")
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)


def currency_code(text: str) -> str | None:
    """A currency's code in ISO 4217's form, from text in either case; None where it has another form, or is the dollar's own."""
    code = text.strip().upper()
    return code if _CODE.fullmatch(code) and code != DOLLAR else None


def is_rate(rate: Decimal) -> bool:
    """Whether it can be what one US dollar buys: above 0, with nine decimals at most, and below a milliard."""
    return rate.is_finite() and _RATE_STEP <= rate < _RATE_LIMIT and rate == rate.quantize(_RATE_STEP)


def days_old(rate_date: date, now: datetime) -> int:
    """How many days ago (UTC) a rate began to count; below zero: it begins later."""
    return (now.astimezone(UTC).date() - rate_date).days


def is_old(rate_date: date, now: datetime) -> bool:
    """Whether a rate that counts should be looked at."""
    return days_old(rate_date, now) > OLD_AFTER.days
