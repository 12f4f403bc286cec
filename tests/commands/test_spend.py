"""`livedash spend`: a table, a CSV and a document of what was spent."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_model_pricing,
    ai_models,
    ai_request_attempts,
    reporting_rates,
)
from livedash_pipeline.local.batch_api.server import running_server
from tests.commands.conftest import Run, document_of
from tests.support.rows import insert_company, insert_requests


@pytest.fixture
def spent(engine: Engine) -> Engine:
    """Two companies: one batch of each was paid, one answer was cut off, and one request is under way."""
    with engine.begin() as connection:
        pricing = _price(connection)
        for slug in ("acme", "globex"):
            _buy(connection, slug, pricing)
    return engine


def _price(connection: Connection) -> uuid.UUID:
    now = database_now(connection)
    model = connection.execute(
        insert(ai_models).values(name="gpt-5-mini", created_at=now).returning(ai_models.c.id)
    ).scalar_one()
    row = {
        "ai_model_id": model,
        "effective_from": now,
        "input_usd": 2,
        "output_usd": 4,
        "source": "x",
        "created_at": now,
    }
    stored = connection.execute(insert(ai_model_pricing).values(row).returning(ai_model_pricing.c.id))
    return uuid.UUID(str(stored.scalar_one()))


def _buy(connection: Connection, slug: str, pricing: uuid.UUID) -> None:
    now, company = database_now(connection), insert_company(connection, slug)
    row = {
        "company_id": company.id, "model": "gpt-5-mini", "endpoint": "e", "key_fingerprint": "k", "request_count": 3,
        "body_bytes": 1, "token_estimate": 1, "created_at": now, "status_changed_at": now,
    }  # fmt: skip
    batch = connection.execute(insert(ai_batch_requests).values(row).returning(ai_batch_requests.c.id)).scalar_one()
    for request_id, outcome in zip(insert_requests(connection, company, 3), ("parsed", "truncated", None), strict=True):
        paid = {
            "settled_at": now, "total_cost_usd": Decimal("0.002"), "total_cost_eur": Decimal("0.0018"), "prompt_tokens": 1000,
            "completion_tokens": 500, "pricing_id": pricing,
        }  # fmt: skip
        tried = {
            "request_id": request_id,
            "batch_id": batch,
            "created_at": now,
            "outcome": outcome,
            "reserved_eur": "0.25",
        }
        connection.execute(insert(ai_request_attempts).values(tried | (paid if outcome else {})))


def test_the_table_fits_a_terminal_and_ends_with_total_split_and_saving(livedash: Run, spent: Engine) -> None:
    shown = livedash("spend", "--by", "company,outcome")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["company", "outcome", "requests", "tokens", "in", "out", "USD", "EUR"]
    assert [line.split() for line in lines[2:5]] == [
        ["acme", "in_flight", "0", "0", "0", "0.0000", "0.0000"],
        ["acme", "parsed", "1", "1,000", "500", "0.0020", "0.0018"],
        ["acme", "truncated", "1", "1,000", "500", "0.0020", "0.0018"],
    ]
    assert lines[8].split() == ["total", "4", "4,000", "2,000", "0.0080", "0.0072"]
    assert "0.0036 useful, 0.0000 retried, 0.0036 wasted, 0.0000 surplus, 0.0000 unattributed." in lines
    assert "instead of 0.0160 as single calls: 0.0080 saved (50%)." in shown.stdout
    assert "Not included: 2 entries in flight, at most 0.5000 EUR." in lines
    assert max(map(len, lines[:9])) <= 80


def test_the_csv_has_a_row_per_group(livedash: Run, spent: Engine) -> None:
    written = livedash("spend", "--by", "kind,model", "--csv")
    (row,) = csv.DictReader(io.StringIO(written.stdout))
    assert list(row)[:4] == ["model", "kind", "purchase", "entries"]
    assert (row["kind"], row["purchase"], row["costEur"], row["complete"]) == (
        "session_analysis", "batch", "0.0072", "true"
    )  # fmt: skip
    assert livedash("spend", "--csv", "--company", "globex").stdout.count("\n") == 2


def test_the_document_is_of_one_company_and_of_the_days_asked_for(livedash: Run, spent: Engine) -> None:
    document = document_of(livedash("spend", "--company", "acme", "--json"))
    (row,) = document["rows"]
    assert (document["by"], document["currency"], document["complete"]) == (["company"], "EUR", True)
    assert (row["company"], row["costUsd"], row["cost"], row["wastedUsd"]) == ("acme", "0.004", "0.0036", "0.002")
    before = document_of(livedash("spend", "--from", "2024-02-28", "--to", "2024-02-29", "--json"))
    assert (before["rows"], before["total"]["entries"], before["from"], before["to"]) == (
        [],
        0,
        "2024-02-28",
        "2024-02-29",
    )
    assert "Nothing was spent" in livedash("spend", "--to", "2024-02-29").stdout


def test_costs_are_converted_into_the_currency_of_reports(livedash: Run, spent: Engine) -> None:
    unknown = document_of(livedash("spend", "--json", LIVEDASH_CURRENCY="CHF"))
    assert unknown["total"]["cost"] is None
    assert "livedash rate set --currency CHF" in unknown["notes"][-1]
    with spent.begin() as connection:
        now = database_now(connection)
        connection.execute(insert(reporting_rates).values(
            currency="CHF", rate_date=now.date() - timedelta(days=3), usd_rate="0.8123", source="x", recorded_at=now
        ))  # fmt: skip
    known = document_of(livedash("spend", "--json", LIVEDASH_CURRENCY="CHF"))
    assert (known["currency"], known["total"]["cost"], known["total"]["costUsd"]) == ("CHF", "0.0064984", "0.008")
    assert livedash("spend", LIVEDASH_CURRENCY="CHF").stdout.splitlines()[0].split()[-3:] == ["USD", "EUR", "CHF"]
    assert document_of(livedash("spend", "--json", LIVEDASH_CURRENCY="USD"))["total"]["cost"] == "0.008"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--by", "weather"), "'weather'"),
        (("--from", "yesterday"), "'yesterday'"),
        (("--from", "2025-05-02", "--to", "2025-05-01"), "2025-05-02"),
        (("--company", "initech"), "initech"),
        (("--csv", "--json"), "exclude"),
    ],
)
def test_a_wrong_question_is_refused(livedash: Run, spent: Engine, arguments: tuple[str, ...], named: str) -> None:
    refused = livedash("spend", *arguments)
    assert (refused.exit_code, named in refused.output) == (2, True)


def test_a_currency_is_three_letters(livedash: Run) -> None:
    refused = livedash("spend", LIVEDASH_CURRENCY="euro")
    assert (refused.exit_code, "LIVEDASH_CURRENCY" in refused.output) == (2, True)


def test_what_is_open_is_said_and_not_added(livedash: Run, spent: Engine) -> None:
    with spent.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE ai_request_attempts SET total_cost_usd = NULL, total_cost_eur = NULL"))
    shown = livedash("spend").stdout
    assert "The sum is not complete: of 4 entries the cost is unknown, at most 1.0000 EUR." in shown


def test_a_bill_that_says_the_same_agrees(livedash: Run, spent: Engine, tmp_path: Path) -> None:
    bill = tmp_path / "costs.csv"
    bill.write_text(_cost_export("0.008"))
    document = document_of(livedash("spend", "--compare", str(bill), "--json"))
    assert (document["agrees"], document["oursUsd"], document["theirsUsd"]) == (True, "0.008", "0.008")
    assert livedash("spend", "--compare", str(bill)).stdout.splitlines()[0] == "Bill and ledger agree."


def test_a_bill_that_says_more_is_told_by_day_and_model(livedash: Run, spent: Engine, tmp_path: Path) -> None:
    bill = tmp_path / "costs.csv"
    bill.write_text(_cost_export("0.0095"))
    document = document_of(livedash("spend", "--compare", str(bill), "--json"))
    assert [each["scope"] for each in document["differences"]] == ["day", "model", "range"]
    assert {(each["model"], each["differenceUsd"], each["why"]) for each in document["differences"][:2]} == {
        ("gpt-5-mini", "0.0015", "amounts_differ")
    }
    shown = livedash("spend", "--compare", str(bill)).stdout
    assert "amounts differ" in shown and "0.0080 USD in the ledger, 0.0095 USD on the bill." in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.csv",), "nowhere.csv cannot be read"),
        (("openai",), "OPENAI_ADMIN_KEY is not set"),
        (("{bill}", "--company", "acme"), "about all companies"),
        (("{bill}", "--from", "May"), "'May' is no day"),
        (("{bill}", "--to", "2020-01-01"), "none of the days that were asked for"),
        (("{notes}",), "The file begins with 'name, remark'"),
    ],
)
def test_what_is_no_bill_is_said_in_a_sentence(
    livedash: Run, engine: Engine, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    names = {"bill": str(tmp_path / "costs.csv"), "notes": str(tmp_path / "notes.csv")}
    Path(names["bill"]).write_text(_cost_export("1"))
    Path(names["notes"]).write_text("name,remark\nacme,none\n")
    ended = livedash("spend", "--compare", *(argument.format(**names) for argument in arguments))
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_the_service_is_asked_for_its_own_bill(livedash: Run, spent: Engine, tmp_path: Path) -> None:
    with running_server(tmp_path / "service") as server:
        env = {"OPENAI_ADMIN_KEY": "sk-admin-test", "OPENAI_BASE_URL": server.base_url}
        document = document_of(livedash("spend", "--compare", "openai", "--json", **env))
    # The server has billed nothing: all of it is only ours.
    assert {each["why"] for each in document["differences"]} == {"only_ours"}
    assert (document["source"], document["oursUsd"]) == ("openai", "0.008")


def _cost_export(amount: str) -> str:
    """The dashboard's export of costs, of one day and line item."""
    start = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    seconds = int(start.timestamp())
    header = "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id"
    day = f"{seconds},{seconds + 86_400},{start:%FT%TZ},{start + timedelta(days=1):%FT%TZ}"
    row = f'{day},{amount},usd,"gpt-5-mini-2025-08-07, batch input",proj_1'
    return f"{header}\n{row}\n"
