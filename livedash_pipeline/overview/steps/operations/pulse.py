"""The parts of the overview, each a document of its own, so that one that takes long does not hold up the others.

Add a part as a function here and show it on the page `overview`. Stages, obstacles, requests, open batches and caps have
their functions in `overview.steps.pipeline_report`, `ledger.steps.batches` and `overview.steps.caps`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.connect import autocommitted, database_now
from livedash_pipeline.ledger.store.admission.holds import ListedHold, list_holds
from livedash_pipeline.ledger.store.recovery.traits import ListedTraits, list_traits
from livedash_pipeline.overview.rules.operations.nearest_limits import nearest
from livedash_pipeline.overview.rules.operations.trend import TrendDays, for_every_day
from livedash_pipeline.overview.steps.caps import report_caps
from livedash_pipeline.overview.store.operations import pulse
from livedash_pipeline.settings import Settings

TREND_DAYS = 14
_MOST_ENDPOINTS = 50


def report_imports(engine: Engine, *, most: int) -> Document:
    """Returns the last import of companies with a CSV: the most often failed first, then the oldest.

    `total` counts these companies, and `failing` those whose last import failed.
    """
    with autocommitted(engine) as connection:
        rows = pulse.last_imports(connection, most=most)
    return {
        "ok": True,
        "imports": [_import_document(row) for row in rows],
        "total": rows[0].total if rows else 0,
        "failing": rows[0].failing if rows else 0,
    }


def report_endpoints(engine: Engine) -> Document:
    """Returns the holds and pauses of all endpoints, and what each endpoint has shown; fifty of each at most."""
    with autocommitted(engine) as connection:
        holds = list_holds(connection, now=database_now(connection), most=_MOST_ENDPOINTS)
        traits = list_traits(connection, most=_MOST_ENDPOINTS)
    return {
        "ok": True,
        "holds": [_hold_document(hold) for hold in holds],
        "traits": [traits_document(each) for each in traits],
    }


def report_nearest_caps(engine: Engine, settings: Settings, *, most: int) -> Document:
    """Returns the document of caps with the companies that are nearest to a limit; `totalCompanies` counts all."""
    document = report_caps(engine, settings)
    companies = document["companies"]
    return document | {"companies": nearest(companies, most), "totalCompanies": len(companies)}


def report_trend(engine: Engine, *, days: int = TREND_DAYS) -> Document:
    """Returns what happened on each of some UTC days, the present one included: each series has a figure for every day.

    Sessions imported, requests completed and failed, batches that the service took, and the euro that the ledger knows of, with
    the number of entries whose cost is open.
    """
    with autocommitted(engine) as connection:
        period = TrendDays.up_to(database_now(connection), days)
        imported = pulse.imported_sessions(connection, period)
        ended = pulse.ended_requests(connection, period)
        batches = pulse.submitted_batches(connection, period)
        costs = pulse.daily_costs(connection, period)
    each = period.days
    requests = for_every_day(each, ended, (0, 0))
    spent = for_every_day(each, costs, (Decimal(0), 0))
    return {
        "ok": True,
        "days": [day.isoformat() for day in each],
        "sessionsImported": for_every_day(each, imported, 0),
        "requestsCompleted": [completed for completed, _ in requests],
        "requestsFailed": [failed for _, failed in requests],
        "batchesSubmitted": for_every_day(each, batches, 0),
        "costEur": [money(eur) for eur, _ in spent],
        "openEntries": [count for _, count in spent],
    }


def traits_document(each: ListedTraits) -> Document:
    """What an endpoint has shown a key."""
    traits = each.traits
    return {
        "endpoint": each.endpoint,
        "keyFingerprint": each.key_fingerprint,
        "listing": traits.listing,
        "listingAt": moment(traits.listing_at),
        "listingReason": traits.listing_reason,
        "fence": traits.fence,
        "fenceAt": moment(traits.fence_at),
        "fenceReason": traits.fence_reason,
        "renamesIds": traits.renames_ids,
        "listingLags": traits.listing_lags,
        "purchaseGuard": traits.guard.value,
    }


def _hold_document(hold: ListedHold) -> Document:
    return {
        "endpoint": hold.endpoint,
        "model": hold.model,
        "reason": hold.reason,
        "message": hold.message,
        "until": moment(hold.not_before),
        "since": moment(hold.since),
        "times": hold.times,
    }


def _import_document(row: Any) -> Document:
    return {
        "company": row.company,
        "failures": row.failures,
        "nextImportAt": moment(row.next_import_at),
        "importRunId": None if row.import_run_id is None else str(row.import_run_id),
        "status": None if row.status is None else row.status.lower(),
        "startedAt": moment(row.started_at),
        "finishedAt": moment(row.finished_at),
        "notModified": bool(row.not_modified),
        "new": row.rows_new or 0,
        "changed": row.rows_changed or 0,
        "unchanged": row.rows_unchanged or 0,
        "rejected": row.rows_rejected or 0,
        "errorCode": row.error_code,
        "errorMessage": row.error_message,
    }
