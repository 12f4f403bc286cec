"""Keeps the sums of spending close to the ledger, and kept counts few, in transactions that are short.

Whoever is about to read sums again and again calls this first. Nothing is wrong where nobody does: what is not summed is counted.
"""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.kept_counts import merge_counts
from livedash_pipeline.ledger.store.costs.spend_sums import sum_changed_spend

# Of one transaction, which keeps its snapshot for some seconds.
_ENTRIES_AT_ONCE = 100_000
ENTRIES_OF_A_SUBMIT = 500_000
"""A first submit after an upgrade sums no more than so many entries, and leaves the others to the next ones."""


def bring_sums_up_to_date(engine: Engine, *, most_entries: int = ENTRIES_OF_A_SUBMIT) -> int:
    """Sums batches and hours that have changed, and returns how many; at most about `most_entries` entries.

    Counts of rows are merged as well.
    """
    units = 0
    with engine.begin() as connection:
        merge_counts(connection)
    for _ in range(max(most_entries // _ENTRIES_AT_ONCE, 1)):
        with engine.begin() as connection:
            summed = sum_changed_spend(connection, now=database_now(connection), most_entries=_ENTRIES_AT_ONCE)
        units += summed.units
        if not summed.is_more:
            break
    return units
