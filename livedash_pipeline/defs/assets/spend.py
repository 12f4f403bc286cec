"""The asset of the group `analysis` that says what a company has spent.

It holds no rows: costs stand in the ledger, and a materialization is a point of a plot. Made by each `ingest_results` and after
each slice of a chat batch, since then costs become known, and to sum a company's month takes less time than to start a run.
"""

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.defs.blueprints import asset_spec, assets
from livedash_pipeline.defs.descriptions.table_schemas import view_metadata
from livedash_pipeline.defs.names import GROUP_ANALYSIS, Names
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.overview.steps.spend import month_so_far, numbers

SPEND = "spend"


def spend_of_company(
    context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres], names: Names
) -> dg.MaterializeResult[None]:
    """Sums the company's month; batches and calls alike."""
    with identified_run(context, postgres), postgres.engine() as engine, engine.connect() as connection:
        spent = month_so_far(connection, context.partition_key)
    return dg.MaterializeResult(asset_key=names.key(SPEND), metadata=numbers(spent))


def log_spend_event(context: dg.OpExecutionContext, engine: Engine, slug: str, names: Names) -> None:
    """Reports what a company has spent this month, as a materialization, from a run that bought single calls."""
    with engine.connect() as connection:
        spent = month_so_far(connection, slug)
    context.log_event(dg.AssetMaterialization(names.key(SPEND), metadata=numbers(spent), partition=slug))


def build_spend_assets(names: Names) -> list[dg.AssetsDefinition]:
    """Makes the asset; its step has another name, since the op job `spend` has an op of that one."""
    spec = asset_spec(
        names,
        SPEND,
        group=GROUP_ANALYSIS,
        deps=["ingested_results"],
        kinds={"postgres"},
        partitions_def=names.partitions,
        description="What a company has spent since the month began (UTC), what of it was wasted, and what batches saved.",
        metadata=view_metadata("cost_entries"),
    )
    return [assets(names, spend_of_company, [spec], name="spend_of_company")]
