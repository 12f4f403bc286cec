"""Reads costs of batches and of tries as the view `cost_entries` has them, amounts included that were filled in later.

Add a sum that a list or a document of the ledger shows. Sums over days and companies are in `overview.store.spend`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.store.statements import statement


@dataclass(frozen=True, slots=True)
class BatchCost:
    """What a batch costs.

    Attributes:
        cost_usd: All that it costs in dollars; None while a part is unknown, and until anything is known.
        cost_eur: The same in euro.
        unattributed_eur: What of it no line states.
        surplus_eur: What of it surplus batches cost.
        estimated_eur: What was set aside when it was claimed; None where that was unknown.
        open_entries: Its parts that were charged, or perhaps charged, at an unknown cost.
    """

    cost_usd: Decimal | None = None
    cost_eur: Decimal | None = None
    unattributed_eur: Decimal = Decimal(0)
    surplus_eur: Decimal = Decimal(0)
    estimated_eur: Decimal | None = None
    open_entries: int = 0


def batch_costs(connection: Connection, batch_ids: Collection[UUID]) -> dict[UUID, BatchCost]:
    """Returns the costs of batches by their ids; a batch without any try or surplus is absent."""
    rows = connection.execute(statement("ledger/sum_batch_costs"), {"batch_ids": list(batch_ids)})
    return {batch_id: BatchCost(*figures) for batch_id, *figures in rows}


def try_costs(connection: Connection, request_ids: Collection[UUID]) -> dict[UUID, Decimal | None]:
    """Returns the cost in euro of each try of some requests, by the try's id."""
    rows = connection.execute(statement("ledger/find_request_costs"), {"request_ids": list(request_ids)})
    return {row.entry_id: row.cost_eur for row in rows}
