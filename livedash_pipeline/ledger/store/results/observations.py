"""Batches at the service: which are open, what polls observed of them, and which have ended and wait to be ingested.

Add reads and writes of a poll. A failed look-up writes nothing: it never changes a batch's state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, case, false, func, select, true, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from livedash_pipeline.base.rules.states import BATCH_MOVES, ENDED_BATCHES, LIVE_BATCHES, BatchStatus
from livedash_pipeline.base.rules.values import moment
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests, companies
from livedash_pipeline.ledger.rules.results.judgement import VANISHED
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, end_reason, local_status

_batches = ai_batch_requests.c
# For a batch whose last change was seen in a look-up, not in the listing: the next poll looks it up again.
_looked_at = case(
    (_batches.changed_at == _batches.retrieved_at, _batches.created_at),
    else_=func.greatest(_batches.status_changed_at, _batches.changed_at, _batches.retrieved_at),
)
_FORGOTTEN = "The service does not know this batch any more; its results can no longer be had."
_MOVES = json.dumps({before: sorted(after) for before, after in BATCH_MOVES.items()})


@dataclass(frozen=True)
class OpenBatch:
    """A batch that the service has not finished, as far as we know; `hinted` if the service said that there is news.

    `looked_at` is the time of its last change or last look-up by id. It is the batch's creation where a look-up showed the last
    change, since the listing may not show the next one either.
    """

    id: UUID
    remote_batch_id: str
    listed_batch_id: str | None
    status: BatchStatus
    created_at: datetime
    hinted: bool
    looked_at: datetime


@dataclass(frozen=True)
class BatchChange:
    """A change of a batch's state; only the poller whose update hit the row reports it."""

    id: UUID
    company: str
    model: str
    remote_batch_id: str
    request_count: int
    status_before: BatchStatus
    status: BatchStatus
    remote_status: str | None


def open_batches(connection: Connection, endpoint: str) -> list[OpenBatch]:
    """Returns batches with an id of the service that have not ended, oldest first."""
    query = (
        select(
            _batches.id,
            _batches.remote_batch_id.label("remote_batch_id"),
            _batches.listed_batch_id,
            _batches.status,
            _batches.created_at,
            _batches.poll_hinted_at.is_not(None).label("hinted"),
            _looked_at.label("looked_at"),
        )
        .where(_batches.endpoint == endpoint, _batches.remote_batch_id.is_not(None))
        .where(_batches.status.in_(LIVE_BATCHES), _batches.processed_at.is_(None))
        .order_by(_batches.created_at, _batches.id)
    )
    return [
        OpenBatch(**(dict(row) | {"status": BatchStatus(row["status"])}))
        for row in connection.execute(query).mappings()
    ]


def count_hints(connection: Connection, endpoint: str, *, since: datetime) -> int:
    """Counts batches that have not ended and about which the service has announced news since a moment."""
    query = select(func.count()).where(_batches.endpoint == endpoint, _batches.status.in_(LIVE_BATCHES))
    return int(connection.execute(query.where(_batches.poll_hinted_at >= since)).scalar_one())


def note_retrieved(connection: Connection, remote_batch_ids: Sequence[str], *, now: datetime) -> None:
    """Remembers when batches were last asked for by their ids."""
    if remote_batch_ids:
        asked = _batches.remote_batch_id.in_(remote_batch_ids) & _batches.processed_at.is_(None)
        connection.execute(update(ai_batch_requests).where(asked).values(retrieved_at=now))


def clear_hints(connection: Connection, batch_ids: Sequence[UUID], *, before: datetime) -> None:
    """Forgets hints that came before a look began; a later hint may be about news that the look did not see."""
    looked_at = _batches.id.in_(batch_ids) & (_batches.poll_hinted_at <= before)
    connection.execute(update(ai_batch_requests).where(looked_at).values(poll_hinted_at=None))


def count_unended(connection: Connection, endpoint: str) -> int:
    """Counts batches that have not ended, rows without an id of the service included."""
    query = select(func.count()).where(_batches.endpoint == endpoint, _batches.status.in_(LIVE_BATCHES))
    return int(connection.execute(query).scalar_one())


