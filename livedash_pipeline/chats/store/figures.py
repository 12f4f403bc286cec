"""Chat batches in numbers, and which of them somebody has to work on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.chats.store.costs import company_chat_cost
from livedash_pipeline.chats.store.fall_back import batches_in_haste


@dataclass(frozen=True)
class CompanyFigures:
    """A company's chat batches in numbers; `unpriced_calls` counts paid answers whose cost is unknown."""

    batches: int
    open_batches: int
    total_items: int
    pending_items: int
    processing_items: int
    processed_items: int
    failed_items: int
    skipped_items: int
    cancelled_items: int
    cost_eur: Decimal
    unpriced_calls: int


@dataclass(frozen=True)
class BatchWithWork:
    """A batch that a slice would do something for."""

    id: UUID
    company: str
    status: ChatBatchStatus


def company_figures(connection: Connection, company_id: UUID) -> CompanyFigures:
    """A company's chat batches in numbers."""
    row = connection.execute(statement("chats/sum_company_chats"), {"company_id": company_id}).mappings().one()
    cost = company_chat_cost(connection, company_id)
    return CompanyFigures(**row, cost_eur=cost.eur, unpriced_calls=cost.open_tries)


def batches_with_work(connection: Connection, *, now: datetime) -> list[BatchWithWork]:
    """All batches that a slice would do something for, the oldest first."""
    in_haste = list(batches_in_haste(connection, now=now))
    rows = connection.execute(statement("chats/find_batches_with_work"), {"in_haste": in_haste, "now": now})
    return [BatchWithWork(row.id, row.company, ChatBatchStatus(row.status)) for row in rows]
