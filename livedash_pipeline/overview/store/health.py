"""What the checks of health look up: waiting, open, failed and rejected things, and money, per company.

Each function returns rows with their numbers and some ids; whether that is healthy is decided in `overview.rules.health`. Add a
look-up together with its statement, which has to stay quick over a million requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping

from livedash_pipeline.base.store.statements import statement

# So many ids or rows are named; the rest is counted.
SAMPLE = 10


def waiting_requests(connection: Connection, *, waiting_before: datetime) -> Sequence[RowMapping]:
    """Working companies whose requests wait since before a moment: how many, since when, and whether a batch is at work."""
    values = {"waiting_before": waiting_before, "sample": SAMPLE}
    return connection.execute(statement("overview/check_waiting_requests"), values).mappings().all()


def late_batches(
    connection: Connection,
    *,
    window: timedelta,
    warning: timedelta,
    grace: timedelta,
    prepared: timedelta,
    now: datetime,
) -> Sequence[RowMapping]:
    """Batches that take longer than they may; each row has the number of all in `total`.

    Args:
        connection: Our database.
        window: How long the service has, where it did not say when a batch expires.
        warning: How long before the end of the window one is named.
        grace: How long after its end, or after a batch has ended, nothing is wrong yet.
        prepared: How long a batch may be without an id of the service.
        now: The present.
    """
    values = {
        "batch_window": window,
        "expires_soon": now + warning,
        "expired_before": now - grace,
        "ended_before": now - grace,
        "created_before": now - prepared,
        "sample": SAMPLE,
    }
    return connection.execute(statement("overview/check_open_batches"), values).mappings().all()


def failed_requests(connection: Connection, *, since: datetime) -> Sequence[RowMapping]:
    """Companies with failed requests: how many were settled since a moment, how many of them are failed now, and why most."""
    values = {"since": since, "sample": SAMPLE}
    return connection.execute(statement("overview/check_failed_requests"), values).mappings().all()


def rejected_rows(connection: Connection) -> Sequence[RowMapping]:
    """Companies whose newest import rejected records, with both numbers."""
    return connection.execute(statement("overview/check_rejected_rows")).mappings().all()


def overdue_imports(
    connection: Connection, *, failures: int, due_before: datetime, running_since: datetime
) -> Sequence[RowMapping]:
    """Companies whose imports failed so often in a row, or were due before a moment without one running since another."""
    values = {"failures": failures, "due_before": due_before, "running_since": running_since}
    return connection.execute(statement("overview/check_overdue_imports"), values).mappings().all()


def spending(connection: Connection, *, month_start: datetime) -> Sequence[RowMapping]:
    """Companies with their spent and in-flight money since the beginning of a month, and what one request sets aside."""
    return connection.execute(statement("overview/check_spending"), {"month_start": month_start}).mappings().all()
