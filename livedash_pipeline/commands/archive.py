"""`livedash archive`: settled months go to Parquet files, which can be listed, verified and put back.

Add a command of the archive. What is archived, deleted and restored is decided in `archive`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from livedash_pipeline import __version__
from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.shell.command import (
    Answer,
    CommandGroup,
    Document,
    command,
    company_option,
    wide_option,
)
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_list, draw_table, show_moment

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.archive.rules.months import Month

_FOLDERS = click.argument("folders", metavar="DIR...", nargs=-1, type=click.Path(path_type=Path))
_DRY_RUN = click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only count.")
_AGAIN = "Nothing was changed. Do it: the same command with --no-dry-run"


@click.group("archive", cls=CommandGroup, example="livedash archive create --month 2026-03 --no-dry-run")
def archive() -> None:
    """Move texts of settled months to Parquet files, and back.

    Rows stay in the database, so that nothing is imported or bought anew.
    """


@command(
    "create",
    works=True,
    example=(
        "livedash archive create --month 2026-03",
        "livedash archive create --month 2026-03 --company acme --to /srv/archive --no-dry-run",
        "livedash archive create --month 2026-03 --delete-texts --no-dry-run",
    ),
)
@click.option(
    "--month", metavar="YYYY-MM", required=True, help="Month in UTC in which the chats began; it must be over."
)
@company_option()
@click.option(
    "--to",
    "root",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory of the archive; without it LIVEDASH_HOME/archive.",
)
@click.option(
    "--keep-texts/--delete-texts",
    "keep_texts",
    default=True,
    show_default=True,
    help="Keep the texts in the database as well, or delete them there once the files were read back and compared.",
)
@_DRY_RUN
def create(month: str, company: str | None, root: Path | None, keep_texts: bool, dry_run: bool) -> Answer:
    """Write the settled sessions of a month to Parquet files.

    A session is settled when all its stages are done and nothing about it is open or due; others are counted and left.
    Running it again writes what has settled since, and goes on where it was interrupted.
    """
    from livedash_pipeline.archive.steps.create import CreateRequest, create_document
    from livedash_pipeline.archive.steps.create import create as create_parts

    with ready_engine() as (settings, engine):
        request = CreateRequest(
            month=month,
            root=(root or settings.home / "archive").absolute(),
            version=__version__,
            company=company,
            delete_texts=not keep_texts,
            dry_run=dry_run,
        )
        document = create_document(create_parts(engine, request), request)
    return Answer(document, lambda console: draw_created(console, document))


@command("list", example=("livedash archive list", "livedash archive list --company acme --month 2026-03 --json"))
@company_option()
@click.option("--month", metavar="YYYY-MM", help="Only this month.")
@wide_option()
def list_parts(company: str | None, month: str | None) -> Answer:
    """List the parts of the archive, the oldest month first."""
    from livedash_pipeline.archive.steps.look import find_parts, list_document

    with ready_engine() as (_, engine):
        document = list_document(find_parts(engine, company=company, month=_month(month)))
    return Answer(document, lambda console: draw_parts(console, document))


@command(
    "verify",
    works=True,
    example=("livedash archive verify", "livedash archive verify /srv/archive/acme/2026-03/part-0001"),
)
@_FOLDERS
@company_option()
@click.option("--month", metavar="YYYY-MM", help="Only this month.")
def verify(folders: tuple[Path, ...], company: str | None, month: str | None) -> Answer:
    """Compare the files of parts with their manifests and with what was noted when they were written.

    Without DIR, of all parts where they were written to.
    """
    from livedash_pipeline.archive.steps.look import find_parts
    from livedash_pipeline.archive.steps.look import verify as verify_parts

    with ready_engine() as (_, engine):
        document = verify_parts(engine, folders, find_parts(engine, company=company, month=_month(month)))
    return Answer(document, lambda console: draw_verified(console, document))


@command(
    "restore",
    works=True,
    example=(
        "livedash archive restore .livedash/archive/acme/2026-03/part-0001",
        "livedash archive restore /mnt/cold/acme/2026-03/part-0001 --no-dry-run",
    ),
)
@_FOLDERS
@click.option(
    "--despite-retention",
    is_flag=True,
    help="Also put back what its company keeps for a shorter time, or what was deleted by age.",
)
@_DRY_RUN
def restore(folders: tuple[Path, ...], despite_retention: bool, dry_run: bool) -> Answer:
    """Put the texts of parts back into rows that still are what the archive says.

    Sessions that were erased on request never come back.
    """
    from livedash_pipeline.archive.steps.restore import restore as restore_parts
    from livedash_pipeline.archive.steps.restore import restore_document

    if not folders:
        raise click.UsageError("Name the folder of a part; `livedash archive list --wide` shows them.")
    with ready_engine() as (_, engine):
        reports = restore_parts(engine, folders, despite_retention=despite_retention, dry_run=dry_run)
    document = restore_document(reports, dry_run=dry_run)
    return Answer(document, lambda console: draw_restored(console, document))


@command("erase", works=True, example=("livedash archive erase", "livedash archive erase --company acme --no-dry-run"))
@company_option()
@_DRY_RUN
def erase(company: str | None, dry_run: bool) -> Answer:
    """Rewrite parts that hold sessions which were erased on request, without these.

    Parts are looked for where they were written to.
    """
    from livedash_pipeline.archive.steps.erase import erase as erase_from_parts
    from livedash_pipeline.archive.steps.erase import erase_document

    with ready_engine() as (_, engine):
        document = erase_document(
            erase_from_parts(engine, company=company, version=__version__, dry_run=dry_run), dry_run
        )
    return Answer(document, lambda console: draw_erased(console, document))


for _command in (create, list_parts, verify, restore, erase):
    archive.add_command(_command)


def _month(text: str | None) -> Month | None:
    from livedash_pipeline.archive.steps.create import required_month

    return None if text is None else required_month(text)


def draw_created(console: Console, document: Document) -> None:
    """What was written, deleted and left, per company."""
    rows = [
        (
            row["company"],
            row["settled"],
            row["archivedBefore"],
            sum(row["left"].values()),
            row["partBytes"] or row["textBytes"],
            row["deleted"]["sessions"],
        )
        for row in document["companies"]
    ]
    header = ("company", "settled", "archived before", "left", "bytes", "texts deleted")
    draw_table(console, header, rows, empty="There is no company.")
    for row in document["companies"]:
        for reason, count in sorted(row["left"].items()):
            console.print(f"{row['company']}: {plural(count, 'session')} left: {reason.replace('_', ' ')}.")
        for path in row["parts"]:
            console.print(f"Written: {path}", soft_wrap=True)
        if row["deleted"]["changed"]:
            changed = plural(row["deleted"]["changed"], "session")
            console.print(
                f"{row['company']}: {changed} changed since; the next create writes a further part with them."
            )
    if document["dryRun"]:
        console.print(_AGAIN)


def draw_parts(console: Console, document: Document) -> None:
    """One line a part."""
    header = (
        "company",
        "month",
        "part",
        "sessions",
        "bytes",
        "written",
        "texts deleted",
        "restored",
        "holds erased",
        "path",
    )
    draw_list(
        console,
        header,
        [
            (
                part["company"],
                part["month"],
                part["number"],
                part["sessions"],
                part["bytes"],
                show_moment(part["writtenAt"]) or "interrupted",
                show_moment(part["textsDeletedAt"]),
                show_moment(part["restoredAt"]),
                "yes" if part["holdsErased"] else "",
                part["path"],
            )
            for part in document["parts"]
        ],
        chosen=("company", "month", "part", "sessions", "bytes", "texts deleted"),
        empty="Nothing was archived. Count what could be: livedash archive create --month YYYY-MM",
    )


def draw_verified(console: Console, document: Document) -> None:
    """One line a part, and what is wrong with it."""
    rows = [
        (part["company"], part["month"], part["sessions"], "wrong" if part["fault"] else "as written", part["path"])
        for part in document["parts"]
    ]
    draw_table(console, ("company", "month", "sessions", "is", "path"), rows, empty="There is no part to look at.")
    for part in document["parts"]:
        if part["fault"]:
            console.print(part["fault"], soft_wrap=True)


def draw_restored(console: Console, document: Document) -> None:
    """What came back from each part, and what did not, and why."""
    kinds = ("transcript", "row", "messages", "answers")
    rows = [
        (part["company"], part["sessions"], *(part["texts"].get(kind, 0) for kind in kinds), part["path"])
        for part in document["parts"]
    ]
    draw_table(console, ("company", "sessions", "transcripts", "rows", "messages", "answers", "path"), rows, empty="")
    for part in document["parts"]:
        for reason, count in sorted(part["left"].items()):
            console.print(f"{plural(count, 'session')} left out, or in part: {reason.replace('_', ' ')}.")
    if document["dryRun"]:
        console.print(_AGAIN)


def draw_erased(console: Console, document: Document) -> None:
    """Which parts were rewritten, or could not be."""
    rows = [(part["company"], part["month"], part["erased"], part["path"]) for part in document["parts"]]
    draw_table(
        console,
        ("company", "month", "erased", "path"),
        rows,
        empty="No part holds a session that was erased on request.",
    )
    for part in document["parts"]:
        if part["fault"]:
            console.print(part["fault"], soft_wrap=True)
    if document["dryRun"] and rows:
        console.print(_AGAIN)
