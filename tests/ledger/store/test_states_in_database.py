"""The tables of moves walked against the database: every pair of states, moved by the statements that move them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, select, update

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.rules.states import BATCH_MOVES, REQUEST_MOVES, BatchStatus, RequestStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.admission import Budget, PendingGroup
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, read_remote_batch
from livedash_pipeline.ledger.store.batches import claims, requests
from livedash_pipeline.ledger.store.batches.claims import Claim, ClaimLimits
from livedash_pipeline.ledger.store.results.observations import apply_observations, note_not_found
from tests.conftest import NOW
from tests.support.rows import insert_company, insert_requests, rows_of

HERE = "api.example.org/v1"
WORDS = {
    BatchStatus.VALIDATING: "validating",
    BatchStatus.IN_PROGRESS: "in_progress",
    BatchStatus.FINALIZING: "finalizing",
    BatchStatus.COMPLETED: "completed",
    BatchStatus.FAILED: "failed",
    BatchStatus.CANCELLED: "cancelled",
}
ZERO = Decimal(0)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


def insert_batch(engine: Engine, company: Company, name: str | None, **values: Any) -> UUID:
    given: dict[str, Any] = {
        "company_id": company.id,
        "model": "m",
        "endpoint": HERE,
        "key_fingerprint": "k",
        "remote_batch_id": name,
        "request_count": 1,
        "body_bytes": 1,
        "token_estimate": 1,
        "created_at": NOW,
        "status_changed_at": NOW,
    }
    with engine.begin() as connection:
        query = insert(ai_batch_requests).values(**(given | values)).returning(ai_batch_requests.c.id)
        made: UUID = connection.execute(query).scalar_one()
        return made


def remote(name: str, word: str, **fields: Any) -> RemoteBatch:
    return read_remote_batch({"id": name, "status": word, **fields})


def observe(engine: Engine, *remotes: RemoteBatch, now: datetime = LATER) -> list[Any]:
    with engine.begin() as connection:
        return apply_observations(connection, remotes, endpoint=HERE, now=now)


def test_an_observation_moves_a_batch_only_where_the_table_allows_it(engine: Engine, company: Company) -> None:
    pairs = [(before, after) for before in BatchStatus for after in WORDS]
    ids = {
        (before, after): insert_batch(engine, company, f"{before}-{after}", status=before, remote_status="before")
        for before, after in pairs
    }
    changes = observe(engine, *(remote(f"{before}-{after}", WORDS[after]) for before, after in pairs))
    stored = {row.id: row for row in rows_of(engine, ai_batch_requests)}
    for (before, after), batch_id in ids.items():
        row = stored[batch_id]
        if after in BATCH_MOVES[before]:
            assert (row.status, row.openai_status, row.status_changed_at) == (after, WORDS[after], LATER)
        elif after == before:
            assert (row.status, row.openai_status, row.status_changed_at) == (before, WORDS[after], NOW)
        else:
            # Backwards: neither the status nor the service's word changes.
            assert (row.status, row.openai_status, row.status_changed_at) == (before, "before", NOW), (before, after)
    moved = {(change.status_before, change.status) for change in changes if change.status_before != change.status}
    assert moved == {(before, after) for before, after in pairs if after in BATCH_MOVES[before]}


def test_a_backward_observation_takes_nothing_back(engine: Engine, company: Company) -> None:
    insert_batch(engine, company, "b", status="IN_PROGRESS", reported_completed=5)
    late = remote("b", "validating", request_counts={"total": 0, "completed": 0, "failed": 0})
    assert observe(engine, late) == []
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.status, row.reported_completed) == ("IN_PROGRESS", 5)


def test_words_that_we_do_not_know_are_kept_and_move_nothing(engine: Engine, company: Company) -> None:
    insert_batch(engine, company, "b", status="IN_PROGRESS")
    insert_batch(engine, company, "ended", status="CANCELLED", remote_status="cancelled")
    (change,) = observe(engine, remote("b", "Paused"), remote("ended", "cancelling"))
    assert (change.status_before, change.status, change.remote_status) == ("IN_PROGRESS", "IN_PROGRESS", "Paused")
    assert {row.openai_batch_id: row.openai_status for row in rows_of(engine, ai_batch_requests)} == {
        "b": "Paused",
        "ended": "cancelled",
    }


def test_what_the_service_reports_is_stored_and_nulls_are_accepted(engine: Engine, company: Company) -> None:
    insert_batch(engine, company, "b", status="VALIDATING")
    nulls = dict.fromkeys(("output_file_id", "error_file_id", "request_counts", "errors", "usage", "metadata"))
    observe(engine, remote("b", "in_progress", **nulls))
    observe(
        engine,
        remote(
            "b",
            "failed",
            output_file_id="",
            error_file_id="file-e",
            request_counts={"total": 3, "completed": 1, "failed": 2},
            usage={"input_tokens": 7, "output_tokens": 5, "total_tokens": 12},
            errors={"data": [{"code": "invalid_url", "message": "NUL \x00", "param": None, "line": 2}]},
        ),
    )
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.status, row.output_file_id, row.error_file_id) == ("FAILED", None, "file-e")
    assert (row.reported_total, row.reported_completed, row.reported_failed) == (3, 1, 2)
    assert row.usage["total_tokens"] == 12
    assert row.errors == [{"code": "invalid_url", "message": "NUL \ufffd", "param": None, "line": 2}]
    assert (row.error_code, row.error_message) == ("invalid_url", "NUL \ufffd (line 2)")
    # The service did not say when it ended.
    assert row.completed_at == LATER
    observe(engine, remote("b", "failed", error_file_id="file-f"), now=LATER + timedelta(hours=1))
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.error_file_id, row.completed_at) == ("file-f", LATER)


def test_settled_batches_and_other_endpoints_are_left_alone(engine: Engine, company: Company) -> None:
    insert_batch(engine, company, "settled", status="FAILED", processed_at=NOW)
    insert_batch(engine, company, "elsewhere", status="VALIDATING", endpoint="other/v1")
    assert (
        observe(engine, remote("settled", "failed"), remote("elsewhere", "failed"), remote("foreign", "failed")) == []
    )
    assert {row.openai_status for row in rows_of(engine, ai_batch_requests)} == {None}


def test_of_two_pollers_only_one_reports_a_change(engine: Engine, company: Company) -> None:
    for place in range(20):
        insert_batch(engine, company, f"b{place}", status="VALIDATING")
    together, reported = Barrier(2), []

    def poll() -> None:
        together.wait()
        reported.append(observe(engine, *(remote(f"b{place}", "completed") for place in range(20))))

    pollers = [Thread(target=poll) for _ in range(2)]
    for poller in pollers:
        poller.start()
    for poller in pollers:
        poller.join()
    names = [change.remote_batch_id for changes in reported for change in changes]
    assert sorted(names) == sorted(f"b{place}" for place in range(20))


def test_a_row_that_another_poller_holds_is_passed_over(engine: Engine, company: Company) -> None:
    insert_batch(engine, company, "b", status="VALIDATING")
    with engine.begin() as holder:
        assert len(apply_observations(holder, [remote("b", "completed")], endpoint=HERE, now=LATER)) == 1
        assert observe(engine, remote("b", "completed")) == []
    assert observe(engine, remote("b", "completed")) == []


def test_not_found_is_noted_once_and_forgotten_when_the_batch_is_seen(engine: Engine, company: Company) -> None:
    batch_id = insert_batch(engine, company, "b", status="VALIDATING", remote_status="validating")
    for moment in (NOW, LATER):
        with engine.begin() as connection:
            note_not_found(connection, [batch_id], now=moment)
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.not_found_since, row.status) == (NOW, "VALIDATING")
    assert observe(engine, remote("b", "validating")) == []
    assert rows_of(engine, ai_batch_requests)[0].not_found_since is None


CLAIM_WRITES: dict[str, tuple[BatchStatus, set[BatchStatus]]] = {
    # A batch that was taken over may be uploading already.
    "mark_uploading": (BatchStatus.UPLOADING, {BatchStatus.PENDING, BatchStatus.UPLOADING}),
    "record_created": (BatchStatus.VALIDATING, {BatchStatus.UPLOADING}),
    "fail_unsubmitted": (BatchStatus.FAILED, {BatchStatus.PENDING, BatchStatus.UPLOADING}),
}


def test_a_submitters_writes_obey_the_table_and_carry_the_fence(engine: Engine, company: Company) -> None:
    for write, before, fence in product(CLAIM_WRITES, BatchStatus, (1, 2)):
        after, sources = CLAIM_WRITES[write]
        batch_id = insert_batch(engine, company, None, status=before)
        claim = Claim(batch_id, fence, company.id, "acme", "m", "session_analysis", 1, 1, 1, ZERO)
        arguments: dict[str, Any] = {
            "mark_uploading": {},
            "record_created": {"remote_batch_id": f"b-{before}-{fence}", "remote_status": "validating"},
            "fail_unsubmitted": {"error_code": "refused", "error_message": "No."},
        }[write]
        with engine.begin() as connection:
            hit = getattr(claims, write)(connection, claim, now=LATER, **arguments)
            query = select(ai_batch_requests.c.status).where(ai_batch_requests.c.id == batch_id)
            status = connection.execute(query).scalar_one()
        assert hit is (before in sources and fence == 1), (write, before, fence)
        assert status == (after if hit else before)
        assert status == before or after in BATCH_MOVES[before]


def test_each_statement_moves_requests_only_from_the_states_that_the_table_names(
    engine: Engine, company: Company
) -> None:
    with engine.begin() as connection:
        (probe,) = insert_requests(connection, company, model="other")
    batch_id = insert_batch(engine, company, "b", status="COMPLETED")

    def put(status: RequestStatus) -> None:
        with engine.begin() as connection:
            connection.execute(
                update(ai_processing_requests)
                .where(ai_processing_requests.c.id == probe)
                .values(processing_status=status, model="m", batch_id=batch_id)
            )

    def status_after(move: Any) -> RequestStatus:
        with engine.begin() as connection:
            move(connection)
            found = connection.execute(
                select(ai_processing_requests.c.processing_status).where(ai_processing_requests.c.id == probe)
            ).scalar_one()
            connection.rollback()
        return RequestStatus(found)

    limits = ClaimLimits(10, 10**9, None, Budget(None))
    group = PendingGroup(company.id, "acme", "m", "session_analysis", 1, 1, 1, NOW)

    def claim(connection: Any) -> None:
        claims.claim_batch(
            connection,
            group,
            limits,
            endpoint=HERE,
            key_fingerprint="k",
            kind=SESSION_ANALYSIS,
            lease=60,
            now=NOW,
            dagster_run_id=None,
        )

    moves = {
        "claim": (claim, RequestStatus.BATCHING_IN_PROGRESS),
        "too long": (
            lambda c: claims.fail_oversized(c, group, SESSION_ANALYSIS, max_bytes=1, max_tokens=1, now=NOW),
            RequestStatus.PROCESSING_FAILED,
        ),
        "requeue": (
            lambda c: requests.requeue(c, [probe], KINDS, now=NOW, dry_run=False),
            RequestStatus.PENDING_BATCHING,
        ),
    }
    expected = {
        "claim": {RequestStatus.PENDING_BATCHING},
        "too long": {RequestStatus.PENDING_BATCHING},
        "requeue": {RequestStatus.PROCESSING_FAILED},
    }
    for name, (move, target) in moves.items():
        for before in RequestStatus:
            put(before)
            after = status_after(move)
            assert after == (target if before in expected[name] else before), (name, before)
            assert after == before or after in REQUEST_MOVES[before]
