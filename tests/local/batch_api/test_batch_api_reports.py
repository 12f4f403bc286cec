"""Costs and usage as the stand-in reports them, read by the pipeline's own client and by OpenAI's, over HTTP."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.local.batch_api.spending.rates import NOTHING, cost_of
from livedash_pipeline.money.rules.bills.billed_days import BilledDay, sum_days
from livedash_pipeline.money.rules.bills.comparison import Why, compare_bill
from livedash_pipeline.money.rules.bills.reading import read_bill
from livedash_pipeline.money.rules.pricing import family_name
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.costs import OpenAICosts, connect_costs
from tests.local.batch_api.conftest import Clock, Requests
from tests.local.batch_api.looking import until
from tests.support.openai_client import openai_client

ADMIN_KEY = "sk-admin-test"
MINI = "gpt-5-mini-2025-08-07"
D = Decimal


@pytest.fixture
def reports(server: RunningServer) -> Iterator[OpenAICosts]:
    with connect_costs(server.base_url, ADMIN_KEY) as found:
        yield found


def today(clock: Clock) -> date:
    return datetime.fromtimestamp(clock.now, UTC).date()


def run_batch(client: OpenAI, clock: Clock, content: bytes) -> None:
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    clock.move(1000)
    until(client, batch.id, "completed")


def billed(server: RunningServer) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = server.service.journal()["bill"]
    return rows


def as_ledger(rows: list[dict[str, Any]], day: date, *, rates: tuple[str, str]) -> list[BilledDay]:
    """The bill as our ledger would have it: tokens times rates per million."""
    fresh, made = map(D, rates)
    return [
        BilledDay(
            day,
            "gpt-5-mini",
            (row["input_tokens"] * fresh + row["output_tokens"] * made) / 1_000_000,
            row["input_tokens"],
            row["cached_tokens"],
            row["output_tokens"],
            1,
        )
        for row in rows
    ]


def test_costs_and_usage_of_batches_agree_with_the_journal(
    server: RunningServer, client: OpenAI, reports: OpenAICosts, clock: Clock, requests: Requests
) -> None:
    day = today(clock)
    run_batch(client, clock, requests.file(5, bad=1))
    # $0.125 and $1.00 per million are the published batch prices of gpt-5-mini.
    ours = as_ledger(billed(server), day, rates=("0.125", "1"))
    costs, usage = reports.costs(day, day), reports.usage(day, day)
    assert (costs.first, costs.last) == (day, day)
    given, made = (sum(row[name] for row in billed(server)) for name in ("input_tokens", "output_tokens"))
    assert usage.rows == (BilledDay(day, MINI, None, given, 0, made, 5),)
    theirs = [*costs.rows, *usage.rows]
    assert compare_bill(ours, theirs, names=lambda model: family_name(model)) == []
    dearer = as_ledger(billed(server), day + timedelta(days=1), rates=("0.125", "1"))
    found = compare_bill(dearer, theirs, names=lambda model: family_name(model))
    assert [each.why for each in found] == [Why.DAY_EDGE] * 2


def test_direct_calls_have_standard_prices(
    server: RunningServer, client: OpenAI, reports: OpenAICosts, clock: Clock, requests: Requests
) -> None:
    client.chat.completions.create(**requests.body())
    (row,) = sum_days(as_ledger(billed(server), today(clock), rates=("0.25", "2")))
    assert reports.costs(today(clock), today(clock)).rows == (BilledDay(row.day, MINI, row.usd),)
    with openai_client(server.base_url, ADMIN_KEY) as admin:
        admin.admin_api_key = ADMIN_KEY
        asked = admin.admin.organization.usage.completions
        start = int(clock.now)
        split = asked(start_time=start, group_by=["model", "batch", "service_tier", "project_id"]).data[0].results
        assert [(each.batch, each.model, each.service_tier, each.project_id) for each in split] == [  # type: ignore[union-attr]
            (False, MINI, "default", "proj_local")
        ]
        assert asked(start_time=start, batch=True).data[0].results == []
        assert asked(start_time=start, models=["o3"]).data[0].results == []
        assert len(asked(start_time=start, bucket_width="1m", end_time=start + 120).data) >= 2


def test_days_come_in_pages_and_quiet_ones_empty(
    client: OpenAI, server: RunningServer, clock: Clock, requests: Requests
) -> None:
    first = today(clock)
    for _ in range(2):
        run_batch(client, clock, requests.file(1))
        clock.move(2 * 86_400)
    asked = {"start_time": str(int(clock.now) - 5 * 86_400), "group_by": "line_item", "limit": "2"}
    pages = []
    while True:
        answer = httpx2.get(
            f"{server.base_url}/organization/costs", params=asked, headers={"Authorization": f"Bearer {ADMIN_KEY}"}
        )
        pages.append(answer.json())
        if not pages[-1]["has_more"]:
            break
        asked["page"] = pages[-1]["next_page"]
    buckets = [bucket for page in pages for bucket in page["data"]]
    assert [len(page["data"]) for page in pages] == [2, 2, 2]
    assert [bool(bucket["results"]) for bucket in buckets] == [False, True, False, True, False, False]
    result = buckets[1]["results"][0]
    assert (result["line_item"], result["amount"]["currency"]) == (f"{MINI}, batch input", "usd")
    assert isinstance(result["amount"]["value"], str)
    whole = read_bill(*(json.dumps(page).encode() for page in pages))
    assert {row.day for row in whole.rows} == {first, first + timedelta(days=2)}
    # The same by the client, whose pages are longer.
    with connect_costs(server.base_url, ADMIN_KEY) as found:
        assert whole.first is not None and whole.last is not None
        assert found.costs(whole.first, whole.last) == whole


@pytest.mark.parametrize("key", ["sk-test", "sk-proj-abc", "admin"])
def test_other_keys_may_not_read_it(server: RunningServer, clock: Clock, key: str) -> None:
    with connect_costs(server.base_url, key) as found, pytest.raises(ServiceError, match="HTTP 401") as refused:
        found.costs(today(clock), today(clock))
    assert "Missing scopes: api.usage.read" in str(refused.value)
    assert httpx2.get(f"{server.base_url}/organization/costs").status_code == 401


def test_keys_that_are_given_are_the_only_ones(tmp_path: Path) -> None:
    day = date(2026, 6, 14)
    with running_server(tmp_path / "a", admin_keys=["my-key"]) as one, connect_costs(one.base_url, "my-key") as found:
        assert found.costs(day, day).rows == ()
        with connect_costs(one.base_url, ADMIN_KEY) as other, pytest.raises(ServiceError):
            other.costs(day, day)
    # Where callers have to present a key, none that merely looks like an admin's may read.
    with (
        running_server(tmp_path / "b", api_keys=["k"]) as two,
        connect_costs(two.base_url, ADMIN_KEY) as found,
        pytest.raises(ServiceError, match="HTTP 401"),
    ):
        found.costs(day, day)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({}, "start_time"),
        ({"start_time": "soon"}, "start_time"),
        ({"start_time": "10", "end_time": "5"}, "end_time"),
        ({"start_time": "1", "limit": "181"}, "limit"),
        ({"start_time": "1", "bucket_width": "1h"}, "bucket_width"),
        ({"start_time": "1", "group_by[]": "colour"}, "group_by"),
        ({"start_time": "1", "batch": "perhaps"}, "batch"),
        ({"start_time": "1", "page": "page_!"}, "page"),
        ({"start_time": "1", "page": "3\u00e4"}, "page"),
    ],
)
def test_bad_parameters_are_refused(quiet_server: RunningServer, params: dict[str, str], param: str) -> None:
    answer = httpx2.get(
        f"{quiet_server.base_url}/organization/costs",
        params=params,
        headers={"Authorization": f"Bearer {ADMIN_KEY}"},
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_faults_strike_reports_too(
    server: RunningServer, reports: OpenAICosts, clock: Clock, requests: Requests
) -> None:
    fault = {"kind": "status", "operation": "get_costs", "status": 503, "match": {"nth": 1}}
    server.service.install_faults(requests.script(fault))
    assert reports.costs(today(clock), today(clock)).rows == ()
    told = [(entry["operation"], entry["status"]) for entry in server.service.journal()["entries"]]
    assert told == [("get_costs", 503), ("get_costs", 200)]


def test_an_older_state_directory_is_filled_in(
    open_service: Callable[..., BatchService], tmp_path: Path, clock: Clock, requests: Requests
) -> None:
    service = open_service(speed=0)
    service.get_batch(requests.create(service, requests.file(2)))
    service.chat_completion(requests.body())
    before, bill = service.journal()["bill"], list(service._journal.charges(0, 2e9))
    service.close()
    with sqlite3.connect(tmp_path / "state" / "state.sqlite3") as state:
        state.execute("ALTER TABLE bill DROP COLUMN at")
        state.execute("ALTER TABLE bill DROP COLUMN model")
        state.execute("ALTER TABLE direct_bill DROP COLUMN model")
    state.close()
    service = open_service(speed=0)
    assert service.journal()["bill"] == before
    filled = list(service._journal.charges(0, 2e9))
    assert [(each.at, each.model, each.batch) for each in filled] == [
        (clock.now, MINI, True),
        (clock.now, MINI, True),
        (clock.now, None, False),
    ]
    assert [each[3:] for each in filled] == [each[3:] for each in bill]


def test_prices_are_those_of_the_day_the_processing_and_the_length_of_a_request() -> None:
    day = date(2026, 11, 30)
    assert cost_of("gpt-6-luna", day, (1_000_000, 200_000, 100_000), batch=True).output > 0
    standard, batch = (cost_of(MINI, day, (1_000_000, 200_000, 100_000), batch=flag) for flag in (False, True))
    assert standard == (D("0.2"), D("0.005"), D("0.2"))
    assert batch == (D("0.1"), D("0.0025"), D("0.1"))
    # Before anybody wrote the batch rate down.
    assert cost_of(MINI, date(2025, 9, 1), (1_000_000, 0, 0), batch=True).input == D("0.125")
    short, long = (cost_of("gpt-6-luna", day, (count, 0, 0), batch=False).input / count for count in (272_000, 272_001))
    assert long == 2 * short
    assert cost_of("gpt-4", day, (10, 5, 0), batch=False).cached == 5 * D("0.00003")
    assert cost_of("my-own-model", day, (10, 0, 10), batch=False) == NOTHING
    assert cost_of(None, day, (10, 0, 10), batch=True) == NOTHING
