"""Every published price, stored and looked up, against the package's own sums."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ClauseOr, ClauseStartsWith, ModelInfo, Provider, StartDateConstraint
from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.money.rules.pricing import BATCH, STANDARD, Cost, ceiling_of, cost_of
from livedash_pipeline.money.store.package_prices import canonical_name, package_prices
from livedash_pipeline.money.store.prices import price_for
from tests.support.prices import have_prices

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DATES = (date(2025, 6, 9), date(2025, 6, 10), date(2026, 7, 30), date(2026, 8, 21), date(2026, 10, 14), NOW.date())
ROUNDS = 1000
CONTEXTS = {STANDARD: None, BATCH: {"processing": "batch"}}


def selling() -> dict[str, tuple[Provider, ModelInfo]]:
    """Every model that is sold by tokens of text by a provider of batches, by its name; OpenAI's first."""
    providers = [each for each in get_snapshot().providers if any(map(batch_start, each.models))]
    known = {dated.model for dated in package_prices()}
    found: dict[str, tuple[Provider, ModelInfo]] = {}
    for provider in sorted(providers, key=lambda each: (each.id != "openai", each.id)):
        for model in provider.models:
            if model.id in known:
                found.setdefault(model.id, (provider, model))
    return found


def batch_start(model: ModelInfo) -> date | None:
    """The first day for which the package states rates for batches."""
    starts = [
        variant.constraint.start_date if isinstance(variant.constraint, StartDateConstraint) else date(2025, 1, 1)
        for variant in model.price_variants or ()
        if variant.when == {"processing": "batch"}
    ]
    return min(starts, default=None)


def names_of(model: ModelInfo) -> Iterator[str]:
    """Names by which a model can be asked for."""
    clauses = model.match.or_ if isinstance(model.match, ClauseOr) else [model.match]
    for clause in clauses:
        if isinstance(clause, ClauseEquals):
            yield clause.equals
        if isinstance(clause, ClauseStartsWith):
            yield f"{clause.starts_with}07-18:acme::x"


def drawn_usage(random_: random.Random) -> TokenUsage:
    prompt = random_.choice((random_.randrange(2000), random_.randrange(400_000), 200_000, 200_001, 272_000, 272_001))
    cached = random_.choice((0, random_.randrange(prompt + 1)))
    written = random_.choice((0, random_.randrange(prompt - cached + 1)))
    return TokenUsage(prompt, random_.randrange(130_000), cached_tokens=cached, cache_write_tokens=written)


def their_cost(found: tuple[Provider, ModelInfo], usage: TokenUsage, tier: str, day: date) -> Decimal:
    provider, model = found
    theirs = Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    at = datetime.combine(day, time(13), UTC)
    return model.calc_price(theirs, provider, genai_request_timestamp=at, price_context=CONTEXTS[tier]).total_price


def our_cost(connection: Connection, name: str, usage: TokenUsage, tier: str, day: date) -> Cost | None:
    priced = price_for(connection, name, datetime.combine(day, time(13), UTC))
    return None if priced is None else cost_of(usage, priced[1], tier=tier)


def test_a_thousand_usages_cost_what_the_package_says(engine: Engine) -> None:
    random_, models = random.Random(13), list(selling().values())
    tried = 0
    with engine.begin() as connection:
        have_prices(connection, now=NOW)
        while tried < ROUNDS:
            provider, model = random_.choice(models)
            tier, day = random_.choice((BATCH, STANDARD)), random_.choice(DATES)
            start = batch_start(model)
            if tier == BATCH and (start is None or day < start):
                continue
            usage, name = drawn_usage(random_), random_.choice([model.id, *names_of(model)])
            ours = our_cost(connection, name, usage, tier, day)
            theirs = their_cost((provider, model), usage, tier, day)
            assert ours is not None, (name, tier, day)
            assert ours.total_usd == theirs, (name, tier, day, usage)
            tried += 1


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("gpt-5.6", "gpt-5.6-sol"),
        ("gpt-5-chat-latest", "gpt-5"),
        ("gpt-4-0613", "gpt-4"),
        ("ft:gpt-4o-mini-2024-07-18:acme::x", "ft:gpt-4o-mini"),
        ("gpt-5.2-20251211", "gpt-5.2"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("nobody-made-this", None),
    ],
)
def test_names_are_those_of_the_package(name: str, known_as: str | None) -> None:
    assert canonical_name(name) == known_as


def test_every_name_of_the_package_has_the_price_of_the_entry_that_it_matches(engine: Engine) -> None:
    with engine.begin() as connection:
        have_prices(connection, now=NOW)
        for provider, model in selling().values():
            for name in names_of(model):
                entry = provider.find_model(name)
                assert entry is not None
                if canonical_name(name) != entry.id:
                    # Another provider, before this one, sells a model of that name.
                    continue
                named, own = price_for(connection, name, NOW), price_for(connection, entry.id, NOW)
                assert named is not None and named == own, name


def test_long_batches_cost_what_the_package_says_of_batches(engine: Engine) -> None:
    with engine.begin() as connection:
        have_prices(connection, now=NOW)
        cost = our_cost(connection, "gpt-5.5-pro", TokenUsage(272_003, 1), BATCH, NOW.date())
    assert cost is not None
    assert cost.total_usd == Decimal("4.080135")


def test_no_published_price_lets_a_request_cost_more_than_its_ceiling() -> None:
    random_ = random.Random(14)
    for dated in package_prices():
        if dated.effective_from > NOW + timedelta(days=1):
            continue
        for tier in (BATCH, STANDARD, *dated.price.others):
            ceiling = ceiling_of(dated.price.rates(tier))
            for _ in range(20):
                usage = drawn_usage(random_)
                cost = cost_of(usage, dated.price, tier=tier)
                assert (cost is None) == (ceiling is None), (dated.model, tier)
                if cost is None or ceiling is None:
                    continue
                stated = (usage.prompt_tokens or 0) + random_.choice((0, 1, 100_000))
                assert cost.total_usd <= ceiling.of(stated, usage.completion_tokens or 0), (dated.model, tier, usage)
