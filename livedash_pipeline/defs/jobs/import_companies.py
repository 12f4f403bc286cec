"""The op job that imports many companies in one run: starting a run per company costs more than a small import.

What is imported per company is what `import_sessions` does; each company's assets are reported as materialized.
"""

from typing import Any

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.import_company import ImportContext, import_whole_company, imports_document
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, due_companies, list_companies
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.identity import identified_run
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME, Names
from livedash_pipeline.defs.reporting import answer, made_metadata
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.intake.steps.freeing import free_abandoned


class ImportCompaniesConfig(dg.Config):
    """Which companies are imported: by default those that are due."""

    all_companies: bool = Field(False, description="All working companies, due or not.")


def _chosen(engine: Engine, config: ImportCompaniesConfig) -> list[Company]:
    with engine.connect() as connection:
        if config.all_companies:
            return [company for company in list_companies(connection) if company.is_working]
        return due_companies(connection, database_now(connection))


@op_job(
    "Imports every company that is due, one after the other, in one run.",
    Kind.ROUTINE,
    run_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
)
def import_companies(
    context: dg.OpExecutionContext,
    config: ImportCompaniesConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
    names: Names,
) -> dict[str, Any]:
    """A company that fails is reported and does not keep the others from being imported."""
    answers: list[Document] = []
    with identified_run(context, postgres) as run_id, postgres.engine() as engine:
        free_abandoned(engine, http_source.settings)
        companies = _chosen(engine, config)
        context.instance.add_dynamic_partitions(names.partitions_name, [company.slug for company in companies])
        for company in companies:
            try:
                done = import_whole_company(
                    ImportContext(engine, company, http_source.settings, http_source.environ, run_id)
                )
            except LivedashError as error:
                context.log.error("%s: %s", company.slug, error)
                answers.append(error.as_document() | {"company": company.slug})
                continue
            answers.append(done.document)
            for asset, made in done.made.items():
                context.log_event(
                    dg.AssetMaterialization(names.key(asset), metadata=made_metadata(made), partition=company.slug)
                )
    document = answer(context, imports_document(answers))
    _raise_if_none_succeeded(answers)
    return document


def _raise_if_none_succeeded(answers: list[Document]) -> None:
    failed = [answer for answer in answers if not answer["ok"]]
    if failed and len(failed) == len(answers):
        raise LivedashError(
            f"None of {len(answers)} companies could be imported; the first: {failed[0]['error']['message']}",
            remedy=failed[0]["error"]["remedy"],
            code=failed[0]["error"]["code"],
        )
