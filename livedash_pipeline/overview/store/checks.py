"""What the asset checks look up: rows that break a rule which ought to hold.

Each function returns the offending rows, so that a check can name some of them. What to do about them is the check's to say.
Stages that are stuck are found by `base.store.stages`, for everybody who asks.
"""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from livedash_pipeline.base.store.statements import statement


def unaccounted_imports(connection: Connection) -> tuple[list[RowMapping], int]:
    """Newest imports whose records or rejects do not add up, and how many imports were looked at."""
    rows = connection.execute(statement("overview/check_import_rows")).mappings().all()
    wrong = [row for row in rows if row["rows"] != row["accounted"] or row["rows_rejected"] != row["rejects_kept"]]
    return wrong, len(rows)


def requests_without_one_outcome(connection: Connection) -> list[RowMapping]:
    """Requests of settled batches that have no outcome, or that no result file mentioned."""
    return list(connection.execute(statement("overview/check_request_outcomes")).mappings())


def batches_with_other_counts(connection: Connection) -> list[RowMapping]:
    """Settled batches whose counts at the service are not those of their files."""
    return list(connection.execute(statement("overview/check_service_counts")).mappings())


def batches_with_other_usage(connection: Connection) -> list[RowMapping]:
    """Settled batches whose tokens or costs do not add up."""
    return list(connection.execute(statement("overview/check_batch_usage")).mappings())
