"""`livedash chat-batch preview`, `create` and `template`: what a file would be, the batch of it, and a file to begin with.

Add an option for a field of the upload. What a value may be is checked in `chats.steps.new_batch`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livedash_pipeline.commands.chat_batches.opened import chat_context
from livedash_pipeline.commands.shell.command import Answer, Document, LivedashCommand, command, with_options
from livedash_pipeline.commands.shell.completion import CHAT_MODE, complete_company
from livedash_pipeline.commands.shell.output import draw_table, show_bound
from livedash_pipeline.storage import writing

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.chats.steps.new_batch import NewBatch
    from livedash_pipeline.chats.steps.results import Format

_OPTIONS = (
    click.argument("file", type=click.Path(path_type=Path)),
    click.option(
        "--company", metavar="SLUG", required=True, help="Whose batch it is.", shell_complete=complete_company
    ),
    click.option("--name", help="A name to read it by; without one the file's."),
    click.option("--type", "batch_type", default="question", show_default=True, help="A word of your own."),
    click.option("--ai-provider", default="openai", show_default=True, help="Who answers (docs/chat-batches.md)."),
    click.option(
        "--search-provider",
        default="none",
        show_default=True,
        help="none, or postgres: passages of the company's documents and earlier answers go with each question.",
    ),
    click.option("--page-language", metavar="CODE", help="Language of the visitors' page, such as en or fr-CA."),
    click.option("--apply-overrides", is_flag=True, help="Add the override text to the instructions."),
    click.option("--override-text", metavar="TEXT", help="That text; without it the company's."),
    click.option(
        "--mode",
        metavar="MODE",
        default="slices",
        show_default=True,
        shell_complete=CHAT_MODE,
        help="slices: answered while slices run; batch: through the Batch API, cheaper, within a day a turn; auto: by --due-in.",
    ),
    click.option("--due-in", metavar="HOURS", type=float, help="When the answers are wanted, for --mode auto."),
    click.option(
        "--on-failure",
        "turn_policy",
        default="stop",
        show_default=True,
        help="What a failed turn does to the later turns of its conversation: stop or continue.",
    ),
)


_fields = with_options(_OPTIONS)


@command("preview", example="livedash chat-batch preview questions.xlsx --company acme --mode batch")
@_fields
def preview(file: Path, **given: Any) -> Answer:
    """Show what a batch of FILE would be, what is unclear, and what it costs at most; nothing is made."""
    from livedash_pipeline.chats.steps.create import preview_batch, read_file
    from livedash_pipeline.chats.steps.documents import preview_document

    content = read_file(file)
    with chat_context() as context:
        document = preview_document(
            preview_batch(context, _asked(context.now, context.engine, **given), content, file.name)
        )
    return Answer(document, lambda console: _draw_preview(console, document))


@command(
    "create",
    works=True,
    example=(
        "livedash chat-batch create questions.csv --company acme --name 'Spring questions'",
        "livedash chat-batch create questions.xlsx --company acme --mode auto --due-in 48",
    ),
)
@_fields
def create(file: Path, **given: Any) -> Answer:
    """Make a batch of FILE (CSV, XLSX or JSON): all of it or nothing, and nothing is started."""
    from livedash_pipeline.chats.steps.create import create_batch, read_file
    from livedash_pipeline.chats.steps.documents import created_document

    content = read_file(file)
    with chat_context() as context:
        document = created_document(
            create_batch(context, _asked(context.now, context.engine, **given), content, file.name)
        )
    return Answer(document, lambda console: _draw_created(console, document))


@click.command(
    "template",
    cls=LivedashCommand,
    example=(
        "livedash chat-batch template > questions.csv",
        "livedash chat-batch template --format xlsx --output q.xlsx",
    ),
)
@click.option("--format", "file_format", type=click.Choice(["csv", "json", "xlsx"]), default="csv", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; without it stdout.")
@click.pass_context
def template(ctx: click.Context, file_format: Format, output: Path | None) -> None:
    """Write a file of questions to begin with: the columns that an upload may have, and two rows."""
    from livedash_pipeline.chats.steps.files.template_file import template_file

    if file_format == "xlsx" and output is None and sys.stdout.isatty():
        raise click.UsageError("A spreadsheet cannot be shown on a terminal: give --output FILE.")
    content = template_file(file_format)
    if output is None:
        with writing("The template", "stdout"):
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
    else:
        with writing("The template", str(output)):
            output.write_bytes(content)
    ctx.exit(0)


def _asked(now: Any, engine: Any, *, batch_type: str, due_in: float | None, **given: Any) -> NewBatch:
    from datetime import timedelta

    from livedash_pipeline.access.steps.tokens import COMMAND_LINE
    from livedash_pipeline.chats.steps.new_batch import NewBatch

    due_at = None
    if due_in is not None:
        if not 0 < due_in <= 24 * 365:
            raise click.BadParameter(f"{due_in:g} is not between 0 and 8760 hours.", param_hint="--due-in")
        with engine.connect() as connection:
            due_at = now(connection) + timedelta(hours=due_in)
    return NewBatch(type=batch_type, due_at=due_at, uploader=COMMAND_LINE, **given)


def _draw_preview(console: Console, document: Document) -> None:
    console.print(
        f"{document['chats']:,} conversations with {document['rows']:,} questions, {document['tooShort']:,} of them too short to "
        f"be asked: {show_bound(document['costEurAtMost'])}."
    )
    meanings = {name: column for name, column in document["meanings"].items() if column is not None}
    draw_table(console, ("read as", "column"), list(meanings.items()), empty="")
    for note in document["notes"]:
        console.print(note["message"])


def _draw_created(console: Console, document: Document) -> None:
    console.print(f"Made chat batch {document['batchId']}: {document['chats']:,} conversations. Nothing is started.")
    console.print(f"Next: livedash chat-batch process {document['batchId']} --until-done")
