"""Rows of batches whose submitter is gone, and remote batches that nobody asked for.

Every write carries the fence that `take_over` raised: whoever had the batch before writes no more. Decisions are in
`core.recovery`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.core.judgement import VANISHED
from livedash_pipeline.core.recovery import UnfinishedBatch
from livedash_pipeline.core.states import ENDED_BATCHES, BatchStatus
from livedash_pipeline.db.batches import Claim, claim_of
from livedash_pipeline.db.tables import ai_batch_requests, ai_request_attempts, ai_surplus_batches, companies

_batches = ai_batch_requests.c
_surplus = ai_surplus_batches.c
_reserved = (
    select(func.sum(ai_request_attempts.c.reserved_eur))
    .where(ai_request_attempts.c.batch_id == _batches.id)
    .correlate(ai_batch_requests)
    .scalar_subquery()
)


@dataclass(frozen=True)
class TakenOver:
    """A batch that recovery holds now: its claim with the new fence, and where its submission stood."""

    claim: Claim
    company_status: str
    input_file_id: str | None
    input_file_created_at: datetime | None
    created_at: datetime
    unfinished: UnfinishedBatch


def _without_owner(endpoint: str, now: datetime) -> ColumnElement[bool]:
    return (
        (_batches.endpoint == endpoint)
        & _batches.openai_batch_id.is_(None)
        & _batches.processed_at.is_(None)
        & _batches.status.in_((BatchStatus.PENDING, BatchStatus.UPLOADING))
        & (_batches.lease_until <= now)
    )


def count_without_owner(connection: Connection, endpoint: str, *, now: datetime) -> int:
    """Batches that `take_over` would take."""
    query = select(func.count()).select_from(ai_batch_requests).where(_without_owner(endpoint, now))
    return int(connection.execute(query).scalar_one())


def take_over(connection: Connection, endpoint: str, *, lease: int, now: datetime, limit: int = 1) -> list[TakenOver]:
    """Takes batches whose lease has run out: the fence is raised, so that their former submitter writes no more."""
    locked = (
        select(_batches.id)
        .where(_without_owner(endpoint, now))
        .order_by(_batches.lease_until, _batches.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # As a subquery it may be run once a row, and each time it passes over what it has locked: more are taken than asked for.
        .cte("locked")
        .prefix_with("MATERIALIZED")
    )
    taken = (
        update(ai_batch_requests)
        .where(_batches.id == locked.c.id, companies.c.id == _batches.company_id)
        .values(fence=_batches.fence + 1, lease_until=now + timedelta(seconds=lease))
        .returning(
            ai_batch_requests,
            companies.c.slug,
            companies.c.status.label("company_status"),
            _reserved.label("reserved_eur"),
        )
    )
    return [_taken(row) for row in connection.execute(taken)]


def unknown_creates(connection: Connection, endpoint: str, *, begun_before: datetime) -> list[TakenOver]:
    """Batches whose create began before a moment and has no known outcome, whoever holds them; nobody is disturbed."""
    query = (
        select(
            ai_batch_requests,
            companies.c.slug,
            companies.c.status.label("company_status"),
            _reserved.label("reserved_eur"),
        )
        .join(companies, companies.c.id == _batches.company_id)
        .where(_batches.endpoint == endpoint, _batches.openai_batch_id.is_(None), _batches.processed_at.is_(None))
        .where(_batches.status == BatchStatus.UPLOADING, _batches.create_started_at < begun_before)
        .order_by(_batches.id)
    )
    return [_taken(row) for row in connection.execute(query)]


def _taken(row: Row[tuple[object, ...]]) -> TakenOver:
    return TakenOver(
        claim_of(row, reserved_eur=row.reserved_eur),
        row.company_status,
        row.input_file_id,
        row.input_file_created_at,
        row.created_at,
        UnfinishedBatch(
            row.create_started_at,
            row.cancel_requested_at,
            row.input_delete_requested_at,
            row.input_delete_key,
            row.input_deleted_at,
        ),
    )


def adopt(
    connection: Connection,
    claim: Claim,
    *,
    openai_batch_id: str,
    openai_status: str,
    key_fingerprint: str,
    now: datetime,
) -> bool:
    """Gives the row the remote batch that its create had made, and the key that sees it."""
    return _write(
        connection,
        claim,
        _batches.openai_batch_id.is_(None),
        status=BatchStatus.VALIDATING,
        status_changed_at=now,
        openai_batch_id=openai_batch_id,
        openai_status=openai_status,
        key_fingerprint=key_fingerprint,
        submitted_at=func.coalesce(_batches.create_started_at, now),
        lease_until=None,
    )


def request_input_deletion(connection: Connection, claim: Claim, *, key_fingerprint: str, now: datetime) -> bool:
    """Written before the input file is deleted, with the key that has seen it."""
    return _write(
        connection,
        claim,
        _batches.openai_batch_id.is_(None),
        input_delete_requested_at=func.coalesce(_batches.input_delete_requested_at, now),
        input_delete_key=key_fingerprint,
    )


def record_input_deleted(connection: Connection, claim: Claim, *, lag: timedelta, now: datetime) -> bool:
    """The input file is gone; the next look is due when the service has had time to show a create that came before."""
    return _write(connection, claim, _batches.openai_batch_id.is_(None), input_deleted_at=now, lease_until=now + lag)


def forget_input(connection: Connection, claim: Claim, *, lease: int, now: datetime) -> bool:
    """No create on the old input file can take effect: the batch is as if it had never been uploaded."""
    return _write(
        connection,
        claim,
        _batches.input_deleted_at.is_not(None),
        input_file_id=None,
        input_file_created_at=None,
        create_started_at=None,
        input_delete_requested_at=None,
        input_delete_key=None,
        input_deleted_at=None,
        lease_until=now + timedelta(seconds=lease),
    )


def made_with_key(connection: Connection, endpoint: str, key_fingerprint: str | None) -> str | None:
    """The service's id of the newest batch that was made or found with a key; one that sees it belongs to the same project."""
    query = (
        select(_batches.openai_batch_id)
        .where(_batches.endpoint == endpoint, _batches.key_fingerprint == key_fingerprint)
        .where(_batches.openai_batch_id.is_not(None))
        .order_by(_batches.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def wait_until(connection: Connection, claim: Claim, *, moment: datetime) -> bool:
    """Leaves the batch to the next recovery, not before a moment."""
    return _write(connection, claim, _batches.openai_batch_id.is_(None), lease_until=moment)


def give_up(connection: Connection, claim: Claim, *, error_message: str, now: datetime) -> bool:
    """Ends a batch that may have been bought where nobody can look; the fence is raised, so that nobody goes on with it."""
    return _write(
        connection,
        claim,
        _batches.openai_batch_id.is_(None)
        & _batches.processed_at.is_(None)
        & _batches.create_started_at.is_not(None)
        & (_batches.status == BatchStatus.UPLOADING),
        fence=_batches.fence + 1,
        status=BatchStatus.FAILED,
        status_changed_at=now,
        error_code=VANISHED,
        error_message=error_message,
    )


def cancel_unbought(connection: Connection, claim: Claim, *, now: datetime) -> bool:
    """Nothing was bought and somebody wants it cancelled: CANCELLED at once."""
    return _write(
        connection,
        claim,
        _batches.create_started_at.is_(None)
        & _batches.cancel_requested_at.is_not(None)
        & _batches.status.in_((BatchStatus.PENDING, BatchStatus.UPLOADING)),
        status=BatchStatus.CANCELLED,
        status_changed_at=now,
        error_code="cancelled",
    )


def _write(connection: Connection, claim: Claim, condition: ColumnElement[bool], **values: object) -> bool:
    held = (_batches.id == claim.batch_id) & (_batches.fence == claim.fence) & condition
    return connection.execute(update(ai_batch_requests).where(held).values(**values)).rowcount == 1


@dataclass(frozen=True)
class KnownBatch:
    """What a row says about the remote batch that it names, read under its lock."""

    id: UUID
    model: str
    openai_batch_id: str | None
    input_file_id: str | None
    is_closed: bool


def lock_named_rows(connection: Connection, batch_ids: Iterable[UUID]) -> dict[UUID, KnownBatch]:
    """Rows that remote batches name in their metadata, re-read under their locks after the listing."""
    query = (
        select(
            _batches.id,
            _batches.model,
            _batches.openai_batch_id,
            _batches.input_file_id,
            (_batches.processed_at.is_not(None) | _batches.status.in_(ENDED_BATCHES)).label("is_closed"),
        )
        .where(_batches.id.in_(list(batch_ids)))
        .order_by(_batches.id)
        .with_for_update()
    )
    return {row.id: KnownBatch(*row) for row in connection.execute(query)}


@dataclass(frozen=True)
class SurplusBatch:
    """A remote batch beyond the one that its row names."""

    openai_batch_id: str
    batch_id: UUID
    openai_status: str
    input_file_id: str | None


def record_surplus(connection: Connection, found: SurplusBatch, *, endpoint: str, now: datetime) -> bool:
    """Writes a surplus batch into the ledger; True if it is new there."""
    inserted = connection.execute(
        insert(ai_surplus_batches)
        .values(
            openai_batch_id=found.openai_batch_id,
            batch_id=found.batch_id,
            endpoint=endpoint,
            input_file_id=found.input_file_id,
            openai_status=found.openai_status,
            found_at=now,
            cancel_requested_at=now,
        )
        .on_conflict_do_nothing(index_elements=["openai_batch_id"])
        # Not `rowcount`, which is -1 for an insert whose defaults are fetched.
        .returning(_surplus.id)
    )
    return inserted.first() is not None


def open_surplus(connection: Connection, endpoint: str) -> list[SurplusBatch]:
    """Surplus batches that have not ended; those not yet `cancelling` first."""
    query = (
        select(_surplus.openai_batch_id, _surplus.batch_id, _surplus.openai_status, _surplus.input_file_id)
        .where(_surplus.endpoint == endpoint, _surplus.ended_at.is_(None))
        .order_by(_surplus.openai_status == "cancelling", _surplus.id)
    )
    return [SurplusBatch(*row) for row in connection.execute(query)]


def note_surplus_not_found(
    connection: Connection, surplus: SurplusBatch, *, key_fingerprint: str, believed_before: datetime, now: datetime
) -> bool:
    """Remembers since when the service does not know a surplus batch, and ends it once that is believed; True if it did.

    Only the key that its row was claimed with is believed: another project's sees nothing of ours. What it cost stays unknown.
    """
    same_key = select(_batches.id).where(_batches.id == _surplus.batch_id, _batches.key_fingerprint == key_fingerprint)
    open_row = (_surplus.openai_batch_id == surplus.openai_batch_id) & _surplus.ended_at.is_(None)
    connection.execute(
        update(ai_surplus_batches)
        .where(open_row, _surplus.not_found_since.is_(None), same_key.exists())
        .values(not_found_since=now)
    )
    gone = (
        update(ai_surplus_batches)
        .where(open_row, _surplus.not_found_since <= believed_before, same_key.exists())
        .values(openai_status=VANISHED, ended_at=now)
    )
    return connection.execute(gone).rowcount == 1


def follow_surplus(
    connection: Connection,
    openai_batch_id: str,
    *,
    openai_status: str,
    ended_at: datetime | None,
    usage: dict[str, int | None] | None,
    pricing_id: UUID | None,
    cost_usd: Decimal | None,
    usd_eur: Decimal | None,
    cost_eur: Decimal | None,
) -> None:
    """Writes how a surplus batch stands, and what it cost once it has ended."""
    connection.execute(
        update(ai_surplus_batches)
        .where(_surplus.openai_batch_id == openai_batch_id, _surplus.ended_at.is_(None))
        .values(
            openai_status=openai_status,
            not_found_since=None,
            ended_at=ended_at,
            usage=usage,
            pricing_id=pricing_id,
            total_cost_usd=cost_usd,
            usd_eur=usd_eur,
            total_cost_eur=cost_eur,
        )
    )
