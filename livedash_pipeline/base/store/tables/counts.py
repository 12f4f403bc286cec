"""Table of kept counts: how many rows large tables hold, by company, kind and status.

A table that is to be counted gets triggers in a migration, and its rows in `sql/statements/base/recount_rows.sql`.
docs/decisions/kept-row-counts.md says why counts are added and sums of spending are not.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, Uuid

from livedash_pipeline.base.store.tables.base import id_column, metadata

kept_counts = Table(
    "kept_counts",
    metadata,
    id_column(),
    Column("table_name", Text, nullable=False, comment="Table whose rows are counted."),
    # No foreign key: it would lock the company's row.
    Column("company_id", Uuid, nullable=False, comment="Company whose rows they are."),
    Column("kind", Text, comment="Kind of the requests, or the stage; null: another table's rows."),
    Column("status", Text, comment="Status of the requests, or of the stage; null: another table's rows."),
    Column(
        "found",
        BigInteger,
        nullable=False,
        comment="Rows that came, less those that went: the sum is how many there are.",
    ),
    Index("ix_kept_counts_table_name_company_id", "table_name", "company_id"),
    comment="One row per statement that changed how many rows there are, until such rows are merged.",
)
