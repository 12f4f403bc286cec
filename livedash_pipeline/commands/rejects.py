"""`livedash rejects`: the records of CSVs that could not be read.

Add options here when rejects can be asked for by something else. What is listed is decided in `overview.steps.inspections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.shell.command import (
    Answer,
    Document,
    command,
    company_option,
    page_options,
    wide_option,
)
from livedash_pipeline.commands.shell.completion import one_of
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_list, draw_more, show_moment
from livedash_pipeline.intake.rules.csv_rejects import RejectReason

if TYPE_CHECKING:
    from rich.console import Console


@command(
    "rejects",
    example=(
        "livedash rejects --company acme",
        "livedash rejects --company acme --show-text",
        "livedash rejects --company acme --reason bad_start_time",
    ),
)
@page_options("Records", "filters")
@company_option()
@click.option("--show-text", is_flag=True, help="Also the beginning of each record, which may hold people's data.")
@click.option(
    "--reason",
    metavar="REASON",
    help="Only those rejected for this reason, each with what cures it.",
    shell_complete=one_of(RejectReason),
)
@click.option(
    "--import-run", metavar="ID", help="Only those of this import, in the order of its file, each with what cures it."
)
@wide_option()
def rejects(
    limit: int,
    cursor: str | None,
    company: str | None,
    show_text: bool,
    reason: str | None,
    import_run: str | None,
) -> Answer:
    """List records of CSVs that could not be read, newest import first, each with its line and the reason."""
    from livedash_pipeline.overview.steps.inspections import list_rejects
    from livedash_pipeline.overview.steps.operations.rejects import RejectSearch, search_rejects

    searched = reason is not None or import_run is not None
    if searched and show_text:
        raise click.UsageError("--show-text is not for --reason or --import-run: their records come without texts.")
    with ready_engine() as (_, engine):
        if searched:
            search = RejectSearch(company, import_run, reason)
            document = search_rejects(engine, search, limit=limit, cursor=cursor)
        else:
            document = list_rejects(engine, limit=limit, cursor=cursor, company=company, show_text=show_text)
    filters = {"company": company, "reason": reason, "import-run": import_run}
    return Answer(document, lambda console: _draw(console, document, filters, show_text=show_text, cures=searched))


def _draw(
    console: Console, document: Document, filters: Mapping[str, str | None], *, show_text: bool, cures: bool
) -> None:
    draw_list(
        console,
        (
            "company",
            "imported (UTC)",
            "line",
            "reason",
            "detail",
            *(("record",) if show_text else ()),
            *(("cure",) if cures else ()),
        ),
        [
            (
                row["company"],
                show_moment(row["importedAt"]),
                row["lineNumber"],
                row["reason"],
                row["detail"],
                *((row["rawText"],) if show_text else ()),
                *((row["cure"],) if cures else ()),
            )
            for row in document["rejects"]
        ],
        chosen=("company", "line", "reason", "detail", "record", "cure"),
        empty="No record was rejected.",
    )
    looked = document.get("lookedThrough")
    if looked is not None:
        console.print(f"Looked through {looked:,} records.")
    draw_more(console, document["nextCursor"], "rejects", **filters)
