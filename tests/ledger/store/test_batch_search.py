"""Finding batches by filters, newest first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.admission.batch_filters import BatchFilter
from livedash_pipeline.ledger.steps.batches.batch_search import BatchSearch, list_open_batches, search_batches
from livedash_pipeline.ledger.store.batches.batch_search import find_batches
from tests.conftest import NOW, migrated_database
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.rows import insert_company, rows_of


@pytest.fixture(scope="module")
def filled(postgres_template: str) -> Iterator[tuple[Engine, list[UUID], list[Any]]]:
    chance = random.Random(3)
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        with engine.begin() as connection:
            companies = [insert_company(connection, slug) for slug in ("acme", "other")]
        for number in range(90):
            status = chance.choice(list(BatchStatus))
            made = NOW - timedelta(hours=chance.randint(0, 100))
            insert_batch(
                engine,
                chance.choice(companies),
                f"batch_{number}",
                status=status,
                model=chance.choice(["gpt-5-mini", "gpt-4o"]),
                created_at=made,
                processed_at=made if status is BatchStatus.PROCESSED or chance.random() < 0.2 else None,
            )
        yield engine, [each.id for each in companies], rows_of(engine, ai_batch_requests)
        engine.dispose()


def passes(row: Any, wanted: BatchFilter) -> bool:
    return (
        (wanted.company_id is None or row.company_id == wanted.company_id)
        and (wanted.model is None or row.model == wanted.model)
        and (wanted.status is None or row.status == wanted.status)
        and (not wanted.is_open or row.processed_at is None)
        and (wanted.since is None or row.created_at >= wanted.since)
        and (wanted.until is None or row.created_at < wanted.until)
    )


def every_filter(companies: list[UUID]) -> Iterator[BatchFilter]:
    for company in (None, companies[0]):
        for model in (None, "gpt-4o", "none such"):
            for status in (None, BatchStatus.PROCESSED, BatchStatus.FAILED, BatchStatus.IN_PROGRESS):
                for is_open in (False, True):
                    for since in (None, NOW - timedelta(hours=60)):
                        for until in (None, NOW - timedelta(hours=20)):
                            yield BatchFilter(company, model, status, is_open, since, until)


@pytest.mark.parametrize(("limit", "most"), [(4, 10), (50, 20_000)])
def test_pages_hold_what_passes_each_once_newest_first(
    filled: tuple[Engine, list[UUID], list[Any]], limit: int, most: int
) -> None:
    engine, companies, rows = filled
    with engine.connect() as connection:
        for wanted in every_filter(companies):
            expected = sorted(((row.created_at, row.id) for row in rows if passes(row, wanted)), reverse=True)
            found, place = [], None
            for _ in range(200):
                page = find_batches(connection, wanted, limit=limit, before=place, most=most)
                found += [(row.created_at, row.id) for row in page.rows]
                if page.follows is None:
                    break
                place = (page.follows.created_at, page.follows.id)
            assert found == expected, wanted


def test_the_document_follows_its_cursor(filled: tuple[Engine, list[UUID], list[Any]]) -> None:
    engine, _, rows = filled
    search = BatchSearch(company="acme", status="Processed", first=date(2025, 1, 1), last=date(9999, 12, 31))
    first = search_batches(engine, search, limit=2)
    second = search_batches(engine, search, limit=50, cursor=first["nextCursor"])
    ids = [each["id"] for each in first["batches"] + second["batches"]]
    wanted = [row for row in rows if row.status == "PROCESSED"]
    assert len(ids) == len(set(ids)) <= len(wanted)
    with pytest.raises(UsageError, match="not a cursor of this query"):
        search_batches(engine, BatchSearch(), cursor=first["nextCursor"])


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (BatchSearch(company="nobody"), "nobody"),
        (BatchSearch(status="lost"), "lost"),
        (BatchSearch(first=date(2025, 2, 1), last=date(2025, 1, 1)), "2025-02-01"),
    ],
)
def test_what_cannot_be_is_refused_with_the_value(
    filled: tuple[Engine, list[UUID], list[Any]], search: BatchSearch, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        search_batches(filled[0], search)


def test_open_batches_come_oldest_first_with_their_number(filled: tuple[Engine, list[UUID], list[Any]]) -> None:
    engine, _, rows = filled
    expected = sorted((row.created_at, str(row.id)) for row in rows if row.processed_at is None)
    document = list_open_batches(engine, limit=5)
    assert document["total"] == len(expected)
    found = [(datetime.fromisoformat(each["createdAt"]), each["id"]) for each in document["batches"]]
    assert found == expected[:5]
