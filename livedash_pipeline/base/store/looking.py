"""Looks through a bounded number of rows in the order of an index, for filters that no index answers.

A list that filters a million rows for ten has to read them all. `look_through` reads some thousands, returns what it has found,
and says where to go on. Add a way of looking here; which rows a list is about, and in which order, its own store says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, select

MOST_LOOKED = 20_000
"""Rows that one page looks through at most; some 20 ms, and as many rows as a reader can believe were looked at."""

Condition = Callable[[Any], ColumnElement[bool]]
"""A condition on a row, given the columns of the rows that are looked through."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A page of what was found.

    Attributes:
        rows: The rows that pass every filter, in the order of the list.
        follows: The row after which the next page begins; None at the end of the list. It is the page's last row, or the last
            row that was looked at where the page is not full.
        looked: How many rows were looked through, where the page ended for that reason; None where it is full or the list ends.
    """

    rows: Sequence[Row[Any]]
    follows: Row[Any] | None
    looked: int | None = None


def look_through(
    connection: Connection,
    ordered: Select[Any],
    conditions: Sequence[Condition],
    *,
    limit: int,
    most: int = MOST_LOOKED,
    order: Callable[[Any], Sequence[ColumnElement[Any]]],
) -> Looked:
    """Returns a page of the rows of a query that pass conditions which no index answers.

    Args:
        connection: Our database.
        ordered: The rows in the order of an index, from the page's beginning on, with every column that conditions and the list
            need.
        conditions: What a row has to pass; without any the page is read as it is.
        limit: Rows of a page.
        most: Rows that are looked through.
        order: The order of `ordered`, by the columns of its rows.
    """
    if not conditions:
        found = connection.execute(ordered.limit(limit + 1)).all()
        return Looked(found[:limit], found[limit - 1] if len(found) > limit else None)
    within: FromClause = ordered.limit(most).subquery("looked")
    page = select(within).where(*(condition(within.c) for condition in conditions)).order_by(*order(within.c))
    found = connection.execute(page.limit(limit + 1)).all()
    if len(found) > limit:
        return Looked(found[:limit], found[limit - 1])
    # Reads the index once more, and rows of the table only where it has not all columns; the first look stopped nowhere.
    last = connection.execute(ordered.offset(most - 1).limit(1)).one_or_none()
    return Looked(found, last, None if last is None else most)
