"""`livedash batches`: what was sent to the service, and how it stands.

Add commands about batches. What is listed is decided in `flow.batch_operations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.command import Answer, Document, command, company_option
from livedash_pipeline.commands.context import ready_engine
from livedash_pipeline.commands.output import draw_table, show_moment

if TYPE_CHECKING:
    from rich.console import Console


@command("batches", example="livedash batches --company acme --limit 20")
@click.option("--limit", default=100, show_default=True, help="Batches a page, 1 to 1000.")
@click.option("--cursor", help="nextCursor of the page before, with the same company.")
@company_option()
def batches(limit: int, cursor: str | None, company: str | None) -> Answer:
    """List batches, newest first."""
    from livedash_pipeline.flow.batch_operations import list_batches

    with ready_engine() as (_, engine):
        document = list_batches(engine, limit=limit, cursor=cursor, company=company)
    return Answer(document, lambda console: _draw(console, document))


def _draw(console: Console, document: Document) -> None:
    draw_table(
        console,
        ("id", "OpenAI id", "company", "model", "status", "OpenAI", "requests", "created (UTC)", "processed", "error"),
        [
            (
                row["id"],
                row["openaiBatchId"],
                row["company"],
                row["model"],
                row["status"],
                row["openaiStatus"],
                row["requests"],
                show_moment(row["createdAt"]),
                show_moment(row["processedAt"]),
                row["errorCode"],
            )
            for row in document["batches"]
        ],
        empty="No batches yet. Send what is pending: livedash submit",
    )
    if document["nextCursor"]:
        console.print(f"More: livedash batches --cursor {document['nextCursor']}", soft_wrap=True)
