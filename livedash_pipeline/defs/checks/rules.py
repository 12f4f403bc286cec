"""Asset checks: rules that ought to hold, each named as the statement that is true when it is green.

A red check says how many rows break the rule, names some, and what to do. The rules themselves are kept by transactions; a
check is how people learn that one was broken. Rules about time, shares and money, which no transaction can keep, are in
`defs.checks.health`.
"""

from dataclasses import asdict
from datetime import timedelta

import dagster as dg

from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.checks.health import build_health_checks
from livedash_pipeline.defs.reporting import SAMPLE, check_result
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.overview.rules.alerts import remedy_for_check
from livedash_pipeline.overview.store import checks
from livedash_pipeline.settings import Settings


@dg.asset_check(
    asset="session_imports", description="Every record of a CSV is new, changed, unchanged or a kept reject."
)
def every_csv_row_is_accounted_for(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Compares the counts of each company's newest import with each other and with the rejects that were kept."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong, looked_at = checks.unaccounted_imports(connection)
    return check_result(wrong, remedy_for_check("every_csv_row_is_accounted_for").advice, imports=looked_at)


@dg.asset_check(asset="ingested_results", description="Every submitted request ends in exactly one outcome.")
def every_submitted_request_has_one_outcome(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Looks for requests that a settled batch left behind, or that neither result file mentions."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong = checks.requests_without_one_outcome(connection)
    return check_result(wrong, remedy_for_check("every_submitted_request_has_one_outcome").advice)


@dg.asset_check(asset="ingested_results", description="The service's counts are those of its result files.")
def service_counts_agree(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Compares `request_counts` of settled batches with the lines that were taken in."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong = checks.batches_with_other_counts(connection)
    return check_result(wrong, remedy_for_check("service_counts_agree").advice)


@dg.asset_check(asset="ingested_results", description="The cost of the lines agrees with the batch's usage.")
def cost_agrees_with_batch_usage(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Compares tokens with `batch.usage`, and looks for answers without a price or an exchange rate."""
    with postgres.engine() as engine, engine.connect() as connection:
        wrong = checks.batches_with_other_usage(connection)
    return check_result(wrong, remedy_for_check("cost_agrees_with_batch_usage").advice)


def build_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """All checks, with the limits of the settings."""

    @dg.asset_check(asset="pending_ai_requests", description="No stage has begun long ago without an end.")
    def no_stage_is_stuck(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
        """A stage with a request in an open batch is not stuck; its batch is at work."""
        with postgres.engine() as engine, engine.connect() as connection:
            since = database_now(connection) - timedelta(seconds=settings.livedash_stuck_after)
            stuck = stages.find_stuck_stages(connection, started_before=since, most=SAMPLE)
        wrong = [asdict(each) for each in stuck.oldest]
        return check_result(wrong, remedy_for_check("no_stage_is_stuck").advice, count=stuck.total)

    return [
        every_csv_row_is_accounted_for,
        every_submitted_request_has_one_outcome,
        service_counts_agree,
        cost_agrees_with_batch_usage,
        no_stage_is_stuck,
        *build_health_checks(settings),
    ]
