"""Exchange rates: the newest up to a day, the setting where there is none, and figures that are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.store.rates import Rate, rate_at, set_rate

D = Decimal
NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def test_rate_is_the_newest_up_to_that_day(engine: Engine) -> None:
    with engine.begin() as connection:
        set_rate(connection, date(2026, 10, 30), D("0.91"), "ecb", NOW)
        set_rate(connection, date(2026, 11, 2), D("0.93"), "ecb", NOW)
        assert rate_at(connection, NOW, D("0.5")) == Rate(D("0.91"), "ecb")
        assert rate_at(connection, datetime(2026, 11, 2, tzinfo=UTC), None) == Rate(D("0.93"), "ecb")
        # Half past midnight in Amsterdam is still the day before in UTC.
        amsterdam = timezone(timedelta(hours=1))
        assert rate_at(connection, datetime(2026, 11, 2, 0, 30, tzinfo=amsterdam), None) == Rate(D("0.91"), "ecb")


def test_without_a_stored_rate_the_setting_counts_or_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        set_rate(connection, date(2026, 12, 1), D("0.91"), "ecb", NOW)
        assert rate_at(connection, NOW, D("0.9")) == Rate(D("0.9"), "LIVEDASH_USD_EUR")
        assert rate_at(connection, NOW, None) is None


def test_rate_of_a_day_can_be_corrected(engine: Engine) -> None:
    with engine.begin() as connection:
        set_rate(connection, NOW.date(), D("9.2"), "operator", NOW)
        set_rate(connection, NOW.date(), D("0.92"), "operator", NOW)
        assert rate_at(connection, NOW, None) == Rate(D("0.92"), "operator")


def test_figure_that_is_no_rate_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        for rate in ("0", "-1", "NaN", "Infinity", "1e-10", "1e9"):
            with pytest.raises(UsageError, match="no exchange rate"):
                set_rate(connection, NOW.date(), D(rate), "operator", NOW)
