"""`livedash chat-batch import`: batches of the old system, from its exported documents.

What is moved and how stands in `chats.steps.moving_in`; add here only what people are told about it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.commands.shell.command import Answer, Document, command
from livedash_pipeline.commands.shell.completion import complete_company
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 20
_COUNTS = ("batches", "chats", "turns", "finished", "failed", "skipped", "cancelled", "alreadyThere")


@command(
    "import",
    works=True,
    example=(
        "livedash chat-batch import --company acme batches.json chats.json interactions.json",
        "livedash chat-batch import --company acme --no-dry-run export/*.json",
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--company", metavar="SLUG", required=True, help="Whose batches they become.", shell_complete=complete_company
)
@click.option(
    "--dry-run/--no-dry-run", default=True, show_default=True, help="Do everything, report, and take it back."
)
def import_documents(files: tuple[Path, ...], company: str, dry_run: bool) -> Answer:
    """Move in Batch, Chat and Interaction documents that MongoDB exported, as JSON lines or arrays.

    Everything stays as it ended there, and nothing is asked. Run it again as often as you like: a batch that is there already is
    left as it is.
    """
    from livedash_pipeline.chats.steps.moving_in import move_in

    with ready_engine() as (_, engine):
        document = move_in(engine, company, files, dry_run=dry_run)
    return Answer(document, lambda console: _draw(console, document))


def _draw(console: Console, document: Document) -> None:
    draw_table(console, ("what", "count"), [(name, document[name]) for name in _COUNTS], empty="")
    shown = document["problems"][:_SHOWN]
    if shown:
        rows = [(row["file"], row["line"], row["code"], row["message"]) for row in shown]
        draw_table(console, ("file", "line", "problem", "message"), rows, empty="")
    more = document["problemCount"] - len(shown)
    if more:
        console.print(f"{plural(more, 'more problem')}; --json lists the first hundred.")
    unused = document["unused"]
    if unused:
        belong, are = verb(unused, "belongs", "belong"), verb(unused, "is", "are")
        console.print(f"{plural(unused, 'document')} {belong} to no batch and {are} left out.")
    if document["dryRun"]:
        console.print("Nothing was kept: this was a dry run. Keep it: add --no-dry-run")
    else:
        console.print(f"Done. Next: livedash chat-batch list --company {document['company']}")
