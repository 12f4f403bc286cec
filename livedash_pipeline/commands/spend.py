"""`livedash spend`: what was spent, for whom and on what, what was wasted, and what batches saved.

Add a way to show the report. What is summed is decided in `overview.steps.spend`; `livedash price` and `livedash rate` set what
costs are worked out from.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.bills import compare_bills
from livedash_pipeline.commands.shell.command import AS_JSON, Answer, Document, command, company_option
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table, show

if TYPE_CHECKING:
    from rich.console import Console

_CENTS = Decimal("0.0001")
_PARTS = ("useful", "retried", "wasted", "surplus", "unattributed")


@command(
    "spend",
    example=(
        "livedash spend",
        "livedash spend --by day,model --company acme",
        "livedash spend --by month --from 2025-01-01 --to 2025-12-31 --csv > 2025.csv",
        "livedash spend --by kind,outcome --json",
        "livedash spend --compare costs.csv --compare completions_usage.csv",
        "livedash spend --compare openai --from 2025-05-01 --to 2025-05-31",
    ),
)
@click.option(
    "--by",
    default="company",
    show_default=True,
    metavar="NAMES",
    help="What to group by: any of day, month, company, model, kind, outcome, with commas between them.",
)
@click.option("--from", "start", metavar="DAY", help="First day (UTC); without it the first of the month.")
@click.option("--to", "end", metavar="DAY", help="Last day (UTC), included; without it today.")
@company_option()
@click.option("--csv", "as_csv", is_flag=True, help="Write the rows as CSV to stdout.")
@click.option(
    "--compare",
    "bills",
    multiple=True,
    metavar="FILE",
    help="List differences from a bill: an export of costs or usage (CSV or JSON; may be given again), or `openai`, which asks "
    "OPENAI_BASE_URL with OPENAI_ADMIN_KEY.",
)
@click.option(
    "--project", "projects", multiple=True, metavar="ID", help="With `--compare openai`: only this project's costs."
)
@click.pass_context
def spend(
    ctx: click.Context,
    by: str,
    start: str | None,
    end: str | None,
    company: str | None,
    as_csv: bool,
    bills: tuple[str, ...],
    projects: tuple[str, ...],
) -> Answer:
    """Sum what was spent, for whom and on what.

    Days are those of UTC on which results were ingested or calls answered. What is in flight or of unknown cost is named beside
    the sums and never added to them.
    """
    from livedash_pipeline.overview.steps.spend import report_spend

    if as_csv and ctx.meta[AS_JSON]:
        raise click.UsageError("--csv and --json exclude each other.")
    if bills:
        if as_csv or company is not None:
            raise click.UsageError("--compare is about all companies, and has no CSV.")
        return compare_bills(bills, projects, start, end)
    with ready_engine() as (settings, engine):
        document = report_spend(
            engine, currency=settings.livedash_currency, by=by.split(","), start=start, end=end, company=company
        )
    if as_csv:
        _write_csv(document)
        ctx.exit(0)
    return Answer(document, lambda console: draw_spend(console, document))


def draw_spend(console: Console, document: Document) -> None:
    """A row per group, the total, what it was spent on, what batches saved, and what the sums do not include."""
    from livedash_pipeline.overview.rules.spend_table import group_columns

    total, currency = document["total"], document["currency"]
    shown = tuple(dict.fromkeys(("USD", "EUR", currency)))
    groups = group_columns(document)
    rows = [(*(row[name] for name in groups), *_figures(row, shown)) for row in document["rows"]]
    if len(rows) > 1:
        rows.append((*("total", *[None] * len(groups))[: len(groups)], *_figures(total, shown)))
    draw_table(
        console,
        (*groups, "requests", "tokens in", "out", *shown),
        rows,
        empty=f"Nothing was spent from {document['from']} to {document['to']} (UTC).",
    )
    if rows:
        console.print(f"From {document['from']} to {document['to']} (UTC). Of {_money(total['costEur'])} EUR:")
        console.print(", ".join(f"{_money(total[f'{part}Eur'])} {part}" for part in _PARTS) + ".", soft_wrap=True)
        _draw_saving(console, total)
    for note in document["notes"]:
        console.print(show(note), soft_wrap=True)


def _draw_saving(console: Console, total: Document) -> None:
    whole, saved = Decimal(total["synchronousUsd"]), Decimal(total["savedUsd"])
    if whole:
        console.print(
            f"Lines of batches cost {_money(str(whole - saved))} USD instead of {_money(str(whole))} as single calls: "
            f"{_money(str(saved))} saved ({saved / whole:.0%}).",
            soft_wrap=True,
        )


def _figures(row: Document, currencies: tuple[str, ...]) -> tuple[object, ...]:
    amounts = {"USD": row["costUsd"], "EUR": row["costEur"]}
    return (
        *(row[name] for name in ("requests", "inputTokens", "outputTokens")),
        *(_money(amounts.get(currency, row["cost"])) for currency in currencies),
    )


def _money(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount).quantize(_CENTS)


def _write_csv(document: Document) -> None:
    from livedash_pipeline.overview.rules.spend_table import csv_text
    from livedash_pipeline.storage import writing

    text = csv_text(document)
    with writing("The report", "stdout"):
        click.echo(text, nl=False)
        sys.stdout.flush()
