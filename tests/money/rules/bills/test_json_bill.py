"""What the API answers, as it was seen to answer, and everything that a file can hold instead."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.bills.billed_days import Bill, BilledDay, UnreadableBillError
from livedash_pipeline.money.rules.bills.reading import read_bill, read_pages
from tests.money.rules.bills.shapes import DAY, as_bytes, bucket, cost, page, seconds, usage

D = Decimal
NEXT = DAY + timedelta(days=1)
MINI = "gpt-5-mini-2025-08-07"

# As a live answer was seen in June 2026: amounts are texts, zero is 0E-6176, and a quiet day has no results.
LIVE = page(
    bucket(
        cost("0E-6176", "gpt-4o-mini-2024-07-18, cached input", quantity=0.0, project_id="proj_x"),
        cost(
            "0.000004500000000000000000000000000000000",
            "gpt-4o-mini-2024-07-18, input",
            quantity=30.0,
            project_id="proj_x",
        ),
        cost("0.00003420000000000000000000000000000000", "gpt-4o-mini-2024-07-18, output", project_id="proj_x"),
    ),
    bucket(day=NEXT),
)


def test_line_items_of_a_model_are_summed_by_day() -> None:
    bill = read_bill(as_bytes(LIVE))
    assert bill == Bill((BilledDay(DAY, "gpt-4o-mini-2024-07-18", usd=D("0.0000387")),), DAY, NEXT)


def test_amounts_are_exact_as_numbers_and_as_text() -> None:
    text = as_bytes(page(bucket(cost("0.1", f"{MINI}, input"), cost("0.2", f"{MINI}, output"))))
    numbers = text.replace(b'"0.1"', b"1e-1").replace(b'"0.2"', b"0.2")
    assert numbers != text
    assert read_bill(text).rows == read_bill(numbers).rows == (BilledDay(DAY, MINI, usd=D("0.3")),)


def test_usage_is_summed_by_day_and_model_whatever_its_other_groups() -> None:
    found = bucket(
        usage(100, 20, batch=True),
        usage(50, 10, batch=False),
        usage(7, 1, "gpt-4o"),
        usage(None, None, None, batch=True),
    )
    assert read_bill(as_bytes(page(found))).rows == (
        BilledDay(DAY, None, None, None, 0, None, 1),
        BilledDay(DAY, "gpt-4o", None, 7, 0, 1, 1),
        BilledDay(DAY, MINI, None, 150, 0, 30, 2),
    )


def test_costs_and_usage_of_two_files_make_one_bill() -> None:
    costs, tokens = page(bucket(cost("1.5", f"{MINI}, output"))), page(bucket(usage(100, 20)))
    assert read_bill(as_bytes(costs), as_bytes(tokens)).rows == (BilledDay(DAY, MINI, D("1.5"), 100, 0, 20, 1),)
    assert read_pages([json.loads(as_bytes(LIVE), parse_float=str, parse_int=str)]) == read_bill(as_bytes(LIVE))


ONE, TWO = page(bucket(cost("1"))), page(bucket(cost("2"), day=NEXT))


@pytest.mark.parametrize(
    "content",
    [
        as_bytes([ONE, TWO]),
        as_bytes(ONE, TWO),
        as_bytes(ONE, ONE, TWO),
        as_bytes(*ONE["data"], *TWO["data"]),
        as_bytes([*ONE["data"], *TWO["data"]]),
        as_bytes([ONE, [TWO]]),
        b"\xef\xbb\xbf \n" + as_bytes(page(*ONE["data"], *TWO["data"])) + b"\n\n",
        as_bytes([ONE, TWO]).decode().encode("utf-16"),
        as_bytes(ONE, TWO).replace(b'"results"', b'"result"'),
        as_bytes(ONE, TWO).replace(b'"object": "organization.costs.result", ', b""),
    ],
)
def test_pages_may_be_one_document_or_many(content: bytes) -> None:
    assert read_bill(content) == Bill((BilledDay(DAY, None, D(1)), BilledDay(NEXT, None, D(2))), DAY, NEXT)


def test_a_page_or_a_day_that_comes_twice_counts_once() -> None:
    found = page(bucket(cost("1", f"{MINI}, input"), cost("2", f"{MINI}, output")))
    turned = page(bucket(cost("2", f"{MINI}, output"), cost("1", f"{MINI}, input")), bucket(cost("5"), day=NEXT))
    assert [row.usd for row in read_bill(as_bytes(found, found), as_bytes(turned)).rows] == [D(3), D(5)]


def test_the_exports_of_two_projects_are_added_up() -> None:
    ours, others = (page(bucket(cost("1", project_id=name))) for name in ("proj_a", "proj_b"))
    assert read_bill(as_bytes(ours), as_bytes(others)).rows == (BilledDay(DAY, None, D(2)),)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # An earlier state of the same day.
        (cost("1", f"{MINI}, input"), cost("2", f"{MINI}, input")),
        # The same day, once as a whole and once split.
        (cost("3"), cost("3", f"{MINI}, input")),
    ],
)
def test_a_day_with_two_sets_of_figures_is_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(UnreadableBillError, match=r"The costs of 2026-06-14 00:00 in UTC are stated twice"):
        read_bill(as_bytes(page(bucket(first))), as_bytes(page(bucket(second))))


def test_an_hour_beside_its_day_is_refused() -> None:
    hour = bucket(usage(1, 1), start=seconds(DAY, 3), end=seconds(DAY, 4))
    with pytest.raises(UnreadableBillError, match=r"The usage of 2026-06-14 03:00 are stated twice"):
        read_bill(as_bytes(bucket(usage(5, 5)), hour))
    # An empty hour, and costs by day beside usage by hour, are no contradiction.
    quiet = bucket(start=seconds(DAY, 4), end=seconds(DAY, 5))
    assert read_bill(as_bytes(bucket(cost("1")), hour, quiet)).rows == (
        BilledDay(DAY, None, D(1)),
        BilledDay(DAY, MINI, None, 1, 0, 1, 1),
    )


def test_credits_lower_a_bill() -> None:
    bill = read_bill(as_bytes(bucket(cost("2.5", f"{MINI}, input"), cost(-4, f"{MINI}, input"))))
    assert bill.rows == (BilledDay(DAY, MINI, usd=D("-1.5")),)


def test_a_bill_of_no_days_is_none() -> None:
    assert read_bill(as_bytes(page())) == Bill()


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("costs", "holds 'costs'"),
        ({}, "has no fields"),
        ({"id": "batch_1", "object": "batch"}, "has the fields 'id, object'"),
        ({"error": {"message": "Incorrect API key provided."}}, "refusal of the API and no bill: 'Incorrect"),
        ({"error": "No."}, "refusal of the API and no bill: 'No.'"),
        (bucket(cost("1", currency="eur")), "an amount in 'eur'"),
        (bucket(cost("1", currency=5)), "an amount in '5'"),
        (bucket(cost("NaN")), "has 'NaN' for an amount"),
        (bucket(cost(float("inf"))), "has 'Infinity' for an amount"),
        (bucket(cost(None)), "has None for an amount"),
        (bucket(cost([])), "has a list for an amount"),
        (bucket(cost("1e12")), "has '1e12' for an amount, which no bill has"),
        (bucket(cost("-1e999999")), "which no bill has"),
        (bucket(cost("1e-101")), "which no bill has"),
        (bucket(cost("1,234")), "has '1,234' for an amount"),
        (bucket(cost("9" * 300)), "9999…"),
        (bucket({"object": "organization.costs.result", "amount": 5}), "has '5' where an amount"),
        (bucket(usage(-1, 1)), "has '-1' for a count"),
        (bucket(usage(1.5, 1)), "has '1.5' for a count"),
        (bucket(usage(10**16, 1)), "for a count"),
        (bucket(usage("many", 1)), "has 'many' for a count"),
        (bucket(usage(True, 1)), "has True for a count"),
        (bucket({"object": "organization.usage.images.result", "images": 3}), "organization.usage.images.result"),
        (bucket({"object": []}), "a result of a list"),
        (bucket({"images": 3}), "neither an amount nor tokens, but the fields 'images'"),
        ({**bucket(), "results": [7]}, "has '7' where a result should be"),
        (bucket(start="soon"), "has 'soon' for a time"),
        (bucket(start=None, end=1_781_395_200_000), "has '1781395200000' for a time"),
        ({**bucket(), "end_time": None}, "has None for a time"),
        (bucket(start=seconds(DAY, 5), end=seconds(NEXT, 5)), "not within one day"),
        (bucket(end=seconds(DAY)), "which is no span of time"),
    ],
)
def test_everything_else_is_refused_with_what_was_found(document: Any, found: str) -> None:
    with pytest.raises(UnreadableBillError) as refused:
        read_bill(as_bytes(document if isinstance(document, list) else [document]))
    assert found in str(refused.value)


@pytest.mark.parametrize("content", [b'{"data": [', b"[1, 2] x", b"[" * 100_000, b'{"a": 1}{'])
def test_broken_json_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableBillError):
        read_bill(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["data", "results", "start_time", "end_time", "amount", "value", "currency", "input_tokens", "object"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@example(document=page(bucket(cost("1"))))
@given(document=JSON)
def test_any_json_is_a_bill_or_refused(document: Any) -> None:
    try:
        bill = read_bill(as_bytes([document]))
    except UnreadableBillError as error:
        assert str(error).endswith(".")
    else:
        assert isinstance(bill, Bill)


AMOUNTS = st.decimals(-(10**11), 10**11, allow_nan=False, places=20)


@example(days={DAY: [D("0.1"), D("0.2")]}, cut=0)
@given(
    days=st.dictionaries(
        st.dates(date(2024, 1, 1), date(2026, 1, 1)), st.lists(AMOUNTS, min_size=1, max_size=4), max_size=5
    ),
    cut=st.integers(0, 5),
)
def test_sums_are_exact_however_pages_are_cut(days: dict[date, list[Decimal]], cut: int) -> None:
    buckets = [
        bucket(*(cost(str(amount), f"{MINI}, input") for amount in amounts), day=day) for day, amounts in days.items()
    ]
    bill = read_bill(as_bytes(page(*buckets[:cut]), page(*buckets[cut:]), page(*buckets)))
    wanted = {day: sum(map(Fraction, amounts)) for day, amounts in days.items()}
    assert {row.day: Fraction(row.usd) for row in bill.rows if row.usd is not None} == wanted
