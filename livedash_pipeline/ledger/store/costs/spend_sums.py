"""Sums the entries of batches and hours that have changed, and keeps the sums, so that nobody counts ten million entries again.

Sums only make reads quicker: what is marked is read entry by entry. A further figure is a column of `spend_sums`, of
`sql/statements/ledger/sum_spend_entries.sql` and of the statements that read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from livedash_pipeline.base.store.statements import statement

_MOST_UNITS = 1_000
# Calls go on ending in the hour that it is, and in the one before while the clocks of hosts differ.
_UNFINISHED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Summed:
    """Batches and hours that were summed, and whether others are left."""

    units: int
    is_more: bool


def sum_changed_spend(connection: Connection, *, now: datetime, most_entries: int) -> Summed:
    """Sums batches and hours anew that have changed since, oldest batches first, until `most_entries` are summed.

    At least one is summed, however large. Nothing is done while another transaction sums.
    """
    # By itself, so that the sums see whatever the one before has committed.
    if not connection.execute(statement("ledger/try_fold_lock")).scalar_one():
        return Summed(0, False)
    values = {"before": _hour(now - _UNFINISHED), "most": _MOST_UNITS}
    marked = connection.execute(statement("ledger/find_spend_marks"), values).all()
    chosen, entries = 0, 0
    for unit in marked:
        entries += unit.entries
        if chosen and entries > most_entries:
            break
        chosen += 1
    if chosen:
        units = marked[:chosen]
        batch_ids = [unit.batch_id for unit in units if unit.batch_id is not None]
        hours = [unit.settled_hour for unit in units if unit.settled_hour is not None]
        connection.execute(statement("ledger/fold_spend"), {"batch_ids": batch_ids, "hours": hours})
    return Summed(chosen, chosen < len(marked) or len(marked) == _MOST_UNITS)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
