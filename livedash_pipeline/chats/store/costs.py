"""Costs of chat batches as the view `cost_entries` has them: all tries of all questions, with what was filled in later.

The columns `cost_usd` and `cost_eur` of `chat_batches` and `chat_interactions` are what was known when a question ended; they
are shown nowhere. Add a sum of costs that a document of chats shows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.store.statements import statement


@dataclass(frozen=True, slots=True)
class ChatCost:
    """What the questions of a chat batch have cost; without the tries whose cost is unknown, which are counted."""

    usd: Decimal = Decimal(0)
    eur: Decimal = Decimal(0)
    open_tries: int = 0


def chat_costs(connection: Connection, batch_ids: Collection[UUID]) -> dict[UUID, ChatCost]:
    """Returns the costs of chat batches by their ids; those that nothing was asked for are absent."""
    return _read(connection, None, batch_ids)


def company_chat_cost(connection: Connection, company_id: UUID) -> ChatCost:
    """Returns what all chat batches of a company have cost."""
    costs = _read(connection, company_id, ()).values()
    return ChatCost(
        sum((each.usd for each in costs), Decimal(0)),
        sum((each.eur for each in costs), Decimal(0)),
        sum(each.open_tries for each in costs),
    )


def _read(connection: Connection, company_id: UUID | None, batch_ids: Collection[UUID]) -> dict[UUID, ChatCost]:
    values = {"company_id": company_id, "batch_ids": list(batch_ids)}
    rows = connection.execute(statement("chats/sum_turn_costs"), values)
    return {row.batch_id: ChatCost(row.cost_usd, row.cost_eur, int(row.open_tries)) for row in rows}
