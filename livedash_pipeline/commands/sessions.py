"""`livedash failed`, `retry` and `session`: sessions that failed, trying a stage again, and one session's history.

Add commands about sessions. Rules and counts are those of `overview.steps.stages` and `overview.steps.session_report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.shell.command import (
    Answer,
    Document,
    command,
    company_option,
    page_options,
    wide_option,
)
from livedash_pipeline.commands.shell.completion import STAGE
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import (
    draw_facts,
    draw_list,
    draw_more,
    is_wide,
    show,
    show_bound,
    show_moment,
)

if TYPE_CHECKING:
    from rich.console import Console


@command("failed", example=("livedash failed", "livedash failed --stage transcript_fetch --company acme"))
@click.option(
    "--stage", metavar="STAGE", help="Only sessions that failed at this stage, in either case.", shell_complete=STAGE
)
@company_option()
@page_options("Sessions", "stage and company")
@wide_option()
def failed(stage: str | None, company: str | None, limit: int, cursor: str | None) -> Answer:
    """List sessions that failed, each with its stage and the reason."""
    from livedash_pipeline.overview.steps.stages import failed_sessions

    with ready_engine() as (_, engine):
        document = failed_sessions(engine, stage=stage, company=company, limit=limit, cursor=cursor)
    return Answer(document, lambda console: _draw_failed(console, document, stage, company))


@command(
    "retry",
    works=True,
    example=(
        "livedash retry 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b --stage transcript_fetch",
        "livedash retry --stage ai_analysis --company acme --no-dry-run",
        "livedash retry --stage ai_analysis --reanalyse",
    ),
)
@click.argument("session_ids", metavar="[SESSION_ID]...", nargs=-1)
@click.option(
    "--stage", metavar="STAGE", required=True, help="The stage to try again, in either case.", shell_complete=STAGE
)
@company_option("All sessions of this company that failed there; without it and without ids, those of all companies.")
@click.option("--reanalyse", is_flag=True, help="Buy the analysis of completed sessions again, too.")
@click.option(
    "--dry-run/--no-dry-run",
    default=None,
    help="Only count. Unless given: no with ids; yes without them, and with --reanalyse.",
)
def retry(
    session_ids: tuple[str, ...], stage: str, company: str | None, reanalyse: bool, dry_run: bool | None
) -> Answer:
    """Try a failed stage again: of sessions by their id or that of their import, or of all that failed there."""
    from livedash_pipeline.overview.steps.stages import retry_stage

    with ready_engine() as (settings, engine):
        document = retry_stage(
            engine,
            settings,
            stage=stage,
            session_ids=session_ids,
            company=company,
            reanalyse=reanalyse,
            dry_run=dry_run,
        )
    return Answer(document, lambda console: _draw_retry(console, document, stage))


@command("session", example="livedash session 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b")
@click.argument("session_id", metavar="ID")
@click.option("--show-text", is_flag=True, help="Also messages, summary, questions, IP address and transcript address.")
@wide_option()
def session(session_id: str, show_text: bool) -> Answer:
    """Show everything known about one session, by its id or that of its import."""
    from livedash_pipeline.overview.steps.session_report import describe_session

    with ready_engine() as (_, engine):
        document = describe_session(engine, session_id, show_text=show_text)
    return Answer(document, lambda console: _draw_session(console, document["session"]))


def _draw_failed(console: Console, document: Document, stage: str | None, company: str | None) -> None:
    draw_list(
        console,
        ("id", "session", "import", "stage", "retries", "reason"),
        [
            (
                # A session has no id of its own before it was created; commands take either.
                row["sessionId"] or row["importId"],
                row["sessionId"],
                row["importId"],
                row["stage"],
                row["retryCount"],
                row["errorMessage"] if is_wide() else _short(row["errorMessage"]),
            )
            for row in document["sessions"]
        ],
        chosen=("id", "stage", "reason"),
        empty="No session has failed.",
    )
    draw_more(console, document["nextCursor"], "failed", stage=stage, company=company)


def _short(message: str) -> str:
    """The code before an error's sentence, such as `http_404`, or the sentence where it has none."""
    code, _, rest = message.partition(": ")
    return code if rest and code.replace("_", "").isalnum() else message


def _draw_retry(console: Console, document: Document, stage: str) -> None:
    names = ("retriedCount", "notFoundCount", "notEligibleCount")
    again, unknown, other = (document[name] for name in names)
    dry = document.get("dryRun", False)
    done = "would be tried again" if dry else "will be tried again"
    console.print(
        f"{plural(again, 'session')} {done} at {stage.lower()}, {unknown:,} not found, {other:,} not eligible."
    )
    if "estimatedCostEur" in document:
        console.print(f"This buys what was bought before: {show_bound(document['estimatedCostEur'])}.")
    if dry and again:
        console.print("Nothing was changed. Do it: the same command with --no-dry-run")
    elif again:
        console.print("Next: livedash import, then livedash submit")
    if other:
        console.print("Only failed stages are tried again; why one is not: livedash session ID")


def _draw_session(console: Console, session: Document) -> None:
    apart = ("stages", "requests", "texts")
    draw_facts(console, {name: value for name, value in session.items() if name not in apart})
    console.print()
    draw_list(
        console,
        ("stage", "status", "retries", "started (UTC)", "completed (UTC)", "reason"),
        [
            (
                row["stage"],
                row["status"],
                row["retryCount"],
                show_moment(row["startedAt"]),
                show_moment(row["completedAt"]),
                row["errorMessage"],
            )
            for row in session["stages"]
        ],
        chosen=("stage", "status", "completed (UTC)", "reason"),
        empty="",
    )
    console.print()
    _draw_requests(console, session["requests"])
    if "texts" in session:
        _draw_texts(console, session["texts"])


def _draw_requests(console: Console, requests: list[Document]) -> None:
    draw_list(
        console,
        ("request", "status", "model", "requested (UTC)", "batch", "outcome", "tokens", "EUR", "error"),
        [
            (
                request["id"],
                request["status"],
                request["model"],
                show_moment(request["requestedAt"]),
                one.get("batchId"),
                one.get("outcome"),
                one.get("totalTokens"),
                one.get("totalCostEur"),
                one.get("errorMessage") or request["errorCode"],
            )
            for request in requests
            for one in request["tries"] or [{}]
        ],
        chosen=("request", "status", "outcome", "EUR"),
        empty="Nothing has been asked about it.",
    )


def _draw_texts(console: Console, texts: Document) -> None:
    console.print()
    for name in ("summary", "initialMessage", "ipAddress", "fullTranscriptUrl"):
        console.print(f"{name}: {show(texts[name])}", soft_wrap=True)
    for question in texts["questions"]:
        console.print(f"question: {show(question)}", soft_wrap=True)
    for message in texts["messages"]:
        said = "(deleted)" if message["text"] is None else show(message["text"])
        console.print(f"[{show_moment(message['at'])}] {message['role']}: {said}", soft_wrap=True)
