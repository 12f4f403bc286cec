"""Queries of the demo alone: they make its companies due, and count for its closing tables.

Nothing that the pipeline needs belongs here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, Table, func, select, update

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    chat_batches,
    companies,
    import_rejects,
    import_runs,
    messages,
    sessions,
)
from livedash_pipeline.chats.store.costs import ChatCost, chat_costs
from livedash_pipeline.ledger.store.costs.entries import BatchCost, batch_costs


def due_now(connection: Connection, *, now: datetime) -> None:
    """Makes every company due for its import."""
    connection.execute(update(companies).values(next_import_at=now))


def companies_to_import(connection: Connection, *, since: datetime) -> int:
    """Returns companies that have not been imported since a moment."""
    done = select(import_runs.c.company_id).where(
        import_runs.c.started_at >= since, import_runs.c.status == "COMPLETED"
    )
    query = select(func.count()).select_from(companies).where(companies.c.id.not_in(done))
    return int(connection.execute(query).scalar_one())


@dataclass(frozen=True)
class Figures:
    """Counts of whole tables."""

    messages: int
    rejects: int
    batches: int
    cost_eur: Decimal


def read_figures(connection: Connection) -> Figures:
    """Messages, rejected rows of each company's newest reading of its CSV, batches about sessions and what their answers cost."""
    about_sessions = ai_batch_requests.c.processing_type == "session_analysis"
    return Figures(
        messages=_count(connection, messages),
        rejects=int(connection.execute(statement("overview/count_latest_rejects")).scalar_one()),
        batches=int(connection.execute(select(func.count()).where(about_sessions)).scalar_one()),
        cost_eur=Decimal(connection.execute(statement("overview/sum_session_costs")).scalar_one()),
    )


def sessions_by(connection: Connection, column: str) -> list[tuple[str, str, int]]:
    """Company, value and number of analysed sessions, for `sentiment`, `category` or `language`."""
    value = sessions.c[column]
    query = (
        select(companies.c.slug, value, func.count())
        .join(companies, companies.c.id == sessions.c.company_id)
        .where(value.is_not(None))
        .group_by(companies.c.slug, value)
        .order_by(companies.c.slug, value)
    )
    return [(slug, found, count) for slug, found, count in connection.execute(query)]


def rejects_by_reason(connection: Connection) -> list[tuple[str, str, int, int]]:
    """Company, reason, number of rejected rows and the first of their lines, over all readings."""
    query = (
        select(companies.c.slug, import_rejects.c.reason, func.count(), func.min(import_rejects.c.line_number))
        .join(companies, companies.c.id == import_rejects.c.company_id)
        .group_by(companies.c.slug, import_rejects.c.reason)
        .order_by(companies.c.slug, import_rejects.c.reason)
    )
    return [tuple(row) for row in connection.execute(query)]


def batch_rows(connection: Connection) -> list[tuple[str, str, str, int, Decimal | None]]:
    """Company, model, status, requests and cost in euro of every batch, oldest first."""
    batches = ai_batch_requests.c
    query = (
        select(companies.c.slug, batches.model, batches.status, batches.request_count, batches.id)
        .join(companies, companies.c.id == batches.company_id)
        .order_by(batches.id)
    )
    rows = connection.execute(query).all()
    costs = batch_costs(connection, [row.id for row in rows])
    return [(*shown, costs.get(batch_id, BatchCost()).cost_eur) for *shown, batch_id in rows]


def chat_rows(connection: Connection) -> list[tuple[str, str, str, int, int, Decimal]]:
    """Company, name, status, conversations, answered ones and cost in euro of every chat batch, oldest first."""
    table = chat_batches.c
    query = (
        select(companies.c.slug, table.name, table.status, table.total_items, table.processed_items, table.id)
        .join(companies, companies.c.id == table.company_id)
        .order_by(table.id)
    )
    rows = connection.execute(query).all()
    costs = chat_costs(connection, [row.id for row in rows])
    return [(*shown, costs.get(batch_id, ChatCost()).eur) for *shown, batch_id in rows]


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
