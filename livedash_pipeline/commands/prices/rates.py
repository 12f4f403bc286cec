"""`livedash rate`: exchange rates, by which costs in US dollars become euro.

Add a command about rates. What they are checked for is decided by `money.store.rates`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.prices.arguments import DAY, number
from livedash_pipeline.commands.shell.command import Answer, CommandGroup, Document
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table, show_moment

if TYPE_CHECKING:
    from rich.console import Console


@click.group(cls=CommandGroup, example="livedash rate set 2025-05-01 0.92")
def rate() -> None:
    """Exchange rates, by which costs in US dollars become euro."""


@rate.command("set", example=("livedash rate set 2025-05-01 0.92", "livedash rate set 2025-05-01 0.88 --currency CHF"))
@click.argument("day", metavar="DATE", type=DAY)
@click.argument("figure", metavar="RATE", type=number)
@click.option(
    "--currency", default="EUR", show_default=True, help="Costs are worked out in euro; others are for reports."
)
def set_rate(day: datetime, figure: Decimal, currency: str) -> Answer:
    """Store what one US dollar buys from DATE on, until a later date's rate.

    A rate that DATE had before gives way to it. Costs that were worked out with that one stay as they are.
    """
    from livedash_pipeline.money.steps import prices

    with ready_engine() as (_, engine):
        document = prices.set_rate(engine, day.date(), figure, currency=currency)
    return Answer(document, lambda console: console.print("\n".join(_said_of_rate(document))))


def _said_of_rate(document: Document) -> list[str]:
    worth = f"{document['usdEur']} euro" if "usdEur" in document else f"{document['usdRate']} {document['currency']}"
    lines = [f"From {document['date']} on, one US dollar is {worth}."]
    replaced = document.get("replaced")
    if replaced is not None:
        kept = replaced["keptByCount"]
        keep = (
            "No entry was worked out with it."
            if not kept
            else f"{plural(kept, 'entry', 'entries')} of the ledger keep it."
        )
        lines.append(f"It was {replaced['usdRate']} before. {keep}")
    return lines


@rate.command("list", example=("livedash rate list", "livedash rate list --currency CHF"))
@click.option("--currency", metavar="CODE", help="Only this currency's, such as EUR or CHF; without it, all of them.")
def list_rates(currency: str | None) -> Answer:
    """List stored exchange rates, which of them count today, and when LIVEDASH_USD_EUR does."""
    from livedash_pipeline.money.steps import listings

    with ready_engine() as (settings, engine):
        document = listings.list_rates(engine, settings.livedash_usd_eur, currency=currency)
    return Answer(document, lambda console: _draw_rates(console, document))


def _draw_rates(console: Console, document: Document) -> None:
    draw_table(
        console,
        ("currency", "from (UTC)", "1 USD is", "", "source", "recorded (UTC)"),
        [
            (
                row["currency"],
                row["date"],
                row["usdRate"],
                "counts" if row["counts"] else "",
                row["source"],
                show_moment(row["recordedAt"]),
            )
            for row in document["rates"]
        ],
        empty="No rate is stored. Store one: livedash rate set DATE RATE",
    )
    for newest in document["newest"]:
        if newest["isOld"]:
            option = "" if newest["currency"] == "EUR" else f" --currency {newest['currency']}"
            console.print(
                f"The rate of {newest['currency']} is {newest['daysOld']} days old. "
                f"Store a newer one: livedash rate set DATE RATE{option}",
                soft_wrap=True,
            )
    if document["setting"] is not None:
        console.print(_said_of_setting(document["setting"]), soft_wrap=True)


def _said_of_setting(setting: Document) -> str:
    until = setting["countsUntil"]
    if setting["usdEur"] is None:
        return f"{setting['name']} is not set" + (
            f"; before {until}, no rate is known." if until else "; no rate is known."
        )
    counts = f"before {until}" if until else "at all times, since no day has a rate of its own"
    return f"{setting['name']} says {setting['usdEur']} and counts {counts}."
