"""`livedash summary` and `livedash status`: where requests and sessions stand.

Add commands that count. What is counted is decided in `ledger.steps.batches.requests` and `overview.steps.pipeline_report`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.shell.command import AS_JSON, Answer, Document, command, company_option
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table, show

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

    from livedash_pipeline.settings import Settings

# As people read a stage: what is done, what is on its way, what is wrong.
_ORDER = ("completed", "in_progress", "pending", "failed", "skipped")


@command("summary", example="livedash summary --company acme")
@company_option()
def summary(company: str | None) -> Answer:
    """Count requests per status."""
    from livedash_pipeline.ledger.steps.batches.requests import summarise

    with ready_engine() as (_, engine):
        document = summarise(engine, company)
    counts = document["summary"]
    return Answer(document, lambda console: draw_table(console, ("requests", "count"), list(counts.items()), empty=""))


@command(
    "status",
    example=("livedash status", "livedash status --company acme --json", "livedash status --watch --interval 10"),
)
@company_option()
@click.option("--watch", is_flag=True, help="Draw anew until nothing is unfinished, or until it is interrupted (130).")
@click.option(
    "--interval", default=5.0, show_default=True, type=click.FloatRange(0.1, 86_400), help="Seconds between two looks."
)
@click.pass_context
def status(ctx: click.Context, company: str | None, watch: bool, interval: float) -> Answer:
    """Count sessions per stage and status, and say what stands in the way."""
    from livedash_pipeline.kinds import KINDS
    from livedash_pipeline.overview.steps.pipeline_report import report_status

    if watch and ctx.meta[AS_JSON]:
        raise click.UsageError("--watch and --json exclude each other: one command answers with one document.")
    with ready_engine() as (settings, engine):
        if watch:
            _watch(engine, settings, company, interval)
            ctx.exit(0)
        document = report_status(engine, settings, KINDS, company)
    return Answer(document, lambda console: _draw(console, document))


def _watch(engine: Engine, settings: Settings, company: str | None, interval: float) -> None:
    from livedash_pipeline.commands.shell.output import make_console
    from livedash_pipeline.commands.shell.watch import redraw_until
    from livedash_pipeline.kinds import KINDS
    from livedash_pipeline.overview.steps.pipeline_report import is_finished, report_status

    redraw_until(
        lambda console: _draw(console, report_status(engine, settings, KINDS, company)),
        lambda: is_finished(engine, company),
        console=make_console(),
        interval=interval,
        sleep=time.sleep,
    )


def _draw(console: Console, document: Document) -> None:
    total = document["totalSessions"]
    if total:
        console.print(plural(total, "session"))
    else:
        console.print("No sessions yet. Import some: livedash import")
    for stage, counts in (document["stages"] if total else {}).items():
        console.print(f"{stage.upper()}: {stage_line(counts)}")
    if any(counts["failed"] for counts in document["stages"].values()):
        console.print("Which failed, and why: livedash failed")
    for obstacle in document["obstacles"]:
        console.print(f"In the way: {show(obstacle['message'])} {show(obstacle['remedy'])}", soft_wrap=True)


def stage_line(counts: Mapping[str, int]) -> str:
    """`16 completed, 93 pending`: what is not zero."""
    words = [f"{counts[word]:,} {word.replace('_', ' ')}" for word in _ORDER if counts.get(word)]
    return ", ".join(words) or "nothing"
