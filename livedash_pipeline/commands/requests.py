"""`livedash requests`, `request`, `requeue` and `reread`: lists of requests, one of them, and failed ones tried or read again.

Add commands about requests. Rules and counts are those of `ledger.steps.batches.requests` and `analysis.steps.reread`, one
request is that of `overview.steps.inspections`.
"""

from __future__ import annotations

import json
import math
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
from livedash_pipeline.commands.shell.completion import ERROR_CODE, OUTCOME, REQUEST_STATUS, complete_batch, one_of
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_facts, draw_list, draw_more, is_wide, show, show_moment
from livedash_pipeline.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_LONGEST_HOURS = 1_000_000


@command(
    "requests",
    example=(
        "livedash requests --status processing_failed --limit 20",
        "livedash requests --status processing_failed --error-code refused --model gpt-5-mini",
        "livedash requests --batch batch_6812f0c2",
    ),
)
@click.option(
    "--status",
    help="pending_batching, batching_in_progress, processing_complete or processing_failed; optional with --batch.",
    shell_complete=REQUEST_STATUS,
)
@page_options("Requests", "filters")
@company_option()
@click.option(
    "--error-code",
    metavar="CODE",
    help="Only those that failed with this code, in either case.",
    shell_complete=ERROR_CODE,
)
@click.option("--older-than", metavar="HOURS", type=float, help="Only those that ended, or last changed, longer ago.")
@click.option("--model", metavar="MODEL", help="Only those that ask this model.")
@click.option(
    "--batch",
    metavar="BATCH",
    help="Only those that were tried in this batch, by our id or OpenAI's.",
    shell_complete=complete_batch,
)
@click.option(
    "--outcome",
    metavar="OUTCOME",
    help="With --batch: what became of them there, such as truncated.",
    shell_complete=OUTCOME,
)
@wide_option()
def requests(
    status: str | None,
    limit: int,
    cursor: str | None,
    company: str | None,
    error_code: str | None,
    older_than: float | None,
    model: str | None,
    batch: str | None,
    outcome: str | None,
) -> Answer:
    """List requests of one status, in the order of their ids; with a further filter the newest first."""
    from livedash_pipeline.ledger.steps.batches.request_search import Search, search_requests
    from livedash_pipeline.ledger.steps.batches.requests import list_requests

    if status is None and batch is None:
        raise click.UsageError("Missing option '--status', or '--batch'.")
    given = {"error-code": error_code, "older-than": older_than, "model": model, "batch": batch, "outcome": outcome}
    named = {name: f"{value}" for name, value in given.items() if value is not None}
    with ready_engine() as (_, engine):
        if status is not None and not named:
            document = list_requests(engine, status=status, limit=limit, cursor=cursor, company=company)
        else:
            search = Search(status, company, error_code, model, older_than, batch, outcome)
            document = search_requests(engine, search, limit=limit, cursor=cursor)
    return Answer(document, lambda console: _draw_requests(console, document, status, company, **named))


@command(
    "request",
    example=(
        "livedash request 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b",
        "livedash request 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b --show-text",
    ),
)
@click.argument("request_id", metavar="ID")
@click.option("--show-text", is_flag=True, help="Also what the model answered, as it was kept.")
@wide_option()
def request(request_id: str, show_text: bool) -> Answer:
    """Show one request with every try: its batch, outcome, tokens and cost."""
    from livedash_pipeline.overview.steps.inspections import describe_request

    with ready_engine() as (_, engine):
        document = describe_request(engine, request_id, show_text=show_text)
    if document is None:
        raise UsageError(f"There is no request {request_id!r}.", remedy="Give an id that `livedash requests` shows.")
    return Answer(document, lambda console: _draw_request(console, document))


@command(
    "requeue",
    works=True,
    example=(
        "livedash requeue 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b",
        "livedash requeue --company acme --error-code truncated --no-dry-run",
    ),
)
@click.argument("request_ids", metavar="[ID]...", nargs=-1)
@company_option("Only failed requests of this company.")
@click.option(
    "--error-code",
    metavar="CODE",
    help="Only those that failed with this code, such as truncated, in either case.",
    shell_complete=ERROR_CODE,
)
@click.option("--older-than", metavar="HOURS", type=float, help="Only those that failed longer ago.")
@click.option("--model", metavar="MODEL", help="Only those that ask this model.")
@click.option(
    "--batch",
    metavar="BATCH",
    help="Only those that were tried in this batch, by our id or OpenAI's.",
    shell_complete=complete_batch,
)
@click.option("--dry-run/--no-dry-run", default=None, help="Only count. Unless given: yes with a filter, no with ids.")
def requeue(
    request_ids: tuple[str, ...],
    company: str | None,
    error_code: str | None,
    older_than: float | None,
    model: str | None,
    batch: str | None,
    dry_run: bool | None,
) -> Answer:
    """Put failed requests back to pending: by ID, or by a filter."""
    from livedash_pipeline.kinds import KINDS
    from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests

    if older_than is not None and not 0 <= older_than <= _LONGEST_HOURS:
        shown = "no number" if math.isnan(older_than) else f"{older_than:g}"
        raise click.BadParameter(f"{shown} is not between 0 and {_LONGEST_HOURS} hours.", param_hint="--older-than")
    with ready_engine() as (settings, engine):
        document = requeue_requests(
            engine,
            KINDS,
            request_ids=request_ids,
            company=company,
            error_code=error_code,
            older_than_hours=older_than,
            model=model,
            batch=batch,
            dry_run=dry_run,
            settings=settings,
        )
    named = bool(request_ids) or any(value is not None for value in (company, error_code, older_than, model, batch))
    return Answer(document, lambda console: _draw_requeue(console, document, named=named))


