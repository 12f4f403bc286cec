"""Reads requests and their tries for people: whole lists, those of a session, or one.

Add a column of a request or a try here, once; every list and view reads it from here. `ledger.store.batches.requests` and
`ledger.store.batches.claims` have the reads and writes of the steps. Rows hold no answers of the model, so that nothing shows
them by accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, literal, or_, select, tuple_

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, ai_request_attempts
from livedash_pipeline.ledger.store.costs.entries import try_costs

_requests = ai_processing_requests.c
_attempts = ai_request_attempts.c


@dataclass(frozen=True)
class RequestRow:
    """A request; ids of companies and batches are ours. The first eleven are what lists show."""

    id: UUID
    session_id: UUID | None
    status: RequestStatus
    company_id: UUID
    model: str
    batch_id: UUID | None
    attempts: int
    error_code: str | None
    error_message: str | None
    requested_at: datetime
    completed_at: datetime | None
    processing_type: str
    prompt_version: str
    token_estimate: int
    max_output_tokens: int
    releases: int
    updated_at: datetime


@dataclass(frozen=True)
class AttemptRow:
    """A try of a request. Tries from a system that was taken over may have no batch; a try under way has no outcome yet."""

    id: UUID
    request_id: UUID
    batch_id: UUID | None
    remote_batch_id: str | None
    outcome: str | None
    error_code: str | None
    error_message: str | None
    http_status: int | None
    finish_reason: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    total_cost_eur: Decimal | None
    created_at: datetime
    settled_at: datetime | None


_REQUEST_COLUMNS = [
    _requests.processing_status.label("status") if field.name == "status" else _requests[field.name]
    for field in fields(RequestRow)
]
_ATTEMPT_COLUMNS = [
    (ai_batch_requests.c if field.name == "remote_batch_id" else _attempts)[field.name].label(field.name)
    for field in fields(AttemptRow)
]


def read_requests(
    connection: Connection,
    *,
    request_id: UUID | None = None,
    session_id: UUID | None = None,
    status: RequestStatus | None = None,
    company_id: UUID | None = None,
    after_id: UUID | None = None,
    limit: int | None = None,
) -> list[RequestRow]:
    """Lists the requests that pass every filter, in the order of their ids, and only those after a given id."""
    query = select(*_REQUEST_COLUMNS).limit(limit)
    if request_id is not None:
        query = query.where(_requests.id == request_id)
    if session_id is not None:
        query = query.where(_requests.session_id == session_id)
    if company_id is not None:
        query = query.where(_requests.company_id == company_id)
    query = _from_place(query, status, after_id)
    # By position, since the columns stand in the order of the class: by name, a long page takes twice as long.
    return [
        RequestRow(id_, session, RequestStatus(word), *others)
        for id_, session, word, *others in connection.execute(query)
    ]


def _from_place(query: Select[Any], status: RequestStatus | None, after_id: UUID | None) -> Select[Any]:
    """Orders by id, from a place on.

    A status is given as a range of one value: with an equality the planner may read by the primary key and walk past all rows of
    another status, of which there can be a million between two failures.
    """
    if status is None:
        return (query if after_id is None else query.where(_requests.id > after_id)).order_by(_requests.id)
    if after_id is None:
        begins = _requests.processing_status >= status
    else:
        begins = tuple_(_requests.processing_status, _requests.id) > tuple_(literal(status), literal(after_id))
    listed = query.where(begins, _requests.processing_status <= status)
    return listed.order_by(_requests.processing_status, _requests.id)


def read_attempts(connection: Connection, request_ids: Sequence[UUID]) -> list[AttemptRow]:
    """All tries of some requests, oldest first, each with its cost as it is known by now."""
    costs = try_costs(connection, request_ids)
    query = (
        select(*_ATTEMPT_COLUMNS)
        .outerjoin(ai_batch_requests, ai_batch_requests.c.id == _attempts.batch_id)
        .where(_attempts.request_id.in_(request_ids))
        .order_by(_attempts.created_at, _attempts.id)
    )
    rows = connection.execute(query).mappings()
    return [AttemptRow(**(row | {"total_cost_eur": costs.get(row["id"])})) for row in map(dict, rows)]


def read_kept_texts(connection: Connection, request_id: UUID) -> tuple[str | None, dict[str, Any] | None] | None:
    """Returns the model's answer to one request, as it came and as it was read; for a person who asks for this request."""
    row = connection.execute(
        select(_requests.raw_answer, _requests.parsed_answer).where(_requests.id == request_id)
    ).one_or_none()
    return None if row is None else (row.raw_answer, row.parsed_answer)


def has_kept_texts(connection: Connection, request_id: UUID) -> bool:
    """Whether an answer of the model is kept with a request; reads none of it."""
    kept = or_(_requests.raw_answer.is_not(None), _requests.parsed_answer.is_not(None))
    return connection.execute(select(kept).where(_requests.id == request_id)).scalar_one_or_none() or False
