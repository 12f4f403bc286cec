"""`livedash spend --compare`: where the ledger differs from what the service says it charged.

Add a place that bills can come from. `overview.steps.bill_comparison` compares.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from livedash_pipeline.commands.shell.command import Answer, Document
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table
from livedash_pipeline.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.money.rules.bills.billed_days import Bill
    from livedash_pipeline.settings import Settings

# The bill that the service itself reports; a file of that name is `./openai`.
_SERVICE = "openai"
_CENTS = Decimal("0.0001")


def compare_bills(bills: tuple[str, ...], projects: tuple[str, ...], start: str | None, end: str | None) -> Answer:
    """Compares the ledger with exported files, or with what the service reports where `openai` stands for them.

    Raises:
        UsageError: A file cannot be read or is no bill, or days are none or not on it.
        SettingsError: The service is to be asked, and there is no key for that.
    """
    from livedash_pipeline.overview.steps.bill_comparison import compare_with_bill
    from livedash_pipeline.overview.steps.spend import read_day

    first, last = read_day(start), read_day(end)
    with ready_engine() as (settings, engine):
        bill = _reported(settings, first, last, projects) if bills == (_SERVICE,) else _exported(bills)
        document = compare_with_bill(engine, bill, source=", ".join(bills), first=first, last=last)
    return Answer(document, lambda console: draw_comparison(console, document))


def _exported(names: tuple[str, ...]) -> Bill:
    from livedash_pipeline.money.rules.bills.billed_days import UnreadableBillError
    from livedash_pipeline.money.rules.bills.reading import read_bill

    try:
        return read_bill(*(Path(name).read_bytes() for name in names))
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read: {error.strerror}.", remedy="Give the file of an export, or `openai`."
        ) from error
    except UnreadableBillError as error:
        raise UsageError(str(error), remedy="docs/bills.md says which exports are read.") from error


def _reported(settings: Settings, first: date | None, last: date | None, projects: tuple[str, ...]) -> Bill:
    """Costs and usage as the service reports them, by default of this month until today."""
    from livedash_pipeline.money.rules.bills.billed_days import Bill
    from livedash_pipeline.overview.rules.spend import choose_days
    from livedash_pipeline.services.openai.costs import connect_costs

    if settings.openai_admin_key is None:
        raise SettingsError(
            "OPENAI_ADMIN_KEY is not set, and only an admin key of the organization may read its costs.",
            remedy="Set it, or export the costs and give the file: `livedash spend --compare FILE`.",
        )
    days = choose_days(first, last, today=datetime.now(UTC).date())
    with connect_costs(settings.openai_base_url, settings.openai_admin_key) as reports:
        costs = reports.costs(days.first, days.last, projects=projects)
        usage = reports.usage(days.first, days.last, projects=projects)
    return Bill((*costs.rows, *usage.rows), days.first, days.last)


def draw_comparison(console: Console, document: Document) -> None:
    """Each difference, and both sums."""
    draw_table(
        console,
        ("day", "model", "ours USD", "theirs USD", "difference", "tokens", "why"),
        [
            (
                each["day"] or "all days",
                each["model"] or "-",
                _money(each["oursUsd"]),
                _money(each["theirsUsd"]),
                _money(each["differenceUsd"]),
                each["differenceTokens"],
                each["why"].replace("_", " "),
            )
            for each in document["differences"]
        ],
        empty="Bill and ledger agree.",
    )
    theirs = "no amounts" if document["theirsUsd"] is None else f"{_money(document['theirsUsd'])} USD"
    span = f"From {document['from']} to {document['to']} (UTC)"
    console.print(f"{span}: {_money(document['oursUsd'])} USD in the ledger, {theirs} on the bill.", soft_wrap=True)
    if document["openEntries"]:
        console.print(
            f"The cost of {document['openEntries']} entries is unknown and not in the ledger's sum: `livedash price backfill`.",
            soft_wrap=True,
        )


def _money(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount).quantize(_CENTS)
