"""Assets of the group `sessions`: chat sessions and their messages, made together in one transaction a chunk.

Add what is derived from rows and transcripts without a model. The analysis is in `defs.assets.analysis`.
"""

from collections.abc import Iterator

import dagster as dg

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.defs.assets.imports import transcripts
from livedash_pipeline.defs.identity import identified_run
from livedash_pipeline.defs.names import GROUP_SESSIONS, IMPORT_MAX_RUNTIME, OWNERS, TAG_MAX_RUNTIME
from livedash_pipeline.defs.partitions import company_partitions
from livedash_pipeline.defs.reporting import counts, table_metadata
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions


@dg.multi_asset(
    name="sessions_and_messages",
    specs=[
        dg.AssetSpec(
            "sessions",
            deps=[transcripts],
            group_name=GROUP_SESSIONS,
            owners=OWNERS,
            kinds={"postgres"},
            partitions_def=company_partitions,
            description="One chat session per imported row: times, participants' numbers, and later the analysis.",
            metadata=table_metadata("sessions"),
        ),
        dg.AssetSpec(
            "messages",
            deps=[transcripts],
            group_name=GROUP_SESSIONS,
            owners=OWNERS,
            kinds={"postgres"},
            partitions_def=company_partitions,
            description="What was said, in order: role, time where the transcript gives one, and text.",
            metadata=table_metadata("messages"),
        ),
    ],
    op_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
)
def sessions_and_messages(
    context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres]
) -> Iterator[dg.MaterializeResult[None]]:
    """Parses what was fetched into sessions and messages; one transaction a chunk writes both."""
    with identified_run(context), postgres.engine() as engine:
        with engine.connect() as connection:
            company = get_company(connection, context.partition_key)
        report = derive_sessions(engine, company)
    made = {
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "failed": report.failed,
        "waiting for a request in flight": report.deferred,
    }
    yield dg.MaterializeResult(
        asset_key="sessions",
        metadata={"dagster/row_count": report.created + report.updated, "table": counts(made)},
    )
    yield dg.MaterializeResult(asset_key="messages", metadata={"dagster/row_count": report.messages})
