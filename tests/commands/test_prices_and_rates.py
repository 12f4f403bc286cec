"""Prices, exchange rates and the filling in of open costs, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.commands.prices import group, rates
from livedash_pipeline.money.steps import listings
from tests.commands.conftest import Run, document_of
from tests.support.batch_round import Begin
from tests.support.bills import priced_again, unpriced

PRICE = ("--input", "0.25", "--output", "2")
BATCH = ("--batch-input", "0.125", "--batch-output", "1")
NAMES = ("Input", "CachedInput", "CacheWrite", "Output")
UNLISTED: dict[str, Any] = {f"{prefix}long{name}": None for prefix in ("", "batch") for name in NAMES}
UNLISTED = {name[0].lower() + name[1:].replace("hlong", "hLong"): None for name in UNLISTED}
UNLISTED |= {"longContextTokens": None, "batchLongContextTokens": None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rate", "set", "01.05.2025", "0.9"), "01.05.2025"),
        (("rate", "set", "2025-05-01", "much"), "'much'"),
        (("rate", "set", "2025-05-01", "NaN"), "'NaN'"),
        (("rate", "set", "2025-05-01", "0"), "0 is no exchange rate"),
        (("rate", "set", "2025-05-01", "0.0000000001"), "no exchange rate"),
        (("rate", "set", "2025-05-01", "0.9", "--currency", "franc"), "'franc' is no currency"),
        (("rate", "set", "2025-05-01", "1", "--currency", "usd"), "'usd' is no currency"),
        (("rate", "list", "--currency", "1"), "'1' is no currency"),
        (("price", "set", "m", "--input", "1"), "--output"),
        (("price", "set", "m", "--input", "-1", "--output", "1"), "-1"),
        (("price", "set", "m", *PRICE, "--batch-input", "1"), "needs both --batch-input and --batch-output"),
        (("price", "set", "m", *PRICE, "--batch-cached-input", "1"), "--batch-cached-input needs both"),
        (("price", "set", "m", *PRICE, "--batch-long-output", "1"), "--batch-long-output needs both"),
        (("price", "set", "m", *PRICE, "--long-input", "1"), "from which length on"),
        (("price", "set", "m", *PRICE, *BATCH, "--batch-long-output", "1"), "from which length on"),
        (("price", "set", "m", *PRICE, "--long-context-tokens", "0"), "--long-context-tokens"),
        (("price", "set", "m", *PRICE, "--long-context-tokens", "9999999999"), "9999999999"),
        (("price", "set", "m", *PRICE, "--from", "2025-05-02", "--until", "2025-05-02"), "before it begins"),
        (("price", "set", "m", *PRICE, "--until", "2001-01-01"), "before it begins"),
        (("price", "list", "--at", "soon"), "soon"),
        (("price", "backfill", "--usd", "1"), "none is named"),
        (("price", "backfill", "--batch", "b", "--usd", "x"), "'x'"),
        (("price", "backfill", "--batch", "b"), "no batch 'b'"),
        (("price", "backfill", "--company", ""), "''"),
        (("price", "backfill", "--request", "r", "--usd", "1"), "no request or try 'r'"),
    ],
)
def test_a_value_that_cannot_be_ends_with_2_and_one_sentence(
    refused: Run, arguments: tuple[str, ...], words: str
) -> None:
    result = refused(*arguments)
    assert result.exit_code == 2, result.stderr
    assert words in result.stderr and "Traceback" not in result.stderr


def test_a_rate_is_stored(livedash: Run) -> None:
    result = livedash("rate", "set", "2025-05-01", "0.9200", "--json")
    assert document_of(result) == {"ok": True, "date": "2025-05-01", "usdEur": "0.92", "source": "operator"}
    franc = livedash("rate", "set", "2025-05-01", "0.88", "--currency", "chf", "--json")
    assert document_of(franc) == {
        "ok": True,
        "date": "2025-05-01",
        "currency": "CHF",
        "usdRate": "0.88",
        "source": "operator",
    }
    again = livedash("rate", "set", "2025-05-01", "0.87", "--currency", "CHF")
    assert "0.87 CHF" in again.stdout and "It was 0.88 before. No entry was worked out with it." in again.stdout


def test_rates_are_listed_with_their_age_and_the_setting(livedash: Run, engine: Engine) -> None:
    with engine.connect() as connection:
        today = database_now(connection).astimezone(UTC).date()
    empty = livedash("rate", "list").stdout
    assert "No rate is stored" in empty and "LIVEDASH_USD_EUR is not set; no rate is known." in empty
    alone = livedash("rate", "list", LIVEDASH_USD_EUR="0.91").stdout
    assert "LIVEDASH_USD_EUR says 0.91 and counts at all times" in alone
    old, coming = today - timedelta(days=31), today + timedelta(days=1)
    for day, rate, more in ((old, "0.9", ()), (coming, "0.8", ()), (old, "0.88", ("--currency", "CHF"))):
        assert livedash("rate", "set", f"{day}", rate, *more).exit_code == 0
    document = document_of(livedash("rate", "list", "--json", LIVEDASH_USD_EUR="0.91"))
    assert [(row["currency"], row["usdRate"], row["counts"]) for row in document["rates"]] == [
        ("EUR", "0.8", False),
        ("EUR", "0.9", True),
        ("CHF", "0.88", True),
    ]
    assert document["newest"][0] == {"currency": "EUR", "date": f"{old}", "daysOld": 31, "isOld": True}
    assert document["setting"] == {
        "name": "LIVEDASH_USD_EUR",
        "usdEur": "0.91",
        "countsUntil": f"{old}",
        "counts": False,
    }
    said = livedash("rate", "list", LIVEDASH_USD_EUR="0.91").stdout
    assert "The rate of EUR is 31 days old. Store a newer one: livedash rate set DATE RATE\n" in said
    assert "--currency CHF" in said and f"counts before {old}" in said
    franc = document_of(livedash("rate", "list", "--currency", "chf", "--json"))
    assert ([row["currency"] for row in franc["rates"]], franc["setting"]) == (["CHF"], None)


def test_a_replaced_rate_says_how_many_entries_keep_it(livedash: Run, engine: Engine, begin: Begin) -> None:
    going = begin(3)
    going.end(output=[going.answer(each) for each in going.ids]).ingest()
    with engine.connect() as connection:
        today = database_now(connection).astimezone(UTC).date()
    said = document_of(livedash("rate", "set", f"{today}", "0.95", "--json"))
    assert said["replaced"] == {"usdRate": "0.9", "keptByCount": 3}
    assert "replaced" not in document_of(livedash("rate", "set", f"{today}", "0.95", "--json"))
    # What another day's rate was used for is not counted.
    livedash("rate", "set", f"{today - timedelta(days=1)}", "0.9")
    other = livedash("rate", "set", f"{today - timedelta(days=1)}", "0.93").stdout
    assert "No entry was worked out with it" in other


def test_a_price_without_batch_rates_says_that_costs_stay_unknown(livedash: Run) -> None:
    result = livedash("price", "set", "my-model", *PRICE, "--from", "2025-05-01")
    assert result.exit_code == 0, result.stderr
    assert "2025-05-01T00:00:00+00:00" in result.stdout
    assert "--batch-input" in result.stdout


def test_a_price_takes_the_place_of_the_one_of_the_same_moment(livedash: Run) -> None:
    line = ("price", "set", "my-model", *PRICE, *BATCH, "--from", "2025-05-01")
    stored = document_of(livedash(*line, "--json"))
    assert (stored["insteadOf"], stored["effectiveUntil"]) == (None, None)
    assert stored["price"] == UNLISTED | {
        "input": "0.25", "cachedInput": None, "cacheWrite": None, "output": "2",
        "batchInput": "0.125", "batchCachedInput": None, "batchCacheWrite": None, "batchOutput": "1",
    }  # fmt: skip
    assert "It replaces the price" in livedash(*line).stdout
    listed = document_of(livedash("price", "list", "my-model", "--all", "--json"))["prices"]
    assert [(row["setBy"], row["counts"], row["supersededAt"] is None) for row in listed] == [
        ("operator", True, True),
        ("operator", False, False),
    ]


def test_a_price_says_which_other_one_it_interrupts_and_may_begin_at_a_moment(livedash: Run) -> None:
    line = ("price", "set", "my-model", *PRICE, *BATCH)
    began = document_of(livedash(*line, "--json"))["effectiveFrom"]
    said = " ".join(livedash(*line, "--from", "2125-05-01", "--until", "2125-06-01").stdout.split())
    assert f"Your price that began at {began} counts up to 2125-05-01T00:00:00+00:00, and again from 2125-06-01" in said
    # A correction from the same moment on leaves nothing of the wrong one.
    corrected = document_of(livedash(*line, "--from", began, "--json"))
    assert (corrected["insteadOf"], corrected["interrupts"]) == ("replaced", None)
    # One that begins later leaves the other in force for the time before.
    assert "counts up to 2125-07-01T00:00:00+00:00 and no longer." in " ".join(
        livedash(*line, "--from", "2125-07-01").stdout.split()
    )


@pytest.mark.parametrize("name", ["", "a\tb", "m ", "x" * 5000])
def test_a_price_needs_the_name_of_a_model(livedash: Run, name: str) -> None:
    refused = livedash("price", "set", name, *PRICE)
    assert refused.exit_code == 2
    assert "is no name of a model" in refused.stderr
    assert "1 to 200 printable characters without blanks at the ends" in " ".join(refused.stderr.split())


def test_rates_of_long_requests_are_stored_for_each_tier(livedash: Run) -> None:
    long = [("input", "1"), ("cached-input", "0.5"), ("cache-write", "1.5"), ("output", "4")]
    options = [part for name, figure in long for part in (f"--long-{name}", figure, f"--batch-long-{name}", figure)]
    lengths = ("--long-context-tokens", "272000", "--batch-long-context-tokens", "200000")
    stored = document_of(
        livedash("price", "set", "my-model", *PRICE, *BATCH, *options, *lengths, "--until", "2125-05-01", "--json")
    )
    assert stored["effectiveUntil"] == "2125-05-01T00:00:00+00:00"
    price = stored["price"]
    assert (price["longContextTokens"], price["batchLongContextTokens"]) == (272000, 200000)
    for prefix in ("long", "batchLong"):
        assert [price[f"{prefix}{name}"] for name in NAMES] == ["1", "0.5", "1.5", "4"]
    shown = livedash("price", "list", "my-model").stdout
    assert "up to 200,000" in shown and "until 2125-05-01 00:00:00, counts" in shown


def test_a_price_is_listed_under_the_name_that_a_look_up_finds(livedash: Run, company: Company) -> None:
    assert company, "its database has prices"
    document = document_of(livedash("price", "list", "gpt-5-mini-2025-08-07", "--json"))
    assert (document["model"], document["foundAs"]) == ("gpt-5-mini-2025-08-07", "gpt-5-mini")
    (row,) = document["prices"]
    assert (row["setBy"], row["counts"], row["effectiveUntil"]) == ("package", True, None)
    assert row["source"].startswith("genai-prices ") and row["otherTiers"]["flex"]["input"] == "0.125"
    said = livedash("price", "list", "gpt-5-mini-2025-08-07").stdout
    assert "gpt-5-mini-2025-08-07 is priced as gpt-5-mini." in said and "flex" in said
    assert "No price of nobody counts" in livedash("price", "list", "nobody").stdout
    early = document_of(livedash("price", "list", "gpt-5-mini", "--at", "2001-01-01", "--json"))
    assert (early["foundAs"], early["prices"]) == (None, [])


def test_a_superseded_price_is_listed_with_all_alone_and_marked(livedash: Run, engine: Engine, begin: Begin) -> None:
    with engine.connect() as connection:
        day = f"{database_now(connection).astimezone(UTC):%Y-%m-%d}"
    line = ("price", "set", "gpt-5-mini", *PRICE, *BATCH, "--from", day)
    livedash(*line)
    going = begin(1)
    going.end(output=[going.answer(going.ids[0])]).ingest()
    assert "counts no more" in livedash(*line).stdout
    listed = document_of(livedash("price", "list", "gpt-5-mini", "--json"))["prices"]
    assert [(row["setBy"], row["counts"]) for row in listed] == [("operator", True), ("package", False)]
    every = document_of(livedash("price", "list", "gpt-5-mini", "--all", "--json"))["prices"]
    assert [(row["setBy"], row["supersededAt"] is None) for row in every][:2] == [
        ("operator", True),
        ("operator", False),
    ]
    assert "superseded 2" in livedash("price", "list", "gpt-5-mini", "--all").stdout


def test_prices_of_all_models_mark_the_one_of_each_that_counts(livedash: Run, engine: Engine, company: Company) -> None:
    assert company, "its database has prices"
    livedash("price", "set", "gpt-5-mini", *PRICE, *BATCH)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ai_model_pricing (ai_model_id, effective_from, input_usd, output_usd, source, created_at)"
                " SELECT id, '2025-01-01Z', 1, 1, 'livedash', '2025-01-01Z' FROM ai_models WHERE name = 'gpt-5-mini'"
            )
        )
    document = document_of(livedash("price", "list", "--json"))
    counting = [row["model"] for row in document["prices"] if row["counts"]]
    assert len(counting) == len(set(counting)) == len({row["model"] for row in document["prices"]})
    mini = [(row["setBy"], row["counts"]) for row in document["prices"] if row["model"] == "gpt-5-mini"]
    assert mini == [("operator", True), ("package", False), ("livedash", False)]


@pytest.mark.parametrize("draw", ["prices", "rates"])
def test_lists_fit_a_terminal_of_80_columns(livedash: Run, engine: Engine, company: Company, draw: str) -> None:
    assert company, "its database has prices"
    livedash("price", "set", "my-model", *PRICE, *BATCH, "--long-context-tokens", "272000", "--long-input", "0.123456")
    livedash("rate", "set", "2025-05-01", "0.920000001")
    made: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
        "prices": (group._draw_prices, listings.list_prices(engine, every=True)),
        "rates": (rates._draw_rates, listings.list_rates(engine, Decimal("0.9"))),
    }
    console = Console(width=80, record=True)
    shown, document = made[draw]
    shown(console, document)
    tables = [line for line in console.export_text().splitlines() if "LIVEDASH" not in line and "days old" not in line]
    assert max(map(len, tables)) <= 80
    # Nothing is folded: no figure is cut in two.
    assert any("0.920000001" in line or "0.123456" in line for line in tables)


def test_open_costs_are_counted_first_and_then_filled_in(livedash: Run, engine: Engine, begin: Begin) -> None:
    unpriced(engine)
    going = begin(2)
    lines = [going.answer(each) for each in going.ids]
    lines[0]["response"]["body"]["usage"] = None
    going.end(output=lines).ingest()
    said = livedash("price", "backfill")
    assert said.exit_code == 0 and "0 costs would be filled in" in said.stdout and "livedash price set" in said.stdout
    priced_again(engine)
    counted = document_of(livedash("price", "backfill", "--company", "acme", "--model", "gpt-5-mini", "--json"))
    assert (counted["filledCount"], counted["stillOpenCount"], counted["dryRun"]) == (1, 1, True)
    assert "Do it: the same command with --no-dry-run" in livedash("price", "backfill").stdout
    done = document_of(livedash("price", "backfill", "--no-dry-run", "--json"))
    assert done == {name: value for name, value in counted.items() if name != "dryRun"}
    stated = ("price", "backfill", "--batch", going.name, "--usd", "0.25", "--no-dry-run")
    assert "1 cost filled in: 0.25 US dollars, 0.225 euro. 0 stay open." in livedash(*stated).stdout
    assert "Nothing of this batch" in livedash(*stated).stderr


def test_the_moment_of_a_list_is_a_day_in_utc(livedash: Run) -> None:
    said = document_of(livedash("price", "list", "gpt-5-mini", "--at", "2025-09-01", "--json"))
    assert datetime.fromisoformat(said["at"]) == datetime(2025, 9, 1, tzinfo=UTC)
