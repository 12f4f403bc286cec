"""Which stored prices another reading of the package states anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.price_history import Period, restated, still_unknown
from livedash_pipeline.money.rules.pricing import DatedPrice, Price, Rates

D = Decimal
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
USUAL = Price(Rates(input=D(2), output=D(8)), Rates(input=D(1), output=D(4)))
LONG = replace(USUAL, others={"flex": Rates(input=D(1), output=D(4))})
DEARER = replace(LONG, standard=Rates(input=D(3), output=D(8)))
HERE, BEFORE = "genai-prices 2", "genai-prices 1"


def dated(price: Price, days: int = 0) -> DatedPrice:
    return DatedPrice("m", FIRST + days * DAY, price)


def period(price: Price, start: int = 0, end: int | None = None, source: str = HERE) -> Period:
    return Period(FIRST + start * DAY, None if end is None else FIRST + end * DAY, price, source)


def test_what_is_stored_as_it_is_read_stays() -> None:
    assert restated(period(LONG), [dated(LONG)], HERE) == ()
    assert restated(period(LONG, 0, 9), [dated(LONG), dated(DEARER, 9)], HERE) == ()


def test_other_figures_of_the_same_release_are_stored_anew_from_the_beginning_of_the_row() -> None:
    assert restated(period(USUAL, 5), [dated(LONG)], HERE) == (dated(LONG, 5),)
    assert restated(period(USUAL, 5), [dated(LONG), dated(DEARER, 9)], HERE) == (dated(LONG, 5), dated(DEARER, 9))
    assert restated(period(USUAL, 5, 9), [dated(LONG), dated(DEARER, 9)], HERE) == (dated(LONG, 5),)


def test_another_price_of_another_release_stays_for_its_time() -> None:
    assert restated(period(USUAL, source=BEFORE), [dated(DEARER)], HERE) == ()
    assert restated(period(USUAL, source=BEFORE), [dated(LONG)], HERE) == (dated(LONG),)


def test_a_model_that_the_package_says_nothing_about_stays() -> None:
    assert restated(period(USUAL), [], HERE) == ()
    assert restated(period(USUAL, 0, 3), [dated(LONG, 3)], HERE) == ()


@given(st.integers(0, 9), st.integers(1, 9) | st.none(), st.lists(st.integers(0, 20), min_size=1, unique=True))
def test_pieces_lie_within_the_row_and_follow_each_other(start: int, length: int | None, days: list[int]) -> None:
    end = None if length is None else start + length
    pieces = restated(period(USUAL, start, end), [dated(LONG, day) for day in sorted(days)], HERE)
    starts = [piece.effective_from for piece in pieces]
    assert starts == sorted(set(starts))
    assert all(FIRST + start * DAY <= each for each in starts)
    assert end is None or all(each < FIRST + end * DAY for each in starts)


def test_a_change_begins_now_and_after_what_it_replaces() -> None:
    now = FIRST + 3 * DAY
    assert still_unknown([dated(USUAL)], None, now) == [dated(USUAL)]
    assert still_unknown([dated(USUAL)], (FIRST, USUAL), now) == ()
    assert still_unknown([dated(LONG)], (FIRST, USUAL), now) == (dated(LONG, 3),)
    assert still_unknown([dated(LONG, 7)], (FIRST, USUAL), now) == (dated(LONG, 7),)
    (after,) = still_unknown([dated(LONG)], (now + DAY, USUAL), now)
    assert after.effective_from == now + DAY + timedelta(microseconds=1)
