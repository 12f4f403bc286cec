"""The assets of an import: the CSV that a company publishes, and what each step makes of it.

The steps are `analysis.steps.import_company`'s; nothing is added here for one. Each depends on what the step before it makes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.analysis.steps.import_company import IMPORT_STEPS, ImportAsset, ImportContext, ImportStep, Made
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.defs.blueprints import asset_spec, assets
from livedash_pipeline.defs.descriptions.table_schemas import csv_metadata, table_metadata
from livedash_pipeline.defs.names import GROUP_IMPORT, IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME, Names
from livedash_pipeline.defs.reporting import made_metadata
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.overview.steps.row_counts import rows_of_company

# What each step makes, in their order, and what the steps make of submitted sessions: those have no CSV and nothing to fetch.
IMPORT_ASSETS = tuple(asset.name for step in IMPORT_STEPS for asset in step.assets)
SUBMISSION_ASSETS = tuple(asset.name for step in IMPORT_STEPS if step.of_submissions for asset in step.assets)


def build_import_assets(names: Names) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Makes the CSV of a company as an external asset, and what each step makes of it."""
    made: list[dg.AssetsDefinition | dg.AssetSpec] = [_company_csv(names)]
    deps = ["company_csv"]
    for step in IMPORT_STEPS:
        specs = [_spec(names, asset, deps) for asset in step.assets]
        tags = {TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME}
        made.append(assets(names, _body(step), specs, name=step.name, op_tags=tags))
        deps = [asset.name for asset in step.assets]
    return made


def _company_csv(names: Names) -> dg.AssetSpec:
    return asset_spec(
        names,
        "company_csv",
        group=GROUP_IMPORT,
        kinds={"csv"},
        partitions_def=names.partitions,
        description=f"The CSV that a company publishes: {COLUMN_COUNT} columns, no header, one row per chat session.",
        metadata=csv_metadata(),
    )


def _spec(names: Names, asset: ImportAsset, deps: Sequence[str]) -> dg.AssetSpec:
    return asset_spec(
        names,
        asset.name,
        group=asset.group,
        deps=deps,
        kinds=set(asset.kinds),
        partitions_def=names.partitions,
        description=asset.description,
        metadata=table_metadata(asset.table),
    )


def log_import_events(
    context: dg.OpExecutionContext, engine: Engine, company: Company, made: Mapping[str, Made], names: Names
) -> None:
    """Reports what an import made of some of a company's assets, as materializations, from a run that imports many companies."""
    every = [asset for step in IMPORT_STEPS for asset in step.assets if asset.name in made]
    rows = rows_of_company(engine, [asset.table for asset in every], company.id)
    for asset in every:
        metadata = made_metadata(made[asset.name], rows.get(asset.table))
        context.log_event(dg.AssetMaterialization(names.key(asset.name), metadata=metadata, partition=company.slug))


def _body(step: ImportStep) -> Callable[..., Iterator[dg.MaterializeResult[None]]]:
    """Returns what Dagster runs for a step: one company's part of it, and what it made of each asset."""

    def run_step(
        context: dg.AssetExecutionContext,
        postgres: dg.ResourceParam[Postgres],
        http_source: dg.ResourceParam[HttpSource],
        names: Names,
    ) -> Iterator[dg.MaterializeResult[None]]:
        with identified_run(context, postgres) as run_id, postgres.engine() as engine:
            with engine.connect() as connection:
                company = get_company(connection, context.partition_key)
            made = step.run(ImportContext(engine, company, http_source.settings, http_source.environ, run_id)).made
            rows = rows_of_company(engine, [asset.table for asset in step.assets], company.id)
        for asset, part in zip(step.assets, made, strict=True):
            metadata = made_metadata(part, rows.get(asset.table))
            yield dg.MaterializeResult(asset_key=names.key(asset.name), metadata=metadata)

    return run_step
