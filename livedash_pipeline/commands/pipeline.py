"""`livedash import`, `submit`, `poll` and `ingest`: one step each, run to its end in the foreground as a Dagster run.

Add a step as a `ForegroundRun`. What a step does is in `steps`; how it becomes a run is in `defs.runs`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.commands.shell.command import Answer, Document, command, company_option
from livedash_pipeline.commands.shell.context import ready_engine, ready_environment
from livedash_pipeline.commands.shell.output import draw_table, show, show_bound, show_moment
from livedash_pipeline.intake.rules.transcript_failures import transcript_remedy
from livedash_pipeline.ledger.rules.admission.nothing_sent import unknown_clause

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.runtime.environment import Environment

_WELL = ("imported", "same")
_STEP_REASON = "Slug of one company; without it, all that are active or on trial."


@dataclass(frozen=True)
class ForegroundRun:
    """A job with its partition and the configuration of its main step."""

    job: str
    partition: str | None = None
    op_config: dict[str, Any] = field(default_factory=dict)


def import_run(company: str | None) -> ForegroundRun:
    """One company's import, or that of all working companies, due or not."""
    if company is None:
        return ForegroundRun("import_companies", op_config={"all_companies": True})
    return ForegroundRun("import_sessions", partition=company)


def submit_run(company: str | None, *, unhold: bool) -> ForegroundRun:
    """A submit by hand, which ignores the minimum batch size."""
    config: dict[str, Any] = {"ignore_minimum": True, "unhold": unhold}
    return ForegroundRun("submit_batches", op_config=config | ({} if company is None else {"company": company}))


def run_step(run: ForegroundRun, *, needs_key: bool = True) -> Document:
    """Runs a job in the foreground and returns its document."""
    environment = _checked_environment(run.partition or run.op_config.get("company"), needs_key=needs_key)
    with _dagster():
        from livedash_pipeline.defs.runs import run_in_foreground

        return run_in_foreground(environment, run.job, partition=run.partition, op_config=run.op_config)


