"""Op jobs that ask something of the pipeline's tables, or change many of their rows.

Add a job whose body is one call of a step. Op jobs answer with the documents of the commands, as output, metadata and log line.
"""

from typing import Any, Literal

import dagster as dg
from pydantic import Field

from livedash_pipeline.analysis.steps.reread import reread_answers
from livedash_pipeline.base.rules.outcomes import FAILURE_CODES
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, MAX_PAGE
from livedash_pipeline.defs import forms
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.names import POOL_OPENAI, Names
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import OpenAIBatch, Postgres, batch_run
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches import requests as operations
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches as cancel
from livedash_pipeline.ledger.steps.batches.cancel import cancel_document
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs, read_charge
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches as reconcile
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_document
from livedash_pipeline.ledger.steps.results.poll import poll_batches as poll
from livedash_pipeline.ledger.steps.results.poll import poll_document
from livedash_pipeline.overview.steps.caps import report_caps
from livedash_pipeline.overview.steps.pipeline_report import report_status
from livedash_pipeline.overview.steps.spend import BY_DEFAULT, report_spend


class CompanyConfig(dg.Config):
    """Which company; all of them unless one is named."""

    company: forms.Text = forms.company()


class ListRequestsConfig(dg.Config):
    """Which requests are listed."""

    status: forms.RequestStatusWord = Field("processing_failed", description="Where the requests stand.")
    limit: int = Field(DEFAULT_PAGE, description=f"Requests a page, 1 to {MAX_PAGE}.")
    cursor: forms.Text = forms.text("nextCursor of the page before, with the same status and company.")
    company: forms.Text = forms.company()


class RequeueConfig(dg.Config):
    """Which failed requests wait again: those named, or those that a filter names."""

    request_ids: list[str] = Field([], description="Ids of requests; leave empty to use a filter.")
    company: forms.Text = forms.company("Filter: slug of a company; empty: all.")
    error_code: forms.Text = forms.text(
        f"Filter: why they failed, in either case: {', '.join(FAILURE_CODES)}, or a code of the service."
    )
    older_than_hours: float | None = Field(0.0, description="Filter: failed at least so many hours ago. 0: of any age.")
    model: forms.Text = forms.text("Filter: the model that they ask.")
    batch: forms.Text = forms.text("Filter: a batch that they were tried in, by our id or OpenAI's.")
    dry_run: bool | None = Field(
        True,
        description="Only count. A script that leaves it out changes explicit ids, and counts what a filter names.",
    )


