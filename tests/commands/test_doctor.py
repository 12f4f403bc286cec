"""What `livedash doctor` finds, with a real database and a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.endpoints import key_fingerprint
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
from livedash_pipeline.ledger.store.recovery.traits import note_habit
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.money.store.seeding import seed_prices
from livedash_pipeline.overview.steps.doctor import NAMES, Patient, examine
from livedash_pipeline.settings import Settings
from tests.commands.conftest import Run, document_of
from tests.sources.alert_receiver import alert_receiver
from tests.support.rows import insert_company


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A Batch API server that accepts one key."""
    with running_server(tmp_path_factory.mktemp("batch-api"), api_keys=["good"]) as running:
        yield running


@pytest.fixture(autouse=True)
def dagster_database(livedash: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's database is one that answers; its tables are no concern here."""
    monkeypatch.setenv("LIVEDASH_DAGSTER_URL", database_url.replace("+psycopg:", "+psycopg2:"))


@pytest.fixture
def money(engine: Engine) -> None:
    """Prices and a rate."""
    with engine.begin() as connection:
        now = database_now(connection)
        seed_prices(connection, now=now)
        set_rate(connection, now.date(), Decimal("0.9"), "test", now)


def _checks(result: Result) -> dict[str, dict[str, Any]]:
    document = document_of(result)
    optional = {"alert_url", "dagster_database", "dagster_instance"}
    found = [check["name"] for check in document["checks"]]
    assert found == [name for name in NAMES if name in found], "in their order"
    assert {*NAMES} - {*found} < optional
    assert document["ok"] == all(check["ok"] for check in document["checks"])
    assert all(check["remedy"] for check in document["checks"] if not check["ok"])
    return {check["name"]: check for check in document["checks"]}


@pytest.mark.usefixtures("money")
def test_a_machine_in_order_passes_and_nothing_is_bought(livedash: Run, server: RunningServer) -> None:
    result = livedash("doctor", "--json", OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="good")
    assert result.exit_code == 0, result.stdout
    warned = {name: check["message"] for name, check in _checks(result).items() if check["status"] != "ok"}
    assert warned.keys() == {"listing", "fence"}, f"nobody has put the service to the test: {warned}"
    assert "livedash doctor --probe" in _checks(result)["fence"]["remedy"]
    assert server.service.list_files()["data"] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("money")
def test_the_instance_of_a_given_dagster_home_is_opened_and_left_as_it_is(
    livedash: Run, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEDASH_DAGSTER_URL")
    given = tmp_path / "given"
    given.mkdir()
    file = given / "dagster.yaml"
    env = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "good", "DAGSTER_HOME": str(given)}
    results = {}
    for content in ("telemetry: {enabled: false}\n", "storag: {}\n", "[\n"):
        file.write_text(content)
        results[content] = livedash("doctor", "--json", **env)
        assert file.read_text() == content
    lacking, wrong, unreadable = results.values()
    check = _checks(lacking)["dagster_instance"]
    assert (lacking.exit_code, check["status"]) == (0, "warning"), lacking.stdout
    assert "SqliteRunStorage" in check["message"] and "does not set run_monitoring.enabled" in check["message"]
    assert "dagster_database" not in _checks(lacking), "its storage is not ours"
    assert 'unexpected config entry "storag"' in _checks(wrong)["dagster_instance"]["message"]
    assert wrong.exit_code == 1
    assert "is no YAML" in _checks(unreadable)["database"]["message"]


@pytest.mark.usefixtures("money")
def test_probe_puts_listing_and_fence_to_the_test(livedash: Run, server: RunningServer) -> None:
    env = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "good"}
    result = livedash("doctor", "--probe", "--json", **env)
    assert result.exit_code == 0, result.stdout
    assert {check["status"] for check in _checks(result).values()} == {"ok"}
    assert server.service.journal()["bill"] == []
    assert {check["status"] for check in _checks(livedash("doctor", "--json", **env)).values()} == {"ok"}, "it is kept"


@pytest.mark.usefixtures("money")
def test_a_wrong_key_fails_with_the_remedy(livedash: Run, server: RunningServer) -> None:
    result = livedash("doctor", "--json", OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="bad")
    assert result.exit_code == 1
    checks = _checks(result)
    assert "OPENAI_API_KEY" in checks["api_key"]["remedy"]
    assert [name for name, check in checks.items() if not check["ok"]] == ["api_key", "model"]
    assert checks["model"]["status"] == "not_checked"


@pytest.mark.usefixtures("money")
def test_a_model_that_nobody_knows_fails_with_its_price(livedash: Run, server: RunningServer) -> None:
    env = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "good", "OPENAI_MODEL": "gpt-unheard-of"}
    shown = livedash("doctor", **env)
    assert shown.exit_code == 1
    assert "livedash price set gpt-unheard-of" in shown.stdout
    checks = _checks(livedash("doctor", "--json", **env))
    assert [name for name, check in checks.items() if not check["ok"]] == ["price", "model"]


