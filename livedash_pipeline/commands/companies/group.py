"""`livedash company`: the companies whose chats are imported, added, changed and listed.

Add an option here when a company's row gets a value that people set. What a value may be is checked in `base.store.companies`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from livedash_pipeline.commands.shell.command import Answer, CommandGroup, Document, wide_option, with_options
from livedash_pipeline.commands.shell.completion import COMPANY_STATUS, complete_company
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_list, show, show_moment

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.base.store.company_values import CompanyChanges

_OPTIONS = (
    click.option(
        "--csv-url",
        metavar="URL|PATH",
        help="Where its CSV is: an address, a file, a folder (ends with /) or a pattern (*).",
    ),
    click.option(
        "--no-csv", is_flag=True, help="It has none: its sessions are submitted through the API (docs/http-api.md)."
    ),
    click.option("--name", help="Its name as people read it; at first its slug."),
    click.option("--time-zone", metavar="ZONE", help="Of the times in its CSV; at first Europe/Amsterdam."),
    click.option("--csv-username-env", metavar="VARIABLE", help="Name of the variable that holds the user name."),
    click.option("--csv-password-env", metavar="VARIABLE", help="Name of the variable that holds the password."),
    click.option("--csv-bearer-env", metavar="VARIABLE", help="Name of the variable that holds a bearer token."),
    click.option(
        "--csv-header",
        "csv_headers",
        metavar="NAME=VARIABLE",
        multiple=True,
        help="A header to send, and the variable that holds its value; may be repeated.",
    ),
    click.option(
        "--transcript-host",
        "transcript_hosts",
        metavar="HOST[:PORT]",
        multiple=True,
        help="A further host of transcripts, or a store (s3://BUCKET); may be repeated.",
    ),
    click.option(
        "--allow-address",
        "allowed_addresses",
        metavar="CIDR",
        multiple=True,
        help="An address or network that is not public and may be connected to; may be repeated.",
    ),
    click.option(
        "--bot-name", "bot_names", metavar="NAME", multiple=True, help="A name its bot writes under; may be repeated."
    ),
    *(
        click.option(
            f"--{kind}-profile",
            metavar="FILE",
            help=f"A JSON file that says how its {files} written (docs/profiles.md); empty: in the standard format.",
        )
        for kind, files in (("csv", "CSV is"), ("transcript", "transcripts are"))
    ),
    click.option(
        "--chat-override", metavar="TEXT", help="Instructions of its chat batches that apply overrides; empty: none."
    ),
    click.option("--model", help="Model of its analyses; at first that of OPENAI_MODEL."),
    *(
        click.option(
            f"--keep-{what}",
            metavar="DAYS",
            help=f"Days after the end of a chat for which its {what} are kept; at first forever.",
        )
        for what in ("transcripts", "messages", "answers")
    ),
    *(
        click.option(f"--{name}", metavar="EUR|none", help=f"{what}; none: that of the settings.")
        for name, what in (
            ("monthly-cap", "What it may spend in a calendar month (UTC), 0 for nothing"),
            ("daily-cap", "What it may spend in a day (UTC), 0 for nothing"),
            ("monthly-budget", "Monthly spending of whose shares somebody is told; keeps nothing back"),
        )
    ),
)


_values = with_options(_OPTIONS)


def _changes(**given: Any) -> CompanyChanges:
    """The options as changes: what was not given stays, a single empty text empties a list."""
    from livedash_pipeline.base.store.company_values import CompanyChanges
    from livedash_pipeline.intake.steps.company_profiles import read_profile_file

    for kind in ("csv", "transcript"):
        given[f"{kind}_profile"] = read_profile_file(kind, given[f"{kind}_profile"])
    for name in ("csv_headers", "transcript_hosts", "allowed_addresses", "bot_names"):
        listed = given[name]
        given[name] = [value for value in listed if value] if listed else None
    return CompanyChanges(**given)


@click.group(
    cls=CommandGroup,
    example=(
        "livedash company add acme --csv-url https://chats.example.com/acme.csv --time-zone Europe/Amsterdam",
        "livedash company list",
    ),
)
def company() -> None:
    """Add, change, show and list companies, and find out how their files are written."""


@company.command("add", example="livedash company add acme --csv-url https://chats.example.com/acme.csv")
@click.argument("slug")
@_values
def add(slug: str, **given: Any) -> Answer:
    """Add the company SLUG, due for import at once.

    Credentials of its CSV are taken from environment variables when they are needed; only the names of these are stored.
    """
    from livedash_pipeline.base.steps.companies import add_company

    with ready_engine() as (_, engine):
        document = add_company(engine, slug, _changes(**given))
    following = f"token create --name NAME --company {slug}" if given["no_csv"] else f"import --company {slug}"
    return Answer(document, lambda console: _draw_one(console, document, f"Added. Next: livedash {following}"))


@company.command(
    "set",
    example=(
        "livedash company set acme --status suspended",
        "livedash company set acme --monthly-cap 50 --daily-cap none",
    ),
)
@click.argument("slug", shell_complete=complete_company)
@click.option(
    "--status",
    metavar="STATUS",
    help="active, trial, suspended or archived; only the first two are imported and analysed.",
    shell_complete=COMPANY_STATUS,
)
@_values
def change(slug: str, **given: Any) -> Answer:
    """Change the company SLUG; what is not given stays as it is.

    An empty text clears a variable's name, the model, or a list. Texts are deleted by `livedash prune`, which also runs every
    night: what was deleted by then does not come back when they are to be kept longer.
    """
    from livedash_pipeline.base.steps.companies import change_company

    with ready_engine() as (_, engine):
        document = change_company(engine, slug, _changes(**given))
    return Answer(document, lambda console: _draw_one(console, document, "Changed."))


@company.command("show", example="livedash company show acme --json")
@click.argument("slug", shell_complete=complete_company)
def show_one(slug: str) -> Answer:
    """Show everything that is set for the company SLUG, with its profiles."""
    from livedash_pipeline.base.steps.companies import show_company

    with ready_engine() as (_, engine):
        document = show_company(engine, slug)
    return Answer(document, lambda console: _draw_one(console, document, f"Change it: livedash company set {slug} …"))


@company.command(
    "detect",
    example=(
        "livedash company detect acme",
        "livedash company detect acme export.xlsx --save",
        "livedash company detect acme --transcript chat-1.txt --transcript chat-2.txt",
        "livedash company detect acme https://chats.example.com/acme.csv --date-order day --save",
    ),
)
@click.argument("slug", shell_complete=complete_company)
@click.argument("source", metavar="[FILE|URL]", required=False)
@click.option(
    "--date-order",
    type=click.Choice(["day", "month", "year"]),
    help="Which comes first in its dates, where they do not tell.",
)
@click.option("--encoding", metavar="NAME", help="Of its text, where that is known, such as cp1252.")
@click.option(
    "--transcript", "transcripts", metavar="FILE|URL", multiple=True, help="A transcript to look at; may be repeated."
)
@click.option("--save", is_flag=True, help="Store the proposal as the company's profile.")
def detect(slug: str, source: str | None, **given: Any) -> Answer:
    """Look at a CSV of the company SLUG, and at transcripts, and propose how they are to be read.

    Without FILE or URL it is the company's own CSV, with the first transcripts that it names; with --transcript alone only
    transcripts are looked at. Says why each part of a proposal was chosen, how many of all records fit, and what the first ones
    would be stored as. Nothing is imported.
    """
    import os

    from livedash_pipeline.commands.companies.detecting import draw_detection
    from livedash_pipeline.intake.steps.detect_files import DetectionRequest, detect_files
    from livedash_pipeline.scratch import scratch_directory
    from livedash_pipeline.settings import merged_environ
    from livedash_pipeline.sources.csv_source import CsvSource

    request = DetectionRequest(slug, source, order=given.pop("date_order"), **given)
    with ready_engine() as (_, engine), scratch_directory("csv") as spool:
        document = detect_files(engine, request, source=CsvSource(merged_environ(os.environ), spool))
    return Answer(document, lambda console: draw_detection(console, document))


@company.command("list", example=("livedash company list", "livedash company list --wide"))
@wide_option()
def list_all() -> Answer:
    """List all companies."""
    from livedash_pipeline.base.steps.companies import list_companies

    with ready_engine() as (_, engine):
        document = list_companies(engine)
    return Answer(document, lambda console: _draw_list(console, document))


def _draw_one(console: Console, document: Document, last: str) -> None:
    for name, value in document["company"].items():
        listed = (
            ", ".join(value) if isinstance(value, list) else json.dumps(value) if isinstance(value, dict) else value
        )
        label = re.sub("([A-Z])", r" \1", name).lower()
        console.print(f"{label}: {show_moment(value) if name == 'nextImportAt' else show(listed)}")
    console.print(last)


def _draw_list(console: Console, document: Document) -> None:
    draw_list(
        console,
        ("slug", "name", "status", "model", "time zone", "next import (UTC)", "failures", "keeps (days)", "EUR", "CSV"),
        [
            (
                row["slug"],
                row["name"],
                row["status"],
                row["model"],
                row["timeZone"],
                show_moment(row["nextImportAt"]),
                row["importFailures"],
                _shown_retention(row),
                _shown_limits(row),
                row["csvUrl"],
            )
            for row in document["companies"]
        ],
        chosen=("slug", "name", "status", "next import (UTC)", "failures"),
        empty="No companies yet. Add one: livedash company add SLUG --csv-url URL",
    )


def _shown_retention(row: Document) -> str:
    """`transcripts 30, answers 90`: only what is not kept for good."""
    kept = {"transcripts": "keepTranscriptsDays", "messages": "keepMessagesDays", "answers": "keepAnswersDays"}
    limited = [f"{what} {row[key]:,}" for what, key in kept.items() if row[key] is not None]
    return ", ".join(limited) or "forever"


def _shown_limits(row: Document) -> str:
    """`month 50, budget 40`: what differs from the settings."""
    limits = {"month": "monthlyCapEur", "day": "dailyCapEur", "budget": "monthlyBudgetEur"}
    return ", ".join(f"{what} {row[key]}" for what, key in limits.items() if row[key] is not None)
