"""`livedash rate` and `livedash price`: the figures that costs are worked out with.

Add an option when a price gets another rate. What tokens cost is `money.rules.pricing`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from livedash_pipeline.commands.shell.command import Answer, CommandGroup
from livedash_pipeline.commands.shell.context import ready_engine

_DAY = click.DateTime(["%Y-%m-%d"])
_LONG = {
    "input": "Prompt tokens",
    "cached-input": "Cached prompt tokens",
    "cache-write": "Prompt tokens written to the cache",
    "output": "Completion tokens",
}


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


def _long_options(tier: str) -> Callable[[Any], Any]:
    """The options for requests above a length, of one tier."""
    where = " in batches" if tier else ""

    def add(command: Any) -> Any:
        for name, what in reversed(_LONG.items()):
            command = click.option(f"--{tier}long-{name}", type=_number, help=f"{what}{where}, above that length.")(
                command
            )
        return click.option(
            f"--{tier}long-context-tokens",
            type=click.IntRange(1),
            metavar="TOKENS",
            help=f"Prompt tokens{where} above which a whole request has the --{tier}long-* prices.",
        )(command)

    return add


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
@_long_options("")
@_long_options("batch-")
@click.option("--from", "start", metavar="DATE", type=_DAY, help="First day (UTC); without it, from now on.")
@click.option("--until", "end", metavar="DATE", type=_DAY, help="The day (UTC) from which on it counts no more.")
def set_price(model: str, start: datetime | None, end: datetime | None, **figures: Any) -> Answer:
    """Store a price of MODEL, in US dollars per million tokens; it goes before those that came with the program.

    One that you set before for the same day gives way to it. Costs that were worked out with that one stay as they are.
    """
    from livedash_pipeline.money.rules.pricing import Price, Rates
    from livedash_pipeline.money.steps import prices

    batch = {name.removeprefix("batch_"): value for name, value in figures.items() if name.startswith("batch_")}
    standard = {name: value for name, value in figures.items() if not name.startswith("batch_")}
    with ready_engine() as (_, engine):
        document = prices.set_price(
            engine,
            model,
            Price(Rates(**standard), Rates(**batch)),
            effective_from=start.replace(tzinfo=UTC) if start else None,
            effective_until=end.replace(tzinfo=UTC) if end else None,
        )
    return Answer(document, lambda console: console.print("\n".join(_said_of(document))))


def _said_of(document: dict[str, Any]) -> list[str]:
    price, until = document["price"], document["effectiveUntil"]
    span = f"From {document['effectiveFrom']} {f'until {until}' if until else 'on'}"
    lines = [f"{span}, {document['model']} costs this per million tokens:"]
    lines += [f"  {name}: {amount}" for name, amount in price.items() if amount is not None]
    if document["insteadOf"] == "replaced":
        lines.append("It replaces the price that you had set for that moment, by which nothing was worked out yet.")
    if document["insteadOf"] == "superseded":
        lines.append(
            "The price that you had set for that moment counts no more; costs worked out with it stay as they are."
        )
    if price["batchInput"] is None or price["batchOutput"] is None:
        lines.append("Without --batch-input and --batch-output the cost of batches stays unknown.")
    return lines
