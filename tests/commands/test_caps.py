"""`livedash caps`: readable in 80 columns, and one document for programs."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine, insert, text, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_request_attempts
from tests.commands.conftest import Run, document_of
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.rows import insert_requests

SETTINGS = {
    "LIVEDASH_MONTHLY_CAP_EUR": "1000",
    "LIVEDASH_DAILY_CAP_EUR": "1000",
    "LIVEDASH_TOTAL_MONTHLY_BUDGET_EUR": "123456.78",
}


@pytest.fixture
def spent(engine: Engine, company: Company) -> str:
    """A company that has spent 600 euro just now, has 0.5 in flight, and one try of unknown cost. Returns the month."""
    batch_id = insert_batch(engine, company, None)
    with engine.begin() as connection:
        now = database_now(connection)
        tries = [(now, "600", "0.2"), (None, None, "0.5"), (now, None, "0.25")]
        ids = insert_requests(connection, company, 3, processing_status="PROCESSING_COMPLETE", completed_at=now)
        insert_requests(connection, company, 2)
        for request_id, (at, cost, reserved) in zip(ids, tries, strict=True):
            row = {"request_id": request_id, "batch_id": batch_id, "created_at": now, "settled_at": at}
            more = {"outcome": at and "parsed", "total_cost_eur": cost, "reserved_eur": reserved}
            connection.execute(insert(ai_request_attempts).values(**row, **more))
    return f"{now:%Y-%m}"


def test_caps_are_shown_in_80_columns(livedash: Run, spent: str) -> None:
    livedash("company", "set", "acme", "--monthly-budget", "0.005")
    result = livedash("caps", **SETTINGS)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == f"Euro of {spent} (UTC). Somebody is told at 50, 80, 100 %."
    acme = lines[lines.index("acme") + 1 : lines.index("All companies together") - 1]
    foreseen = acme.pop(3)
    # On the first day of a month nothing can be said.
    assert re.fullmatch(r"  month's end   (nothing can be said yet|[\d,.]+ expected, 600\.00 to [\d,.]+)", foreseen)
    assert acme[:5] == [
        "  spent         600.00, in flight at most 0.50",
        "  unknown       charged at an unknown cost, at most 0.25",
        "  waiting       2 requests, at most 0.0072",
        "  month cap     1,000.00 (LIVEDASH_MONTHLY_CAP_EUR)",
        "                60.0 %, 399.25 left",
    ]
    assert "  month budget  0.0050 (of its own)" in acme
    assert "                60.0 %, 399.25 left" in acme


def test_caps_of_one_company_are_one_document(livedash: Run, spent: str) -> None:
    document = document_of(livedash("caps", "--company", "acme", "--json", **SETTINGS))
    (acme,) = document["companies"]
    assert (document["month"], document["total"], acme["company"]) == (spent, None, "acme")
    assert acme["limits"][0]["sharePercent"] == 60.0
    assert (acme["spentEur"], acme["openAtMostEur"], acme["inFlightAtMostEur"]) == ("600", "0.25", "0.5")
    assert "All companies" not in livedash("caps", "--company", "acme").stdout


def test_what_has_no_known_limit_is_named_in_words(livedash: Run, spent: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(update(ai_request_attempts).values(reserved_eur=None))
    lines = livedash("caps", "--company", "acme", **SETTINGS).stdout.splitlines()
    assert "  spent         600.00, in flight without a known limit" in lines
    assert "  unknown       charged at an unknown cost, without a known limit" in lines
    assert "                60.0 %, at most 400.00 left" in lines


def test_without_limits_and_companies_it_says_so(refused: Run) -> None:
    assert "livedash company add" in refused("caps").stdout
    assert "livedash caps --company acme --json" in refused("caps", "--help").stdout


@pytest.mark.usefixtures("company")
def test_a_company_without_limits_has_none(livedash: Run) -> None:
    assert "  limits        none" in livedash("caps").stdout.splitlines()