@contextmanager
def _dagster() -> Iterator[None]:
    """Dagster's ways made those of a command: no warnings about its own beta parameters, and an interrupt is one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"dagster(\.|\Z)")
        try:
            yield
        except BaseException as error:
            # Within a step Dagster raises an exception of its own, which is no Exception; its class is not ours to import.
            if isinstance(error, Exception) or not type(error).__module__.startswith("dagster."):
                raise
            raise KeyboardInterrupt from None


def _checked_environment(company: str | None, *, needs_key: bool) -> Environment:
    """A ready machine; what is missing is said before a run is started that could only fail."""
    from livedash_pipeline.base.steps.companies import require_company
    from livedash_pipeline.ledger.steps.batches.context import require_api_key
    from livedash_pipeline.runtime.environment import opened_engine

    environment = ready_environment()
    if company is not None:
        with opened_engine(environment) as engine:
            require_company(engine, company)
    if needs_key:
        require_api_key(environment.settings)
    return environment


@command("import", works=True, example=("livedash import --company acme", "livedash import --company acme --force"))
@company_option(_STEP_REASON)
@click.option("--force", is_flag=True, help="Read every CSV again, whatever is known of it.")
def import_sessions(company: str | None, force: bool) -> Answer:
    """Import CSV and transcripts, derive sessions, make requests."""
    if force:
        _forget_validators(company)
    document = run_step(import_run(company), needs_key=False)
    rows = document.get("companies", [document])
    _add_failed_transcripts(rows)
    return Answer(document, lambda console: draw_imports(console, rows))


@command("submit", works=True, example=("livedash submit --dry-run", "livedash submit --company acme"))
@company_option(_STEP_REASON)
@click.option("--dry-run", is_flag=True, help="Only say what would go out and what it would cost; needs no key.")
@click.option(
    "--unhold", is_flag=True, help="First end all holds, for which a model or the service is passed over for a while."
)
def submit(company: str | None, dry_run: bool, unhold: bool) -> Answer:
    """Send pending requests to the Batch API, however few they are."""
    document = _preview(company, unhold=unhold) if dry_run else run_step(submit_run(company, unhold=unhold))
    return Answer(document, lambda console: draw_submit(console, document))


def _add_failed_transcripts(rows: list[Document]) -> None:
    """Says with each import which transcripts of the company could not be fetched so far, and why."""
    from livedash_pipeline.intake.store.transcripts import count_failed_transcripts

    with ready_engine() as (_, engine), engine.connect() as connection:
        counts = count_failed_transcripts(connection, [row["company"] for row in rows])
    for row in rows:
        row["failedTranscripts"] = counts.get(row["company"], {})


def _forget_validators(company: str | None) -> None:
    from livedash_pipeline.base.store.companies import optional_company_id
    from livedash_pipeline.intake.store.import_files import forget_files
    from livedash_pipeline.intake.store.imports import forget_validators

    with ready_engine() as (_, engine), engine.begin() as connection:
        company_id = optional_company_id(connection, company)
        forget_validators(connection, company_id)
        forget_files(connection, company_id)


def _preview(company: str | None, *, unhold: bool) -> Document:
    from livedash_pipeline.base.store.companies import optional_company_id
    from livedash_pipeline.kinds import KINDS
    from livedash_pipeline.overview.steps.pipeline_report import foresee_submit

    with ready_engine() as (settings, engine):
        with engine.connect() as connection:
            company_id = optional_company_id(connection, company)
        return foresee_submit(engine, settings, KINDS, company_id, unhold=unhold)


@command("poll", works=True, example="livedash poll && livedash ingest")
def poll() -> Answer:
    """Ask the service how open batches stand, once."""
    document = run_step(ForegroundRun("poll_batches"))
    return Answer(document, lambda console: draw_poll(console, document))


@command("ingest", works=True, example=("livedash ingest --company acme", "livedash ingest --again batch_6812f0c2"))
@company_option(_STEP_REASON)
@click.option(
    "--again",
    metavar="BATCH",
    help="Read the files of a settled batch again, for answers to requests that have failed; buys nothing.",
)
@click.option(
    "--accept-files",
    metavar="BATCH",
    help="Believe that a batch's files are complete; requests without a line in them fail.",
)
def ingest(company: str | None, again: str | None, accept_files: str | None) -> Answer:
    """Ingest finished batches: analyses, questions, failures and costs.

    Incomplete files are read again after growing waits; `livedash batches` says what is wrong with them.
    """
    named = {name: value for name, value in (("again", again), ("accept_files", accept_files)) if value}
    if len(named) + (company is not None) > 1:
        raise click.UsageError("--company, --again and --accept-files exclude each other.")
    if named:
        document = run_step(_ingest_named(named))
    else:
        document = _ingest_all() if company is None else run_step(ForegroundRun("ingest_results", partition=company))
    return Answer(document, lambda console: draw_ingest(console, document))


def _ingest_named(config: dict[str, str]) -> ForegroundRun:
    from livedash_pipeline.ledger.steps.batches.named_batch import named_batch

    (name,) = config.values()
    with ready_engine() as (_, engine):
        company = named_batch(engine, name).company
    return ForegroundRun("ingest_results", partition=company, op_config=config)


def _ingest_all() -> Document:
    environment = _checked_environment(None, needs_key=True)
    with _dagster():
        from livedash_pipeline.defs.runs import ingest_all

        return ingest_all(environment)


def draw_imports(console: Console, rows: list[Document]) -> None:
    """A row per company; failures follow, each with its remedy."""
    counts = ("rows", "new", "changed", "unchanged", "rejected")
    draw_table(
        console,
        ("company", *counts),
        [(row["company"], *(row.get(name) for name in counts)) for row in rows],
        empty="No company is active or on trial. Add one: livedash company add SLUG --csv-url URL",
    )
    for row in rows:
        if row.get("unread"):
            have = f"{plural(row['unread'], 'row')} {verb(row['unread'], 'has', 'have')}"
            console.print(
                f"{row['company']}: {have} a value that could not be read; `session_imports.unread` notes it."
            )
        _draw_files(console, row)
        for code, count in row.get("failedTranscripts", {}).items():
            remedy = transcript_remedy(code, row["company"])
            console.print(f"{row['company']}: {plural(count, 'transcript')} could not be fetched ({code}); {remedy}.")
        if not row["ok"]:
            error = row["error"]
            console.print(f"{row['company']} failed: {show(error['message'])} {show(error['remedy'])}")


def _draw_files(console: Console, row: Document) -> None:
    """How many files of a folder were read, and which were not, with the reason."""
    files = row.get("files", [])
    read = [file for file in files if file["outcome"] in _WELL]
    if files:
        console.print(f"{row['company']}: {plural(len(read), 'file')} read; {len(files) - len(read):,} not.")
    for file in files:
        if file["outcome"] not in _WELL:
            why = f": {show(file['error'])}" if file["error"] else ""
            console.print(f"{row['company']}: {show(file['name'])} {file['outcome']}{why}")
    if row.get("filesLeftOut"):
        console.print(f"{row['company']}: {plural(row['filesLeftOut'], 'further file')}; `import_files` has them all.")


def draw_submit(console: Console, document: Document) -> None:
    """What went out, or would; what is held back and why; and what is not known of batches."""
    cost = show_bound(document["estimatedCostEur"])
    if document.get("dryRun"):
        sent = f"Would send {_amount(document)}, {document['tokens']:,} input tokens; {cost}."
        console.print(sent if document["batches"] else "Nothing would be sent.")
    else:
        _draw_sent(console, document, cost)
    for reason in document["held"]:
        console.print(f"Held back: {show(reason)}.")
    for reason in document["why"]:
        console.print(f"Why: {show(reason)}.")
    if document["recovered"]:
        recovered = plural(document["recovered"], "batch", "batches")
        console.print(f"Of {recovered} it is known now what became of {verb(document['recovered'], 'it', 'them')}.")
    # Where nothing is sent, this is among the reasons.
    if document["awaitingRecovery"] and not document["why"]:
        moment = document["nextRecoveryAt"]
        clause = unknown_clause(document["awaitingRecovery"], moment and datetime.fromisoformat(moment))
        console.print(f"{clause[0].upper()}{clause[1:]}.")


def _draw_sent(console: Console, document: Document, cost: str) -> None:
    unanswered = document["unansweredBatches"]
    if not document["batches"]:
        console.print("Nothing was sent.")
    elif not unanswered:
        console.print(f"Sent {_amount(document)}; {cost}. Next: livedash poll")
    else:
        asked = plural(unanswered, "batch", "batches")
        with_requests = plural(document["unansweredRequests"], "request")
        console.print(
            f"Asked for {_amount(document)}; {cost}. About {asked} with {with_requests} the service has not answered."
        )


def _amount(document: Document) -> str:
    return f"{plural(document['batches'], 'batch', 'batches')} with {plural(document['requests'], 'request')}"


def draw_poll(console: Console, document: Document) -> None:
    """How many batches are open, have changed, and have ended."""
    if document["pausedUntil"]:
        console.print(
            f"Nothing was asked: the service wants fewer calls until {show_moment(document['pausedUntil'])} (UTC)."
        )
    console.print(f"{document['open']:,} open, {document['changed']:,} changed, {document['finished']:,} finished.")
    if document["finished"]:
        console.print("Next: livedash ingest")


def draw_ingest(console: Console, document: Document) -> None:
    """The outcomes that occurred."""
    console.print(f"Took {plural(document['batches'], 'batch', 'batches')} in.")
    occurred = [(name, count) for name, count in document["outcomes"].items() if count]
    if occurred:
        draw_table(console, ("outcome", "requests"), occurred, empty="")
    if document["lateAnswers"]:
        console.print(f"{plural(document['lateAnswers'], 'request')} took an answer that shows only now.")
    if document["waiting"]:
        console.print(
            f"{plural(document['waiting'], 'batch waits', 'batches wait')} for whole files; the next look is at "
            f"{show_moment(document['nextLookAt'])}. Why: livedash batches"
        )
    if document["pausedUntil"]:
        console.print(
            f"The rest is left: the service wants fewer calls until {show_moment(document['pausedUntil'])} (UTC)."
        )
