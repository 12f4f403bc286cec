"""`livedash chat-batch documents`: what the search of a company's batches looks through."""

from __future__ import annotations

from pathlib import Path

import click

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.commands.shell.command import Answer, command
from livedash_pipeline.commands.shell.completion import complete_company
from livedash_pipeline.commands.shell.context import ready_engine


@command(
    "documents",
    works=True,
    example=(
        "livedash chat-batch documents --company acme --language en handbook.txt faq.jsonl",
        "livedash chat-batch documents --company acme --remove",
    ),
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--company", metavar="SLUG", required=True, help="Whose documents they are.", shell_complete=complete_company
)
@click.option("--language", metavar="CODE", help="Their language, such as en; it decides which words count as one.")
@click.option("--remove", is_flag=True, help="Remove all documents of the company; answers keep what they quoted.")
def documents(files: tuple[Path, ...], company: str, language: str | None, remove: bool) -> Answer:
    """Load documents that batches with --search-provider postgres may quote.

    A text file is one document with its name as the title; a line of a .jsonl file is one with `title`, `content` and `url`. What
    was loaded before is not loaded again. Without FILES: how many there are.
    """
    from livedash_pipeline.chats.steps.load_documents import load_files

    with ready_engine() as (_, engine):
        document = load_files(engine, company, files, language=language, remove=remove)
    total = plural(document["documents"], "document")
    return Answer(
        document,
        lambda console: console.print(
            f"{document['loaded']:,} loaded, {document['known']:,} known before, {document['removed']:,} removed: {company} has "
            f"{total} that {verb(document['documents'], 'is', 'are')} searched."
        ),
    )
