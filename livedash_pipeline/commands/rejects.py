"""`livedash rejects`: the records of CSVs that could not be read.

Add options here when rejects can be asked for by something else. What is listed is decided in `overview.steps.inspections`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.shell.command import Answer, Document, command, company_option, page_options
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_more, draw_table, show_moment

if TYPE_CHECKING:
    from rich.console import Console


@command("rejects", example=("livedash rejects --company acme", "livedash rejects --company acme --show-text"))
@page_options("Records", "company")
@company_option()
@click.option("--show-text", is_flag=True, help="Also the beginning of each record, which may hold people's data.")
def rejects(limit: int, cursor: str | None, company: str | None, show_text: bool) -> Answer:
    """List records of CSVs that could not be read, newest import first, each with its line and the reason."""
    from livedash_pipeline.overview.steps.inspections import list_rejects

    with ready_engine() as (_, engine):
        document = list_rejects(engine, limit=limit, cursor=cursor, company=company, show_text=show_text)
    return Answer(document, lambda console: _draw(console, document, company, show_text=show_text))


def _draw(console: Console, document: Document, company: str | None, *, show_text: bool) -> None:
    draw_table(
        console,
        ("company", "imported (UTC)", "line", "reason", "detail", *(("record",) if show_text else ())),
        [
            (
                row["company"],
                show_moment(row["importedAt"]),
                row["lineNumber"],
                row["reason"],
                row["detail"],
                *((row["rawText"],) if show_text else ()),
            )
            for row in document["rejects"]
        ],
        empty="No record was rejected.",
    )
    draw_more(console, document["nextCursor"], "rejects", company=company)
