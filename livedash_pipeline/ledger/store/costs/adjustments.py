"""Adjustments beside the ledger: what a batch was charged for without a line that says so.

Rows are only added. `ledger.steps.costs.unattributed` decides, `ledger.store.costs.backfill` fills in what was unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, case, func, insert, select

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_cost_adjustments

_rows = ai_cost_adjustments.c


@dataclass(frozen=True)
class LineSums:
    """The tokens of all tries of a batch together, and how many may have been charged and state none, or one part alone."""

    usage: TokenUsage
    silent: int
    half_stated: int


@dataclass(frozen=True)
class Booked:
    """What is booked of a batch as unattributed: sums over its rows, and how many there are; None is unknown."""

    rows: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: Decimal | None
    cost_eur: Decimal | None


def sum_lines(connection: Connection, batch_id: UUID) -> LineSums:
    """Adds up what the lines of a settled batch state."""
    row = connection.execute(statement("ledger/sum_batch_lines"), {"batch_id": batch_id}).one()
    usage = TokenUsage(
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        total_tokens=row.total_tokens,
        cached_tokens=row.cached_tokens,
    )
    return LineSums(usage, row.silent, row.half_stated)


def booked(connection: Connection, batch_id: UUID) -> Booked:
    """Adds up what is booked of a batch, with what was filled in since; a cost is None where that of any row is unknown."""
    tokens = (_rows.prompt_tokens, _rows.cached_tokens, _rows.completion_tokens, _rows.total_tokens)
    mended = ai_cost_adjustments.alias("mended")
    costs = [
        case((mended.c.id.is_(None), own), else_=func.coalesce(own, 0) + more)
        for own, more in ((_rows.cost_usd, mended.c.cost_usd), (_rows.cost_eur, mended.c.cost_eur))
    ]
    row = connection.execute(
        select(
            func.count(_rows.id),
            *(func.coalesce(func.sum(column), 0) for column in tokens),
            *(aggregate for cost in costs for aggregate in (func.count(cost), func.coalesce(func.sum(cost), 0))),
        )
        .select_from(ai_cost_adjustments.outerjoin(mended, mended.c.adjustment_id == _rows.id))
        .where(_rows.batch_id == batch_id)
    ).one()
    rows, prompt, cached, completion, total, with_usd, usd, with_eur, eur = row
    return Booked(
        rows,
        int(prompt),
        int(cached),
        int(completion),
        int(total),
        Decimal(usd) if with_usd == rows else None,
        Decimal(eur) if with_eur == rows else None,
    )


def add_unattributed(
    connection: Connection,
    batch_id: UUID,
    company_id: UUID,
    tokens: TokenUsage,
    *,
    cost_usd: Decimal | None,
    cost_eur: Decimal | None,
    pricing_id: UUID | None,
    usd_eur: Decimal | None,
    reason: str,
    now: datetime,
) -> None:
    """Adds a row about a batch; figures below zero take back what an earlier one booked."""
    connection.execute(
        insert(ai_cost_adjustments).values(
            kind="unattributed",
            company_id=company_id,
            batch_id=batch_id,
            prompt_tokens=tokens.prompt_tokens,
            cached_tokens=tokens.cached_tokens,
            completion_tokens=tokens.completion_tokens,
            total_tokens=tokens.total_tokens,
            pricing_id=pricing_id,
            cost_usd=cost_usd,
            usd_eur=usd_eur,
            cost_eur=cost_eur,
            reason=reason,
            incurred_at=now,
            created_at=now,
        )
    )
