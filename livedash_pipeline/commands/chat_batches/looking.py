"""`livedash chat-batch list`, `show` and `results`: where batches stand, and what came of them.

Add a way to look at batches. What is shown is decided in `chats.steps.documents` and `chats.steps.results`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.chat_batches.opened import chat_context
from livedash_pipeline.commands.shell.command import (
    AS_JSON,
    Answer,
    Document,
    LivedashCommand,
    command,
    company_option,
    page_options,
    wide_option,
)
from livedash_pipeline.commands.shell.completion import CHAT_BATCH_STATUS, complete_chat_batch
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_facts, draw_list, draw_more, show_moment
from livedash_pipeline.storage import writing

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.chats.rules.results.rows import Originals

_ID = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"


@command("list", example="livedash chat-batch list --company acme --status processing")
@click.option(
    "--status",
    metavar="STATUS",
    help="Only batches of this status, such as processing or completed_with_failures.",
    shell_complete=CHAT_BATCH_STATUS,
)
@page_options("Batches", "status and company")
@company_option()
@wide_option()
def list_all(status: str | None, limit: int, cursor: str | None, company: str | None) -> Answer:
    """List chat batches, newest first, with their progress and cost."""
    from livedash_pipeline.chats.steps.documents import list_document

    with ready_engine() as (_, engine):
        document = list_document(engine, status=status, company=company, limit=limit, cursor=cursor)
    return Answer(document, lambda console: _draw_list(console, document, status, company))


@command("show", example=f"livedash chat-batch show {_ID}")
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
def show(batch_id: str) -> Answer:
    """Show one chat batch with the configuration that it is asked with."""
    from livedash_pipeline.chats.steps.documents import show_document
    from livedash_pipeline.chats.steps.named import batch_id_of

    with ready_engine() as (_, engine):
        document = show_document(engine, batch_id_of(batch_id))
    return Answer(document, lambda console: draw_facts(console, document["batch"]))


@click.command(
    "results",
    cls=LivedashCommand,
    example=(
        f"livedash chat-batch results {_ID} > answers.csv",
        f"livedash chat-batch results {_ID} --format xlsx --output answers.xlsx",
    ),
)
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
@click.option(
    "--format", "file_format", type=click.Choice(["csv", "json", "xlsx"]), help="Without it csv; json with --json."
)
@click.option(
    "--originals",
    type=click.Choice(["first", "last"]),
    default="first",
    show_default=True,
    help="Where the columns of the uploaded file stand.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; without it stdout.")
@click.pass_context
def results(ctx: click.Context, batch_id: str, file_format: str | None, originals: str, output: Path | None) -> None:
    """Write a row for each row of the uploaded file, in its order, with what became of its question.

    CSV and XLSX are safe to open in a spreadsheet: text that begins like a formula gets an apostrophe before it. JSON has all
    texts as they are.
    """
    from livedash_pipeline.chats.steps.named import batch_id_of
    from livedash_pipeline.chats.steps.results import checked_format, open_results

    as_json = ctx.meta[AS_JSON]
    if as_json and file_format not in (None, "json"):
        raise click.UsageError(f"--json and --format {file_format} exclude each other.")
    chosen = checked_format(file_format or ("json" if as_json else "csv"))
    if chosen == "xlsx" and output is None and sys.stdout.isatty():
        raise click.UsageError("A spreadsheet cannot be shown on a terminal: give --output FILE.")
    where: Originals = "last" if originals == "last" else "first"
    with chat_context() as context, open_results(context.engine, batch_id_of(batch_id)) as found:
        if output is None:
            with writing("The results", "stdout"):
                written = found.write(sys.stdout.buffer, file_format=chosen, originals=where)
                sys.stdout.buffer.flush()
        else:
            with writing("The results", str(output)), output.open("wb") as target:
                written = found.write(target, file_format=chosen, originals=where)
    if written.cut_cells:
        click.echo(
            f"{written.cut_cells:,} texts are longer than a cell may be and were cut; JSON has them whole.", err=True
        )
    ctx.exit(0)


def _draw_list(console: Console, document: Document, status: str | None, company: str | None) -> None:
    draw_list(
        console,
        (
            "id",
            "company",
            "name",
            "status",
            "mode",
            "done",
            "of",
            "failed",
            "skipped",
            "cancelled",
            "EUR",
            "created (UTC)",
        ),
        [
            (
                row["id"],
                row["company"],
                row["name"],
                row["status"],
                row["mode"],
                row["processedItems"],
                row["totalItems"],
                row["failedItems"],
                row["skippedItems"],
                row["cancelledItems"],
                row["costEur"],
                show_moment(row["createdAt"]),
            )
            for row in document["batches"]
        ],
        chosen=("id", "name", "status", "done", "of"),
        empty="No chat batches. Make one: livedash chat-batch create FILE --company SLUG",
    )
    draw_more(console, document["nextCursor"], "chat-batch list", status=status, company=company)