@op_job("Asks the service how open batches stand, and writes what changed.", Kind.ROUTINE, pool=POOL_OPENAI)
def poll_batches(
    context: dg.OpExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """One tick of `open_batch_sensor`, by hand."""
    report_dead_runs(context.instance, postgres)
    with batch_run(context, postgres, openai_batch) as batch_context:
        return answer(context, poll_document(poll(batch_context)))


@op_job("Counts requests per status.", Kind.QUESTION)
def summary(
    context: dg.OpExecutionContext, config: CompanyConfig, postgres: dg.ResourceParam[Postgres]
) -> dict[str, Any]:
    """Requests per status, over all companies or of one."""
    with identified_run(context, postgres), postgres.engine() as engine:
        return answer(context, operations.summarise(engine, config.company))


@op_job("Lists requests of one status, a page at a time.", Kind.QUESTION)
def list_requests(
    context: dg.OpExecutionContext, config: ListRequestsConfig, postgres: dg.ResourceParam[Postgres]
) -> dict[str, Any]:
    """One page of requests."""
    with identified_run(context, postgres), postgres.engine() as engine:
        document = operations.list_requests(
            engine, status=config.status, limit=config.limit, cursor=config.cursor, company=config.company
        )
        return answer(context, document)


@op_job("Puts failed requests back to pending.", Kind.DANGEROUS)
def requeue(
    context: dg.OpExecutionContext,
    config: RequeueConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """Failed requests wait again."""
    hours = forms.hours_of(context, "older_than_hours", config.older_than_hours)
    with identified_run(context, postgres), postgres.engine() as engine:
        document = requeue_requests(
            engine,
            KINDS,
            request_ids=config.request_ids,
            company=config.company,
            error_code=config.error_code,
            older_than_hours=hours,
            model=config.model,
            batch=config.batch,
            dry_run=None if forms.left_out(context, "dry_run") else config.dry_run,
            settings=openai_batch.settings,
        )
        hint = forms.counted_only(context, config.dry_run, config.request_ids)
        named = (config.company, config.error_code, hours, config.model, config.batch)
        if not config.request_ids and all(value is None for value in named):
            hint = "Nothing is named: fill in request_ids, or a filter such as error_code or company."
        return answer(context, document, hint)


class RereadConfig(dg.Config):
    """Which kept answers are judged again."""

    company: forms.Text = forms.company()
    outcome: forms.OutcomeOrAny = Field("", description="How they ended; empty: in any of these ways.")
    dry_run: bool = Field(True, description="Only count.")


@op_job("Judges kept answers of failed requests again with the present reader; buys nothing.", Kind.DANGEROUS)
def reread(
    context: dg.OpExecutionContext, config: RereadConfig, postgres: dg.ResourceParam[Postgres]
) -> dict[str, Any]:
    """A dry run unless it says otherwise."""
    with identified_run(context, postgres), postgres.engine() as engine:
        document = reread_answers(
            engine, company=config.company, outcome=config.outcome or None, dry_run=config.dry_run
        )
        return answer(context, document, forms.counted_only(context, config.dry_run, ()))


class PriceBackfillConfig(dg.Config):
    """Which open costs are filled in."""

    company: forms.Text = forms.company()
    model: forms.Text = forms.text("One model, by the name that requests use; empty: all.")
    batch: forms.Text = forms.text("One batch: our id or the service's, or that of a surplus batch.")
    request: forms.Text = forms.text("One request: its id, or that of one of its tries, such as a call.")
    usd: forms.Text = forms.text(
        "What that batch or request was charged for what nobody can work out, in US dollars, such as 0.42."
    )
    dry_run: bool = Field(True, description="Only count.")


@op_job("Works out costs that were unknown when they were written; what was written stays as it is.", Kind.DANGEROUS)
def price_backfill(
    context: dg.OpExecutionContext,
    config: PriceBackfillConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """A dry run unless it says otherwise."""
    request = BackfillRequest(config.company, config.model, config.batch, read_charge(config.usd), config.request)
    with identified_run(context, postgres), postgres.engine() as engine:
        document = backfill_costs(engine, openai_batch.settings, request, dry_run=config.dry_run)
        return answer(context, document, forms.counted_only(context, config.dry_run, ()))


@op_job("Counts sessions per stage and status, and says what stands in the way.", Kind.QUESTION)
def pipeline_status(
    context: dg.OpExecutionContext,
    config: CompanyConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """Sessions per stage and status, over all companies or of one."""
    with identified_run(context, postgres), postgres.engine() as engine:
        return answer(context, report_status(engine, openai_batch.settings, KINDS, config.company))


class SpendConfig(CompanyConfig):
    """Which days are summed, and what they are grouped by."""

    by: list[str] = Field(
        list(BY_DEFAULT), description="Any of day, month, company, model, kind and outcome; empty: one sum."
    )
    start: forms.Text = forms.text("First day (UTC), such as 2025-05-01; empty: the first of the month.")
    end: forms.Text = forms.text("Last day (UTC), included; empty: today.")


@op_job("Sums what was spent: for whom, on what, what was wasted and what batches saved.", Kind.QUESTION)
def spend(
    context: dg.OpExecutionContext,
    config: SpendConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """Costs of the ledger per group."""
    with identified_run(context, postgres), postgres.engine() as engine:
        document = report_spend(
            engine,
            currency=openai_batch.settings.livedash_currency,
            by=config.by,
            start=config.start,
            end=config.end,
            company=config.company,
        )
        return answer(context, document)


@op_job("Shows caps and budgets, with what is spent, in flight, left and foreseen.", Kind.QUESTION)
def caps(
    context: dg.OpExecutionContext,
    config: CompanyConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """Of all companies and all together, or of one."""
    with identified_run(context, postgres), postgres.engine() as engine:
        return answer(context, report_caps(engine, openai_batch.settings, config.company))


class CancelBatchesConfig(dg.Config):
    """Which batches are cancelled, and what becomes of requests that the service did not finish."""

    batch_ids: list[str] = Field([], description="Ids of batches: ours, or OpenAI's.")
    unfinished: Literal["pending", "failed"] = Field(
        "pending", description="What unfinished requests become: pending again, or failed."
    )


@op_job(
    "Asks for batches to be cancelled; what was finished before is kept and paid for.", Kind.DANGEROUS, pool=POOL_OPENAI
)
def cancel_batches(
    context: dg.OpExecutionContext,
    config: CancelBatchesConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """The cancel request is stored first; every poll repeats it until the batch has ended."""
    hint = None if config.batch_ids else "Nothing is named: fill in batch_ids with ids of batches, ours or OpenAI's."
    with batch_run(context, postgres, openai_batch) as batch_context:
        document = cancel_document(cancel(batch_context, config.batch_ids, unfinished=config.unfinished))
        return answer(context, document, hint)


class ReconcileBatchesConfig(dg.Config):
    """How much is believed."""

    accept_vanished: bool = Field(
        False,
        description="Believe at once that what the service does not show this key is gone; its requests fail, and are not "
        "bought again.",
    )
    believe_absence: str = Field(
        "",
        description="Our id of a batch whose create has no known outcome, where you know that it was not made: it is fenced and "
        "bought anew.",
    )


@op_job("Compares everything at the service with the ledger.", Kind.ROUTINE, pool=POOL_OPENAI)
def reconcile_batches(
    context: dg.OpExecutionContext,
    config: ReconcileBatchesConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """Adopts what was bought, cancels surplus, removes files that nobody needs, counts unknown batches."""
    report_dead_runs(context.instance, postgres)
    with batch_run(context, postgres, openai_batch) as batch_context:
        report = reconcile(
            batch_context,
            accept_vanished=config.accept_vanished,
            believe_absence=config.believe_absence or None,
        )
    for problem in (*report.problems, *report.doubts):
        context.log.error(problem)
    return answer(context, reconcile_document(report))


BATCH_JOBS = (poll_batches, cancel_batches, reconcile_batches)
OPERATIONS = (summary, list_requests, requeue, reread, pipeline_status, spend, caps, price_backfill)


def reconcile_schedule(names: Names) -> dg.ScheduleDefinition:
    """Once a day at a quiet hour; polling finds everything that is urgent."""
    return dg.ScheduleDefinition(
        name=names.name("nightly_reconcile_schedule"),
        job_name=names.name(reconcile_batches.name),
        cron_schedule="17 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compares everything at the service with the ledger, once a day.",
    )
