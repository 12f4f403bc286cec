"""Requests that are put back: only the newest of a session, with none open, whose analysis is not complete."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, Insert, TextClause, insert, select, text

from livedash_pipeline.analysis.store import requests as analysis_requests
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_processing_requests
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter
from livedash_pipeline.ledger.steps.batches.requests import list_requests
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.store.batches import requests
from livedash_pipeline.ledger.store.batches.request_search import request_ids
from livedash_pipeline.ledger.store.batches.requests import Requeued
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.races import until_waiting
from tests.support.rows import insert_company, insert_requests, rows_of, stage_counts

LATER = NOW + timedelta(hours=1)
FAILED: dict[str, Any] = {
    "processing_status": "PROCESSING_FAILED",
    "error_code": "transient",
    "error_message": "No.",
    "completed_at": NOW,
    "attempts": 3,
    "releases": 2,
}


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


def failed(engine: Engine, company: Company, count: int = 1, stage: str = "FAILED", **values: Any) -> list[UUID]:
    with engine.begin() as connection:
        ids = insert_requests(connection, company, count, **(FAILED | values))
        connection.execute(
            text(
                "INSERT INTO session_processing_status (import_id, stage, status) SELECT sessions.import_id,"
                " 'AI_ANALYSIS', :stage FROM sessions JOIN ai_processing_requests AS r ON r.session_id = sessions.id"
                " WHERE r.id = ANY(:ids) ON CONFLICT DO NOTHING"
            ),
            {"stage": stage, "ids": ids},
        )
    return ids


def newer(engine: Engine, request_id: UUID, **values: Any) -> Insert:
    """Inserts a newer request about the same session."""
    (old,) = (row for row in rows_of(engine, ai_processing_requests) if row.id == request_id)
    names = ("session_id", "company_id", "model", "prompt_version", "transcript_hash", "input_hash", "body_bytes")
    copied = {name: getattr(old, name) for name in (*names, "token_estimate")}
    copied |= {"max_output_tokens": 1, "requested_at": NOW, "updated_at": NOW}
    return insert(ai_processing_requests).values(**(copied | values))


def again(engine: Engine, request_id: UUID, **values: Any) -> UUID:
    """A newer request about the same session."""
    with engine.begin() as connection:
        query = newer(engine, request_id, **values).returning(ai_processing_requests.c.id)
        made: UUID = connection.execute(query).scalar_one()
        return made


def requeue(engine: Engine, ids: list[UUID], *, dry_run: bool = False, company_id: UUID | None = None) -> Requeued:
    with engine.begin() as connection:
        return requests.requeue(connection, ids, KINDS, now=LATER, dry_run=dry_run, company_id=company_id)


def test_a_failed_request_waits_again_with_both_allowances_restarted(engine: Engine, company: Company) -> None:
    ids = failed(engine, company, 2)
    assert requeue(engine, ids[:1]) == Requeued(1, 0, 0)
    back, untouched = rows_of(engine, ai_processing_requests)
    assert (back.processing_status, back.error_code, back.completed_at) == ("PENDING_BATCHING", None, None)
    assert (back.attempts, back.attempts_before_requeue) == (3, 3)
    assert (back.releases, back.releases_before_requeue) == (2, 2)
    assert back.updated_at == LATER
    assert untouched.processing_status == "PROCESSING_FAILED"
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"PENDING": 1, "FAILED": 1}


def test_a_dry_run_counts_and_changes_nothing(engine: Engine, company: Company) -> None:
    ids = failed(engine, company, 2)
    before = rows_of(engine, ai_processing_requests)
    assert requeue(engine, ids, dry_run=True) == Requeued(2, 0, 0)
    assert rows_of(engine, ai_processing_requests) == before
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"FAILED": 2}


def test_the_counts_add_up_to_the_distinct_ids(engine: Engine, company: Company) -> None:
    (good,) = failed(engine, company)
    with engine.begin() as connection:
        (pending,) = insert_requests(connection, company)
    unknown = uuid4()
    assert requeue(engine, [good, good, pending, unknown, unknown]) == Requeued(1, 1, 1)
    assert requeue(engine, [good]) == Requeued(0, 0, 1)
    assert requeue(engine, []) == Requeued(0, 0, 0)


def test_requests_that_have_not_failed_are_left_alone(engine: Engine, company: Company) -> None:
    others = [status for status in RequestStatus if status is not RequestStatus.PROCESSING_FAILED]
    batch_id = insert_batch(engine, company, None)
    with engine.begin() as connection:
        ids = [
            *insert_requests(connection, company, processing_status=others[0]),
            *insert_requests(connection, company, processing_status=others[1], batch_id=batch_id),
            *insert_requests(connection, company, processing_status=others[2], completed_at=NOW),
        ]
    assert requeue(engine, ids) == Requeued(0, 0, 3)
    assert [row.processing_status for row in rows_of(engine, ai_processing_requests)] == others


def test_only_the_newest_request_of_a_session_is_put_back(engine: Engine, company: Company) -> None:
    (older,) = failed(engine, company)
    newer = again(engine, older, **FAILED)
    assert requeue(engine, [older]) == Requeued(0, 0, 1)
    assert requeue(engine, [older, newer]) == Requeued(1, 0, 1)
    assert [row.processing_status for row in rows_of(engine, ai_processing_requests)] == [
        "PROCESSING_FAILED",
        "PENDING_BATCHING",
    ]


def test_a_session_with_an_open_request_gets_no_second_one(engine: Engine, company: Company) -> None:
    (older,) = failed(engine, company)
    again(engine, older)
    assert requeue(engine, [older]) == Requeued(0, 0, 1)


def test_an_analysed_session_is_not_asked_about_again(engine: Engine, company: Company) -> None:
    ids = failed(engine, company, stage="COMPLETED")
    assert requeue(engine, ids) == Requeued(0, 0, 1)


def test_another_companys_request_is_not_found(engine: Engine, company: Company) -> None:
    ids = failed(engine, company)
    with engine.begin() as connection:
        other = insert_company(connection, "other")
    assert requeue(engine, ids, company_id=other.id) == Requeued(0, 1, 0)
    assert requeue(engine, ids, company_id=company.id) == Requeued(1, 0, 0)


def test_failed_requests_are_found_by_company_code_and_age(engine: Engine, company: Company) -> None:
    old = failed(engine, company, completed_at=NOW - timedelta(hours=2), requested_at=NOW - timedelta(hours=3))
    refused = failed(engine, company, error_code="refused")
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        insert_requests(connection, other, **FAILED)
    with engine.connect() as connection:
        for wanted, found in (
            (RequestFilter(RequestStatus.PROCESSING_FAILED, company.id), [*old, *refused]),
            (RequestFilter(RequestStatus.PROCESSING_FAILED, company.id, "refused"), refused),
            (RequestFilter(RequestStatus.PROCESSING_FAILED, before=NOW - timedelta(hours=1)), old),
        ):
            assert request_ids(connection, wanted) == found


def test_an_error_code_is_found_in_either_case(engine: Engine, company: Company) -> None:
    ours = failed(engine, company, error_code="refused")
    the_services = failed(engine, company, error_code="Unsupported_Model")
    for given, found in (("REFUSED", ours), ("Refused", ours), ("unsupported_model", the_services), ("refuse_", [])):
        counted = requeue_requests(engine, KINDS, error_code=given)
        assert counted["requeuedCount"] == len(found), given
        with engine.connect() as connection:
            wanted = RequestFilter(RequestStatus.PROCESSING_FAILED, error_code=given)
            assert request_ids(connection, wanted) == found


def test_a_session_has_one_open_request_at_most(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (open_one,) = insert_requests(connection, company)
        session_id = connection.execute(select(ai_processing_requests.c.session_id)).scalar_one()
        built = analysis_requests.BuiltRequest(session_id, "t", "i", 1, 1, 1)
        made = analysis_requests.insert_requests(
            connection, company.id, [built], model="m", prompt_version="p", now=NOW
        )
    assert made == 0
    assert [row.id for row in rows_of(engine, ai_processing_requests)] == [open_one]


def test_a_requeue_that_races_a_new_request_counts_it_instead_of_failing(engine: Engine, company: Company) -> None:
    ids = failed(engine, company)
    counted: list[dict[str, Any]] = []
    competing = newer(engine, ids[0])
    with engine.begin() as connection:
        connection.execute(competing)
        thread = Thread(target=lambda: counted.append(requeue_requests(engine, KINDS, request_ids=[str(ids[0])])))
        thread.start()
        # The other transaction waits for this one at the unique index.
        until_waiting(engine)
    thread.join()
    assert counted == [{"ok": True, "requeuedCount": 0, "notFoundCount": 0, "notFailedCount": 1}]


def _read(engine: Engine, query: TextClause) -> int:
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def test_pages_neither_repeat_nor_leave_out_a_request_while_others_change(engine: Engine, company: Company) -> None:
    ids = failed(engine, company, 9)
    listed: list[str] = []
    cursor = None
    for change in (ids[:1], ids[6:7], []):
        page = list_requests(engine, status="processing_failed", limit=3, cursor=cursor)
        listed += [row["id"] for row in page["requests"]]
        cursor = page["nextCursor"]
        requeue(engine, change)
    assert listed == [str(each) for each in (*ids[:6], *ids[7:])], "all but the one that was requeued before its page"
    assert cursor is None
