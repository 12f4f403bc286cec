"""Health as asset checks: what waits too long, fails too often or costs too much, and the job that looks every half hour.

No transaction keeps these rules, so their checks run by the clock and not with an asset. The limits are
`overview.rules.health`'s, what to do is `overview.rules.alerts`'s. Add a check here when something can go wrong that nobody
would notice.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from sqlalchemy import Connection, RowMapping

from livedash_pipeline.base.rules.values import money
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.reporting import check_result, table
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.ledger.rules.results.judgement import month_of
from livedash_pipeline.overview.rules import health as rules
from livedash_pipeline.overview.rules.alerts import remedy_for_check
from livedash_pipeline.overview.rules.health import Level, worst
from livedash_pipeline.overview.store import health
from livedash_pipeline.settings import Settings

# Assets of the checks below: they are left out of the jobs that make these assets.
HEALTH_CHECKS = {
    "every_company_is_imported_in_time": "session_imports",
    "few_csv_rows_are_rejected": "session_imports",
    "no_request_waits_too_long": "pending_ai_requests",
    "no_batch_outlives_its_window": "openai_batches",
    "few_requests_fail": "ingested_results",
    "spending_stays_below_the_cap": "submitted_batches",
}

# The first and the last asset of an import: both are made by every run, and by `import_companies`.
IMPORTED = frozenset({"session_imports", "pending_ai_requests"})

_Look = Callable[[Connection, Settings], dg.AssetCheckResult]

health_check_keys = [dg.AssetCheckKey(dg.AssetKey(asset), name) for name, asset in HEALTH_CHECKS.items()]
health_checks = dg.define_asset_job(
    "health_checks",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Runs every check; `red_check_sensor` tells of those that turn red.",
)
health_checks_schedule = dg.ScheduleDefinition(
    name="health_checks_schedule",
    job=health_checks,
    cron_schedule="*/30 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks at the pipeline's health every half hour.",
)


def build_health_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks of health, with the limits of the settings."""
    return [_check(settings, look) for look in _LOOKS]


def with_freshness(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec], settings: Settings
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets, with a freshness policy on those that every import makes anew, whether or not it brings anything.

    A policy looks at an asset and not at its partitions: it turns red when no company is imported any more. Assets further on
    move only when there is something to send, so a policy on them would call a quiet day a fault.
    """
    windows = rules.import_freshness(settings.livedash_import_interval)
    policy = dg.FreshnessPolicy.time_window(fail_window=windows.fail, warn_window=windows.warn)
    return [
        asset.map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, policy))
        if isinstance(asset, dg.AssetsDefinition) and any(key.to_user_string() in IMPORTED for key in asset.keys)
        else asset
        for asset in assets
    ]


def _check(settings: Settings, look: _Look) -> dg.AssetChecksDefinition:
    name = look.__name__.removeprefix("_")

    @dg.asset_check(name=name, asset=HEALTH_CHECKS[name], description=look.__doc__)
    def check(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
        with postgres.engine() as engine, engine.connect() as connection:
            return look(connection, settings)

    return check


def _red(name: str, rows: Sequence[RowMapping], level: Level = Level.ERROR, **options: Any) -> dg.AssetCheckResult:
    return check_result(rows, remedy_for_check(name).advice, level=level, **options)


def _hours(duration: timedelta) -> float:
    return round(duration / timedelta(hours=1), 2)


def _every_company_is_imported_in_time(connection: Connection, settings: Settings) -> dg.AssetCheckResult:
    """No working company's import is overdue or has failed three times in a row."""
    patience, now = rules.longest_overdue(settings.livedash_import_interval), database_now(connection)
    rows = health.overdue_imports(
        connection,
        failures=rules.IMPORT_FAILURES,
        due_before=now - patience,
        running_since=now - rules.LONGEST_IMPORT,
    )
    return _red("every_company_is_imported_in_time", rows, limit_hours=_hours(patience))


