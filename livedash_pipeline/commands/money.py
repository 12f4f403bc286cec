"""`livedash rate` and `livedash price`: the figures that costs are worked out with.

Add an option when a price gets another rate. What tokens cost is `money.rules.pricing`'s business.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from livedash_pipeline.commands.shell.command import Answer, CommandGroup
from livedash_pipeline.commands.shell.context import ready_engine

_DAY = click.DateTime(["%Y-%m-%d"])


def _number(text: str) -> Decimal:
    """A decimal figure, kept exact."""
    try:
        figure = Decimal(text)
    except InvalidOperation:
        figure = Decimal("NaN")
    if not figure.is_finite():
        raise click.BadParameter(f"{text!r} is no number.")
    return figure


@click.group(cls=CommandGroup, example="livedash rate set 2025-05-01 0.92")
def rate() -> None:
    """Exchange rates, by which costs in US dollars become euro."""


@rate.command("set", example="livedash rate set 2025-05-01 0.92")
@click.argument("day", metavar="DATE", type=_DAY)
@click.argument("usd_eur", metavar="USD_EUR", type=_number)
def set_rate(day: datetime, usd_eur: Decimal) -> Answer:
    """Store the euro that one US dollar buys from DATE on, until a later date's rate."""
    from livedash_pipeline.money.steps import prices

    with ready_engine() as (_, engine):
        document = prices.set_rate(engine, day.date(), usd_eur)
    said = f"From {document['date']} on, one US dollar is {document['usdEur']} euro."
    return Answer(document, lambda console: console.print(said))


@click.group(
    cls=CommandGroup, example="livedash price set my-model --input 0.25 --output 2 --batch-input 0.125 --batch-output 1"
)
def price() -> None:
    """Prices of models, in US dollars per million tokens."""


@price.command(
    "set", example="livedash price set my-model --input 0.25 --output 2 --batch-input 0.125 --batch-output 1"
)
@click.argument("model")
@click.option("--input", required=True, type=_number, help="Prompt tokens.")
@click.option("--output", required=True, type=_number, help="Completion tokens, reasoning included.")
@click.option("--cached-input", type=_number, help="Prompt tokens read from the cache.")
@click.option("--cache-write", type=_number, help="Prompt tokens written to the cache.")
@click.option(
    "--batch-input", type=_number, help="Prompt tokens in batches; they are never taken to be half of others."
)
@click.option("--batch-cached-input", type=_number, help="Cached prompt tokens in batches.")
@click.option("--batch-cache-write", type=_number, help="Prompt tokens written to the cache in batches.")
@click.option("--batch-output", type=_number, help="Completion tokens in batches.")
@click.option("--from", "start", metavar="DATE", type=_DAY, help="First day (UTC); without it, from now on.")
def set_price(model: str, start: datetime | None, **figures: Any) -> Answer:
    """Store a price of MODEL, in US dollars per million tokens; it goes before those that came with the program.

    Stored prices never change, since costs refer to them: a new figure is a new price from a later moment on.
    """
    from livedash_pipeline.money.rules.pricing import Price
    from livedash_pipeline.money.steps import prices

    with ready_engine() as (_, engine):
        document = prices.set_price(
            engine, model, Price(**figures), effective_from=start.replace(tzinfo=UTC) if start else None
        )
    lines = [f"From {document['effectiveFrom']} on, {model} costs this per million tokens:"]
    lines += [f"  {name}: {amount} USD" for name, amount in document["price"].items() if amount is not None]
    if figures["batch_input"] is None or figures["batch_output"] is None:
        lines.append("Without --batch-input and --batch-output the cost of batches stays unknown.")
    return Answer(document, lambda console: console.print("\n".join(lines)))
