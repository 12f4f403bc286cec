"""The asset of the group `analysis` that says what a company has spent.

It holds no rows: costs stand in the ledger, and a materialization is a point of a plot. Made by each `ingest_results` and after
each slice of a chat batch, since then costs become known, and to sum a company's month takes less time than to start a run.
"""

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.defs.identity import identified_run
from livedash_pipeline.defs.names import GROUP_ANALYSIS, OWNERS
from livedash_pipeline.defs.partitions import company_partitions
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.overview.steps.spend import month_so_far, numbers

SPEND = "spend"


# The op job of this name has an op of this name.
@dg.multi_asset(
    name="spend_of_company",
    specs=[
        dg.AssetSpec(
            SPEND,
            deps=["ingested_results"],
            group_name=GROUP_ANALYSIS,
            owners=OWNERS,
            kinds={"postgres"},
            partitions_def=company_partitions,
            description="What a company has spent since the month began (UTC), what of it was wasted, and what batches saved.",
        )
    ],
)
def spend_of_company(
    context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres]
) -> dg.MaterializeResult[None]:
    """Sums the company's month; batches and calls alike."""
    with identified_run(context), postgres.engine() as engine, engine.connect() as connection:
        spent = month_so_far(connection, context.partition_key)
    return dg.MaterializeResult(asset_key=SPEND, metadata=numbers(spent))


def log_spend_event(context: dg.OpExecutionContext, engine: Engine, slug: str) -> None:
    """Reports what a company has spent this month, as a materialization, from a run that bought single calls."""
    with engine.connect() as connection:
        spent = month_so_far(connection, slug)
    context.log_event(dg.AssetMaterialization(SPEND, metadata=numbers(spent), partition=slug))