def finished_batches(
    connection: Connection, endpoint: str, company_id: UUID | None = None, *, due_at: datetime | None = None
) -> list[UUID]:
    """Returns batches that have ended and are not ingested, oldest first; only those due by `due_at` if given."""
    query = (
        select(_batches.id)
        .where(_batches.endpoint == endpoint, _batches.status.in_(ENDED_BATCHES), _batches.processed_at.is_(None))
        .order_by(_batches.created_at, _batches.id)
    )
    if company_id is not None:
        query = query.where(_batches.company_id == company_id)
    if due_at is not None:
        query = query.where(_is_due(due_at))
    return list(connection.execute(query).scalars())


def _is_due(now: datetime) -> ColumnElement[bool]:
    return func.coalesce(_batches.next_ingest_at <= now, true())


@dataclass(frozen=True)
class WaitingForFiles:
    """The number of ended batches whose files were incomplete, and when the next look at one is due."""

    batches: int
    next_at: datetime | None


def waiting_for_files(
    connection: Connection, endpoint: str, company_id: UUID | None = None, *, now: datetime
) -> WaitingForFiles:
    """Counts ended batches whose next look lies in the future."""
    query = (
        select(func.count(), func.min(_batches.next_ingest_at))
        .where(_batches.endpoint == endpoint, _batches.status.in_(ENDED_BATCHES), _batches.processed_at.is_(None))
        .where(_batches.next_ingest_at > now)
    )
    if company_id is not None:
        query = query.where(_batches.company_id == company_id)
    count, next_at = connection.execute(query).one()
    return WaitingForFiles(count, next_at)


@dataclass(frozen=True)
class FinishedGroup:
    """Batches of one company that wait to be ingested, and how often a run for them was requested."""

    company: str
    batch_ids: tuple[UUID, ...]
    asks: int


def finished_groups(connection: Connection, endpoint: str, *, now: datetime) -> list[FinishedGroup]:
    """Groups the batches that wait to be ingested and are due, by company."""
    query = (
        select(
            companies.c.slug,
            func.array_agg(aggregate_order_by(_batches.id, _batches.id)),
            func.max(_batches.ingest_asks),
        )
        .join(companies, companies.c.id == _batches.company_id)
        .where(_batches.endpoint == endpoint, _batches.status.in_(ENDED_BATCHES), _batches.processed_at.is_(None))
        .where(_is_due(now))
        .group_by(companies.c.slug)
        .order_by(companies.c.slug)
    )
    return [FinishedGroup(slug, tuple(ids), asks) for slug, ids, asks in connection.execute(query)]


def count_ask(connection: Connection, batch_ids: Sequence[UUID]) -> None:
    """Counts a requested run for these batches, so that the next request gets another run key."""
    connection.execute(
        update(ai_batch_requests).where(_batches.id.in_(batch_ids)).values(ingest_asks=_batches.ingest_asks + 1)
    )


def apply_observations(
    connection: Connection, remotes: Iterable[RemoteBatch], *, endpoint: str, now: datetime
) -> list[BatchChange]:
    """Writes what the service says about batches, in one statement, and returns the changes that this call made."""
    rows = connection.execute(
        statement("ledger/apply_observations"),
        {
            "observations": json.dumps([_observation(remote) for remote in remotes]),
            "moves": _MOVES,
            "endpoint": endpoint,
            "now": now,
        },
    )
    return [
        BatchChange(
            row.id,
            row.company,
            row.model,
            row.openai_batch_id,
            row.request_count,
            BatchStatus(row.status_before),
            BatchStatus(row.status),
            row.openai_status,
        )
        for row in rows
    ]


def _observation(remote: RemoteBatch) -> dict[str, Any]:
    status = local_status(remote)
    reason = end_reason(remote)
    # What a batch that runs has used so far would count as all that it used, should it vanish after this look.
    usage = remote.usage if status in ENDED_BATCHES else None
    return {
        "openai_batch_id": remote.id,
        "status": status,
        "openai_status": remote.status_word,
        "output_file_id": remote.output_file_id,
        "error_file_id": remote.error_file_id,
        "expires_at": moment(remote.expires_at),
        "completed_at": moment(remote.ended_at) if status in ENDED_BATCHES else None,
        "reported_total": remote.total,
        "reported_completed": remote.completed,
        "reported_failed": remote.failed,
        "usage": None
        if usage is None
        else {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "total_tokens": usage.total_tokens,
        },
        "errors": [
            {"code": error.code, "message": error.message, "param": error.param, "line": error.line}
            for error in remote.errors
        ]
        or None,
        "error_code": reason[0] if reason else None,
        "error_message": reason[1] if reason else None,
    }