def _few_csv_rows_are_rejected(connection: Connection, settings: Settings) -> dg.AssetCheckResult:
    """No company's newest import rejected more than half of what LIVEDASH_MAX_REJECT_RATIO allows."""
    limit = settings.livedash_max_reject_ratio
    judged = [
        (rules.reject_level(row["rows"], row["rows_rejected"], limit), row) for row in health.rejected_rows(connection)
    ]
    rows = [row for level, row in judged if level is not Level.GREEN]
    return _red(
        "few_csv_rows_are_rejected",
        rows,
        worst([level for level, _ in judged]),
        count=sum(row["rows_rejected"] for row in rows),
        max_ratio=limit,
    )


def _no_request_waits_too_long(connection: Connection, settings: Settings) -> dg.AssetCheckResult:
    """No request of a working company waits for a batch longer than four times LIVEDASH_MAX_WAIT, or an hour."""
    patience = rules.longest_wait(settings.livedash_max_wait)
    rows = health.waiting_requests(connection, waiting_before=database_now(connection) - patience)
    # With a batch at work the company's turn comes: the limit is then one of tokens or money.
    level = Level.WARN if all(row["batch_at_work"] for row in rows) else Level.ERROR
    return _red(
        "no_request_waits_too_long",
        rows,
        level,
        count=sum(row["requests"] for row in rows),
        limit_hours=_hours(patience),
    )


def _no_batch_outlives_its_window(connection: Connection, settings: Settings) -> dg.AssetCheckResult:
    """No batch is beyond its 24 hours, ended long ago and not taken in, or without an id of the service for hours."""
    rows = health.late_batches(
        connection,
        window=rules.BATCH_WINDOW,
        warning=rules.BATCH_WINDOW - rules.BATCH_WARNING,
        grace=rules.BATCH_GRACE,
        prepared=rules.longest_preparation(settings.livedash_lease),
        now=database_now(connection),
    )
    # Warnings come last, so the first row is the worst.
    level = Level.WARN if rows and rows[0]["is_warning"] else Level.ERROR
    return _red("no_batch_outlives_its_window", rows, level, count=rows[0]["total"] if rows else 0)


def _few_requests_fail(connection: Connection, settings: Settings) -> dg.AssetCheckResult:
    """Of each company's requests that were settled in seven days, no more failed than LIVEDASH_MAX_FAILURE_RATIO allows."""
    since = database_now(connection) - rules.FAILURE_WINDOW
    limit = settings.livedash_max_failure_ratio
    rows = [
        row
        for row in health.failed_requests(connection, since=since)
        if rules.failure_level(row["settled"], row["failed"], limit) is not Level.GREEN
    ]
    return _red(
        "few_requests_fail", rows, count=sum(row["failed"] for row in rows), max_ratio=limit, since=since.isoformat()
    )


def _spending_stays_below_the_cap(connection: Connection, settings: Settings) -> dg.AssetCheckResult:
    """No company has spent 80 % of LIVEDASH_MONTHLY_CAP_EUR this month (UTC); red where no further request fits into it."""
    cap = settings.livedash_monthly_cap_eur
    if cap is None:
        return check_result([], "", skipped="LIVEDASH_MONTHLY_CAP_EUR is not set, so there is nothing to compare with.")
    spending = health.spending(connection, month_start=month_of(database_now(connection)))
    judged = [
        (rules.spending_level(spent=row["spent_eur"], one_more=row["one_more_eur"], cap=cap), row) for row in spending
    ]
    shown = table(
        ("company", "spent EUR", "in flight EUR at most"),
        ((row["company"], money(row["spent_eur"]), money(row["in_flight_eur"])) for row in spending),
    )
    return _red(
        "spending_stays_below_the_cap",
        [row for level, row in judged if level is not Level.GREEN],
        worst([level for level, _ in judged]),
        cap_eur=str(cap),
        spending=shown,
    )


_LOOKS: tuple[_Look, ...] = (
    _every_company_is_imported_in_time,
    _few_csv_rows_are_rejected,
    _no_request_waits_too_long,
    _no_batch_outlives_its_window,
    _few_requests_fail,
    _spending_stays_below_the_cap,
)
