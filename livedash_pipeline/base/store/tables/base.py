"""What all tables share: the metadata with its naming rules, and the columns and checks that recur.

Add a column kind that three tables need. Tables themselves live in the sibling modules. Every table and column has a comment: one
sentence that says what it holds, its unit, and what null means. The database, `docs/tables.md` and Dagster show that sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Index, MetaData, Numeric, Text, Uuid, text
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Money per attempt can be far below a cent: twelve decimals keep one token of the cheapest model exact.
MONEY = Numeric(20, 12)
RATE = Numeric(18, 9)
MOMENT = DateTime(timezone=True)

CHECKED_REFERENCE = "references"
"""Key of a column's `info`: the column of another table (`table.column`) whose values are its own, without a foreign key."""

# Comments of columns that many tables have.
ID = "Id that grows with time: the order of ids is the order of creation."
COMPANY = "Company whose row it is."
COMPANY_OR_NONE = "Company whose row it is; null: no single company's."
LEGACY = "Id in the system that the row was taken over from; null: made here."
CREATED = "When the row was made."
UPDATED = "When the row changed last."
RECORDED = "When the row was written last."
USD_EUR = "Euro for one US dollar, as it was used; null: not priced."
FINGERPRINT = "Keyed fingerprint of the API key, never the key."
ENDPOINT = "Host and path of the service."


def id_column() -> Column[Any]:
    """Primary key: a UUID that grows with time, so that id order is the order of creation."""
    return Column("id", Uuid, primary_key=True, server_default=text("livedash_uuid7()"), comment=ID)


def reference(
    name: str, target: str, comment: str | None = None, *, nullable: bool = False, **options: Any
) -> Column[Any]:
    """A column that names a row of another table (`table.column`)."""
    return Column(name, Uuid, ForeignKey(target), nullable=nullable, comment=comment, **options)


def bulk_reference(
    name: str, target: str, comment: str, *, kind: type[TypeEngine[Any]] = Uuid, nullable: bool = False, **options: Any
) -> Column[Any]:
    """A column that names a row of another table (`table.column`), in a table with a row or more a session.

    It is checked by a trigger once a statement (docs/decisions/references-per-statement.md): a foreign key checks each row.
    """
    info = {CHECKED_REFERENCE: target}
    return Column(name, kind, autoincrement=False, nullable=nullable, comment=comment, info=info, **options)


def company_column(*, nullable: bool = False, bulk: bool = False) -> Column[Any]:
    """The company whose row it is; `bulk` as in `bulk_reference`."""
    comment = COMPANY if not nullable else COMPANY_OR_NONE
    return (bulk_reference if bulk else reference)("company_id", "companies.id", comment, nullable=nullable)


def moment(name: str, comment: str | None = None, *, nullable: bool = True) -> Column[Any]:
    """A point in time with its zone."""
    return Column(name, MOMENT, nullable=nullable, comment=comment)


def legacy_column(*, unique: bool = True) -> Column[Any]:
    """The id in the system that rows were taken over from; `unique` is False where `legacy_index` keeps it so."""
    return Column("legacy_id", Text, unique=unique or None, comment=LEGACY)


def legacy_index(table: str) -> Index:
    """Keeps ids of the old system unique in a table that grows with every session.

    The index holds rows that were taken over alone: that of a unique constraint has an entry for every version of every row.
    """
    return Index(f"ix_{table}_legacy_id", "legacy_id", unique=True, postgresql_where=text("legacy_id IS NOT NULL"))


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """The column holds one of an enum's values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def not_negative(*columns: str) -> list[CheckConstraint]:
    """Counts, tokens and money are never below zero."""
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def not_before(later: str, earlier: str) -> CheckConstraint:
    """One time does not lie before another one."""
    return CheckConstraint(f"{later} >= {earlier}", name=f"{later}_after_{earlier}")
