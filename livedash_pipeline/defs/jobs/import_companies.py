"""The op job that imports many companies in one run: starting a run per company costs more than a small import.

What is imported per company is what `import_sessions` does; each company's assets are reported as materialized.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.import_company import CompanyImport, import_whole_company, imports_document
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, due_companies, list_companies
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.identity import identified_run
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, PARTITIONS, TAG_MAX_RUNTIME
from livedash_pipeline.defs.reporting import answer, document_metadata
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.intake.steps.freeing import free_abandoned
from livedash_pipeline.intake.steps.import_csv import import_document
from livedash_pipeline.scratch import scratch_directory
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.sources.csv_source import CsvSource


class ImportCompaniesConfig(dg.Config):
    """Which companies are imported: by default those that are due."""

    all_companies: bool = Field(False, description="All working companies, due or not.")


def _chosen(engine: Engine, config: ImportCompaniesConfig) -> list[Company]:
    with engine.connect() as connection:
        if config.all_companies:
            return [company for company in list_companies(connection) if company.is_working]
        return due_companies(connection, database_now(connection))


@dg.op(
    description="Imports every company that is due, one after the other, in one run.",
    tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
)
def import_companies(
    context: dg.OpExecutionContext,
    config: ImportCompaniesConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
) -> dict[str, Any]:
    """A company that fails is reported and does not keep the others from being imported."""
    answers: list[Document] = []
    with (
        identified_run(context) as run_id,
        postgres.engine() as engine,
        scratch_directory("csv") as spool,
    ):
        free_abandoned(engine, http_source.settings)
        companies = _chosen(engine, config)
        context.instance.add_dynamic_partitions(PARTITIONS, [company.slug for company in companies])
        for company in companies:
            try:
                done = import_whole_company(
                    engine,
                    company,
                    settings=http_source.settings,
                    source=CsvSource(http_source.environ, spool),
                    environ=http_source.environ,
                    count_tokens=count_tokens,
                    run_id=run_id,
                )
            except LivedashError as error:
                context.log.error("%s: %s", company.slug, error)
                answers.append(error.as_document() | {"company": company.slug})
                continue
            answers.append(import_document(done.imported))
            for event in _materializations(company, done):
                context.log_event(event)
    document = answer(context, imports_document(answers))
    _raise_if_none_succeeded(answers)
    return document


def _materializations(company: Company, done: CompanyImport) -> Iterator[dg.AssetMaterialization]:
    rows = done.imported.rows - done.imported.rejected
    changed = done.sessions.created + done.sessions.updated
    yield dg.AssetMaterialization(
        "session_imports",
        metadata=document_metadata(import_document(done.imported), row_count=rows),
        partition=company.slug,
    )
    for asset, count in (
        ("transcripts", done.transcripts.fetched),
        ("sessions", changed),
        ("messages", done.sessions.messages),
        ("pending_ai_requests", done.requests.created),
    ):
        yield dg.AssetMaterialization(asset, metadata={"dagster/row_count": count}, partition=company.slug)


def _raise_if_none_succeeded(answers: list[Document]) -> None:
    failed = [answer for answer in answers if not answer["ok"]]
    if failed and len(failed) == len(answers):
        raise LivedashError(
            f"None of {len(answers)} companies could be imported; the first: {failed[0]['error']['message']}",
            remedy=failed[0]["error"]["remedy"],
            code=failed[0]["error"]["code"],
        )
