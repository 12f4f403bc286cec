"""The stage of the records of a CSV: a temporary table with the columns that a record has, of the types that are stored.

The stage belongs to the transaction that makes it and vanishes with it. Nothing is added here for a column: see
`intake.rules.csv_layout`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table
from sqlalchemy.schema import CreateTable

from livedash_pipeline.base.store.tables import session_imports
from livedash_pipeline.intake.rules.csv_layout import SCRATCH_COLUMNS

# Columns of the stage alone: where the record stands in the file, and its times.
_OWN = {"line_number": Integer, "line_count": Integer, "start_epoch": BigInteger, "end_epoch": BigInteger}


def _column(name: str) -> Column[object]:
    if name in _OWN:
        return Column(name, _OWN[name], nullable=False)
    stored = session_imports.c[name]
    return Column(name, stored.type, nullable=stored.nullable)


scratch_imports = Table(
    "scratch_imports", MetaData(), *map(_column, SCRATCH_COLUMNS), prefixes=["TEMPORARY"], postgresql_on_commit="DROP"
)
create_scratch_imports = CreateTable(scratch_imports)
