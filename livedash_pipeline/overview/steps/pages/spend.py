"""Reads what the page about spending shows: the report, and the same period by day and model, in one view of the ledger.

Add a figure that the page alone needs. What is summed is decided in `overview.steps.spend`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.overview.rules.spend import Dimension
from livedash_pipeline.overview.rules.spend_charts import step_of
from livedash_pipeline.overview.steps.spend import days_of, dimensions_of, read_day, spend_document
from livedash_pipeline.overview.store.spend import read_spend

MOST_GROUPS = 20_000
"""Groups that an answer has; each takes about 2 kB of memory for as long as the answer is kept."""


def spend_with_days(
    engine: Engine,
    *,
    currency: str,
    by: Sequence[str],
    start: str | None = None,
    end: str | None = None,
    company: str | None = None,
) -> Document:
    """Returns the `report` as `report_spend` makes it, and the same period by day (of long ones by month) and model.

    Both are read in one snapshot, so that they add up to the same amounts while results are ingested. Of more groups than
    `MOST_GROUPS` the report has none, but still their sum, and `tooManyGroups` is that number; otherwise it is None.

    Raises:
        UsageError: As of `report_spend`.
    """
    dimensions = dimensions_of(by)
    first, last = read_day(start), read_day(end)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        now = database_now(connection)
        days = days_of(first, last, now=now)
        company_id = optional_company_id(connection, company)
        drawn = (Dimension(step_of(days)), Dimension.MODEL)
        rows, drawn_rows = (
            read_spend(connection, days, groups, now=now, company_id=company_id, currency=currency, most=most)
            for groups, most in ((dimensions, MOST_GROUPS + 1), (drawn, None))
        )
    too_many = len(rows) > MOST_GROUPS
    # The rows of the charts are of the same entries, and far fewer.
    report = spend_document(drawn_rows if too_many else rows, days, dimensions, currency, company)
    return {
        "report": report | {"rows": []} if too_many else report,
        "drawn": spend_document(drawn_rows, days, drawn, currency, company),
        "tooManyGroups": MOST_GROUPS if too_many else None,
    }
