"""`livedash batches`, `batch`, `cancel` and `reconcile`: what was sent to the service, ending it, and comparing both sides.

Add commands about batches. What is shown is decided in `ledger.steps.batches.listing` and `overview.steps.inspections`;
cancelling and reconciling are jobs, run in the foreground as the steps of `commands.pipeline` are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.pipeline import ForegroundRun, run_step
from livedash_pipeline.commands.shell.command import (
    Answer,
    Document,
    command,
    company_option,
    page_options,
    wide_option,
)
from livedash_pipeline.commands.shell.completion import BATCH_STATUS, complete_batch
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import (
    draw_facts,
    draw_list,
    draw_more,
    is_wide,
    show,
    show_moment,
    show_span,
)
from livedash_pipeline.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_HEADER = (
    *("id", "OpenAI id", "company", "model", "status", "OpenAI", "requests", "done", "failed"),
    *("age", "in status for", "created (UTC)", "processed", "error"),
)
_CHOSEN = ("id", "company", "status", "requests")


@command(
    "batches",
    example=("livedash batches --company acme --limit 20", "livedash batches --open --model gpt-5-mini --wide"),
)
@page_options("Batches", "filters")
@company_option()
@click.option("--model", metavar="MODEL", help="Only those whose requests ask this model; without costs.")
@click.option(
    "--status",
    metavar="STATUS",
    help="Only batches of this status, such as in_progress; without costs.",
    shell_complete=BATCH_STATUS,
)
@click.option("--open", "is_open", is_flag=True, help="Only those whose results have not been ingested; without costs.")
@wide_option()
def batches(
    limit: int, cursor: str | None, company: str | None, model: str | None, status: str | None, is_open: bool
) -> Answer:
    """List batches, newest first, with their age and why they stand still."""
    from livedash_pipeline.ledger.steps.batches.batch_search import BatchSearch, search_batches
    from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
    from livedash_pipeline.ledger.steps.batches.listing import list_batches

    with ready_engine() as (settings, engine):
        endpoint = configured_endpoint(settings)
        if model is None and status is None and not is_open:
            document = list_batches(engine, limit=limit, cursor=cursor, company=company, endpoint=endpoint)
        else:
            search = BatchSearch(company, model, status, is_open)
            document = search_batches(engine, search, limit=limit, cursor=cursor, endpoint=endpoint)
    return Answer(document, lambda console: _draw(console, document, company, model, status, is_open=is_open))


@command("batch", example=("livedash batch 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b", "livedash batch batch_6812f0c2"))
@click.argument("batch_id", metavar="BATCH_ID", shell_complete=complete_batch)
def batch(batch_id: str) -> Answer:
    """Show one batch in full, named by our id or OpenAI's: its files, times, counts, outcomes and cost."""
    from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
    from livedash_pipeline.overview.steps.inspections import describe_batch

    with ready_engine() as (settings, engine):
        document = describe_batch(engine, batch_id, endpoint=configured_endpoint(settings))
    if document is None:
        raise UsageError(f"There is no batch {batch_id!r}.", remedy="Give an id that `livedash batches` shows.")
    return Answer(document, lambda console: draw_facts(console, document["batch"]))


@command(
    "cancel",
    works=True,
    example=(
        "livedash cancel 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b",
        "livedash cancel batch_6812f0c2 --unfinished failed",
    ),
)
@click.argument("batch_ids", metavar="BATCH_ID...", nargs=-1, required=True, shell_complete=complete_batch)
@click.option(
    "--unfinished",
    type=click.Choice(["pending", "failed"]),
    default="pending",
    show_default=True,
    help="What requests become that the service did not finish.",
)
def cancel(batch_ids: tuple[str, ...], unfinished: str) -> Answer:
    """Cancel batches, named by our id or OpenAI's.

    What was finished before is kept and paid for. Every poll repeats the cancel request until the batch has ended; asking again
    changes nothing, and the first --unfinished stands.
    """
    config = {"batch_ids": list(batch_ids), "unfinished": unfinished}
    document = run_step(ForegroundRun("cancel_batches", op_config=config))
    return Answer(document, lambda console: draw_cancel(console, document))


