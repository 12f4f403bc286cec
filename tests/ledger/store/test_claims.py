"""Claims: what is taken, in which order, within which limits, and that two claimers never take the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text, update

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    companies,
    model_parameters,
    sessions,
)
from livedash_pipeline.ledger.rules.admission.admission import Budget, PendingGroup, free_tokens
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.admission.committed import committed_eur, lock_spending, rooms_under
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.batches.claims import Claim, ClaimLimits
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.money.rules.caps import Cap, Period, Room, Scope, tightest
from livedash_pipeline.money.rules.pricing import Ceiling
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import HERE, insert_batch
from tests.support.rows import insert_company, insert_requests, rows_of, stage_counts

FREE = Budget(None)
OPEN = ClaimLimits(50_000, 10**9, None, FREE)
MODEL = "gpt-5-mini"


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


def group_of(company: Company, model: str = MODEL) -> PendingGroup:
    return PendingGroup(company.id, company.slug, model, "session_analysis", 1, 1, 1, NOW)


def claim(connection: Connection, company: Company, limits: ClaimLimits = OPEN, model: str = MODEL) -> Claim | None:
    return claims.claim_batch(
        connection,
        group_of(company, model),
        limits,
        endpoint=HERE,
        key_fingerprint="k",
        kind=SESSION_ANALYSIS,
        lease=900,
        now=NOW,
        dagster_run_id="run",
    )


def claimed_ids(engine: Engine) -> list[Any]:
    return [row.id for row in rows_of(engine, ai_processing_requests) if row.processing_status != "PENDING_BATCHING"]


def test_a_claim_takes_requests_in_id_order_with_their_attempts_and_stages(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        ids = insert_requests(connection, company, 5, token_estimate=70, body_bytes=11)
        made = claim(connection, company, replace(OPEN, max_lines=3))
    assert made is not None
    assert (made.requests, made.token_estimate, made.body_bytes, made.fence) == (3, 210, 33, 1)
    assert claimed_ids(engine) == ids[:3]
    assert {row.request_id for row in rows_of(engine, ai_request_attempts)} == set(ids[:3])
    (batch,) = rows_of(engine, ai_batch_requests)
    assert (batch.status, batch.request_count, batch.token_estimate) == ("PENDING", 3, 210)
    assert batch.lease_until == NOW + timedelta(seconds=900)
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"IN_PROGRESS": 3, "PENDING": 2}


def priced(given: Decimal, made: Decimal, left: Decimal | None = None) -> Budget:
    """A budget at so many euro for a token in and a token out."""
    cap = Cap(Scope.COMPANY, Period.MONTH, left or Decimal(0), "a cap")
    return Budget(Ceiling.flat(given, made), None if left is None else Room(cap, Decimal(0)))


LIMITS: list[tuple[ClaimLimits, int | None]] = [
    (replace(OPEN, max_lines=2), 2),
    (replace(OPEN, max_bytes=2999), 2),
    (replace(OPEN, max_bytes=3000), 3),
    (replace(OPEN, max_tokens=399), 3),
    (replace(OPEN, max_tokens=400), 4),
    # 100 tokens in and 4,000 out at one cent each make 41 euro a request.
    (replace(OPEN, budget=priced(Decimal("0.01"), Decimal("0.01"), Decimal(82))), 2),
    (replace(OPEN, budget=priced(Decimal("0.01"), Decimal("0.01"), Decimal("81.99"))), 1),
    # Nothing enqueued: a learned limit that no request fits into is tried with one.
    (replace(OPEN, max_tokens=50, max_first_tokens=1000), 1),
    (replace(OPEN, max_tokens=50, max_first_tokens=99), None),
    (replace(OPEN, max_tokens=0), None),
    (replace(OPEN, max_bytes=999), None),
    (replace(OPEN, budget=priced(Decimal(1), Decimal(1), Decimal(0))), None),
]


def test_a_batch_stays_within_every_limit(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 5)
    for limits, count in LIMITS:
        with engine.connect() as connection:
            made = claim(connection, company, limits)
            assert (made and made.requests) == count, limits


def test_what_is_set_aside_is_the_input_and_the_most_output(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2, token_estimate=100, max_output_tokens=4000)
        made = claim(connection, company, replace(OPEN, budget=priced(Decimal("0.001"), Decimal("0.01"))))
    assert made is not None and made.reserved_eur == Decimal("80.2")
    assert {row.reserved_eur for row in rows_of(engine, ai_request_attempts)} == {Decimal("40.1")}


def test_what_is_set_aside_is_what_the_lines_ask_for(engine: Engine, company: Company) -> None:
    budget = priced(Decimal("0.001"), Decimal("0.01"))
    with engine.begin() as connection:
        insert_requests(connection, company, 1, token_estimate=100, max_output_tokens=4000)
        parameters = {"max_completion_tokens": 16000}
        connection.execute(model_parameters.insert().values(model=MODEL, parameters=parameters, updated_at=NOW))
        assert claim(connection, company, replace(OPEN, budget=budget, max_request_eur=Decimal(160))) is None
        made = claim(connection, company, replace(OPEN, budget=budget, max_request_eur=Decimal(161)))
    assert made is not None and made.reserved_eur == Decimal("160.1")


def test_a_claim_locks_neither_its_company_nor_the_sessions(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2)
    with engine.connect() as claiming, engine.connect() as other:
        claimed = claim(claiming, company)
        assert claimed is not None and claimed.requests == 2
        for table, rows in (("companies", 1), ("sessions", 2)):
            free = other.execute(text(f"SELECT FROM {table} FOR NO KEY UPDATE SKIP LOCKED")).all()
            assert len(free) == rows, table


def test_two_claimers_take_disjoint_requests(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 6)
    with engine.begin() as first, engine.begin() as second:
        one = claim(first, company, replace(OPEN, max_lines=4))
        other = claim(second, company)
        assert one is not None and other is not None
        assert (one.requests, other.requests) == (4, 2)
    attempts = rows_of(engine, ai_request_attempts)
    assert len({row.request_id for row in attempts}) == len(attempts) == 6


@pytest.mark.parametrize("stage", ["TRANSCRIPT_FETCH", "SESSION_CREATION"])
@pytest.mark.parametrize(("status", "claimed"), [("PENDING", 1), ("IN_PROGRESS", 1), ("FAILED", 1), ("SKIPPED", 2)])
def test_a_request_waits_while_an_earlier_stage_of_its_session_is_not_over(
    engine: Engine, company: Company, stage: str, status: str, claimed: int
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2)
        connection.execute(
            text("""
                UPDATE session_processing_status SET status = :status
                WHERE stage = :stage AND import_id = (SELECT import_id FROM sessions ORDER BY import_id LIMIT 1)
            """),
            {"stage": stage, "status": status},
        )
    with engine.connect() as connection:
        made = claim(connection, company)
        assert made is not None and made.requests == claimed


def test_outdated_stale_and_foreign_requests_are_not_claimed(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        insert_requests(connection, company, prompt_version="older")
        insert_requests(connection, company, model="another")
        insert_requests(connection, company, transcript_hash="other messages")
        insert_requests(connection, other)
        insert_requests(connection, company)
        connection.execute(
            update(sessions)
            .values(stale=True)
            .where(sessions.c.company_id == company.id, sessions.c.transcript_hash.is_not(None))
        )
        fresh = insert_requests(connection, company)
        made = claim(connection, company)
    assert made is not None and made.requests == 1
    assert claimed_ids(engine) == fresh


def test_only_working_companies_are_claimed_for(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)
    for status, taken in (("ACTIVE", 1), ("TRIAL", 1), ("SUSPENDED", None), ("ARCHIVED", None)):
        with engine.connect() as connection:
            connection.execute(update(companies).values(status=status))
            assert bool(claims.pending_groups(connection)) is (taken is not None)
            made = claim(connection, company)
            assert (made and made.requests) == taken


def test_what_waits_is_grouped_by_company_and_model(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2, updated_at=NOW - timedelta(hours=1), requested_at=NOW)
        insert_requests(connection, company, 1, model="another")
        groups = claims.pending_groups(connection, company.id)
    assert [(each.model, each.requests, each.token_estimate, each.max_output_tokens) for each in groups] == [
        (MODEL, 2, 200, 8000),
        ("another", 1, 100, 4000),
    ]
    assert groups[0].oldest == NOW - timedelta(hours=1)


def test_a_request_that_no_batch_can_hold_fails_before_it_is_bought(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, token_estimate=1001)
        insert_requests(connection, company, body_bytes=2001)
        insert_requests(connection, company, body_bytes=2000, token_estimate=1000)
        failed = claims.fail_oversized(
            connection, group_of(company), SESSION_ANALYSIS, max_bytes=2000, max_tokens=1000, now=NOW
        )
    assert failed == 2
    found = rows_of(engine, ai_processing_requests)
    assert [row.error_code for row in found] == ["input_too_long", "input_too_long", None]
    assert [row.attempts for row in found] == [0, 0, 0]
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"FAILED": 2, "PENDING": 1}


def test_concurrent_claimers_of_a_model_share_its_token_limit(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        for each in (company, other):
            insert_requests(connection, each, 10)
        holds.learn_limit(connection, HERE, MODEL, limit=700, now=NOW)

    def submit(owner: Company) -> None:
        with engine.begin() as connection:
            learned = holds.lock_admission(connection, HERE, MODEL, now=NOW)
            enqueued = claims.enqueued_tokens(connection, HERE, MODEL)
            free = free_tokens(900, learned, enqueued)
            claim(connection, owner, replace(OPEN, max_lines=4, max_tokens=free))

    claimers = [Thread(target=submit, args=(each,)) for each in (company, other) * 3]
    for claimer in claimers:
        claimer.start()
    for claimer in claimers:
        claimer.join()
    with engine.connect() as connection:
        assert claims.enqueued_tokens(connection, HERE, MODEL) == 700


def test_tokens_are_reserved_by_open_batches_of_the_model_at_the_endpoint(engine: Engine, company: Company) -> None:
    for place, status in enumerate(BatchStatus):
        insert_batch(engine, company, None, status=status, token_estimate=10**place)
    insert_batch(engine, company, None, status="VALIDATING", token_estimate=10**9, endpoint="other/v1")
    insert_batch(engine, company, None, status="VALIDATING", token_estimate=10**9, model="another")
    with engine.connect() as connection:
        assert claims.enqueued_tokens(connection, HERE, "m") == 11_111


def test_the_cap_counts_what_was_spent_this_month_and_what_is_in_flight(engine: Engine, company: Company) -> None:
    month = NOW.replace(day=1, hour=0)
    batch_id = insert_batch(engine, company, None, created_at=NOW - timedelta(days=90))
    tries = [
        # reserved, outcome, cost, settled
        ("1000", None, None, None),
        ("100", "parsed", "1", month),
        ("100", "parsed", "20", month - timedelta(seconds=1)),
        # Paid at an unknown price: what was set aside counts.
        ("300", "invalid_output", None, month),
        ("4000", "artifact_unavailable", None, month),
        # Not charged.
        ("50000", "not_run", None, month),
    ]
    with engine.begin() as connection:
        ids = insert_requests(connection, company, len(tries), requested_at=NOW - timedelta(days=90))
        connection.execute(
            insert(ai_request_attempts),
            [
                {
                    "request_id": request_id,
                    "batch_id": batch_id,
                    "created_at": NOW - timedelta(days=60),
                    "reserved_eur": reserved,
                    "outcome": outcome,
                    "total_cost_eur": cost,
                    "settled_at": settled,
                }
                for request_id, (reserved, outcome, cost, settled) in zip(ids, tries, strict=True)
            ],
        )
        other = insert_company(connection, "other")
        assert committed_eur(connection, company.id, since=month) == 1000 + 1 + 300 + 4000
        assert committed_eur(connection, other.id, since=month) == 0


@pytest.mark.parametrize("scope", Scope)
def test_concurrent_claimers_share_a_cap(engine: Engine, company: Company, scope: Scope) -> None:
    with engine.begin() as connection:
        for model in ("one", "two"):
            insert_requests(connection, company, 10, model=model, token_estimate=0, max_output_tokens=1_000_000)

    def submit(model: str) -> None:
        with engine.begin() as connection:
            caps = (Cap(scope, Period.MONTH, Decimal(7), "a cap"),)
            lock_spending(connection, company.id, caps)
            room = tightest(rooms_under(connection, company.id, caps, now=NOW))
            left = Budget(Ceiling.flat(Decimal("0.000001"), Decimal("0.000001")), room)
            claim(connection, company, replace(OPEN, max_lines=4, budget=left), model)

    claimers = [Thread(target=submit, args=(model,)) for model in ("one", "two") * 2]
    for claimer in claimers:
        claimer.start()
    for claimer in claimers:
        claimer.join()
    with engine.begin() as connection:
        assert committed_eur(connection, company.id, since=NOW) == 7


def test_a_lease_is_renewed_only_by_its_holder_before_create_and_in_time(engine: Engine, company: Company) -> None:
    values = {"status": "UPLOADING", "lease_until": NOW + timedelta(seconds=1)}
    cases = {
        insert_batch(engine, company, None, **values): True,
        insert_batch(engine, company, None, **(values | {"lease_until": NOW})): False,
        insert_batch(engine, company, None, **(values | {"fence": 2})): False,
        insert_batch(engine, company, None, **(values | {"create_started_at": NOW})): False,
    }
    for batch_id, renewed in cases.items():
        mine = Claim(batch_id, 1, company.id, "acme", "m", "session_analysis", 1, 1, 1, Decimal(0))
        with engine.begin() as connection:
            assert claims.renew_lease(connection, mine, lease=60, now=NOW) is renewed


def test_create_begins_only_within_the_lease_and_uncancelled(engine: Engine, company: Company) -> None:
    values = {"status": "UPLOADING", "lease_until": NOW + timedelta(seconds=1), "input_file_id": "file"}
    cases = {
        insert_batch(engine, company, None, **values): True,
        insert_batch(engine, company, None, **(values | {"lease_until": NOW})): False,
        insert_batch(engine, company, None, **(values | {"cancel_requested_at": NOW})): False,
        insert_batch(engine, company, None, **(values | {"fence": 2})): False,
        insert_batch(engine, company, None, **(values | {"status": "PENDING"})): False,
    }
    for batch_id, begins in cases.items():
        mine = Claim(batch_id, 1, company.id, "acme", "m", "session_analysis", 1, 1, 1, Decimal(0))
        with engine.begin() as connection:
            begun = claims.start_create(
                connection, mine, key_fingerprint="present", nonce=f"nonce-{batch_id}", guard="tag", lease=90, now=NOW
            )
            assert begun is begins
    started = [row for row in rows_of(engine, ai_batch_requests) if row.create_started_at is not None]
    assert [(row.create_started_at, row.lease_until) for row in started] == [(NOW, NOW + timedelta(seconds=90))]
    assert [row.key_fingerprint for row in started] == ["present"], "another key may have claimed it"
    assert [(row.create_nonce, row.purchase_guard) for row in started] == [
        (f"nonce-{row.id}", "tag") for row in started
    ]


def test_one_batch_is_taken_over_at_a_time_however_the_planner_goes_about_it(engine: Engine, company: Company) -> None:
    values = {"status": "UPLOADING", "lease_until": NOW, "endpoint": HERE}
    ids = [insert_batch(engine, company, None, **values) for _ in range(3)]
    with engine.begin() as connection:
        # What is left are nested loops, in which a subquery is run anew for every row.
        for kind in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
            connection.execute(text(f"SET LOCAL enable_{kind} = off"))
        taken = recovery.take_over(connection, HERE, lease=900, now=NOW)
    assert [each.claim.batch_id for each in taken] == [min(ids)]
    assert [row.fence for row in sorted(rows_of(engine, ai_batch_requests), key=lambda row: row.fence)] == [1, 1, 2]
