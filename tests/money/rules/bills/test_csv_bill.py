"""The tables that the usage page exports, also after a spreadsheet had them, and tables that are something else."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.bills.billed_days import Bill, BilledDay, UnreadableBillError
from livedash_pipeline.money.rules.bills.reading import read_bill
from tests.money.rules.bills.shapes import COSTS_HEADER, DAY, USAGE_HEADER, cost_line, table, usage_line

D = Decimal
NEXT = DAY + timedelta(days=1)
MINI = "gpt-5-mini-2025-08-07"


def test_costs_by_line_item() -> None:
    content = table(
        COSTS_HEADER,
        cost_line("", day=DAY - timedelta(days=1), currency=""),
        cost_line("0.003835980000000000000000000000", f"{MINI}, batch input"),
        cost_line("0.5", f"{MINI}, output"),
        cost_line("1", "web search tool calls", day=NEXT),
    )
    assert read_bill(content) == Bill(
        (BilledDay(DAY, MINI, D("0.50383598")), BilledDay(NEXT, "web search tool calls", D(1))),
        DAY - timedelta(days=1),
        NEXT,
    )


def test_activity_by_model_with_counts_as_fractions_and_rows_that_repeat_their_groups() -> None:
    content = table(
        USAGE_HEADER,
        usage_line("46264.0", "60000.0", MINI),
        usage_line("5783.0", "16000.0", MINI),
        usage_line("5783.0", "16000.0", MINI),
        usage_line("10", "2", "gpt-4o", batch="False"),
    )
    assert read_bill(content).rows == (
        BilledDay(DAY, "gpt-4o", None, 10, 0, 2, 3),
        BilledDay(DAY, MINI, None, 57830, 0, 92000, 9),
    )


def test_minutes_of_a_day_are_summed() -> None:
    minutes = [f"{DAY}T00:0{n}:00+00:00,{DAY}T00:0{n + 1}:00+00:00,{MINI},{n}" for n in range(3)]
    assert read_bill(table("start_time_iso,end_time_iso,model,input_tokens", *minutes)).rows[0].input_tokens == 3


def test_the_exports_of_2024() -> None:
    costs = table(
        "timestamp,currency,name,cost,organization_id,cost_in_major,date",
        f"1781395200,usd,GPT-4o mini,125.0,org-x,1.25,{DAY}",
        f"1781395200,usd,GPT-4o mini,125.0,org-x,0.75,{DAY}",
    )
    assert read_bill(costs).rows == (BilledDay(DAY, "GPT-4o mini", D(2)),)
    activity = table(
        "aggregation_timestamp,n_requests,operation,snapshot_id,n_context_tokens_total,n_generated_tokens_total",
        "1781395500,2,completion,gpt-4o-2024-05-13,30,4",
        "1781395800,1,completion,gpt-4o-2024-05-13,20,1",
    )
    assert read_bill(activity).rows == (BilledDay(DAY, "gpt-4o-2024-05-13", None, 50, None, 5, 3),)


def test_costs_and_tokens_in_one_table() -> None:
    content = table("Date,Model,Amount Value,input-tokens", f"{DAY},gpt-4o,$0.50,7")
    assert read_bill(content).rows == (BilledDay(DAY, "gpt-4o", D("0.5"), 7),)


SMALL = "start_time_iso;line_item;amount_value;amount_currency"


@pytest.mark.parametrize(
    "content",
    [
        table(SMALL, f"{DAY};gpt-4o, input;1234,5;USD").decode().encode("utf-8-sig"),
        table("sep=;", SMALL, f"{DAY};gpt-4o, input;1.234,50;usd;;", "", " ; ; ; "),
        table(SMALL, f"{DAY};gpt-4o, input;1234.5;usd").replace(b"\r\n", b"\n"),
        table(SMALL, f"{DAY};gpt-4o, input;1234,5;usd").decode().encode("utf-16"),
        table(SMALL.replace(";", "\t"), f"{DAY}\tgpt-4o, input\t1234.5\tusd"),
        table(SMALL.replace(";", ","), f'{DAY}T00:00:00+00:00,"gpt-4o, input","1,234.50",usd'),
        table(SMALL.replace(";", ","), f'{DAY}T02:00:00+02:00,"gpt-4o, input",$1234.5,'),
        table(f"{SMALL};owner", f"{DAY};gpt-4o, input;1,2345E3;usd;M\u00fcller").decode().encode("latin-1"),
    ],
)
def test_spreadsheets_may_have_had_it(content: bytes) -> None:
    assert read_bill(content).rows == (BilledDay(DAY, "gpt-4o", D("1234.5")),)


def test_tables_one_behind_the_other() -> None:
    costs = table(COSTS_HEADER, cost_line("1", f"{MINI}, input"))
    activity = table(USAGE_HEADER, usage_line("5", "2", MINI))
    assert read_bill(costs + costs).rows == (BilledDay(DAY, MINI, D(1)),)
    assert read_bill(costs + activity).rows == (BilledDay(DAY, MINI, D(1), 5, 0, 2, 3),)
    with pytest.raises(UnreadableBillError, match="stated twice, with different figures"):
        read_bill(costs + table(COSTS_HEADER, cost_line("2", f"{MINI}, input")))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "The file is empty."),
        (b"sep=;\n", "The file is empty;"),
        (b"%PDF-1.7 \xff\xfe", "begins with '%PDF-1.7"),
        (b"company,session,csv_url\na,b,c", "begins with 'company, session, csv_url'"),
        # Cents in some exports, dollars in others.
        (b"date,cost\n2026-06-14,125", "begins with 'date, cost'"),
        (b"model,amount_value\ngpt-4o,1", "begins with"),
        (b"date,amount_value,Amount Value\n2026-06-14,1,1", "two columns 'amount_value'"),
        (table(COSTS_HEADER, cost_line("1", currency="eur")), "Line 2 has an amount in 'eur'"),
        (table(COSTS_HEADER, cost_line("1"), cost_line("free")), "Line 3 has 'free' for an amount"),
        (table(COSTS_HEADER, cost_line('"1,234"')), "Line 2 has '1,234' for an amount"),
        (table("date;amount_value", f"{DAY};1.234", f"{DAY};0,5"), "Line 2 has '1.234' for an amount"),
        (table("date;amount_value;input_tokens", f"{DAY};0,5;1.234"), "Line 2 has '1.234' for a count"),
        (table("date,amount_value", "06/14/2026,1"), "Line 2 has '06/14/2026' for a time"),
        (table("date,amount_value", ",1"), "Line 2 states no time"),
        (table("date,amount_value", "0001-01-01T00:00:00+14:00,1"), "for a time"),
        (table("date,amount_value", "2014-01-01,1"), "for a time"),
        (table("start_time,amount_value", "1.75962E+09,1"), "Line 2 has '1.75962E+09' for a time"),
        (table(COSTS_HEADER, cost_line("1")[:60]), "cells below a header of 17"),
        (table("date,amount_value", f"{DAY},1,2"), "Line 2 has 3 cells below a header of 2"),
        (
            table("start_time_iso,end_time_iso,amount_value", f"{DAY},{NEXT + timedelta(days=3)},1"),
            "Line 2 reaches from",
        ),
        (table("date,amount_value", f"{DAY}," + "1" * 140_000), "cannot be read as CSV"),
    ],
)
def test_everything_else_is_refused_with_what_was_found(content: bytes, found: str) -> None:
    with pytest.raises(UnreadableBillError) as refused:
        read_bill(content)
    assert found in str(refused.value)


@example(content=COSTS_HEADER.encode())
@given(
    content=st.binary(max_size=60) | st.text(alphabet=';,"\n0123456789.eE-tbdamount_vlu', max_size=80).map(str.encode)
)
def test_any_bytes_are_a_bill_or_refused(content: bytes) -> None:
    for begin in (b"", b"date;amount_value\n", b"start_time,end_time,input_tokens\n"):
        try:
            assert isinstance(read_bill(begin + content), Bill)
        except UnreadableBillError as error:
            assert str(error).endswith(".")


@example(amounts=[D("0.000000000001"), D("-5")])
@given(amounts=st.lists(st.decimals(-(10**9), 10**9, allow_nan=False, places=15), min_size=1, max_size=6))
def test_both_signs_of_a_point_give_the_same_sum(amounts: list[Decimal]) -> None:
    written = [f"{amount:f}" for amount in amounts]
    points = read_bill(table(SMALL, *(f"{DAY};gpt-4o, input;{text};usd" for text in written)))
    commas = read_bill(table(SMALL, *(f"{DAY};gpt-4o, input;{text.replace('.', ',')};usd" for text in written)))
    assert points == commas
    assert points.rows[0].usd == sum(amounts)