@command(
    "reconcile",
    works=True,
    example=(
        "livedash reconcile",
        "livedash reconcile --accept-vanished",
        "livedash reconcile --believe-absence 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b",
    ),
)
@click.option(
    "--accept-vanished",
    is_flag=True,
    help="Believe at once that batches which the service does not show are gone; their requests fail and are not sent again.",
)
@click.option(
    "--believe-absence",
    metavar="BATCH",
    default="",
    shell_complete=complete_batch,
    help="State that this batch, whose creation has no known outcome, was not created; its requests are sent again.",
)
def reconcile(accept_vanished: bool, believe_absence: str) -> Answer:
    """Compare everything at the service with our tables.

    Adopts batches that were created and not noted, cancels those that were created twice, and removes files of ours that are no
    longer needed. Batches and files of others are counted and left alone.
    """
    config = {"accept_vanished": accept_vanished, "believe_absence": believe_absence}
    document = run_step(ForegroundRun("reconcile_batches", op_config=config))
    return Answer(document, lambda console: draw_reconcile(console, document))


def draw_cancel(console: Console, document: Document) -> None:
    """How many are on their way out, and what to do next."""
    asked, ended, unknown = (document[name] for name in ("cancelRequestedCount", "alreadyEndedCount", "notFoundCount"))
    console.print(
        f"Asked to cancel {plural(asked, 'batch', 'batches')}, {ended:,} already ended, {unknown:,} not found."
    )
    if asked:
        console.print("Next, until none is open: livedash poll && livedash ingest")
    elif unknown and not ended:
        console.print("Which batches there are: livedash batches")


def draw_reconcile(console: Console, document: Document) -> None:
    """What was found, in one sentence; what a person has to see to follows."""
    console.print(
        f"{document['adopted']:,} adopted, {document['surplusCancelled']:,} surplus cancelled, "
        f"{plural(document['filesRemoved'], 'file')} removed, {document['vanished']:,} vanished, "
        f"{document['strangers']:,} not ours."
    )
    if document["unclear"]:
        console.print(
            f"{plural(document['unclear'], 'batch', 'batches')} with our mark left alone: the service's answers do not "
            "say whether a row tracks them. Their ids are in the log; look at what the service says of them."
        )
    if document["vanished"]:
        console.print("Requests of vanished batches fail as artifact_unavailable. Next: livedash ingest")
    if not document["ok"]:
        console.print(f"{document['error']['message']} {document['error']['remedy']}")


def _draw(
    console: Console, document: Document, company: str | None, model: str | None, status: str | None, *, is_open: bool
) -> None:
    filtered = model is not None or status is not None or is_open
    draw_list(
        console,
        _HEADER,
        [
            (
                row["id"],
                row["openaiBatchId"],
                row["company"],
                row["model"],
                row["status"],
                row["openaiStatus"],
                row["requests"],
                row["completed"],
                row["failed"],
                show_span(row["ageSeconds"]),
                show_span(row["secondsInStatus"]),
                show_moment(row["createdAt"]),
                show_moment(row["processedAt"]),
                row["errorCode"],
            )
            for row in document["batches"]
        ],
        chosen=_CHOSEN,
        empty="No batch is like this." if filtered else "No batches yet. Send what is pending: livedash submit",
    )
    for row in document["batches"]:
        if row["errorCode"] and not is_wide():
            console.print(f"{row['id']} ended with {show(row['errorCode'])}.", soft_wrap=True)
        if row["standsStillBecause"]:
            console.print(f"{row['id']} stands still: {show(row['standsStillBecause'])}", soft_wrap=True)
    looked = document.get("lookedThrough")
    if looked is not None:
        console.print(f"Looked through {looked:,} batches.")
    line = "batches --open" if is_open else "batches"
    draw_more(console, document["nextCursor"], line, company=company, model=model, status=status)
