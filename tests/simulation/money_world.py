"""What a world has of money in our database: models and caps of companies, and prices with long-context rates.

Add here what a world can have of money; what of it a seed draws is in `money_draws.py`.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, update

from livedash_pipeline.base.store.companies import update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.money.rules.pricing import Price, Rates
from livedash_pipeline.money.store.prices import set_price
from livedash_pipeline.settings import Settings
from tests.simulation.bills import LONG_INPUT, LONG_OUTPUT, BillRates
from tests.simulation.clock import START
from tests.simulation.schedule import Caps, World

USUAL_MODEL = "gpt-5-mini"
USD_EUR = "0.9"
FORGET_PRICES = "DELETE FROM ai_model_pricing WHERE source = 'operator';"


def store_money(connection: Connection, world: World) -> None:
    """Stores the models of companies, the first one's own caps, and prices with long-context rates."""
    own = {"monthly_cap_eur": world.caps.own_monthly, "daily_cap_eur": world.caps.own_daily}
    connection.execute(update(companies).where(companies.c.slug == "company-0").values(**own))
    for place, model in enumerate(world.models[: len(world.sessions)]):
        update_company(connection, f"company-{place}", CompanyChanges(model=model), now=START)
    if world.long_context:
        for model in sorted({USUAL_MODEL, *world.models}):
            price = _long_price(model, world.long_context)
            set_price(connection, model, price, effective_from=START - timedelta(days=2), now=START)


def _long_price(model: str, above: int) -> Price:
    fresh, cached, output = BillRates(START).bases(model)
    rates = Rates(
        input=fresh,
        cached_input=cached,
        output=output,
        long_context_tokens=above,
        long_input=fresh * LONG_INPUT,
        long_cached_input=cached * LONG_INPUT,
        long_output=output * LONG_OUTPUT,
    )
    return Price(rates, rates)


def lift_own_caps(connection: Connection) -> None:
    """Somebody takes the companies' own caps away."""
    connection.execute(update(companies).values(monthly_cap_eur=None, daily_cap_eur=None))


def settings_of(world: World, base_url: str, caps: Caps) -> Settings:
    """The settings of a world, with these caps."""
    return Settings(
        openai_base_url=base_url,
        openai_api_key="simulation",
        openai_model=USUAL_MODEL,
        livedash_usd_eur=USD_EUR,
        livedash_enqueued_tokens=str(world.token_limit) if world.token_limit else "",
        livedash_monthly_cap_eur=caps.monthly,
        livedash_daily_cap_eur=caps.daily,
        livedash_total_monthly_cap_eur=caps.total_monthly,
        livedash_total_daily_cap_eur=caps.total_daily,
    )
