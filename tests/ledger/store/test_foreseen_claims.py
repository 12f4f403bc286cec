"""What a preview foresees of claims is what they take, whatever limits them; both work for the companies that the rule names."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from sqlalchemy import Connection, Engine, insert, text, update

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.rules.states import WORKING_COMPANIES, CompanyStatus, StageStatus, is_ready
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import companies, model_parameters
from livedash_pipeline.ledger.rules.admission.admission import Budget, CappedRequests
from livedash_pipeline.ledger.store.batches import claims, previews
from livedash_pipeline.ledger.store.batches.claims import ClaimLimits
from livedash_pipeline.money.rules.caps import Cap, Period, Room, Scope
from livedash_pipeline.money.rules.pricing import Ceiling
from tests.conftest import NOW
from tests.ledger.store.test_claims import MODEL, claim, group_of
from tests.support.rows import insert_company, insert_requests

_STALE = text("""
    UPDATE sessions SET stale = :stale FROM ai_processing_requests AS requests
    WHERE requests.session_id = sessions.id AND requests.id = :id
""")
_STAGES = text("""
    UPDATE session_processing_status AS stage_row
    SET status = CASE stage WHEN 'TRANSCRIPT_FETCH' THEN :fetched ELSE :created END
    FROM ai_processing_requests AS requests JOIN sessions ON sessions.id = requests.session_id
    WHERE stage_row.import_id = sessions.import_id AND requests.id = :id
        AND stage IN ('TRANSCRIPT_FETCH', 'SESSION_CREATION')
""")
SIZES = list(product((100, 900), (10, 50), (4_000, 8_000)))
PRICES = (Decimal(1), Decimal("0.01"))
UNLIMITED = Budget(Ceiling.flat(*PRICES))
LONGEST = {"max_bytes": 899, "max_tokens": 49}


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


def _room(left: Decimal) -> Room:
    return Room(Cap(Scope.COMPANY, Period.MONTH, left, "a cap"), Decimal(0))


def _claimed(connection: Connection, company: Company, limits: ClaimLimits) -> tuple[int, int, Decimal]:
    """Requests, tokens and euro of all batches that are claimed one after the other."""
    requests, tokens, euro = 0, 0, Decimal(0)
    while made := claim(connection, company, limits):
        requests, tokens, euro = requests + made.requests, tokens + made.token_estimate, euro + (made.reserved_eur or 0)
        left, free = limits.budget.left, limits.max_tokens
        budget = replace(limits.budget, room=None if left is None else _room(left - (made.reserved_eur or 0)))
        limits = replace(limits, budget=budget, max_tokens=None if free is None else free - made.token_estimate)
    return requests, tokens, euro


def _foreseen(connection: Connection, company: Company, budget: Budget = UNLIMITED) -> previews.ForeseenClaim:
    """What claims would take where nothing but the subject and the company limits them."""
    return previews.foresee_claim(
        connection,
        group_of(company),
        prompt_version=prompt_version(),
        max_bytes=10**9,
        max_request_tokens=10**9,
        max_tokens=None,
        max_request_eur=None,
        budget=budget,
    )


def _capped(connection: Connection, company: Company, budget: Budget = UNLIMITED) -> CappedRequests:
    """What a cap of nothing keeps from being claimed."""
    return previews.capped_requests(
        connection, group_of(company), prompt_version=prompt_version(), budget=budget, cap=Decimal(0)
    )


def test_claims_take_what_the_preview_foresees(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        for body_bytes, tokens, output in SIZES * 2:
            sizes = {"body_bytes": body_bytes, "token_estimate": tokens, "max_output_tokens": output}
            insert_requests(connection, company, **sizes)  # type: ignore[arg-type]
        insert_requests(connection, company, prompt_version="another")
        insert_requests(connection, company, transcript_hash="another")
        insert_requests(connection, company, model="another")
    found = set()
    for fails, free, left, cap in product((False, True), (None, 0, 60, 130), (None, 0, 120, 400), (None, 60, 100)):
        longest = LONGEST if fails else {"max_bytes": 10**9, "max_tokens": 10**9}
        budget = Budget(Ceiling.flat(*PRICES), None if left is None else _room(Decimal(left)))
        most = None if cap is None else Decimal(cap)
        with engine.connect() as connection:
            foreseen = previews.foresee_claim(
                connection,
                group_of(company),
                prompt_version=prompt_version(),
                max_bytes=longest["max_bytes"],
                max_request_tokens=longest["max_tokens"],
                max_tokens=free,
                max_request_eur=most,
                budget=budget,
            )
            claims.fail_oversized(
                connection, group_of(company), SESSION_ANALYSIS, **longest, now=group_of(company).oldest
            )
            taken = _claimed(connection, company, ClaimLimits(3, 10**9, free, budget, max_request_eur=most))
        assert taken == (foreseen.requests, foreseen.token_estimate, foreseen.reserved_eur), (fails, free, left, cap)
        found.add(taken[0])
    assert len(found) > 4


@pytest.mark.parametrize("status", CompanyStatus)
def test_only_working_companies_are_claimed_for(engine: Engine, company: Company, status: CompanyStatus) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)
        connection.execute(update(companies).values(status=status))
    works = status in WORKING_COMPANIES
    with engine.connect() as connection:
        assert bool(claims.pending_groups(connection)) is works
        assert bool(_foreseen(connection, company).requests) is works
        assert bool(_capped(connection, company).above_cap) is works
        assert (claim(connection, company) is not None) is works


def test_claims_previews_and_caps_price_an_answer_as_long_as_the_model_may_give_now(
    engine: Engine, company: Company
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, token_estimate=10, max_output_tokens=20)
        parameters = {"max_completion_tokens": 500}
        connection.execute(insert(model_parameters).values(model=MODEL, parameters=parameters, updated_at=NOW))
    price = 10 * PRICES[0] + 500 * PRICES[1]
    with engine.connect() as connection:
        assert _foreseen(connection, company).reserved_eur == price
        assert _capped(connection, company).most_expensive == price
        assert _claimed(connection, company, ClaimLimits(10, 10**9, None, UNLIMITED))[2] == price


def test_claims_previews_and_caps_look_at_a_subject_alike(engine: Engine, company: Company) -> None:
    expected = []
    with engine.begin() as connection:
        for number, (stale, fetched, created) in enumerate(product((False, True), StageStatus, StageStatus), start=1):
            (request_id,) = insert_requests(connection, company, token_estimate=number)
            of_request = {"id": request_id, "stale": stale, "fetched": fetched, "created": created}
            connection.execute(_STALE, of_request)
            connection.execute(_STAGES, of_request)
            if not stale and is_ready((fetched, created)):
                expected.append(number)
    budget = Budget(Ceiling.flat(Decimal(1), Decimal(0)))
    with engine.connect() as connection:
        foreseen = _foreseen(connection, company, budget)
        capped = _capped(connection, company, budget)
        taken = _claimed(connection, company, ClaimLimits(1000, 10**9, None, budget))
    assert taken == (len(expected), sum(expected), Decimal(sum(expected)))
    assert (foreseen.requests, foreseen.token_estimate) == taken[:2]
    assert (capped.above_cap, capped.most_expensive) == (len(expected), Decimal(max(expected)))
