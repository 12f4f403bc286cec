"""Two connections inside each other's transactions: what the simulation leaves out, since its workers stop outside of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, func, select, text, update

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, ai_request_attempts
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.admission import Budget
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.batches import claims, requests
from livedash_pipeline.ledger.store.batches.claims import Claim, ClaimLimits
from livedash_pipeline.ledger.store.recovery import recovery, surplus
from livedash_pipeline.ledger.store.results import observations, settlement
from tests.conftest import NOW
from tests.support.races import until_waiting
from tests.support.rows import CHAT, insert_company, insert_requests, insert_sessions

ENDPOINT = "api.example.org/v1"
_UNLIMITED = ClaimLimits(100, 10**9, None, Budget(None))


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that does not wait long for anybody: whoever has to wait fails at once."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        yield connection


def claim(connection: Connection, company: Company) -> Claim | None:
    holds.lock_admission(connection, ENDPOINT, "gpt-5-mini", now=NOW)
    group = next(iter(claims.pending_groups(connection)), None)
    if group is None:
        return None
    return claims.claim_batch(
        connection,
        group,
        _UNLIMITED,
        endpoint=ENDPOINT,
        key_fingerprint="k",
        kind=SESSION_ANALYSIS,
        lease=900,
        now=NOW,
        dagster_run_id=None,
    )


def claimed_batch(engine: Engine, company: Company, count: int = 2, **values: object) -> UUID:
    with engine.begin() as connection:
        insert_requests(connection, company, count)
        made = claim(connection, company)
        assert made is not None
        if values:
            table = ai_batch_requests
            connection.execute(update(table).where(table.c.id == made.batch_id).values(**values))
        return made.batch_id


def meanwhile(work: Callable[[], object]) -> Callable[[], object]:
    """Begins work that will have to wait, in another thread; call the result to get what came of it."""
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()

    def result() -> object:
        thread.join(timeout=30)
        assert not thread.is_alive()
        return done[0]

    return result


def test_claims_of_one_model_take_turns_and_share_nothing(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 3)

    def second() -> Claim | None:
        with engine.begin() as connection:
            return claim(connection, company)

    with transaction(engine) as connection:
        first = claim(connection, company)
        waiting = meanwhile(second)
        until_waiting(engine)
    assert first is not None
    assert first.requests == 3
    assert waiting() is None
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(ai_request_attempts)).scalar_one() == 3


def test_a_batch_is_settled_by_whoever_locks_it_and_the_other_one_sees_nothing(
    engine: Engine, company: Company
) -> None:
    batch_id = claimed_batch(engine, company, status="COMPLETED", remote_batch_id="batch_1")
    with transaction(engine) as first, transaction(engine) as second:
        assert settlement.lock_batch(first, batch_id, KINDS) is not None
        assert settlement.lock_batch(second, batch_id, KINDS) is None


def test_a_poll_passes_over_a_batch_that_is_being_settled(engine: Engine, company: Company) -> None:
    batch_id = claimed_batch(engine, company, status="COMPLETED", remote_batch_id="batch_1")
    from livedash_pipeline.ledger.rules.service.remote import read_remote_batch

    seen = read_remote_batch({"id": "batch_1", "status": "completed", "request_counts": {"completed": 2}})
    with transaction(engine) as first, transaction(engine) as second:
        assert settlement.lock_batch(first, batch_id, KINDS) is not None
        assert observations.apply_observations(second, [seen], endpoint=ENDPOINT, now=NOW) == []


def test_two_recoveries_never_take_the_same_batch(engine: Engine, company: Company) -> None:
    ids = {claimed_batch(engine, company), claimed_batch(engine, company)}
    late = NOW + timedelta(days=1)
    with transaction(engine) as first, transaction(engine) as second, transaction(engine) as third:
        taken = [recovery.take_over(each, ENDPOINT, lease=900, now=late) for each in (first, second, third)]
    assert {each.claim.batch_id for found in taken for each in found} == ids
    assert [len(found) for found in taken] == [1, 1, 0]


def test_a_request_made_while_another_one_is_put_back_is_not_a_second_open_one(
    engine: Engine, company: Company
) -> None:
    with engine.begin() as connection:
        (failed,) = insert_requests(connection, company, 1, processing_status="PROCESSING_FAILED")
    back: list[int] = []

    def count(text_to_count: str) -> int:
        # The tokenizer runs between the search for sessions and the insert, in one transaction.
        if not back and "under Planning" in text_to_count:
            with transaction(engine) as connection:
                back.append(requests.requeue(connection, [failed], KINDS, now=NOW, dry_run=False).requeued)
        return 1

    report = build_requests(engine, company, default_model="gpt-5-mini", count_tokens=count)
    assert back == [1]
    assert report.created == 0
    with engine.connect() as connection:
        rows = connection.execute(select(ai_processing_requests.c.id, ai_processing_requests.c.processing_status))
        assert list(rows) == [(failed, "PENDING_BATCHING")]


def test_two_workers_that_make_requests_at_once_make_each_once(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT] * 3)
    inner: list[int] = []

    def count(text_to_count: str) -> int:
        if not inner and "under Planning" in text_to_count:
            inner.append(0)
            inner[0] = build_requests(engine, company, default_model="gpt-5-mini", count_tokens=lambda _text: 1).created
        return 1

    outer = build_requests(engine, company, default_model="gpt-5-mini", count_tokens=count).created
    assert (outer, inner) == (3, [0])
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(ai_processing_requests)).scalar_one() == 3


def test_a_surplus_batch_that_two_find_at_once_is_new_to_one_of_them(engine: Engine, company: Company) -> None:
    batch_id = claimed_batch(engine, company, status="VALIDATING", remote_batch_id="batch_1")
    found = surplus.SurplusBatch("batch_2", batch_id, "validating", "file-1")

    def second() -> bool:
        with engine.begin() as connection:
            return surplus.record_surplus(connection, found, endpoint=ENDPOINT, now=NOW)

    with transaction(engine) as connection:
        assert surplus.record_surplus(connection, found, endpoint=ENDPOINT, now=NOW)
        waiting = meanwhile(second)
        until_waiting(engine)
    assert waiting() is False
