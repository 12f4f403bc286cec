"""Counts of rows that triggers keep: read, merged so that there are few of them, and compared with the rows.

A further table gets its triggers in a migration, and its rows in `sql/statements/base/find_count_differences.sql`. No decision
rests on such a count: it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Row, Table, func, select

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import kept_counts

_kept = kept_counts.c
# So many rows are read in a millisecond.
_MANY = 1_000


def count_rows(connection: Connection, table: Table, company_id: UUID) -> int:
    """Returns how many rows of a counted table are one company's."""
    found = func.coalesce(func.sum(_kept.found), 0)
    query = select(found).where(_kept.table_name == table.name, _kept.company_id == company_id)
    return int(connection.execute(query).scalar_one())


def merge_counts(connection: Connection) -> None:
    """Merges counts where there are many rows of them; does nothing while another transaction does."""
    few = select(_kept.id).limit(_MANY + 1).subquery()
    if connection.execute(select(func.count()).select_from(few)).scalar_one() > _MANY and _is_alone(connection):
        connection.execute(statement("base/merge_counts"))


def _is_alone(connection: Connection) -> bool:
    return bool(connection.execute(statement("base/try_merge_lock")).scalar_one())


def recount(connection: Connection, company_id: UUID | None = None) -> None:
    """Makes the counts of a company, or of all, those of the rows: for rows that were written past the triggers."""
    connection.execute(statement("base/recount_rows"), {"company_id": company_id})


def count_differences(connection: Connection, company_id: UUID) -> Sequence[Row[tuple[str, UUID, str, str, int]]]:
    """Returns by how many rows the tables of a company differ from the kept counts."""
    return connection.execute(statement("base/find_count_differences"), {"company_id": company_id}).all()
