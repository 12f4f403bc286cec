"""The assets of an import: the CSV that a company publishes, and what each step makes of it.

The steps are `analysis.steps.import_company`'s; nothing is added here for one. Each depends on what the step before it makes.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from livedash_pipeline.analysis.steps.import_company import IMPORT_STEPS, ImportAsset, ImportContext, ImportStep
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.defs.identity import identified_run
from livedash_pipeline.defs.names import GROUP_IMPORT, IMPORT_MAX_RUNTIME, OWNERS, TAG_MAX_RUNTIME
from livedash_pipeline.defs.partitions import company_partitions
from livedash_pipeline.defs.reporting import made_metadata, table_metadata
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT, CSV_COLUMNS

company_csv = dg.AssetSpec(
    "company_csv",
    group_name=GROUP_IMPORT,
    owners=OWNERS,
    kinds={"csv"},
    partitions_def=company_partitions,
    description=f"The CSV that a company publishes: {COLUMN_COUNT} columns, no header, one row per chat session.",
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(column.name, description=column.description) for column in CSV_COLUMNS]
        )
    },
)


def _spec(asset: ImportAsset, deps: Sequence[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset.name,
        deps=deps,
        group_name=asset.group,
        owners=OWNERS,
        kinds=set(asset.kinds),
        partitions_def=company_partitions,
        description=asset.description,
        metadata=table_metadata(asset.table, asset.columns),
    )


def _assets_of(step: ImportStep, deps: Sequence[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=step.name,
        specs=[_spec(asset, deps) for asset in step.assets],
        op_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
    )
    def assets(
        context: dg.AssetExecutionContext,
        postgres: dg.ResourceParam[Postgres],
        http_source: dg.ResourceParam[HttpSource],
    ) -> Iterator[dg.MaterializeResult[None]]:
        with identified_run(context) as run_id, postgres.engine() as engine:
            with engine.connect() as connection:
                company = get_company(connection, context.partition_key)
            made = step.run(ImportContext(engine, company, http_source.settings, http_source.environ, run_id)).made
        for asset, part in zip(step.assets, made, strict=True):
            yield dg.MaterializeResult(asset_key=asset.name, metadata=made_metadata(part))

    return assets


def _all_assets() -> list[dg.AssetsDefinition]:
    made, deps = [], ["company_csv"]
    for step in IMPORT_STEPS:
        made.append(_assets_of(step, deps))
        deps = [asset.name for asset in step.assets]
    return made


import_assets = _all_assets()
# Submitted sessions have no CSV and nothing to fetch.
submission_assets = [made for made, step in zip(import_assets, IMPORT_STEPS, strict=True) if step.of_submissions]
# The first and the last asset of an import: both are made by every run, and by `import_companies`.
IMPORT_ENDS = (IMPORT_STEPS[0].assets[0].name, IMPORT_STEPS[-1].assets[-1].name)
