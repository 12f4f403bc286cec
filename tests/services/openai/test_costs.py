"""The reports of an organization: what is asked, how pages end, and what a person is told when they cannot be had."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.money.rules.bills.billed_days import Bill, BilledDay
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.costs import MOST_PAGES, OpenAICosts, connect_costs
from livedash_pipeline.settings import load_settings
from tests.services.openai.scripted_http import Script, ok, refusal

ADMIN_KEY = "sk-admin-0123456789"
DAY, NEXT = date(2026, 6, 14), date(2026, 6, 15)
START = 1_781_395_200


def page(number: int, *, value: Any = "1.25", next_page: Any = None, **more: Any) -> dict[str, Any]:
    result = {
        "object": "organization.costs.result",
        "amount": {"value": value, "currency": "usd"},
        "line_item": "gpt-5-mini-2025-08-07, batch input",
    }
    start = START + 86_400 * number
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [result]}
    return {"object": "page", "data": [bucket], "has_more": next_page is not None, "next_page": next_page, **more}


@contextmanager
def reports(script: Script) -> Iterator[OpenAICosts]:
    client = httpx2.Client(transport=httpx2.MockTransport(script))
    with connect_costs(
        "https://api.example.org/v1", ADMIN_KEY, http_client=client, sleep=script.pauses.append
    ) as found:
        yield found


def row(day: date, usd: str) -> BilledDay:
    return BilledDay(day, "gpt-5-mini-2025-08-07", Decimal(usd))


def test_costs_are_asked_by_day_and_line_item_with_the_admin_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-other")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    script = Script(ok(page(0, next_page="page_2")), ok(page(1)))
    with reports(script) as found:
        assert found.costs(DAY, NEXT) == Bill((row(DAY, "1.25"), row(NEXT, "1.25")), DAY, NEXT)
    first, second = script.requests
    assert first.url.path == "/v1/organization/costs"
    assert dict(first.url.params) == {
        "start_time": str(START),
        "end_time": str(START + 2 * 86_400),
        "bucket_width": "1d",
        "limit": "180",
        "group_by[]": "line_item",
    }
    assert second.url.params["page"] == "page_2"
    assert {request.headers["authorization"] for request in script.requests} == {f"Bearer {ADMIN_KEY}"}


def test_usage_is_asked_by_model_and_of_chosen_projects() -> None:
    counts = {"input_tokens": 100, "output_tokens": 20, "input_cached_tokens": 5, "num_model_requests": 2}
    result = {"object": "organization.usage.completions.result", **counts, "model": "gpt-4o"}
    document = page(0)
    document["data"][0]["results"] = [result]
    script = Script(ok(document))
    with reports(script) as found:
        assert found.usage(DAY, DAY, projects=["proj_a"]).rows == (BilledDay(DAY, "gpt-4o", None, 100, 5, 20, 2),)
    asked = script.requests[0].url
    assert asked.path == "/v1/organization/usage/completions"
    assert (asked.params["limit"], asked.params["group_by[]"]) == ("31", "model")
    assert asked.params["project_ids[]"] == "proj_a"


def test_amounts_stay_exact_whether_numbers_or_texts() -> None:
    number = httpx2.Response(
        200, content=httpx2.Response(200, json=page(0, value="X")).content.replace(b'"X"', b"0.10")
    )
    for answer in (number, ok(page(0, value="0.1000000000000000000000000000000000000"))):
        with reports(Script(answer)) as found:
            assert found.costs(DAY, DAY).rows == (row(DAY, "0.1"),)


def test_a_page_without_has_more_goes_on_by_its_token() -> None:
    first, second = page(0, next_page="2"), page(1)
    for document in (first, second):
        del document["has_more"]
    with reports(Script(ok(first), ok(second))) as found:
        assert len(found.costs(DAY, NEXT).rows) == 2


def test_failures_that_pass_are_repeated() -> None:
    script = Script(refusal(503), httpx2.ReadTimeout("slow"), ok(page(0)))
    with reports(script) as found:
        assert found.costs(DAY, DAY).rows == (row(DAY, "1.25"),)
    assert len(script.pauses) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "remedy"),
    [
        (refusal(401, message=f"Bad key {ADMIN_KEY}."), FailureKind.BAD_KEY, "OPENAI_ADMIN_KEY"),
        (refusal(403, message="Missing scopes: api.usage.read."), FailureKind.FORBIDDEN, "api.usage.read"),
        (refusal(404), FailureKind.NOT_FOUND, "exported from the usage page"),
        (ok([1]), FailureKind.BROKEN, "exported from the usage page"),
        (httpx2.Response(200, content=b"<html>"), FailureKind.BROKEN, "exported from the usage page"),
        (httpx2.Response(200, content=b"\xff\xfe"), FailureKind.BROKEN, "exported from the usage page"),
        (ok(page(0, value="free")), FailureKind.BROKEN, "exported from the usage page"),
        (ok(page(0, has_more=True)), FailureKind.BROKEN, "exported from the usage page"),
        (ok(page(0, has_more=True, next_page=7)), FailureKind.BROKEN, "exported from the usage page"),
    ],
)
def test_failures_say_what_to_do_and_never_the_key(answer: httpx2.Response, kind: FailureKind, remedy: str) -> None:
    with reports(Script(answer)) as found, pytest.raises(ServiceError) as failed:
        found.costs(DAY, DAY)
    assert failed.value.failure.kind is kind
    assert remedy in failed.value.remedy
    assert ADMIN_KEY not in str(failed.value) + repr(failed.value) + repr(vars(found))
    assert str(failed.value).startswith("Reading the costs of 2026-06-14 to 2026-06-14 failed")
    assert pickle.loads(pickle.dumps(failed.value)).remedy == failed.value.remedy


def test_pages_that_begin_again_end_with_an_error() -> None:
    script = Script(ok(page(0, next_page="a")), ok(page(1, next_page="b")), ok(page(2, next_page="a")))
    with reports(script) as found, pytest.raises(ServiceError, match="begin again at 'a'"):
        found.costs(DAY, NEXT)
    assert len(script.requests) == 3


def test_pages_without_end_end_with_an_error() -> None:
    count = iter(range(10_000))

    def answer(_request: httpx2.Request) -> httpx2.Response:
        number = next(count)
        return ok(page(number, next_page=f"page_{number}"))

    script = Script(answer)
    with reports(script) as found, pytest.raises(ServiceError, match=f"more than {MOST_PAGES} pages"):
        found.costs(DAY, NEXT)
    assert len(script.requests) == MOST_PAGES


@pytest.mark.parametrize("key", [None, "", " ", "sk admin", "sk-\u00e4", "sk-\n1"])
def test_a_key_that_cannot_be_one_is_refused_before_anything_is_sent(key: str | None) -> None:
    with pytest.raises(SettingsError, match="OPENAI_ADMIN_KEY"):
        connect_costs("https://api.example.org/v1", key)


def test_an_address_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL"):
        connect_costs("https://", ADMIN_KEY)


def test_the_admin_key_is_a_setting_that_is_not_shown() -> None:
    settings = load_settings({"OPENAI_ADMIN_KEY": ADMIN_KEY}, None)
    assert settings.openai_admin_key == ADMIN_KEY
    assert ADMIN_KEY not in repr(settings)
