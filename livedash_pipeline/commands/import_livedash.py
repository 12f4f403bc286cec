"""`livedash import-livedash`: an existing LiveDash database, moved into ours.

What is moved and how stands in `takeover.steps.run`; add here only what people are told about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.shell.command import Answer, Document, command
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table, show

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 10


@command(
    "import-livedash",
    works=True,
    example=(
        "livedash import-livedash --from postgresql://reader@db.example.com/dashboard --dry-run",
        "LIVEDASH_SOURCE_URL=postgresql://reader:secret@db.example.com/dashboard livedash import-livedash",
    ),
)
@click.option("--from", "source", metavar="URL", help="The LiveDash database; without it LIVEDASH_SOURCE_URL.")
@click.option("--dry-run", is_flag=True, help="Do everything, report, and take it back.")
def import_livedash(source: str | None, dry_run: bool) -> Answer:
    """Move in from an existing LiveDash database, which is only read.

    Nothing becomes pending that was analysed there, or that is in one of its open batches. Run it again as often as you like: it
    takes what is new.
    """
    from livedash_pipeline.takeover.steps.run import SOURCE_VARIABLE, require_address
    from livedash_pipeline.takeover.steps.run import import_livedash as run

    with ready_engine() as (settings, engine):
        url = require_address(source or settings.livedash_source_url, SOURCE_VARIABLE)
        document = run(engine, url, dry_run=dry_run)
    return Answer(document, lambda console: draw(console, document))


def draw(console: Console, document: Document) -> None:
    """Rows per table, then whatever a person has to act upon."""
    counts = ("read", "written", "updated", "unchanged", "skipped")
    rows = [(name, *(table[count] for count in counts)) for name, table in document["tables"].items()]
    draw_table(console, ("table", *counts), rows, empty="")
    for kind in ("skipped", "adjusted"):
        for reason in document[f"{kind}Reasons"][:_SHOWN]:
            console.print(f"{kind}: {reason['rows']:,} of {reason['table']}: {show(reason['reason'])}.")
    for batch in document["openBatches"]:
        requests = plural(batch["requests"], "request")
        console.print(
            f"The old system's batch {show(batch['openaiBatchId'])} of {show(batch['company'])} is {show(batch['status'])}"
            f" ({requests}): let it finish there, then run this again."
        )
    if document["environmentVariables"]:
        console.print(f"Credentials are not copied. Set: {', '.join(document['environmentVariables'])}.")
    for row in document["transcriptHosts"]:
        console.print(
            f"{row['sessions']:,} transcripts of {row['company']} are on {show(row['host'])}: allow it with"
            f" livedash company set {row['company']} --transcript-host {show(row['host'])}"
        )
    differing = [row for row in document["agree"] if not row["agrees"]]
    for row in differing:
        console.print(f"Differs: {row['what']}: {row['source']} there, {row['target']} here.")
    done = "Nothing was kept: this was a dry run." if document["dryRun"] else "Done. Next: livedash status"
    console.print("Counts that must agree do not." if differing else done)
