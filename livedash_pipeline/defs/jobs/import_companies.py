"""The op job that imports many companies in one run: starting a run per company costs more than a small import.

What is imported per company is what `import_sessions` does. Dagster is told of a company only when there is something to tell:
at 2,000 companies that are looked at every quarter of an hour, five materializations each were gigabytes of events a day. What
news is, each step says (`Made.has_news`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.import_company import (
    CompanyImport,
    ImportContext,
    Made,
    import_whole_company,
    imports_document,
    news_document,
)
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, due_companies, list_companies
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS, log_import_events
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME, TAG_WORK, WORK_IMPORT, Names
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.intake.steps.freeing import free_abandoned


class ImportCompaniesConfig(dg.Config):
    """Which companies are imported: by default those that are due."""

    all_companies: bool = Field(False, description="All working companies, due or not.")


@dataclass
class _Pass:
    """What one run did so far."""

    context: dg.OpExecutionContext
    names: Names
    engine: Engine
    known: Mapping[str, frozenset[str]]
    documents: list[Document] = field(default_factory=list)
    with_news: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    last: tuple[Company, Mapping[str, Made]] | None = None

    def failed(self, company: Company, error: LivedashError) -> None:
        self.context.log.error("%s: %s", company.slug, error)
        self.documents.append(error.as_document() | {"company": company.slug})

    def imported(self, company: Company, done: CompanyImport) -> None:
        """Reports the assets of a company that have news, and those that Dagster shows as never materialized."""
        self.documents.append(done.document)
        if done.has_news:
            self.with_news.add(company.slug)
        self.last = company, done.made
        self._tell(company, [a for a, made in done.made.items() if made.has_news or company.slug not in self.known[a]])

    def show_sign_of_life(self) -> None:
        """Reports assets that were news of nobody once, of the last company: their freshness policies look at any event.

        Of a company as any other event, since the page of an asset shows the numbers of the newest one.
        """
        if self.last is not None:
            company, made = self.last
            self._tell(company, [asset for asset in made if asset not in self.told])

    def _tell(self, company: Company, assets: Sequence[str]) -> None:
        if self.last is not None and assets:
            made = {asset: self.last[1][asset] for asset in assets}
            log_import_events(self.context, self.engine, company, made, self.names)
            self.told |= made.keys()


def _chosen(engine: Engine, config: ImportCompaniesConfig) -> list[Company]:
    with engine.connect() as connection:
        if config.all_companies:
            return [company for company in list_companies(connection) if company.is_working]
        return due_companies(connection, database_now(connection))


def _materialized(context: dg.OpExecutionContext, names: Names) -> dict[str, frozenset[str]]:
    """Returns the companies of each asset that Dagster has a materialization of: not of new ones, nor of purged runs."""
    ask = context.instance.get_materialized_partitions
    return {asset: frozenset(ask(names.key(asset))) for asset in IMPORT_ASSETS}


@op_job(
    "Imports every company that is due, one after the other, in one run.",
    Kind.ROUTINE,
    run_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME, TAG_WORK: WORK_IMPORT},
)
def import_companies(
    context: dg.OpExecutionContext,
    config: ImportCompaniesConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
    names: Names,
) -> dict[str, Any]:
    """A company that fails is reported and does not keep the others from being imported."""
    with identified_run(context, postgres) as run_id, postgres.engine() as engine:
        free_abandoned(engine, http_source.settings)
        companies = _chosen(engine, config)
        context.instance.add_dynamic_partitions(names.partitions_name, [company.slug for company in companies])
        done = _Pass(context, names, engine, _materialized(context, names))
        for company in companies:
            try:
                done.imported(
                    company,
                    import_whole_company(
                        ImportContext(engine, company, http_source.settings, http_source.environ, run_id)
                    ),
                )
            except LivedashError as error:
                done.failed(company, error)
        done.show_sign_of_life()
    shown = news_document(done.documents, done.with_news)
    document = answer(context, imports_document(done.documents), shown=shown)
    _raise_if_none_succeeded(done.documents)
    return document


def _raise_if_none_succeeded(answers: list[Document]) -> None:
    failed = [answer for answer in answers if not answer["ok"]]
    if failed and len(failed) == len(answers):
        raise LivedashError(
            f"None of {len(answers)} companies could be imported; the first: {failed[0]['error']['message']}",
            remedy=failed[0]["error"]["remedy"],
            code=failed[0]["error"]["code"],
        )
