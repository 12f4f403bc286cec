"""`livedash export`: sessions with their analyses, as CSV or JSON on stdout.

Add an export. What it holds is decided in `overview.steps.export`; it is written while it is read, so that no answer is ever
held.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from io import TextIOWrapper

import click

from livedash_pipeline.commands.shell.command import AS_JSON, LivedashCommand, company_option
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.storage import writing


@click.command(
    "export",
    cls=LivedashCommand,
    example=("livedash export --company acme > acme.csv", "livedash export --format json > sessions.json"),
)
@click.option("--format", "file_format", type=click.Choice(["csv", "json"]), help="Without it csv; json with --json.")
@company_option()
@click.pass_context
def export(ctx: click.Context, file_format: str | None, company: str | None) -> None:
    """Write all sessions with their analyses to stdout.

    CSV is UTF-8 with a header and safe to open in a spreadsheet: text that begins like a formula gets an apostrophe before it.
    """
    from livedash_pipeline.overview.steps.export import export_analyses

    as_json = ctx.meta[AS_JSON]
    if as_json and file_format == "csv":
        raise click.UsageError("--json and --format csv exclude each other.")
    chosen = file_format or ("json" if as_json else "csv")
    with ready_engine() as (_, engine):
        # Bytes of its own: whatever stdout is able to encode, and without translation of line ends.
        output = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
        try:
            with writing("The export", "stdout"):
                export_analyses(engine, output, file_format=chosen, company=company)
                output.flush()
        finally:
            with suppress(OSError):  # A detached stream is flushed once more.
                output.detach()
    ctx.exit(0)
