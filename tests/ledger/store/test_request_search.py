"""Finding requests by filters: what is found, how far is looked, and where a page ends."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, text, update

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.looking import Looked
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter
from livedash_pipeline.ledger.store.batches import request_search
from livedash_pipeline.ledger.store.batches.request_search import (
    company_slugs,
    count_requests,
    find_requests,
    request_ids,
)
from tests.conftest import NOW, migrated_database
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.rows import insert_company, insert_requests, rows_of

CODES = (None, "truncated", "refused", "Unsupported_Model")
MODELS = ("gpt-5-mini", "gpt-4o")


@dataclass
class World:
    """Requests of every kind, with what a filter may ask of them."""

    engine: Engine
    requests: list[Any]
    companies: list[UUID]
    batches: list[UUID]
    tried: dict[UUID, dict[UUID, str | None]]


@pytest.fixture(scope="module")
def world(postgres_template: str) -> Iterator[World]:
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        yield _filled(engine)
        engine.dispose()


def _filled(engine: Engine) -> World:
    chance = random.Random(7)
    with engine.begin() as connection:
        companies = [insert_company(connection, slug) for slug in ("acme", "other")]
    batches = [
        insert_batch(engine, company, f"batch_{number}") for number, company in enumerate([*companies, companies[0]])
    ]
    tried: dict[UUID, dict[UUID, str | None]] = {batch: {} for batch in batches}
    table = ai_processing_requests
    with engine.begin() as connection:
        for number in range(240):
            own = number % 2
            status = chance.choice(list(RequestStatus))
            batch = chance.choice([batches[own], batches[2] if own == 0 else batches[1]])
            moment = NOW - timedelta(hours=chance.randint(0, 50))
            values: dict[str, Any] = {
                "processing_status": status,
                "error_code": chance.choice(CODES) if status is RequestStatus.PROCESSING_FAILED else None,
                "batch_id": batch if status is RequestStatus.BATCHING_IN_PROGRESS else None,
                "completed_at": None if status in OPEN_REQUESTS else moment,
                "requested_at": NOW - timedelta(hours=60),
                "updated_at": moment,
            }
            (request,) = insert_requests(connection, companies[own], 1, model=chance.choice(MODELS), **values)
            if chance.random() < 0.6:
                outcome = chance.choice([None, "parsed", "truncated"])
                connection.execute(
                    insert(ai_request_attempts).values(
                        request_id=request,
                        batch_id=batch,
                        created_at=NOW,
                        outcome=outcome,
                        settled_at=None if outcome is None else NOW,
                    )
                )
                tried[batch][request] = outcome
        connection.execute(update(table).where(table.c.error_code == "refused").values(error_code="refused"))
    return World(engine, rows_of(engine, table), [each.id for each in companies], batches, tried)


def matching(world: World, wanted: RequestFilter) -> list[UUID]:
    """Ids that pass a filter, as Python sees it, the greatest first."""

    def passes(row: Any) -> bool:
        code = None if row.error_code is None else row.error_code.lower()
        age = row.updated_at if RequestStatus(row.processing_status) in OPEN_REQUESTS else row.completed_at
        tries = world.tried.get(wanted.batch_id, {}) if wanted.batch_id else {}
        return (
            (wanted.status is None or row.processing_status == wanted.status)
            and (wanted.company_id is None or row.company_id == wanted.company_id)
            and (wanted.error_code is None or code == wanted.error_code.lower())
            and (wanted.model is None or row.model == wanted.model)
            and (wanted.before is None or age < wanted.before)
            and (wanted.batch_id is None or row.id in tries)
            and (wanted.outcome is None or not wanted.batch_id or tries[row.id] == wanted.outcome.value)
        )

    return sorted((row.id for row in world.requests if passes(row)), reverse=True)


def every_filter(world: World) -> Iterator[RequestFilter]:
    for status in RequestStatus:
        for company in (None, *world.companies):
            for code in (None, "REFUSED", "unsupported_model", "none such"):
                for model in (None, "gpt-4o"):
                    for before in (None, NOW - timedelta(hours=24)):
                        for batch in (None, world.batches[0]):
                            yield RequestFilter(status, company, code, model, before, batch)
    for batch in world.batches:
        for outcome in (None, Outcome.PARSED, Outcome.TRUNCATED):
            for before in (None, NOW - timedelta(hours=24)):
                yield RequestFilter(batch_id=batch, outcome=outcome, before=before)


def all_pages(engine: Engine, wanted: RequestFilter, *, limit: int, most: int) -> tuple[list[UUID], list[Looked]]:
    """The ids of all pages, and the pages; none goes on for ever."""
    found: list[UUID] = []
    pages: list[Looked] = []
    with engine.connect() as connection:
        place: UUID | None = None
        while len(pages) < 500:
            page = find_requests(connection, wanted, limit=limit, before_id=place, most=most)
            pages.append(page)
            found += [row.id for row in page.rows]
            if page.follows is None:
                return found, pages
            place = page.follows.id
    raise AssertionError("the list has no end")


@pytest.mark.parametrize(("limit", "most"), [(7, 20), (50, 20_000), (1, 1)])
def test_pages_hold_what_passes_each_once_in_order(world: World, limit: int, most: int) -> None:
    filters = list(every_filter(world))
    for wanted in random.Random(limit).sample(filters, 60 if most == 1 else len(filters)):
        found, pages = all_pages(world.engine, wanted, limit=limit, most=most)
        assert found == matching(world, wanted), wanted
        assert all(len(page.rows) <= limit for page in pages)


def test_a_page_says_how_far_it_looked_where_it_is_not_full(world: World) -> None:
    wanted = RequestFilter(RequestStatus.PROCESSING_FAILED, model="none such")
    _, pages = all_pages(world.engine, wanted, limit=5, most=10)
    assert len(pages) > 1
    assert [page.looked for page in pages] == [10] * (len(pages) - 1) + [None]
    assert pages[-1].follows is None


def test_all_ids_and_counts_are_those_of_the_pages(world: World) -> None:
    with world.engine.connect() as connection:
        for wanted in every_filter(world):
            expected = matching(world, wanted)
            assert request_ids(connection, wanted) == sorted(expected)
            assert count_requests(connection, wanted, most=1000) == (len(expected), True)


def test_a_count_stops_where_it_is_told_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = RequestFilter(RequestStatus.PROCESSING_FAILED)
    with world.engine.connect() as connection:
        assert count_requests(connection, failed, most=3) == (3, False)
        monkeypatch.setattr(request_search, "MOST_LOOKED", 5)
        count, is_whole = count_requests(
            connection, RequestFilter(RequestStatus.PROCESSING_FAILED, model="gpt-4o"), most=100
        )
        assert count <= 5
        assert not is_whole


def test_requests_of_every_status_are_asked_of_a_batch_only(world: World) -> None:
    with world.engine.connect() as connection, pytest.raises(ValueError, match="one batch only"):
        find_requests(connection, RequestFilter(), limit=1)


def test_slugs_are_found_by_id(world: World) -> None:
    with world.engine.connect() as connection:
        assert company_slugs(connection, world.companies) == dict(zip(world.companies, ("acme", "other"), strict=True))


def test_failed_requests_of_a_code_are_read_by_their_index(engine: Engine) -> None:
    with engine.begin() as connection:
        company = insert_company(connection)
        insert_requests(
            connection, company, 300, processing_status="PROCESSING_FAILED", error_code="truncated", completed_at=NOW
        )
        insert_requests(
            connection, company, 2, processing_status="PROCESSING_FAILED", error_code="Rare", completed_at=NOW
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) ai_processing_requests"))
    read = text(
        "SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_xact_user_tables"
        " WHERE relid = CAST('ai_processing_requests' AS regclass)"
    )
    with engine.connect() as connection:
        before = connection.execute(read).scalar_one()
        page = find_requests(connection, RequestFilter(RequestStatus.PROCESSING_FAILED, error_code="rare"), limit=50)
        assert len(page.rows) == 2
        assert connection.execute(read).scalar_one() - before <= 4
