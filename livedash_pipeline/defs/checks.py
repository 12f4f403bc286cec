"""Asset checks: rules that ought to hold, each named as the statement that is true when it is green.

A red check says how many rows break the rule, names some, and what to do. The rules themselves are kept by transactions; a check
is how people learn that one was broken.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from sqlalchemy import RowMapping

from livedash_pipeline.db import checks
from livedash_pipeline.db.connect import database_now
from livedash_pipeline.defs.reporting import table
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.settings import Settings

_SAMPLE = 10


def _result(rows: Sequence[RowMapping], remedy: str, **metadata: Any) -> dg.AssetCheckResult:
    sample = rows[:_SAMPLE]
    found: dict[str, Any] = {"count": len(rows), **metadata}
    if rows:
        found |= {"sample": table(sample[0].keys(), (row.values() for row in sample)), "remedy": remedy}
    return dg.AssetCheckResult(passed=not rows, metadata=found)


@dg.asset_check(
    asset="session_imports", description="Every record of a CSV is new, changed, unchanged or a kept reject."
)
def every_csv_row_is_accounted_for(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Compares the counts of each company's newest import with each other and with the rejects that were kept."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong, looked_at = checks.unaccounted_imports(connection)
    return _result(
        wrong, "Import the company again (`livedash import --company SLUG`) and keep its CSV.", imports=looked_at
    )


@dg.asset_check(asset="ingested_results", description="Every submitted request ends in exactly one outcome.")
def every_submitted_request_has_one_outcome(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Looks for requests that a settled batch left behind, or that neither result file mentions."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong = checks.requests_without_one_outcome(connection)
    return _result(
        wrong,
        "Compare the batch's files at the service with `livedash requests`; "
        "missing ones are asked again by themselves, failed ones by `livedash requeue ID`.",
    )


@dg.asset_check(asset="ingested_results", description="The service's counts are those of its result files.")
def service_counts_agree(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Compares `request_counts` of settled batches with the lines that were taken in."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong = checks.batches_with_other_counts(connection)
    return _result(wrong, "The lines count, not the service's numbers: look at the outcomes of the batch's requests.")


@dg.asset_check(asset="ingested_results", description="The cost of the lines agrees with the batch's usage.")
def cost_agrees_with_batch_usage(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Compares tokens with `batch.usage`, and looks for answers without a price or an exchange rate."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong = checks.batches_with_other_usage(connection)
    return _result(
        wrong, "Set what is missing with `livedash price set` or `livedash rate set`; `livedash doctor` says which."
    )


def build_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """All checks, with the limits of the settings."""

    @dg.asset_check(asset="pending_ai_requests", description="No stage has begun long ago without an end.")
    def no_stage_is_stuck(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
        """A stage with a request in an open batch is not stuck; its batch is at work."""
        with postgres.engine() as engine, engine.connect() as connection:
            since = database_now(connection) - timedelta(seconds=settings.livedash_stuck_after)
            wrong = checks.stuck_stages(connection, started_before=since)
        return _result(wrong, "Import the company again; its unfinished stages are taken up where they stand.")

    return [
        every_csv_row_is_accounted_for,
        every_submitted_request_has_one_outcome,
        service_counts_agree,
        cost_agrees_with_batch_usage,
        no_stage_is_stuck,
    ]
