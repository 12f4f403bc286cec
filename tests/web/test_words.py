"""How values are written on pages, and what addresses hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from livedash_pipeline.web import words
from livedash_pipeline.web.links import address, changed

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "€ 0.00"),
        ("1234.5", "€ 1,234.50"),
        ("-3", "€ -3.00"),
        ("0.5", "€ 0.5000"),
        ("0.0123456", "€ 0.0123"),
        ("0.000001234", "€ 0.0000012"),
        ("0.99994", "€ 0.9999"),
        ("0.99995", "€ 1.00"),
        ("0.99996", "€ 1.00"),
        ("-0.99996", "€ -1.00"),
        ("1e30", "€ 1" + 10 * ",000" + ".00"),
        ("NaN", "NaN"),
        ("sNaN", "sNaN"),
        ("-Infinity", "-Infinity"),
        ("nonsense", "nonsense"),
        (None, "unknown"),
    ],
)
def test_money(amount: str | None, shown: str) -> None:
    assert words.eur(amount).replace("\N{NO-BREAK SPACE}", " ") == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**8), max_value=10**8))
def test_no_amount_that_is_not_zero_is_shown_as_zero(amount: Decimal) -> None:
    digits = words.usd(amount).replace(",", "").partition("\N{NO-BREAK SPACE}")[2]
    assert (Decimal(digits) == 0) == (amount == 0)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (7200, "2 h"),
        (86_400, "1 d"),
        (31_536_000 * 2, "2 y"),
        (None, "unknown"),
    ],
)
def test_lengths_of_time(seconds: float | None, shown: str) -> None:
    assert words.span(seconds) == shown
    assert seconds is None or words.span(timedelta(seconds=seconds)) == shown


def test_a_time_has_its_zone_and_how_long_ago_it_is() -> None:
    shown = words.when("2026-05-01T11:57:00Z", zone=ZoneInfo("Europe/Amsterdam"), now=NOW)
    assert ">2026-05-01 13:57 CEST</time>" in shown
    assert 'datetime="2026-05-01T11:57:00Z"' in shown
    assert "3 min ago" in shown
    assert "in 2 h" in words.when(NOW + timedelta(hours=2), zone=UTC, now=NOW)
    assert "none" in words.when(None, zone=UTC, now=NOW)


@given(st.text(max_size=400), st.integers(2, 80))
def test_a_text_is_cut_and_escaped(text: str, length: int) -> None:
    shown = words.short(text, length)
    inner = shown.removeprefix('<bdi dir="auto">').removesuffix("</bdi>")
    assert "<" not in inner
    assert len(Markup(inner).unescape()) <= length


@given(st.text(max_size=60))
def test_a_zone_is_one_or_none(name: str) -> None:
    zone = words.read_zone(name)
    assert zone is None or NOW.astimezone(zone) == NOW


@given(st.dictionaries(st.text("abc_", min_size=1), st.one_of(st.none(), st.text(), st.integers(), st.booleans())))
def test_an_address_holds_what_is_given(parameters: dict[str, object]) -> None:
    names = {name: value for name, value in parameters.items() if name == name.rstrip("_")}
    made = urlsplit(address("/requests", **names))
    assert made.path == "/console/requests"
    told = dict(parse_qsl(made.query, keep_blank_values=True))
    assert set(told) == {name for name, value in names.items() if value is not None and value != ""}


def test_another_filter_begins_at_the_first_page() -> None:
    given = [("status", "failed"), ("cursor", "abc"), ("company", "acme")]
    assert changed("/console/requests", given, {"status": None}) == "/console/requests?company=acme"
    assert (
        changed("/console/requests", given, {"cursor": "d"}) == "/console/requests?status=failed&company=acme&cursor=d"
    )
    assert changed("/console/requests", given, {"from_": "x"}).endswith("company=acme&from=x")


@pytest.mark.parametrize("place", ["cursor", "after", "page"])
def test_a_place_in_the_list_is_kept_only_if_it_is_what_changes(place: str) -> None:
    given = [("by", "day"), (place, "3")]
    assert changed("/console/spend", given, {"then": "model"}) == "/console/spend?by=day&then=model"
    assert changed("/console/spend", given, {place: 4}) == f"/console/spend?by=day&{place}=4"
