"""The columns of assets as Dagster shows them: those of the tables and views that they are, with their comments and constraints.

Add a form of a column that Dagster has a place for. What a column means is said where its table is defined.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint

from livedash_pipeline.base.store.tables import metadata as schema
from livedash_pipeline.base.store.tables.base import CHECKED_REFERENCE
from livedash_pipeline.base.store.tables.views import VIEWS, type_of
from livedash_pipeline.intake.rules.csv_layout import CSV_COLUMNS

TABLE_NAME, COLUMN_SCHEMA = "dagster/table_name", "dagster/column_schema"


def table_metadata(name: str) -> dict[str, Any]:
    """Returns name and columns of an asset's table, as `base.store.tables` defines them."""
    table = schema.tables[name]
    columns = [
        dg.TableColumn(column.name, type_of(column), column.comment, _constraints(column)) for column in table.columns
    ]
    return {TABLE_NAME: name, COLUMN_SCHEMA: dg.TableSchema(columns, dg.TableConstraints(_rules(table)))}


def view_metadata(name: str) -> dict[str, Any]:
    """Returns name and columns of a view that an asset sums."""
    columns = [dg.TableColumn(each, *column) for each, column in VIEWS[name].columns.items()]
    return {TABLE_NAME: name, COLUMN_SCHEMA: dg.TableSchema(columns)}


def csv_metadata() -> dict[str, Any]:
    """Returns the columns of a company's CSV, in their order; their types are those that the imported values have."""
    imported = schema.tables["session_imports"]
    columns = [
        dg.TableColumn(
            column.name,
            type_of(imported.c[column.name]),
            column.description,
            dg.TableColumnConstraints(nullable=bool(imported.c[column.name].nullable)),
        )
        for column in CSV_COLUMNS
    ]
    return {COLUMN_SCHEMA: dg.TableSchema(columns)}


def _constraints(column: Column[Any]) -> dg.TableColumnConstraints:
    primary = list(column.table.primary_key.columns) == [column]
    others = ["primary key"] if primary else []
    others += [f"references {key.target_fullname}" for key in column.foreign_keys]
    others += [f"references {column.info[CHECKED_REFERENCE]}"] if CHECKED_REFERENCE in column.info else []
    return dg.TableColumnConstraints(
        nullable=bool(column.nullable), unique=primary or bool(column.unique), other=others
    )


def _rules(table: Table) -> list[str]:
    """What holds for several columns of a row, or for its values."""
    names = [column.name for column in table.primary_key.columns]
    keys = [f"primary key ({', '.join(names)})"] if len(names) > 1 else []
    unique = [
        f"unique ({', '.join(column.name for column in each.columns)})"
        for each in table.constraints
        if isinstance(each, UniqueConstraint) and len(each.columns) > 1
    ]
    checks = [str(each.sqltext) for each in table.constraints if isinstance(each, CheckConstraint)]
    return [*keys, *sorted(unique), *sorted(checks)]
