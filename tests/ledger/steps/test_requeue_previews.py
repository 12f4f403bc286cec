"""A dry run of a requeue: the count and the most that it costs, and that the requeue after it does just that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, select, text

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts, exchange_rates
from livedash_pipeline.errors import UsageError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.admission.spending import budget_for
from livedash_pipeline.ledger.steps.batches.request_search import Search
from livedash_pipeline.ledger.steps.batches.requeues import Chosen, preview_requeue, requeue_chosen, requeue_requests
from livedash_pipeline.settings import Settings, make_settings
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.prices import have_prices
from tests.support.rows import insert_company, insert_requests

D = Decimal
FAILED: dict[str, Any] = {"processing_status": "PROCESSING_FAILED", "error_code": "truncated", "completed_at": NOW}


@pytest.fixture
def settings() -> Settings:
    return make_settings(livedash_usd_eur="0.9")


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        have_prices(connection, now=NOW)
        return insert_company(connection)


def failed(engine: Engine, company: Company, count: int = 1, **values: Any) -> list[UUID]:
    with engine.begin() as connection:
        return insert_requests(connection, company, count, **(FAILED | values))


def most_of(engine: Engine, settings: Settings, model: str, tokens: int, output: int = 4000) -> Decimal:
    """What a claim would set aside for one request."""
    with engine.connect() as connection:
        budget = budget_for(connection, settings, model, now=database_now(connection))
        assert budget is not None
        most = budget.of(tokens, 1000, output)
        assert most is not None
        return most


def preview(engine: Engine, settings: Settings, **search: Any) -> dict[str, Any]:
    return preview_requeue(engine, settings, KINDS, Chosen(search=Search(status="processing_failed", **search)))


def statuses(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT processing_status, count(*) FROM ai_processing_requests GROUP BY 1"))
        return {row[0]: row[1] for row in found}


def test_the_cost_is_at_least_what_claims_would_set_aside(engine: Engine, company: Company, settings: Settings) -> None:
    sizes = ((100, 4000), (700, 4000), (90_000, 6000))
    for tokens, output in sizes:
        failed(engine, company, token_estimate=tokens, max_output_tokens=output)
    found = preview(engine, settings)
    least = sum((most_of(engine, settings, "gpt-5-mini", tokens, output) for tokens, output in sizes), D(0))
    assert found["requeuedCount"] == 3
    assert least <= D(found["costAtMostEur"]) <= 2 * least
    assert statuses(engine) == {"PROCESSING_FAILED": 3}


def test_the_dearer_of_the_old_and_the_companys_present_model_counts(
    engine: Engine, company: Company, settings: Settings
) -> None:
    failed(engine, company)
    cheap = D(preview(engine, settings)["costAtMostEur"])
    with engine.begin() as connection:
        update_company(connection, "acme", CompanyChanges(model="gpt-4o"), now=NOW)
    dear = D(preview(engine, settings)["costAtMostEur"])
    assert dear > cheap
    assert dear >= most_of(engine, settings, "gpt-4o", 100)


def test_the_cost_is_unknown_without_a_price_or_a_rate(engine: Engine, company: Company, settings: Settings) -> None:
    failed(engine, company)
    failed(engine, company, model="a model of nobody")
    assert preview(engine, settings)["costAtMostEur"] is None
    assert preview(engine, settings, model="gpt-5-mini")["costAtMostEur"] is not None
    with engine.begin() as connection:
        connection.execute(exchange_rates.delete())
    assert preview(engine, make_settings(), model="gpt-5-mini")["costAtMostEur"] is None


def test_requests_about_what_has_changed_are_counted(engine: Engine, company: Company, settings: Settings) -> None:
    failed(engine, company)
    failed(engine, company, transcript_hash="of another chat")
    failed(engine, company, prompt_version="of another program")
    found = preview(engine, settings)
    assert (found["requeuedCount"], found["outdatedCount"]) == (3, 2)
    assert prompt_version() != "of another program"


def test_nothing_is_counted_that_may_not_be_tried_again(engine: Engine, company: Company, settings: Settings) -> None:
    (one,) = failed(engine, company)
    with engine.begin() as connection:
        requests = ai_processing_requests.c
        session = connection.execute(select(requests.session_id).where(requests.id == one)).scalar_one()
        (newer,) = insert_requests(connection, company)
        connection.execute(
            ai_processing_requests.update().where(requests.id == newer).values(session_id=session, requested_at=NOW)
        )
    found = preview(engine, settings)
    assert (found["requeuedCount"], found["notFailedCount"], D(found["costAtMostEur"])) == (0, 1, D(0))
    again = preview_requeue(engine, settings, KINDS, Chosen((str(one), str(newer), "no id")))
    assert (again["requeuedCount"], again["notFailedCount"], again["notFoundCount"]) == (0, 2, 1)


def test_a_confirmation_puts_back_what_was_counted_and_nothing_that_failed_since(
    engine: Engine, company: Company, settings: Settings
) -> None:
    failed(engine, company, 3)
    found = preview(engine, settings, error_code="TRUNCATED")
    until = datetime.fromisoformat(found["until"])
    failed(engine, company, 2, completed_at=until + timedelta(seconds=1))
    chosen = Chosen(search=Search(status="processing_failed", error_code="TRUNCATED"), until=until)
    done = requeue_chosen(engine, KINDS, chosen, dry_run=False)
    assert done == {"ok": True, "requeuedCount": 3, "notFoundCount": 0, "notFailedCount": 0}
    assert statuses(engine) == {"PENDING_BATCHING": 3, "PROCESSING_FAILED": 2}
    assert requeue_chosen(engine, KINDS, chosen, dry_run=False)["requeuedCount"] == 0


def test_a_confirmation_puts_back_nothing_that_became_old_enough_since(
    engine: Engine, company: Company, settings: Settings
) -> None:
    with engine.connect() as connection:
        now = database_now(connection)
    search = Search(status="processing_failed", older_than_hours=24)
    failed(engine, company, completed_at=now - timedelta(hours=25))
    found = preview_requeue(engine, settings, KINDS, Chosen(search=search))
    # A minute too young at the dry run, and old enough when somebody confirms it an hour later.
    failed(engine, company, completed_at=now - timedelta(hours=24) + timedelta(minutes=1))
    later = Chosen(search=replace(search, older_than_hours=23), until=datetime.fromisoformat(found["until"]))
    assert (found["requeuedCount"], requeue_chosen(engine, KINDS, later, dry_run=False)["requeuedCount"]) == (1, 1)


def test_a_filter_is_never_about_other_than_failed_requests(
    engine: Engine, company: Company, settings: Settings
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2, processing_status="PROCESSING_COMPLETE", completed_at=NOW)
    failed(engine, company)
    chosen = Chosen(search=Search(status="processing_complete"))
    assert preview_requeue(engine, settings, KINDS, chosen)["requeuedCount"] == 1
    assert requeue_chosen(engine, KINDS, chosen, dry_run=False)["requeuedCount"] == 1
    assert statuses(engine) == {"PENDING_BATCHING": 1, "PROCESSING_COMPLETE": 2}


def test_requests_are_put_back_by_model_and_by_batch(engine: Engine, company: Company) -> None:
    batch = insert_batch(engine, company, "batch_1")
    (of_batch,) = failed(engine, company)
    failed(engine, company, model="gpt-4o")
    with engine.begin() as connection:
        connection.execute(
            insert(ai_request_attempts).values(
                request_id=of_batch, batch_id=batch, created_at=NOW, settled_at=NOW, outcome="truncated"
            )
        )
    assert requeue_requests(engine, KINDS, model="gpt-4o")["requeuedCount"] == 1
    for name in (str(batch), "batch_1"):
        assert requeue_requests(engine, KINDS, batch=name)["requeuedCount"] == 1
    assert requeue_requests(engine, KINDS, batch="batch_1", error_code="refused")["requeuedCount"] == 0
    with pytest.raises(UsageError, match="batch_2"):
        requeue_requests(engine, KINDS, batch="batch_2")


def test_an_outcome_needs_its_batch(engine: Engine, company: Company, settings: Settings) -> None:
    with pytest.raises(UsageError, match="without a batch"):
        preview(engine, settings, outcome="parsed")
    insert_batch(engine, company, "batch_1")
    with pytest.raises(UsageError, match="'lost' is no outcome"):
        preview(engine, settings, outcome="lost", batch="batch_1")
    search = Search(status="processing_failed")
    for hours in (-1.0, float("nan"), 1e9):
        with pytest.raises(UsageError, match="older_than_hours"):
            preview_requeue(engine, settings, KINDS, Chosen(search=replace(search, older_than_hours=hours)))
