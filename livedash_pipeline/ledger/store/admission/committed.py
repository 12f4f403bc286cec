"""Sums what a company has spent this month and what it has in flight at most; the spending cap is compared with this figure.

Add every further kind of purchase here. `ledger.rules.admission.admission` has the rules of the cap.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from livedash_pipeline.base.rules.outcomes import CHARGED_OUTCOMES
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
    companies,
)

_attempts = ai_request_attempts.c
_batches = ai_batch_requests.c
_requests = ai_processing_requests.c


def committed_eur(connection: Connection, company_id: UUID, *, month_start: datetime) -> Decimal:
    """Returns euro spent this month, surplus included, plus the most that may be in flight; other claims for it wait.

    A try of unknown cost that may have been charged counts with the amount that was reserved for it.
    """
    connection.execute(select(companies.c.id).where(companies.c.id == company_id).with_for_update(key_share=True))
    bought = (
        _in_batches(company_id, month_start),
        _by_calls(company_id, month_start),
        _surplus(company_id, month_start),
    )
    return sum((Decimal(connection.execute(query).scalar_one()) for query in bought), Decimal(0))


def _in_batches(company_id: UUID, month_start: datetime) -> Select[Any]:
    late = ai_request_attempts.alias("late")
    # An answer that showed late has a row of its own, which is counted.
    shown = (
        select(late.c.id)
        .where(late.c.request_id == _attempts.request_id, late.c.batch_id == _attempts.batch_id, late.c.is_late)
        .where(late.c.total_cost_eur.is_not(None))
        .exists()
    )
    return (
        _sum(and_(_attempts.outcome.in_(CHARGED_OUTCOMES), ~shown))
        .join(ai_batch_requests, _batches.id == _attempts.batch_id)
        .where(_batches.company_id == company_id, _counts(month_start))
    )


def _by_calls(company_id: UUID, month_start: datetime) -> Select[Any]:
    return (
        _sum(_attempts.outcome.in_(CHARGED_OUTCOMES))
        .join(ai_processing_requests, _requests.id == _attempts.request_id)
        .where(_attempts.is_call, _requests.company_id == company_id, _counts(month_start))
    )


def _surplus(company_id: UUID, month_start: datetime) -> Select[Any]:
    surplus = ai_surplus_batches.c
    return (
        select(func.coalesce(func.sum(surplus.total_cost_eur), 0))
        .join(ai_batch_requests, _batches.id == surplus.batch_id)
        .where(_batches.company_id == company_id, surplus.ended_at >= month_start)
    )


def _sum(charged: ColumnElement[bool]) -> Select[Any]:
    reserved = case((_attempts.outcome.is_(None) | charged, _attempts.reserved_eur))
    return select(func.coalesce(func.sum(func.coalesce(_attempts.total_cost_eur, reserved, 0)), 0)).select_from(
        ai_request_attempts
    )


def _counts(month_start: datetime) -> ColumnElement[bool]:
    return _attempts.outcome.is_(None) | (_attempts.settled_at >= month_start)
