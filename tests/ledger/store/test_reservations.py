"""What a claim sets aside, in SQL, against its specification in Python; and against what the same request can then cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_request_attempts
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.admission.admission import Budget
from livedash_pipeline.money.rules.pricing import Ceiling, Price, Rates, cost_of, to_eur
from livedash_pipeline.money.rules.token_margins import EXACT, TokenMargin, token_margin
from livedash_pipeline.money.store.package_prices import package_prices
from tests.ledger.store.test_claims import OPEN, claim
from tests.support.rows import insert_company, insert_requests, rows_of

D = Decimal
EUR_RATE = D("0.913")
CEILINGS = [
    Ceiling.flat(D("0.000001"), D("0.000004")),
    Ceiling(D("0.00000125"), D("0.0000075"), 1000, D("0.0000025"), D("0.00001125")),
    # Lower for long requests: then fewer tokens can be dearer.
    Ceiling(D("0.000002"), D("0.000003"), 1000, D("0.000001"), D("0.000001")),
    None,
]
MARGINS = [EXACT, token_margin("gpt-5-mini"), token_margin("gpt-4"), TokenMargin(D("6"), D("0.25"), 1024)]
SIZES = list(product((0, 7, 990, 1000, 1001, 400_000), (1, 999, 4_000_000), (1, 4000)))


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


@pytest.mark.parametrize(("most", "margin"), list(product(CEILINGS, MARGINS)))
def test_a_claim_sets_aside_what_the_budget_says(
    engine: Engine, company: Company, most: Ceiling | None, margin: TokenMargin
) -> None:
    budget = Budget(most, None, margin)
    with engine.begin() as connection:
        wanted = {}
        for tokens, size, output in SIZES:
            (request_id,) = insert_requests(
                connection, company, 1, token_estimate=tokens, body_bytes=size, max_output_tokens=output
            )
            # The lines of this model ask for four thousand tokens at least.
            wanted[request_id] = budget.of(tokens, size, max(output, 4000))
        made = claim(connection, company, replace(OPEN, budget=budget))
    assert made is not None and made.requests == len(SIZES)
    found = {row.request_id: row.reserved_eur for row in rows_of(engine, ai_request_attempts)}
    assert found == {request_id: None if eur is None else round(eur, 12) for request_id, eur in wanted.items()}


@pytest.mark.parametrize(
    "model", ["gpt-5.4", "gpt-5.6-sol", "gpt-4.1", "gpt-5-mini", "claude-haiku-4-5", "gemini-2.5-pro"]
)
def test_no_answer_within_the_bound_costs_more_than_was_set_aside(model: str) -> None:
    price = {dated.model: dated.price for dated in package_prices()}[model]
    for rates, tier in ((price.batch, "batch"), (price.standard, "standard")):
        budget = admission.budget(model=model, room=None, rates=rates, usd_eur=EUR_RATE)
        assert budget is not None
        for tokens, output in product((10, 271_000, 300_000), (10, 16_000)):
            stated = budget.of(tokens, 4 * tokens, output)
            assert stated is not None
            for cached, written in product((0, tokens), (0, tokens)):
                usage = TokenUsage(tokens, output, cached_tokens=cached, cache_write_tokens=written)
                cost = cost_of(usage, price, tier=tier)
                assert cost is not None
                eur = to_eur(cost.total_usd, EUR_RATE)
                assert eur is not None and eur <= stated


def test_a_long_request_is_reserved_at_what_it_costs() -> None:
    """300,000 tokens in with gpt-5.4 were reserved at half of what they cost."""
    price = {dated.model: dated.price for dated in package_prices()}["gpt-5.4"]
    budget = admission.budget(model="gpt-5.4", room=None, rates=price.batch, usd_eur=D("0.9"))
    cost = cost_of(TokenUsage(300_000, 2000), price)
    assert budget is not None and cost is not None
    stated = budget.of(300_000, 1_200_000, 2000)
    assert stated is not None
    assert cost.total_usd * D("0.9") <= stated <= cost.total_usd * D("0.9") * D("1.02")


def test_many_requests_are_bounded_together() -> None:
    rates = Rates(D("1"), None, None, D("4"), 1000, D("2"), None, None, D("6"))
    budget = admission.budget(model="gpt-4", room=None, rates=rates, usd_eur=EUR_RATE)
    assert budget is not None
    sizes = [(10, 50), (999, 4000), (1, 1), (1500, 6000)]
    singly = [budget.of(tokens, size, 100) for tokens, size in sizes]
    together = budget.of_many(
        len(sizes), sum(tokens for tokens, _ in sizes), sum(size for _, size in sizes), 100 * len(sizes), longest=1500
    )
    assert together is not None
    assert sum(each for each in singly if each is not None) <= together
    assert Budget(None).of_many(1, 1, 1, 1, longest=1) is None
    assert Price().batch == Rates()
