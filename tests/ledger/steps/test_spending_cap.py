"""A spending cap that keeps requests waiting says so, and a request that it can never pay keeps no other waiting."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_surplus_batches
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.preview import preview_submit
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from tests.support.batch_service import BatchService
from tests.support.rows import insert_company, insert_requests, rows_of

# 109 tokens in at most at 0.125 and 4,000 out at 1.00 dollars per million, at 0.9 euro.
EACH = Decimal("0.0036122625")


def capped(context: BatchContext, cap: Decimal) -> BatchContext:
    return replace(context, settings=context.settings.model_copy(update={"livedash_monthly_cap_eur": cap}))


def submit(context: BatchContext) -> SubmitReport:
    return submit_pending(context, ignore_minimum=True)


def preview(context: BatchContext) -> dict[str, Any]:
    return preview_submit(context.engine, context.settings, KINDS, endpoint=context.endpoint)


def statuses(engine: Engine) -> list[str]:
    return [request.processing_status for request in rows_of(engine, ai_processing_requests)]


def test_a_cap_below_the_price_of_one_request_is_refused_at_the_start(
    engine: Engine, scripted: BatchContext, company: Company, service: BatchService
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2)
    context = capped(scripted, Decimal("0.003"))
    for start in (preview, submit):
        with pytest.raises(
            SettingsError, match=r"LIVEDASH_MONTHLY_CAP_EUR is 0\.003, and one request to gpt-5-mini may"
        ):
            start(context)
    assert service.calls == []
    assert statuses(engine) == ["PENDING_BATCHING"] * 2


def test_a_cap_is_measured_by_the_cheapest_model_that_waits_and_by_the_default_where_nothing_does(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    context = capped(scripted, Decimal("0.003"))
    with pytest.raises(SettingsError, match="gpt-5-mini"):
        preview(context)
    with engine.begin() as connection:
        insert_requests(connection, company, model="gpt-5-mini")
        insert_requests(connection, company, model="gpt-5-nano")
    assert preview(context)["requests"] == 1


@pytest.mark.parametrize("waits", [True, False])
def test_a_companys_own_cap_counts_instead_of_one_that_pays_for_nothing(
    engine: Engine, scripted: BatchContext, company: Company, waits: bool
) -> None:
    with engine.begin() as connection:
        update_company(connection, company.slug, CompanyChanges(monthly_cap="50"), now=database_now(connection))
        insert_requests(connection, company, int(waits))
    context = capped(scripted, Decimal("0.000001"))
    assert preview(context)["requests"] == int(waits)
    assert sum(batch.requests for batch in submit(context).submitted) == int(waits)


def test_a_company_that_is_stopped_by_its_own_cap_ends_no_submit(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        update_company(connection, company.slug, CompanyChanges(monthly_cap="0"), now=database_now(connection))
        insert_requests(connection, company, 1)
        other = insert_company(connection, "globex")
    context = capped(scripted, Decimal("0.003"))
    assert "1 of 1 requests of acme" in submit(context).held[0]
    with engine.begin() as connection:
        insert_requests(connection, other, 1)
    with pytest.raises(SettingsError, match=r"LIVEDASH_MONTHLY_CAP_EUR is 0\.003"):
        submit(context)


def test_a_request_that_a_whole_months_cap_cannot_pay_is_said_by_submit_and_its_preview(
    engine: Engine, scripted: BatchContext, company: Company, service: BatchService
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2, max_output_tokens=5000)
    context = capped(scripted, Decimal("0.004"))
    said = [
        "2 of 2 requests of acme for gpt-5-mini can never be sent: one may cost 0.0045122625 EUR, "
        "and LIVEDASH_MONTHLY_CAP_EUR is 0.004"
    ]
    assert preview(context)["held"][: len(said)] == said
    report = submit(context)
    assert (report.submitted, report.held) == ([], said)
    assert "create" not in service.calls
    assert statuses(engine) == ["PENDING_BATCHING"] * 2


def test_a_request_above_the_cap_keeps_no_other_waiting(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 1, max_output_tokens=100_000)
        insert_requests(connection, company, 2)
    context = capped(scripted, EACH * 3)
    assert preview(context)["requests"] == 2
    report = submit(context)
    assert [batch.requests for batch in report.submitted] == [2]
    assert report.held[0].startswith(
        "1 of 3 requests of acme for gpt-5-mini can never be sent: one may cost 0.0900122625 EUR"
    )
    assert statuses(engine) == ["PENDING_BATCHING", "BATCHING_IN_PROGRESS", "BATCHING_IN_PROGRESS"]


def test_a_cap_that_is_used_up_this_month_says_what_is_left(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 3)
    report = submit(capped(scripted, EACH * 2))
    assert [batch.requests for batch in report.submitted] == [2]
    assert report.held == [
        "acme has 0 EUR of its monthly spending cap of 0.007224525 left, and the next request for gpt-5-mini may cost "
        "0.0036122625"
    ]


@pytest.mark.parametrize("cap", [None, Decimal(100)])
def test_a_cap_that_is_far_away_is_not_spoken_of(
    engine: Engine, scripted: BatchContext, company: Company, cap: Decimal | None
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2)
    report = submit(capped(scripted, cap) if cap else scripted)
    assert (len(report.submitted), report.held) == (1, [])


def test_a_company_with_a_cap_of_0_of_its_own_sends_nothing_and_others_do(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        stopped = insert_company(connection, "stopped")
        update_company(connection, "stopped", CompanyChanges(monthly_cap="0"), now=database_now(connection))
        for each in (company, stopped):
            insert_requests(connection, each, 2)
    report = submit(scripted)
    assert [batch.company for batch in report.submitted] == ["acme"]
    assert report.held == [
        "2 of 2 requests of stopped for gpt-5-mini can never be sent: one may cost 0.0036122625 EUR, and the company's own "
        "monthly cap is 0"
    ]
    with engine.begin() as connection:
        update_company(connection, "stopped", CompanyChanges(monthly_cap="none"), now=database_now(connection))
    assert [batch.company for batch in submit(scripted).submitted] == ["stopped"]


def test_what_surplus_batches_cost_counts_as_spent(
    engine: Engine, scripted: BatchContext, company: Company, service: BatchService
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 1)
    (sent,) = submit(scripted).submitted
    with engine.begin() as connection:
        now = database_now(connection)
        connection.execute(
            insert(ai_surplus_batches).values(
                remote_batch_id="batch_surplus",
                batch_id=sent.batch_id,
                endpoint=scripted.endpoint,
                remote_status="cancelled",
                found_at=now,
                ended_at=now,
                total_cost_eur=Decimal("1"),
            )
        )
        insert_requests(connection, company, 1)
    cap = EACH * 2 + Decimal("0.99")
    assert submit(capped(scripted, cap)).submitted == []
    assert len(submit(capped(scripted, cap + Decimal("0.02"))).submitted) == 1