def note_not_found(connection: Connection, batch_ids: Sequence[UUID], *, now: datetime) -> None:
    """Notes since when the service does not know a batch; nothing else changes."""
    connection.execute(
        update(ai_batch_requests)
        .where(_batches.id.in_(batch_ids), _batches.not_found_since.is_(None))
        .values(not_found_since=now)
    )


def note_forgotten(
    connection: Connection, batch_id: UUID, *, key_fingerprint: str, believed_before: datetime, now: datetime
) -> bool:
    """Notes that the service no longer knows an ended batch that is not ingested; True once that is believed.

    Only a 404 to the key that made the batch counts.
    """
    note_not_found(connection, [batch_id], now=now)
    believed = (
        update(ai_batch_requests)
        .where(_batches.id == batch_id, _batches.status.in_(ENDED_BATCHES), _batches.processed_at.is_(None))
        .where(_batches.not_found_since <= believed_before, _batches.key_fingerprint == key_fingerprint)
        .values(error_code=VANISHED, error_message=_FORGOTTEN)
    )
    return connection.execute(believed).rowcount == 1


def awaiting_files(connection: Connection, endpoint: str) -> list[tuple[UUID, str]]:
    """Returns our and the service's ids of ended batches whose files, or names of files, are still needed from the service.

    Leaves out batches that are believed to have vanished.
    """
    may_have_answers = (
        _batches.output_file_id.is_not(None)
        | _batches.error_file_id.is_not(None)
        | (_batches.status == BatchStatus.COMPLETED)
        | (_batches.reported_completed > 0)
    )
    query = (
        select(_batches.id, _batches.remote_batch_id)
        .where(_batches.endpoint == endpoint, _batches.remote_batch_id.is_not(None))
        .where(_batches.status.in_(ENDED_BATCHES), _batches.processed_at.is_(None), may_have_answers)
        .where(_batches.error_code.is_distinct_from(VANISHED))
        .order_by(_batches.id)
    )
    return [(batch_id, remote_batch_id) for batch_id, remote_batch_id in connection.execute(query)]


def mark_forgotten(connection: Connection, batch_ids: Sequence[UUID]) -> list[UUID]:
    """Notes as believed that the service no longer knows ended batches; returns those that were not noted before.

    Their settlement ingests the files that still exist and does not wait for a key that sees more.
    """
    forgotten = (
        update(ai_batch_requests)
        .where(_batches.id.in_(batch_ids), _batches.status.in_(ENDED_BATCHES), _batches.processed_at.is_(None))
        .where(_batches.error_code.is_distinct_from(VANISHED))
        .values(error_code=VANISHED, error_message=_FORGOTTEN)
        .returning(_batches.id)
    )
    return list(connection.execute(forgotten).scalars())


def mark_vanished(
    connection: Connection,
    endpoint: str,
    *,
    since: datetime,
    seen: Sequence[str],
    any_key: bool,
    now: datetime,
) -> list[UUID]:
    """Ends batches that the service has not known since a moment, and returns their ids.

    Without `any_key`, the key must just have shown another batch that it made (`seen`): a key of another project sees nothing of
    ours, and its 404 proves nothing.
    """
    visible = ai_batch_requests.alias()
    same_key = (
        select(visible.c.id)
        .where(visible.c.key_fingerprint == _batches.key_fingerprint, visible.c.remote_batch_id.in_(list(seen)))
        .exists()
    )
    is_seen = _batches.remote_batch_id.in_(list(seen)) | func.coalesce(
        _batches.listed_batch_id.in_(list(seen)), false()
    )
    gone = (
        update(ai_batch_requests)
        .where(_batches.endpoint == endpoint, _batches.status.in_(LIVE_BATCHES), _batches.processed_at.is_(None))
        .where(_batches.remote_batch_id.is_not(None), ~is_seen)
        .where(_batches.not_found_since <= since)
        .values(
            status=BatchStatus.FAILED,
            status_changed_at=now,
            completed_at=func.greatest(now, _batches.created_at),
            error_code=VANISHED,
            error_message=_FORGOTTEN,
        )
        .returning(_batches.id)
    )
    return list(connection.execute(gone if any_key else gone.where(same_key)).scalars())
