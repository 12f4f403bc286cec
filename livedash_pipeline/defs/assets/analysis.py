"""Assets of the group `analysis` after an import: the batches that requests are sent in, and the results that come back.

Add what has to do with a model's answers. The batches at the service are an external asset; `open_batch_sensor` observes it.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from livedash_pipeline.base.rules.values import money
from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.defs import forms
from livedash_pipeline.defs.blueprints import asset_spec, assets, observed_asset
from livedash_pipeline.defs.console_pages import batch_pages
from livedash_pipeline.defs.descriptions.table_schemas import table_metadata
from livedash_pipeline.defs.names import GROUP_ANALYSIS, POOL_OPENAI, Names
from livedash_pipeline.defs.reporting import (
    asset_metadata,
    chart_metadata,
    counts,
    outcome_numbers,
    rows_in_all,
    rows_in_partition,
    table,
)
from livedash_pipeline.defs.resources import OpenAIBatch, Postgres, batch_run
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.named_batch import accept_files, ingest_again, named_batch
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_document, submit_pending
from livedash_pipeline.ledger.steps.results.ingest import IngestReport, ingest_document, ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches, poll_document
from livedash_pipeline.overview.rules.console_links import results_address
from livedash_pipeline.overview.rules.figures import without_zeros
from livedash_pipeline.overview.steps.pages.result_charts import CHART_SECONDS, CompanyCharts, company_charts
from livedash_pipeline.overview.steps.row_counts import batches_of_all, rows_of_company
from livedash_pipeline.overview.steps.spend import numbers, spend_of_batches


class SubmitConfig(dg.Config):
    """What is submitted: by default, everything that is due."""

    company: forms.Text = forms.company()
    ignore_minimum: bool = Field(
        False,
        description="Submit groups that are smaller than LIVEDASH_MIN_BATCH and have not waited LIVEDASH_MAX_WAIT.",
    )
    unhold: bool = Field(False, description="End all holds of the endpoint first.")


def submitted_batches(
    context: dg.AssetExecutionContext,
    config: SubmitConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dg.MaterializeResult[None]:
    """Batches at the service, one model and one company each; their rows exist before the service is called."""
    with batch_run(context, postgres, openai_batch) as batch_context:
        company_id = None
        if config.company is not None:
            with batch_context.engine.connect() as connection:
                company_id = get_company(connection, config.company).id
        report = submit_pending(
            batch_context, company_id=company_id, ignore_minimum=config.ignore_minimum, unhold=config.unhold
        )
        rows = batches_of_all(batch_context.engine)
    for reason in report.held:
        context.log.warning(reason)
    return dg.MaterializeResult(
        metadata=rows_in_all(rows)
        | asset_metadata(submit_document(report))
        | {"holds": len(report.held)}
        | ({"batches_sent": _submitted(report)} if report.submitted else {})
        | batch_pages(openai_batch.settings, (batch.batch_id for batch in report.submitted))
    )


def _submitted(report: SubmitReport) -> dg.MarkdownMetadataValue:
    header = ("batch", "company", "model", "requests", "OpenAI id", "at most EUR")
    return table(
        header,
        (
            (
                batch.batch_id,
                batch.company,
                batch.model,
                batch.requests,
                batch.remote_batch_id,
                money(batch.reserved_eur),
            )
            for batch in report.submitted
        ),
    )


class IngestConfig(dg.Config):
    """What is ingested: by default, every finished batch of the company that is due."""

    again: forms.Text = forms.text(
        "Only this settled batch, by our id or OpenAI's: what its files show of requests that were given up."
    )
    accept_files: forms.Text = forms.text(
        "Only this finished batch: its files count as they are, and requests without a line fail."
    )


def _ingest(context: BatchContext, config: IngestConfig, company: Company) -> IngestReport:
    named = config.again or config.accept_files
    if named is None:
        return ingest_finished(context, company_id=company.id)
    if config.again and config.accept_files:
        raise UsageError("again and accept_files exclude each other.", remedy="Give one of them.")
    owner = named_batch(context.engine, named).company
    if owner != company.slug:
        raise UsageError(
            f"Batch {named!r} is of {owner}, and this run is of {company.slug}.", remedy=f"Choose partition {owner}."
        )
    return ingest_again(context, named) if config.again else accept_files(context, named)


def _pictures(charts: CompanyCharts | None, link: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The charts of both assets, where there are some; the counts of a run stand without them."""
    if charts is None:
        return {}, {}
    days = f"Sessions that began from {charts.first} to {charts.last}"
    return chart_metadata(days, charts.results, link=link), chart_metadata(days, charts.questions, link=link)