def test_without_key_price_and_rate_each_says_what_to_do(livedash: Run) -> None:
    result = livedash("doctor", "--json")
    assert result.exit_code == 1
    checks = _checks(result)
    assert "OPENAI_API_KEY" in checks["api_key"]["message"]
    assert "livedash rate set" in checks["exchange_rate"]["remedy"]
    assert "livedash price set" in checks["price"]["remedy"]
    assert checks["service_clock"]["status"] == "not_checked"


def test_a_rate_of_long_ago_is_a_warning(livedash: Run, engine: Engine) -> None:
    livedash("rate", "set", "2025-05-01", "0.9")
    checks = _checks(livedash("doctor", "--json"))
    found = checks["exchange_rate"]
    assert (found["status"], found["ok"]) == ("warning", True)
    assert "(operator), of 2025-05-01, " in found["message"] and "livedash rate set" in found["remedy"]
    with engine.connect() as connection:
        today = database_now(connection).date()
    livedash("rate", "set", f"{today}", "0.9")
    assert _checks(livedash("doctor", "--json"))["exchange_rate"]["status"] == "ok"


def test_all_caps_and_budgets_are_named(livedash: Run, engine: Engine) -> None:
    assert _checks(livedash("doctor", "--json"))["caps"]["message"] == "No spending cap and no budget is set."
    with engine.begin() as connection:
        insert_company(connection)
        connection.execute(text("UPDATE companies SET daily_cap_eur = 2"))
    env = {"LIVEDASH_MONTHLY_CAP_EUR": "25", "LIVEDASH_TOTAL_MONTHLY_BUDGET_EUR": "90"}
    assert _checks(livedash("doctor", "--json", **env))["caps"]["message"] == (
        "Limits in euro: LIVEDASH_MONTHLY_CAP_EUR 25, LIVEDASH_TOTAL_MONTHLY_BUDGET_EUR 90, acme's own daily cap 2."
    )


def test_the_webhook_of_alerts_is_looked_up_and_nothing_is_posted(livedash: Run) -> None:
    with alert_receiver() as receiver:
        by_name = {"LIVEDASH_ALERT_URL": receiver.url.replace("127.0.0.1", "localhost")}
        refused = _checks(livedash("doctor", "--json", **by_name))["alert_url"]
        assert refused["status"] == "failed" and "a loopback address" in refused["message"]
        assert "LIVEDASH_ALERT_ALLOW_ADDRESS" in refused["remedy"] and "secret-token" not in str(refused)
        allowed = livedash("doctor", "--json", **by_name, LIVEDASH_ALERT_ALLOW_ADDRESS="127.0.0.1,::1")
        assert _checks(allowed)["alert_url"]["status"] == "ok"
        assert receiver.posted == []
    assert "alert_url" not in _checks(livedash("doctor", "--json"))


@pytest.mark.usefixtures("money")
def test_habits_of_a_listing_are_counted_in_words(engine: Engine, server: RunningServer) -> None:
    settings = Settings(openai_base_url=server.base_url, openai_api_key="good")
    for habit, says in (
        ("renames_ids", "answered; this is coped with."),
        ("listing_lags", "beyond; both are coped with."),
    ):
        with engine.begin() as connection:
            now = database_now(connection)
            note_habit(connection, configured_endpoint(settings), key_fingerprint("good"), now=now, **{habit: True})
        checks = examine(Patient(settings, engine, lambda: datetime.now(UTC)))["checks"]
        assert [check["message"].endswith(says) for check in checks if check["name"] == "listing"] == [True]


def test_an_unreachable_or_empty_database_is_a_finding(livedash: Run, empty_database_url: str) -> None:
    away = _checks(livedash("doctor", "--json", DATABASE_URL="postgresql://nobody@127.0.0.1:9/none"))
    assert away["database"]["status"] == "failed"
    assert away["price"]["status"] == "not_checked"
    empty = _checks(livedash("doctor", "--json", DATABASE_URL=empty_database_url))
    assert empty["database"]["ok"]
    assert empty["migration"]["remedy"] == "Run `livedash db upgrade`."


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize(("off", "status"), [(20, "warning"), (-300, "failed")])
def test_a_clock_that_is_off_is_noticed(engine: Engine, server: RunningServer, off: int, status: str) -> None:
    settings = Settings(openai_base_url=server.base_url, openai_api_key="good")
    document = examine(Patient(settings, engine, lambda: datetime.now(UTC) + timedelta(seconds=off)))
    checks = {check["name"]: check for check in document["checks"]}
    assert checks["database_clock"]["status"] == status
    assert ("behind" if off > 0 else "ahead of") in checks["database_clock"]["message"]
    # The service and the database agree with each other: only this machine is wrong.
    assert checks["service_clock"]["status"] == "ok"
    assert document["ok"] is (status == "warning")
