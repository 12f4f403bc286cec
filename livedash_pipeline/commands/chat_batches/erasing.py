"""`livedash chat-batch erase`: what one conversation said, or a whole batch, is forgotten.

Add a way to name what is erased. Where words of a chat batch stand is known to `retention.store.chat_texts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.chat_batches.opened import chat_context
from livedash_pipeline.commands.shell.command import Answer, Document, command
from livedash_pipeline.commands.shell.completion import complete_chat_batch

if TYPE_CHECKING:
    from rich.console import Console

_ID = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"


@command(
    "erase",
    works=True,
    example=(f"livedash chat-batch erase {_ID} --chat visit-17", f"livedash chat-batch erase {_ID} --no-dry-run"),
)
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
@click.option("--chat", metavar="ID", help="Only this conversation: a chatId of the results, or of the file.")
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only count.")
def erase(batch_id: str, chat: str | None, dry_run: bool) -> Answer:
    """Erase questions, answers and all that went with them, wherever they stand.

    Rows, counts, ids, codes and costs stay. What is still being asked is cancelled first.
    """
    from livedash_pipeline.chats.steps.named import batch_id_of
    from livedash_pipeline.retention.steps.erase_chats import erase_chats

    with chat_context() as context:
        document = erase_chats(context.engine, batch_id_of(batch_id), chat=chat, dry_run=dry_run)
    return Answer(document, lambda console: _draw(console, document))


def _draw(console: Console, document: Document) -> None:
    would = "would be " if document["dryRun"] else ""
    console.print(
        f"{plural(document['chats'], 'conversation')} {would}erased: {plural(document['questions'], 'question')}, "
        f"{plural(document['answers'], 'answer')}, and copies shown with {plural(document['copies'], 'later question')}."
    )
    if document["dryRun"]:
        console.print("Nothing was changed. Do it: the same command with --no-dry-run")
