"""`livedash caps`: where spending stands under each cap and budget, and where it goes.

Add a figure to `overview.steps.caps`, and a word for it here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from livedash_pipeline.commands.shell.command import Answer, Document, command, company_option
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import show

if TYPE_CHECKING:
    from rich.console import Console

_INDENT = "  "


@command("caps", example=("livedash caps", "livedash caps --company acme --json"))
@company_option()
def caps(company: str | None) -> Answer:
    """Show caps and budgets, with what is spent, in flight and left, and a forecast of the month.

    A cap keeps requests back, a budget warns. What is spent and what is in flight at most count against both, in UTC. A forecast
    says what the month would cost if no cap stood in the way. Change limits with `livedash company set`, or in the settings.
    """
    from livedash_pipeline.overview.steps.caps import report_caps

    with ready_engine() as (settings, engine):
        document = report_caps(engine, settings, company)
    return Answer(document, lambda console: _draw(console, document))


def _draw(console: Console, document: Document) -> None:
    console.print(f"Euro of {document['month']} (UTC). Somebody is told at {_listed(document['warnShares'])} %.")
    if not document["companies"]:
        console.print("No companies yet. Add one: livedash company add SLUG --csv-url URL")
    for standing in document["companies"]:
        _draw_standing(console, show(standing["company"]), standing)
    if document["total"] is not None and document["companies"]:
        _draw_standing(console, "All companies together", document["total"])


def _draw_standing(console: Console, title: str, standing: Document) -> None:
    """A paragraph of lines that fit into 80 columns."""
    console.print()
    console.print(title)
    _line(console, "spent", f"{_euro(standing['spentEur'])}, in flight {_at_most(standing['inFlightAtMostEur'])}")
    if standing["openAtMostEur"] != "0":
        _line(console, "unknown", f"charged at an unknown cost, {_at_most(standing['openAtMostEur'])}")
    most = standing["waitingAtMostEur"]
    priced = "no price or rate is known" if most is None else f"at most {_euro(most)}"
    _line(console, "waiting", f"{standing['waitingRequests']:,} requests, {priced}")
    _line(console, "month's end", _foreseen(standing["forecast"]))
    for limit in standing["limits"]:
        _draw_limit(console, limit)
    if not standing["limits"]:
        _line(console, "limits", "none")


def _draw_limit(console: Console, limit: Document) -> None:
    share = "" if limit["sharePercent"] is None else f"{limit['sharePercent']:.1f} %, "
    source = limit["setting"] or "of its own"
    _line(console, f"{limit['period']} {limit['kind']}", f"{_euro(limit['eur'])} ({source})")
    reached = f", reached on {limit['reachedOn']}" if limit["reachedOn"] else ""
    # What has no known limit counts nothing, so that less may be left.
    most = "at most " if limit["withoutLimit"] else ""
    _line(console, "", f"{share}{most}{_euro(limit['leftEur'])} left{reached}")


def _foreseen(forecast: Document | None) -> str:
    if forecast is None:
        return "nothing can be said yet"
    high = "" if forecast["highEur"] is None else f" to {_euro(forecast['highEur'])}"
    return f"{_euro(forecast['expectedEur'])} expected, {_euro(forecast['lowEur'])}{high or ' or more'}"


def _line(console: Console, name: str, said: str) -> None:
    console.print(f"{_INDENT}{name:<13} {said}")


def _at_most(text: str | None) -> str:
    return "without a known limit" if text is None else f"at most {_euro(text)}"


def _euro(text: str) -> str:
    """Cents, and less than a cent in full."""
    amount = Decimal(text)
    return f"{amount:,.2f}" if amount >= Decimal("0.01") or not amount else f"{amount:.4f}"


def _listed(shares: list[int]) -> str:
    return ", ".join(map(str, shares))
