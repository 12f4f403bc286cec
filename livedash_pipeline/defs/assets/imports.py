"""Assets of the group `import`: rows of companies' CSVs, and their transcripts.

Add what comes in from a company. What is made of it is in `defs.assets.sessions`.
"""

import dagster as dg

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.defs.identity import identified_run
from livedash_pipeline.defs.names import GROUP_IMPORT, IMPORT_MAX_RUNTIME, OWNERS, TAG_MAX_RUNTIME
from livedash_pipeline.defs.partitions import company_partitions
from livedash_pipeline.defs.reporting import counts, document_metadata, table_metadata
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT, CSV_COLUMNS
from livedash_pipeline.intake.steps.fetch_transcripts import fetch_transcripts
from livedash_pipeline.intake.steps.import_csv import ImportRules, import_company, import_document
from livedash_pipeline.scratch import scratch_directory
from livedash_pipeline.sources.csv_source import CsvSource

_CSV = {column.name: column.description for column in CSV_COLUMNS}

company_csv = dg.AssetSpec(
    "company_csv",
    group_name=GROUP_IMPORT,
    owners=OWNERS,
    kinds={"csv"},
    partitions_def=company_partitions,
    description=f"The CSV that a company publishes: {COLUMN_COUNT} columns, no header, one row per chat session.",
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, description=description) for name, description in _CSV.items()]
        )
    },
)


@dg.asset(
    deps=[company_csv],
    group_name=GROUP_IMPORT,
    owners=OWNERS,
    kinds={"postgres", "csv"},
    partitions_def=company_partitions,
    op_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
    metadata=table_metadata("session_imports", _CSV),
)
def session_imports(
    context: dg.AssetExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
) -> dg.MaterializeResult[None]:
    """One row per chat session of the company's CSV, merged; rows that cannot be read are kept as rejects."""
    with (
        identified_run(context) as run_id,
        postgres.engine() as engine,
        scratch_directory("csv") as spool,
    ):
        with engine.connect() as connection:
            company = get_company(connection, context.partition_key)
        report = import_company(
            engine,
            company,
            source=CsvSource(http_source.environ, spool),
            rules=ImportRules.of(http_source.settings),
            run_id=run_id,
        )
    metadata = document_metadata(import_document(report), row_count=report.rows - report.rejected)
    return dg.MaterializeResult(metadata=metadata | {"import_run": str(report.import_run_id or "none, without a CSV")})


@dg.asset(
    deps=[session_imports],
    group_name=GROUP_IMPORT,
    owners=OWNERS,
    kinds={"postgres", "text"},
    partitions_def=company_partitions,
    op_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
    metadata=table_metadata("transcripts"),
)
def transcripts(
    context: dg.AssetExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
) -> dg.MaterializeResult[None]:
    """The text of each chat, fetched once and again when its row changes; a failure stays with its session."""
    with identified_run(context), postgres.engine() as engine:
        with engine.connect() as connection:
            company = get_company(connection, context.partition_key)
        report = fetch_transcripts(engine, company, environ=http_source.environ)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.fetched,
            "table": counts(
                {
                    "due": report.due,
                    "fetched": report.fetched,
                    "unchanged": report.unchanged,
                    "skipped": report.skipped,
                    **{f"failed: {reason}": count for reason, count in sorted(report.failed.items())},
                }
            ),
        }
    )
