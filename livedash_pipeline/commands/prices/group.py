"""`livedash price`: prices of models, and costs that were unknown when they were written.

Add an option when a price gets another rate. What tokens cost is `money.rules.pricing`'s business, and open costs are filled in
by `ledger.steps.costs.backfill`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.prices.arguments import DAY, MOMENT, in_utc, number
from livedash_pipeline.commands.shell.command import Answer, CommandGroup, Document, LivedashCommand, company_option
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table, show, show_moment

if TYPE_CHECKING:
    from rich.console import Console

_LONG = {
    "input": "Prompt tokens",
    "cached-input": "Cached prompt tokens",
    "cache-write": "Prompt tokens written to the cache",
    "output": "Completion tokens",
}


def _long_options(tier: str) -> Callable[[Any], Any]:
    """The options for requests above a length, of one tier."""
    where = " in batches" if tier else ""

    def add(command: Any) -> Any:
        for name, what in reversed(_LONG.items()):
            command = click.option(f"--{tier}long-{name}", type=number, help=f"{what}{where}, above that length.")(
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
@click.option("--input", required=True, type=number, help="Prompt tokens.")
@click.option("--output", required=True, type=number, help="Completion tokens, reasoning included.")
@click.option("--cached-input", type=number, help="Prompt tokens read from the cache.")
@click.option("--cache-write", type=number, help="Prompt tokens written to the cache.")
@click.option("--batch-input", type=number, help="Prompt tokens in batches; they are never taken to be half of others.")
@click.option("--batch-cached-input", type=number, help="Cached prompt tokens in batches.")
@click.option("--batch-cache-write", type=number, help="Prompt tokens written to the cache in batches.")
@click.option("--batch-output", type=number, help="Completion tokens in batches.")
@_long_options("")
@_long_options("batch-")
@click.option(
    "--from",
    "start",
    metavar="DATE",
    type=MOMENT,
    help="First day (UTC), or a moment of ISO 8601; without it, from now on.",
)
@click.option(
    "--until", "end", metavar="DATE", type=MOMENT, help="The day (UTC) or the moment from which on it counts no more."
)
def set_price(model: str, start: datetime | None, end: datetime | None, **figures: Any) -> Answer:
    """Store a price of MODEL, in US dollars per million tokens; it goes before those that came with the program.

    Of several that you set, the one that began last counts; when one ends at its --until, the one before it counts again. To
    correct one, give its own beginning as --from, as `livedash price list MODEL --all --json` shows it: the wrong one then never
    counts again, and costs that were worked out with it stay as they are. A correction without --from begins now, and the wrong
    price stays in force for the time before.
    """
    from livedash_pipeline.money.rules.pricing import Price, Rates
    from livedash_pipeline.money.steps import prices

    _require_both(figures)
    batch = {name.removeprefix("batch_"): value for name, value in figures.items() if name.startswith("batch_")}
    standard = {name: value for name, value in figures.items() if not name.startswith("batch_")}
    with ready_engine() as (_, engine):
        document = prices.set_price(
            engine,
            model,
            Price(Rates(**standard), Rates(**batch)),
            effective_from=in_utc(start),
            effective_until=in_utc(end),
        )
    return Answer(document, lambda console: console.print("\n".join(_said_of(document))))


def _require_both(figures: dict[str, Any]) -> None:
    """Refuses half a price of batches, which would leave every cost of a batch unknown."""
    given = {name for name in ("batch_input", "batch_output") if figures[name] is not None}
    others = [name for name, value in figures.items() if name.startswith("batch_") and value is not None]
    if others and len(given) < 2:
        option = "--" + others[0].replace("_", "-")
        raise click.UsageError(f"{option} needs both --batch-input and --batch-output beside it.")


def _said_of(document: Document) -> list[str]:
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
    if (interrupted := document["interrupts"]) is not None:
        again = interrupted["againFrom"]
        lines.append(
            f"Your price that began at {interrupted['effectiveFrom']} counts up to {document['effectiveFrom']}"
            + (f", and again from {again} on." if again else " and no longer.")
        )
    if price["batchInput"] is None or price["batchOutput"] is None:
        lines.append("Without --batch-input and --batch-output the cost of batches stays unknown.")
    return lines


@price.command("list", example=("livedash price list gpt-5-mini", "livedash price list gpt-5-mini --all"))
@click.argument("model", required=False)
@click.option("--at", "at", metavar="DATE", type=DAY, help="Those that count on this day (UTC); without it, now.")
@click.option(
    "--all", "every", is_flag=True, help="Also past and future prices, and those that another one took the place of."
)
def list_prices(model: str | None, at: datetime | None, every: bool) -> Answer:
    """List prices with their sources, in US dollars per million tokens: of MODEL, or of all models.

    MODEL may be any name that requests use: a price is looked up under the name itself, the name that the package of prices
    has for it, and the name without its date.
    """
    from livedash_pipeline.money.steps import listings

    with ready_engine() as (_, engine):
        document = listings.list_prices(engine, model=model, at=at.replace(tzinfo=UTC) if at else None, every=every)
    return Answer(document, lambda console: _draw_prices(console, document))


def _draw_prices(console: Console, document: Document) -> None:
    model, found = document["model"], document["foundAs"]
    if model is not None and found is None:
        console.print(f"No price of {show(model)} counts at {show_moment(document['at'])} UTC.")
        console.print(f"Store one: livedash price set {show(model)} --input USD --output USD …", soft_wrap=True)
    elif model is not None and found != model:
        console.print(f"{show(model)} is priced as {show(found)}.")
    for row in document["prices"]:
        console.print()
        for line in _heading(row):
            console.print(line, soft_wrap=True)
        header = ("tier", "prompt tokens", "input", "cached", "written", "output")
        draw_table(console, header, _tiers(row), empty="")
    if not document["prices"] and model is None:
        console.print("No price is stored. Store one: livedash price set MODEL --input USD --output USD …")


def _heading(row: Document) -> tuple[str, str]:
    until = row["effectiveUntil"]
    marks = [f"superseded {show_moment(row['supersededAt'])}"] if row["supersededAt"] else []
    marks += ["counts"] if row["counts"] else []
    span = f"from {show_moment(row['effectiveFrom'])} {f'until {show_moment(until)}' if until else 'on'}"
    return show(f"{row['model']} ({row['source']})"), ", ".join([span, *marks])


def _tiers(row: Document) -> list[tuple[str | None, ...]]:
    price = row["price"]
    batch = {name[5].lower() + name[6:]: value for name, value in price.items() if name.startswith("batch")}
    tiers = {"batch": batch, "standard": price, **row["otherTiers"]}
    return [line for tier, rates in tiers.items() for line in _lines(tier, rates)]


def _lines(tier: str, rates: Document) -> list[tuple[str | None, ...]]:
    """The rates of a tier, and those of requests above its length, where it has some."""
    limit = rates["longContextTokens"]
    names = ("input", "cachedInput", "cacheWrite", "output")
    lines = [(tier, f"up to {limit:,}" if limit else "", *(rates[name] for name in names))]
    if limit:
        long = (rates[f"long{name[0].upper()}{name[1:]}"] for name in names)
        lines.append(("", "above", *long))
    return lines


@price.command(
    "backfill",
    cls=LivedashCommand,
    works=True,
    example=("livedash price backfill", "livedash price backfill --batch batch_6812f0c2 --usd 0.42 --no-dry-run"),
)
@company_option("Only this company's costs.")
@click.option("--model", help="Only this model's, by the name that requests use.")
@click.option("--batch", metavar="BATCH", help="Only one batch's: our id or the service's, or that of a surplus batch.")
@click.option(
    "--request", metavar="REQUEST", help="Only one request's: its id, or that of one of its tries, such as a call."
)
@click.option(
    "--usd", type=number, help="What that batch or request was charged for what nobody can work out, in US dollars."
)
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only count.")
def backfill(
    company: str | None, model: str | None, batch: str | None, request: str | None, usd: Decimal | None, dry_run: bool
) -> Answer:
    """Work out costs that were unknown when they were written, by the price and the rate of their time.

    Nothing that was written changes: what is filled in stands beside it, once.
    """
    from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs

    with ready_engine() as (settings, engine):
        which = BackfillRequest(company, model, batch, usd, request)
        document = backfill_costs(engine, settings, which, dry_run=dry_run)
    return Answer(document, lambda console: _draw_backfill(console, document))


def _draw_backfill(console: Console, document: Document) -> None:
    dry = document.get("dryRun", False)
    console.print(
        f"{plural(document['filledCount'], 'cost')} {'would be ' if dry else ''}filled in: {document['costUsd']} US dollars, "
        f"{document['costEur']} euro. {document['stillOpenCount']:,} {'would stay' if dry else 'stay'} open."
    )
    if document["stillOpen"]:
        header = ("reason", "model", "priced on (UTC)", "entries")
        rows = [(row["reason"], row["model"], row["date"], row["entries"]) for row in document["stillOpen"]]
        draw_table(console, header, rows, empty="")
        for remedy in dict.fromkeys(row["remedy"] for row in document["stillOpen"]):
            console.print(remedy, soft_wrap=True)
    if dry and document["filledCount"]:
        console.print("Nothing was changed. Do it: the same command with --no-dry-run")
