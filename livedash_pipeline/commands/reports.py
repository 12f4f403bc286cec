"""`livedash summary` and `livedash status`: where requests and sessions stand.

Add commands that count. What is counted is decided in `flow.operations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from livedash_pipeline.commands.command import Answer, Document, command, company_option
from livedash_pipeline.commands.context import ready_engine
from livedash_pipeline.commands.output import draw_table, plural

if TYPE_CHECKING:
    from rich.console import Console

# As people read a stage: what is done, what is on its way, what is wrong.
_ORDER = ("completed", "in_progress", "pending", "failed", "skipped")


@command("summary", example="livedash summary --company acme")
@company_option()
def summary(company: str | None) -> Answer:
    """Count requests per status."""
    from livedash_pipeline.flow.operations import summarise

    with ready_engine() as (_, engine):
        document = summarise(engine, company)
    counts = document["summary"]
    return Answer(document, lambda console: draw_table(console, ("requests", "count"), list(counts.items()), empty=""))


@command("status", example=("livedash status", "livedash status --company acme --json"))
@company_option()
def status(company: str | None) -> Answer:
    """Count sessions per stage and status."""
    from livedash_pipeline.flow.operations import report_pipeline

    with ready_engine() as (_, engine):
        document = report_pipeline(engine, company)
    return Answer(document, lambda console: _draw(console, document))


def _draw(console: Console, document: Document) -> None:
    total = document["totalSessions"]
    if not total:
        console.print("No sessions yet. Import some: livedash import")
        return
    console.print(plural(total, "session"))
    for stage, counts in document["stages"].items():
        console.print(f"{stage.upper()}: {stage_line(counts)}")


def stage_line(counts: Mapping[str, int]) -> str:
    """`16 completed, 93 pending`: what is not zero."""
    words = [f"{counts[word]:,} {word.replace('_', ' ')}" for word in _ORDER if counts.get(word)]
    return ", ".join(words) or "nothing"
