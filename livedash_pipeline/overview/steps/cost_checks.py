"""Looks of the health checks about costs: those that nobody knows, and those that disagree with the service's own figures.

Add a look about costs here, and its entry to `CHECKS` of `overview.steps.checks`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from livedash_pipeline.base.rules.values import money
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.overview.rules.health import FAILURE_WINDOW, Level
from livedash_pipeline.overview.steps.check import Finding
from livedash_pipeline.overview.store.checks import SAMPLE, look_up
from livedash_pipeline.settings import Settings


def open_costs(connection: Connection, _: Settings) -> Finding:
    """Finds entries whose cost is unknown, by company, model, what is missing and whose bill says it."""
    rows = look_up(connection, "overview/check_open_costs", sample=SAMPLE)
    shown = [dict(row) | {"reserved_eur": money(row["reserved_eur"])} for row in rows]
    return Finding(shown, count=sum(row["entries"] for row in rows))


def disagreeing_costs(connection: Connection, _: Settings) -> Finding:
    """Finds batches whose usage is not that of their lines and of what is booked beside them; yellow are other tiers.

    Lines on another tier are those of seven days.
    """
    wrong = look_up(connection, "overview/check_batch_usage")
    since = database_now(connection) - FAILURE_WINDOW
    tiers = look_up(connection, "overview/check_other_tiers", since=since)
    return Finding([*wrong, *tiers], Level.ERROR if wrong else Level.WARN)