def _unusual(report: IngestReport) -> dict[str, Any]:
    """Lines that were no answer to their batch's requests, and the batches that were settled, where there are some."""
    lines = without_zeros(
        {"of strangers": report.unknown_lines, "repeated": report.repeated, "unreadable": report.unreadable}
    )
    shown = {"lines": counts(lines)} if lines else {}
    return shown | (
        {"batches_settled": table(("batch",), ([each] for each in report.batches))} if report.batches else {}
    )


def ingested_results_and_questions(
    context: dg.AssetExecutionContext,
    config: IngestConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
    names: Names,
) -> Iterator[dg.MaterializeResult[None]]:
    """Takes the company's finished batches in: both files, every outcome, one transaction a batch."""
    with batch_run(context, postgres, openai_batch) as batch_context:
        with batch_context.engine.connect() as connection:
            company = get_company(connection, context.partition_key)
        report = _ingest(batch_context, config, company)
        spent = spend_of_batches(batch_context.engine, report.batches)
        rows = rows_of_company(batch_context.engine, ("ai_request_attempts", "session_questions"), company.id)
        with postgres.engine(statement_timeout=CHART_SECONDS) as quick:
            charts = company_charts(quick, company.slug)
    pictures = _pictures(charts, results_address(openai_batch.settings.livedash_console_url, company.slug))
    yield dg.MaterializeResult(
        asset_key=names.key("ingested_results"),
        metadata={
            **rows_in_partition(rows.get("ai_request_attempts")),
            **asset_metadata(ingest_document(report)),
            **outcome_numbers(report.outcomes),
            **numbers(spent),
            **_unusual(report),
            **pictures[0],
            **batch_pages(openai_batch.settings, report.batches),
        },
    )
    yield dg.MaterializeResult(
        asset_key=names.key("session_questions"),
        metadata={
            **rows_in_partition(rows.get("session_questions")),
            "written": report.details["questions"],
            **pictures[1],
        },
    )
    if report.failures:
        raise LivedashError(
            f"The results of {plural(len(report.failures), 'batch', 'batches')} could not be fetched: "
            f"{report.failures[0].message}",
            remedy="Nothing to do where `open_batch_sensor` runs; elsewhere run `livedash ingest` again.",
            code="results_not_fetched",
        )


def observe_batches(
    context: dg.AssetExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
    names: Names,
) -> Iterator[dg.ObserveResult]:
    """Polls once, as `open_batch_sensor` does, and says how the batches stand; finished ones are ingested by others."""
    with batch_run(context, postgres, openai_batch) as batch_context:
        document = poll_document(poll_batches(batch_context))
    yield dg.ObserveResult(asset_key=names.key("openai_batches"), metadata=asset_metadata(document))


def build_analysis_assets(names: Names) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Makes the batches, as we sent them and as the service sees them, and what came back."""
    submitted = asset_spec(
        names,
        "submitted_batches",
        group=GROUP_ANALYSIS,
        deps=["pending_ai_requests"],
        kinds={"postgres", "openai"},
        description="Batches at the service, one model and one company each; their rows exist before the service is called.",
        metadata=table_metadata("ai_batch_requests"),
    )
    at_the_service = asset_spec(
        names,
        "openai_batches",
        group=GROUP_ANALYSIS,
        deps=["submitted_batches"],
        kinds={"openai"},
        description="The batches as the service sees them; `open_batch_sensor` reports every change, and so does *Observe*.",
    )
    return [
        assets(names, submitted_batches, [submitted], name="submitted_batches", pool=POOL_OPENAI),
        observed_asset(names, observe_batches, at_the_service, name="openai_batches"),
        assets(
            names,
            ingested_results_and_questions,
            _result_specs(names),
            name="ingested_results_and_questions",
            pool=POOL_OPENAI,
        ),
    ]


def _result_specs(names: Names) -> list[dg.AssetSpec]:
    return [
        asset_spec(
            names,
            "ingested_results",
            group=GROUP_ANALYSIS,
            deps=["openai_batches"],
            kinds={"postgres"},
            partitions_def=names.partitions,
            description="What became of every request, what it cost, and the analysis of its session.",
            metadata=table_metadata("ai_request_attempts"),
        ),
        asset_spec(
            names,
            "session_questions",
            group=GROUP_ANALYSIS,
            deps=["openai_batches"],
            kinds={"postgres"},
            partitions_def=names.partitions,
            description="The questions that users asked, per company and session, in the order of their importance.",
            metadata=table_metadata("session_questions"),
        ),
    ]
