"""`livedash chat-batch try`, `process`, `cancel` and `resume`: a slice of work, and the end of it.

Add what is done to a batch. The steps are `chats.steps.process` and `chats.steps.cancel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.commands.chat_batches.opened import chat_context
from livedash_pipeline.commands.shell.command import Answer, Document, command
from livedash_pipeline.commands.shell.completion import complete_chat_batch
from livedash_pipeline.commands.shell.output import show_bound

if TYPE_CHECKING:
    from rich.console import Console

_ID = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"
_USUAL = 30
# What ends a slice and passes by itself: the next slice goes on.
_GOES_ON = "deadline"


@command(
    "process",
    works=True,
    example=(f"livedash chat-batch process {_ID}", f"livedash chat-batch process {_ID} --seconds 300 --until-done"),
)
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
@click.option("--seconds", type=float, default=_USUAL, show_default=True, help="How long the slice lasts, 1 to 300.")
@click.option("--until-done", is_flag=True, help="One slice after the other, as long as the clock alone ends them.")
def process(batch_id: str, seconds: float, until_done: bool) -> Answer:
    """Work on a batch for a while; the first time starts it.

    Whatever is under way when the time is over is waited for. Several of these may work on one batch, from several machines.
    `chat_batch_sensor` does the same by itself for every batch that was started.
    """
    from livedash_pipeline.chats.steps.documents import slice_document
    from livedash_pipeline.chats.steps.named import batch_id_of
    from livedash_pipeline.chats.steps.process import process_for_duration

    named = batch_id_of(batch_id)
    totals = {"processed": 0, "failed": 0, "skipped": 0}
    with chat_context() as context:
        while True:
            document = slice_document(process_for_duration(context, named, seconds=seconds))
            totals = {name: totals[name] + document[name] for name in totals}
            if not until_done or document["stopReason"] != _GOES_ON:
                break
    document |= totals
    return Answer(document, lambda console: _draw_slice(console, document, batch_id))


@command(
    "try", works=True, example=(f"livedash chat-batch try {_ID} --dry-run", f"livedash chat-batch try {_ID} --items 25")
)
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
@click.option("--items", type=int, default=10, show_default=True, help="How many conversations, 1 to 1,000.")
@click.option("--dry-run/--no-dry-run", default=False, show_default=True, help="Only say what would be asked.")
def try_first(batch_id: str, items: int, dry_run: bool) -> Answer:
    """Start a batch with its first conversations alone; `resume` asks the others, and none is asked twice."""
    from livedash_pipeline.chats.steps.documents import trial_document
    from livedash_pipeline.chats.steps.named import batch_id_of
    from livedash_pipeline.chats.steps.trial import try_first as try_batch

    with chat_context() as context:
        done = try_batch(context, batch_id_of(batch_id), items=items, dry_run=dry_run)
    document = trial_document(done, dry_run=dry_run)
    return Answer(document, lambda console: _draw_trial(console, document, batch_id))


@command("cancel", works=True, example=f"livedash chat-batch cancel {_ID}")
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
def cancel(batch_id: str) -> Answer:
    """Cancel a batch: nothing starts any more, and answers that are under way are kept."""
    from livedash_pipeline.access.steps.tokens import COMMAND_LINE
    from livedash_pipeline.chats.steps.cancel import cancel as cancel_batch
    from livedash_pipeline.chats.steps.documents import cancel_document
    from livedash_pipeline.chats.steps.named import batch_id_of

    with chat_context() as context:
        document = cancel_document(cancel_batch(context, batch_id_of(batch_id), by=COMMAND_LINE))
    return Answer(document, lambda console: _draw_cancel(console, document, batch_id))


@command(
    "resume",
    works=True,
    example=(f"livedash chat-batch resume {_ID} --dry-run", f"livedash chat-batch resume {_ID} --failed"),
)
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_chat_batch)
@click.option("--failed", "failed_too", is_flag=True, help="Ask again what failed as well.")
@click.option("--dry-run/--no-dry-run", default=False, show_default=True, help="Only say what would be asked again.")
def resume(batch_id: str, failed_too: bool, dry_run: bool) -> Answer:
    """Take a batch up again that was cancelled, or that failed; what was answered is not asked again."""
    from livedash_pipeline.chats.steps.cancel import resume as resume_batch
    from livedash_pipeline.chats.steps.documents import resume_document
    from livedash_pipeline.chats.steps.named import batch_id_of

    with chat_context() as context:
        done = resume_batch(context, batch_id_of(batch_id), failed_too=failed_too, dry_run=dry_run)
    document = resume_document(done, dry_run=dry_run)
    return Answer(document, lambda console: _draw_resume(console, document, batch_id))


def _draw_slice(console: Console, document: Document, batch_id: str) -> None:
    console.print(
        f"{document['processed']:,} answered, {document['failed']:,} failed, {document['skipped']:,} skipped; "
        f"{document['remaining']:,} remaining ({document['stopReason']})."
    )
    if document["reason"]:
        console.print(document["reason"])
    if not document["remaining"]:
        console.print(f"It is {document['status'].replace('_', ' ')}. Next: livedash chat-batch results {batch_id}")


def _draw_trial(console: Console, document: Document, batch_id: str) -> None:
    items, cost = plural(document["items"], "conversation"), show_bound(document["costEurAtMost"])
    if document.get("dryRun") and document["items"]:
        console.print(f"{items} would be asked, {cost}; {document['setAside']:,} would wait. Nothing was changed.")
    elif document["tried"]:
        console.print(f"{items} {verb(document['items'], 'is', 'are')} asked, {cost}; {document['setAside']:,} wait.")
        console.print(f"Next: livedash chat-batch process {batch_id} --until-done")
        console.print(f"Then, for the others: livedash chat-batch resume {batch_id}")
    else:
        console.print(f"Nothing to try: the batch is {document['status'].replace('_', ' ')} and has begun.")


def _draw_cancel(console: Console, document: Document, batch_id: str) -> None:
    if document["cancelRequested"]:
        count = document["underWay"]
        waited = f"; {plural(count, 'conversation')} under way {verb(count, 'is', 'are')} waited for" if count else ""
        console.print(f"Cancelled{waited}. Take it up again: livedash chat-batch resume {batch_id}")
    else:
        console.print(f"Nothing to cancel: the batch is {document['status'].replace('_', ' ')}.")


def _draw_resume(console: Console, document: Document, batch_id: str) -> None:
    items = plural(document["items"], "conversation")
    if not document["items"]:
        console.print(f"Nothing to ask again: the batch is {document['status'].replace('_', ' ')}.")
    elif document.get("dryRun"):
        console.print(f"{items} would be asked again, {show_bound(document['costEurAtMost'])}. Nothing was changed.")
    else:
        console.print(
            f"{items} {verb(document['items'], 'waits', 'wait')} again, {show_bound(document['costEurAtMost'])}."
        )
        console.print(f"Next: livedash chat-batch process {batch_id} --until-done")
