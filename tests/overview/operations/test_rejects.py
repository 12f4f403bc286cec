"""Rejected records: which are listed, in which order, counted by reason, and read one at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, insert

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.tables import import_rejects, import_runs
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.steps.operations.rejects import (
    RejectSearch,
    count_reasons,
    describe_run,
    read_record,
    search_rejects,
)
from livedash_pipeline.overview.store.operations.rejects import find_rejects, find_rejects_of_run
from tests.conftest import NOW, migrated_database
from tests.support.rows import insert_company, rows_of

REASONS = ("bad_start_time", "empty_id", "of another version")


@pytest.fixture(scope="module")
def filled(postgres_template: str) -> Iterator[tuple[Engine, list[UUID], list[UUID], list[Any]]]:
    chance = random.Random(5)
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        with engine.begin() as connection:
            owners = [insert_company(connection, slug) for slug in ("acme", "other")]
            runs = []
            for owner in (*owners, owners[0]):
                values = {"company_id": owner.id, "source_url": "x", "started_at": NOW, "rows_rejected": 30}
                runs.append(
                    (
                        connection.execute(
                            insert(import_runs).values(**values).returning(import_runs.c.id)
                        ).scalar_one(),
                        owner,
                    )
                )
            for _ in range(90):
                run, owner = chance.choice(runs)
                connection.execute(
                    insert(import_rejects).values(
                        company_id=owner.id,
                        import_run_id=run,
                        line_number=chance.randint(1, 20),
                        raw_text="secret words",
                        reason=chance.choice(REASONS),
                        detail="<b>detail</b>",
                    )
                )
        yield engine, [each.id for each in owners], [run for run, _ in runs], rows_of(engine, import_rejects)
        engine.dispose()


@pytest.mark.parametrize("most", [3, 20_000])
def test_every_filter_finds_each_record_once_the_newest_first(
    filled: tuple[Engine, list[UUID], list[UUID], list[Any]], most: int
) -> None:
    engine, owners, _, rows = filled
    with engine.connect() as connection:
        for company in (None, *owners):
            for reason in (None, "empty_id", "none such"):
                found, place = [], None
                for _ in range(200):
                    page = find_rejects(
                        connection, limit=7, company_id=company, reason=reason, before_id=place, most=most
                    )
                    found += [row.id for row in page.rows]
                    if page.follows is None:
                        break
                    place = page.follows.id
                wanted = [r.id for r in rows if company in (None, r.company_id) and reason in (None, r.reason)]
                assert found == sorted(wanted, reverse=True)


@pytest.mark.parametrize("most", [3, 20_000])
def test_records_of_an_import_stand_in_the_order_of_its_file(
    filled: tuple[Engine, list[UUID], list[UUID], list[Any]], most: int
) -> None:
    engine, _, runs, rows = filled
    with engine.connect() as connection:
        for run in runs:
            for reason in (None, "empty_id"):
                found, place = [], None
                for _ in range(200):
                    page = find_rejects_of_run(connection, run, limit=4, reason=reason, after=place, most=most)
                    found += [(row.line_number, row.id) for row in page.rows]
                    if page.follows is None:
                        break
                    place = (page.follows.id, page.follows.line_number)
                wanted = [(r.line_number, r.id) for r in rows if r.import_run_id == run and reason in (None, r.reason)]
                assert found == sorted(wanted)


def test_a_list_holds_cures_and_no_texts(filled: tuple[Engine, list[UUID], list[UUID], list[Any]]) -> None:
    engine, _, runs, _ = filled
    for search in (RejectSearch(), RejectSearch(company="acme"), RejectSearch(run=str(runs[0]), reason="EMPTY_ID")):
        first = search_rejects(engine, search, limit=3)
        assert len(first["rejects"]) == 3
        assert "secret words" not in str(first)
        again = search_rejects(engine, search, limit=3, cursor=first["nextCursor"])
        assert not {each["id"] for each in first["rejects"]} & {each["id"] for each in again["rejects"]}
        for each in first["rejects"]:
            assert (each["cure"] is None) is (each["reason"] == "of another version")


def test_reasons_of_an_import_are_counted(filled: tuple[Engine, list[UUID], list[UUID], list[Any]]) -> None:
    engine, _, runs, rows = filled
    for run in runs:
        counted = count_reasons(engine, str(run))["reasons"]
        assert counted == {
            reason: count
            for reason in REASONS
            if (count := sum(r.import_run_id == run and r.reason == reason for r in rows))
        }
        assert list(counted.values()) == sorted(counted.values(), reverse=True)
        described = describe_run(engine, str(run))
        assert described is not None and described["rejected"] == 30
    assert count_reasons(engine, "no id") == {"ok": True, "reasons": {}}
    assert describe_run(engine, str(uuid4())) is None
    assert describe_run(engine, "no id") is None


def test_a_record_is_read_by_itself(filled: tuple[Engine, list[UUID], list[UUID], list[Any]]) -> None:
    engine, _, _, rows = filled
    found = read_record(engine, str(rows[0].id))
    assert found is not None and found["rawText"] == "secret words"
    assert read_record(engine, str(uuid4())) is None
    assert read_record(engine, "no id") is None


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (RejectSearch(company="nobody"), "nobody"),
        (RejectSearch(run="no id"), "no id"),
        (RejectSearch(run=str(UUID(int=7))), "There is no import"),
        (RejectSearch(reason="dislike"), "dislike"),
    ],
)
def test_what_cannot_be_is_refused_with_the_value(
    filled: tuple[Engine, list[UUID], list[UUID], list[Any]], search: RejectSearch, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        search_rejects(filled[0], search)


def test_an_import_of_another_company_is_told(filled: tuple[Engine, list[UUID], list[UUID], list[Any]]) -> None:
    engine, _, runs, _ = filled
    with pytest.raises(UsageError, match="is of other and not of acme"):
        search_rejects(engine, RejectSearch(company="acme", run=str(runs[1])))
    assert search_rejects(engine, RejectSearch(company="other", run=str(runs[1])))["ok"]