@command(
    "reread",
    works=True,
    example=("livedash reread", "livedash reread --company acme --outcome invalid_output --no-dry-run"),
)
@company_option("Only this company's requests.")
@click.option(
    "--outcome",
    metavar="OUTCOME",
    help="Only requests that failed so: refused, truncated or invalid_output, in either case.",
    shell_complete=one_of(("refused", "truncated", "invalid_output")),
)
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only count.")
def reread(company: str | None, outcome: str | None, dry_run: bool) -> Answer:
    """Judge kept answers of failed requests again by the rules of this version; nothing is bought."""
    from livedash_pipeline.analysis.steps.reread import reread_answers

    with ready_engine() as (_, engine):
        document = reread_answers(engine, company=company, outcome=outcome, dry_run=dry_run)
    return Answer(document, lambda console: _draw_reread(console, document))


def _draw_requests(
    console: Console, document: Document, status: str | None, company: str | None, **filters: str | None
) -> None:
    draw_list(
        console,
        ("id", "session", "model", "attempts", "error", "message", "requested (UTC)"),
        [
            (
                row["id"],
                row["sessionId"],
                row["model"],
                row["attempts"],
                row["errorCode"],
                row["errorMessage"],
                show_moment(row["requestedAt"]),
            )
            for row in document["requests"]
        ],
        chosen=("id", "error", "requested (UTC)"),
        empty="No request is like this."
        if filters
        else f"No requests are {(status or '').lower()}. Counts: livedash summary",
    )
    looked = document.get("lookedThrough")
    if looked is not None:
        console.print(f"Looked through {looked:,} requests.")
    draw_more(console, document["nextCursor"], "requests", status=status, company=company, **filters)


def _draw_request(console: Console, document: Document) -> None:
    draw_facts(console, document["request"])
    console.print()
    draw_list(
        console,
        ("tried (UTC)", "settled (UTC)", "batch", "OpenAI id", "outcome", "HTTP", "ended by", "tokens", "EUR", "error"),
        [
            (
                show_moment(row["createdAt"]),
                show_moment(row["settledAt"]),
                row["batchId"],
                row["openaiBatchId"],
                row["outcome"],
                row["httpStatus"],
                row["finishReason"],
                row["totalTokens"],
                row["totalCostEur"],
                row["errorMessage"] or row["errorCode"],
            )
            for row in document["attempts"]
        ],
        chosen=("tried (UTC)", "batch", "outcome"),
        empty="It has not been sent yet.",
    )
    for row in document["attempts"]:
        if row["errorMessage"] and not is_wide():
            console.print(f"{show_moment(row['createdAt'])}: {show(row['errorMessage'])}", soft_wrap=True)
    for name, content in document.get("texts", {}).items():
        shown = content if isinstance(content, str) or content is None else json.dumps(content, ensure_ascii=False)
        console.print(f"{name}: {show(shown)}", soft_wrap=True)


def _draw_requeue(console: Console, document: Document, *, named: bool) -> None:
    put, unknown, other = (document[name] for name in ("requeuedCount", "notFoundCount", "notFailedCount"))
    dry = document.get("dryRun", False)
    console.print(
        f"{put:,} {'would be put' if dry else 'put'} back to pending, {unknown:,} not found, {other:,} not failed."
    )
    if dry and put:
        cost = document["costAtMostEur"]
        console.print(f"Cost: {'unknown, for want of a price or a rate' if cost is None else f'{cost} EUR at most'}.")
        if document["outdatedCount"]:
            console.print(
                f"Of {document['outdatedCount']:,} the chat or the prompt has changed since; that is about the old one."
            )
        console.print("Nothing was changed. Do it: the same command with --no-dry-run")
    if not named:
        console.print("Name requests by id, or by --company, --error-code, --older-than, --model or --batch.")


def _draw_reread(console: Console, document: Document) -> None:
    dry = document.get("dryRun", False)
    console.print(
        f"{document['readCount']:,} kept answers read: {document['acceptedCount']:,} {'would be ' if dry else ''}accepted, "
        f"{document['stillRefusedCount']:,} still refused. Not read: {document['withoutTextCount']:,} without a text, "
        f"{document['outdatedCount']:,} whose sessions have gone on."
    )
    if dry and document["acceptedCount"]:
        console.print("Nothing was changed. Do it: the same command with --no-dry-run")
