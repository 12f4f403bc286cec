"""Assets of the group `chats`: a company's lists of questions, and the answers to them, in numbers.

Rows are written by slices and by the ledger; a materialization says where they stand. Add a number that people want to follow.
"""

from collections.abc import Iterator

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.chats.store.figures import CompanyFigures, company_figures
from livedash_pipeline.defs.assets.spend import log_spend_event
from livedash_pipeline.defs.blueprints import asset_spec, assets
from livedash_pipeline.defs.descriptions.table_schemas import table_metadata
from livedash_pipeline.defs.names import GROUP_CHATS, Names
from livedash_pipeline.defs.reporting import rows_in_partition
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.overview.steps.row_counts import rows_of_company

CHAT_BATCHES, CHAT_RESULTS = "chat_batches", "chat_results"


def _told(engine: Engine, slug: str) -> dict[str, dict[str, int | float]]:
    """What materializations of both assets say, by asset."""
    with engine.connect() as connection:
        company = get_company(connection, slug)
        figures = company_figures(connection, company.id)
    rows = rows_of_company(engine, ["chat_interactions"], company.id)
    return {
        CHAT_BATCHES: batch_numbers(figures),
        CHAT_RESULTS: result_numbers(figures, rows.get("chat_interactions")),
    }


def batch_numbers(figures: CompanyFigures) -> dict[str, int | float]:
    """What `chat_batches` says of a company."""
    return {
        **rows_in_partition(figures.batches),
        "open_batches": figures.open_batches,
        "total_items": figures.total_items,
        "pending_items": figures.pending_items,
        "processing_items": figures.processing_items,
    }


def result_numbers(figures: CompanyFigures, turns: int | None) -> dict[str, int | float]:
    """What `chat_results` says of a company; without the cost of answers whose price or rate is unknown."""
    return {
        **rows_in_partition(turns),
        "processed_items": figures.processed_items,
        "failed_items": figures.failed_items,
        "skipped_items": figures.skipped_items,
        "cancelled_items": figures.cancelled_items,
        "cost_eur": float(figures.cost_eur),
        "unpriced_calls": figures.unpriced_calls,
    }


def log_chat_events(context: dg.OpExecutionContext, engine: Engine, slug: str, names: Names) -> None:
    """Reports where a company's chat batches stand, as materializations of both assets, and what it has spent by now."""
    for asset, numbers in _told(engine, slug).items():
        context.log_event(dg.AssetMaterialization(names.key(asset), metadata=numbers, partition=slug))
    log_spend_event(context, engine, slug, names)


def chats(
    context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres], names: Names
) -> Iterator[dg.MaterializeResult[None]]:
    """Counts a company's chat batches and their answers; `process_chat_batch` does the same after each slice."""
    with identified_run(context, postgres), postgres.engine() as engine:
        told = _told(engine, context.partition_key)
    for asset, numbers in told.items():
        yield dg.MaterializeResult(asset_key=names.key(asset), metadata=numbers)


def build_chat_assets(names: Names) -> list[dg.AssetsDefinition]:
    """Makes both assets, which one step counts."""
    specs = [
        asset_spec(
            names,
            CHAT_BATCHES,
            group=GROUP_CHATS,
            kinds={"postgres"},
            partitions_def=names.partitions,
            description="A company's lists of questions, a conversation each, and how far they are.",
            metadata=table_metadata("chat_batches"),
        ),
        asset_spec(
            names,
            CHAT_RESULTS,
            group=GROUP_CHATS,
            deps=[CHAT_BATCHES],
            kinds={"postgres", "openai"},
            partitions_def=names.partitions,
            description="The answers to them, with what became of every question and what it cost.",
            metadata=table_metadata("chat_interactions"),
        ),
    ]
    return [assets(names, chats, specs, name="chats")]
