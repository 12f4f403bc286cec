"""`livedash prune`: deletes texts by age, or what named sessions or a person said, and old records of runs and of audit.

Add an option here and to `retention.rules.retention.PruneRequest`. What is deleted is decided in `retention.steps.prune`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.pipeline import ForegroundRun, run_step
from livedash_pipeline.commands.shell.command import Answer, Document, command, company_option
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.retention.rules.retention import PruneRequest


@command(
    "prune",
    works=True,
    example=(
        "livedash prune --no-dry-run",
        "livedash prune --company acme --external-id 5e2c0a44-6c1d-4a53-9a0e-3c6f0f4b7d10 --no-dry-run",
        "livedash prune --dagster-older-than 30 --audit-older-than 365 --no-dry-run",
    ),
)
@company_option("Slug of one company; without it, all of them by age.")
@click.option("--session", "session_ids", metavar="ID", multiple=True, help="Erase this session; may be repeated.")
@click.option(
    "--external-id",
    "external_ids",
    metavar="ID",
    multiple=True,
    help="Erase the session that the company's CSV calls so; may be repeated.",
)
@click.option("--ip-address", metavar="ADDRESS", help="Erase all sessions of the company's CSV with this address.")
@click.option(
    "--dagster-older-than",
    metavar="DAYS",
    type=int,
    help="Delete records of Dagster's runs that ended longer ago, 7 days at least.",
)
@click.option(
    "--audit-older-than",
    metavar="DAYS",
    type=int,
    help="Delete audit entries, of all companies, that are older, 30 days at least.",
)
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only count.")
def prune(
    company: str | None,
    session_ids: tuple[str, ...],
    external_ids: tuple[str, ...],
    ip_address: str | None,
    dagster_older_than: int | None,
    audit_older_than: int | None,
    dry_run: bool,
) -> Answer:
    """Delete texts that are older than their company keeps them, or what sessions or a person said.

    With --dagster-older-than and --audit-older-than, old records as well.
    Ids, times, categories, tokens and costs stay. What was deleted is recorded as counts and does not come back.
    """
    from livedash_pipeline.retention.rules.retention import PruneRequest
    from livedash_pipeline.retention.steps.prune import checked

    asked = PruneRequest(
        company=company,
        session_ids=session_ids,
        external_ids=external_ids,
        ip_address=ip_address,
        dagster_older_than_days=dagster_older_than,
        audit_older_than_days=audit_older_than,
        dry_run=dry_run,
    )
    request = checked(asked)
    # An erasure is no Dagster run: a run keeps its configuration, and with it whom somebody wanted to be forgotten.
    document = _erase(request) if request.names_sessions else run_step(prune_run(request), needs_key=False)
    return Answer(document, lambda console: draw_prune(console, document, erased=request.names_sessions))


def prune_run(request: PruneRequest) -> ForegroundRun:
    """Deletion by age as a job."""
    config: dict[str, Any] = {"dry_run": request.dry_run}
    config |= {"company": request.company} if request.company is not None else {}
    if request.dagster_older_than_days is not None:
        config["dagster_older_than_days"] = request.dagster_older_than_days
    if request.audit_older_than_days is not None:
        config["audit_older_than_days"] = request.audit_older_than_days
    return ForegroundRun("prune", op_config=config)


def _erase(request: PruneRequest) -> Document:
    from livedash_pipeline.retention.steps.prune import prune as flow_prune
    from livedash_pipeline.retention.steps.prune import prune_document

    with ready_engine() as (_, engine):
        return prune_document(flow_prune(engine, request))


def draw_prune(console: Console, document: Document, *, erased: bool) -> None:
    """Texts per company, and how to do what was only counted."""
    counts = ("transcripts", "messages", "answers", "rejects")
    draw_table(
        console,
        ("company", *counts),
        [(row["company"], *(row[name] for name in counts)) for row in document["companies"]],
        empty="No session is named so."
        if erased
        else "Every company keeps everything. Change it: livedash company set SLUG --keep-messages DAYS",
    )
    dry = document["dryRun"]
    if erased:
        found = document["erased"]
        console.print(
            f"{plural(found['sessions'], 'session')} {'would be ' if dry else ''}erased, {found['notFound']:,} not found."
        )
        if found["inFlight"]:
            console.print(
                f"{plural(found['inFlight'], 'request')} at the service: their answers will not be kept, and their input"
                " files stay there until the batches are settled and reconciled."
            )
        for copy in found["archived"]:
            console.print(
                f"In the archive: {copy['path']} holds {plural(copy['sessions'], 'erased session')}.", soft_wrap=True
            )
        if found["archived"]:
            console.print("Rewrite these parts without them: livedash archive erase --no-dry-run")
    if document["dagsterRuns"]:
        runs = plural(document["dagsterRuns"], "record")
        console.print(f"{runs} of Dagster's runs {'would be ' if dry else ''}deleted.")
    if document["auditEntries"]:
        entries = plural(document["auditEntries"], "audit entry", "audit entries")
        console.print(f"{entries} {'would be ' if dry else ''}deleted.")
    if dry:
        console.print("Nothing was changed. Do it: the same command with --no-dry-run")
