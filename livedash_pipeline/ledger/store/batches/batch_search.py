"""Finds batches by what they have in common, newest first and a page at a time.

Add a filter to `_ordered` where an index answers it, and to `_conditions` where none does. `ledger.store.batches.listing` says
what a list shows of a batch.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, func, select, tuple_

from livedash_pipeline.base.store.looking import MOST_LOOKED, Condition, Looked, look_through
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.ledger.rules.admission.batch_filters import BatchFilter
from livedash_pipeline.ledger.store.batches.listing import listed_batches

_batches = ai_batch_requests.c


def find_batches(
    connection: Connection,
    wanted: BatchFilter,
    *,
    limit: int,
    before: tuple[datetime, UUID] | None = None,
    most: int = MOST_LOOKED,
) -> Looked:
    """Returns a page of batches, the newest first, as rows of `listed_batches`.

    Args:
        connection: Our database.
        wanted: What they have in common.
        limit: Batches of a page.
        before: When the last batch of the page before was made, and its id.
        most: Batches that are looked through for what no index answers.
    """
    query = _ordered(wanted)
    if before is not None:
        query = query.where(tuple_(_batches.created_at, _batches.id) < before)
    return look_through(
        connection,
        query,
        _conditions(wanted),
        limit=limit,
        most=most,
        order=lambda rows: [rows.created_at.desc(), rows.id.desc()],
    )


def oldest_open(connection: Connection, *, limit: int) -> tuple[list[Any], int]:
    """Returns the open batches that were made first, as rows of `listed_batches`, and how many are open in all."""
    is_open = _batches.processed_at.is_(None)
    query = listed_batches().where(is_open).order_by(_batches.created_at, _batches.id).limit(limit)
    total = connection.execute(select(func.count()).select_from(ai_batch_requests).where(is_open)).scalar_one()
    return list(connection.execute(query).mappings()), total


def _ordered(wanted: BatchFilter) -> Select[Any]:
    """By the index of the company, else of the status; open batches are few and have an index without an order.

    A value is given as a range of one, so that the planner reads by this index alone: by that of the time it may walk past all
    batches of others.
    """
    query = listed_batches()
    first: list[ColumnElement[Any]] = []
    if wanted.company_id is not None:
        query = query.where(_batches.company_id >= wanted.company_id, _batches.company_id <= wanted.company_id)
        first = [_batches.company_id.desc()]
    elif wanted.status is not None and not wanted.is_open:
        query = query.where(_batches.status >= wanted.status, _batches.status <= wanted.status)
        first = [_batches.status.desc()]
    elif wanted.is_open:
        query = query.where(_batches.processed_at.is_(None))
    if wanted.since is not None:
        query = query.where(_batches.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_batches.created_at < wanted.until)
    return query.order_by(*first, _batches.created_at.desc(), _batches.id.desc())


def _conditions(wanted: BatchFilter) -> list[Condition]:
    found: list[Condition] = []
    if wanted.status is not None and (wanted.company_id is not None or wanted.is_open):
        found.append(lambda rows: rows.status == wanted.status)
    if wanted.is_open and wanted.company_id is not None:
        found.append(lambda rows: rows.situation_processed_at.is_(None))
    if wanted.model is not None:
        found.append(lambda rows: rows.model == wanted.model)
    return found
