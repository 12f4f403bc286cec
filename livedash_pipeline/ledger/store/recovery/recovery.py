"""Rows of batches whose submitter is gone, or whose create has no known outcome.

Every write carries the fence that `take_over` raised, so that the process that had the batch before can write no more.
`ledger.rules.recovery.recovery` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts, companies
from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.recovery.recovery import UnfinishedBatch
from livedash_pipeline.ledger.rules.results.judgement import VANISHED
from livedash_pipeline.ledger.store.batches.claims import Claim, claim_of, tracked_elsewhere

_batches = ai_batch_requests.c
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
    nonce: str | None = None

    @property
    def tag(self) -> Tag:
        """The marks of its create at the service."""
        return Tag(self.nonce, self.input_file_id)


def _without_owner(endpoint: str, now: datetime) -> ColumnElement[bool]:
    return (
        (_batches.endpoint == endpoint)
        & _batches.remote_batch_id.is_(None)
        & _batches.processed_at.is_(None)
        & _batches.status.in_((BatchStatus.PENDING, BatchStatus.UPLOADING))
        & (_batches.lease_until <= now)
    )


def count_without_owner(connection: Connection, endpoint: str, *, now: datetime) -> int:
    """Counts batches that `take_over` would take."""
    query = select(func.count()).select_from(ai_batch_requests).where(_without_owner(endpoint, now))
    return int(connection.execute(query).scalar_one())


def take_over(connection: Connection, endpoint: str, *, lease: int, now: datetime, limit: int = 1) -> list[TakenOver]:
    """Takes over batches whose lease has run out, and raises their fence, so that the former submitter can write no more."""
    locked = (
        select(_batches.id)
        .where(_without_owner(endpoint, now))
        .order_by(_batches.lease_until, _batches.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # Postgres may run a subquery once per row; each run skips the rows locked before, so that too many would be taken.
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


def unknown_creates(
    connection: Connection, endpoint: str, *, begun_before: datetime, batch_id: UUID | None = None
) -> list[TakenOver]:
    """Returns batches whose create began before a moment and has no known outcome, whoever holds them; or one such batch.

    Raises no fence, so that their holders go on.
    """
    query = (
        select(
            ai_batch_requests,
            companies.c.slug,
            companies.c.status.label("company_status"),
            _reserved.label("reserved_eur"),
        )
        .join(companies, companies.c.id == _batches.company_id)
        .where(_batches.endpoint == endpoint, _batches.remote_batch_id.is_(None), _batches.processed_at.is_(None))
        .where(_batches.status == BatchStatus.UPLOADING, _batches.create_started_at < begun_before)
        .order_by(_batches.id)
    )
    if batch_id is not None:
        query = query.where(_batches.id == batch_id)
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
            row.absence_believed_at,
        ),
        row.create_nonce,
    )


def adopt(
    connection: Connection,
    claim: Claim,
    *,
    remote_batch_id: str,
    tag: Tag,
    remote_status: str,
    key_fingerprint: str,
    now: datetime,
    listed_batch_id: str | None = None,
) -> bool:
    """Writes to the row the remote batch that its create made, and the key that sees it.

    False where the row has a batch already, where another process holds it by now, where its present create is not the one of
    `tag`, by which the batch was found, or where another row tracks the batch.
    """
    return _write(
        connection,
        claim,
        _batches.remote_batch_id.is_(None)
        & (_batches.status == BatchStatus.UPLOADING)
        & _batches.create_started_at.is_not(None)
        # Whoever holds the row may have given that create up meanwhile, and begun another one under the same fence.
        & _batches.create_nonce.is_not_distinct_from(tag.nonce)
        & _batches.input_file_id.is_not_distinct_from(tag.input_file_id)
        & ~tracked_elsewhere(remote_batch_id),
        listed_batch_id=listed_batch_id,
        absence_doubt=None,
        status=BatchStatus.VALIDATING,
        status_changed_at=now,
        remote_batch_id=remote_batch_id,
        remote_status=remote_status,
        key_fingerprint=key_fingerprint,
        submitted_at=func.coalesce(_batches.create_started_at, now),
        lease_until=None,
    )


def request_input_deletion(connection: Connection, claim: Claim, *, key_fingerprint: str, now: datetime) -> bool:
    """Notes, before the input file is deleted, that it will be, and the key that has seen it."""
    return _write(
        connection,
        claim,
        _batches.remote_batch_id.is_(None),
        input_delete_requested_at=func.coalesce(_batches.input_delete_requested_at, now),
        input_delete_key=key_fingerprint,
    )


def record_input_deleted(connection: Connection, claim: Claim, *, lag: timedelta, now: datetime) -> bool:
    """Notes that the input file is gone; the next look is due when the service must show a create from before that."""
    return _write(connection, claim, _batches.remote_batch_id.is_(None), input_deleted_at=now, lease_until=now + lag)


def forget_input(connection: Connection, claim: Claim, *, lease: int, now: datetime) -> bool:
    """Puts the old input file aside, on which no create should take effect any more: the batch counts as not uploaded."""
    return _write(
        connection,
        claim,
        _batches.input_deleted_at.is_not(None),
        earlier_input_file_ids=func.array_append(_batches.earlier_input_file_ids, _batches.input_file_id),
        input_file_id=None,
        input_file_created_at=None,
        create_started_at=None,
        create_nonce=None,
        purchase_guard=None,
        absence_doubt=None,
        absence_believed_at=None,
        input_delete_requested_at=None,
        input_delete_key=None,
        input_deleted_at=None,
        lease_until=now + timedelta(seconds=lease),
    )


def made_with_key(connection: Connection, endpoint: str, key_fingerprint: str | None) -> str | None:
    """Returns the service's id of the newest batch made or found with a key; a key that sees it belongs to the same project."""
    query = (
        select(_batches.remote_batch_id)
        .where(_batches.endpoint == endpoint, _batches.key_fingerprint == key_fingerprint)
        .where(_batches.remote_batch_id.is_not(None))
        .order_by(_batches.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def believe_absence(connection: Connection, batch_id: UUID, *, begun_before: datetime, now: datetime) -> bool:
    """Notes a person's word that a create made nothing; False where the row does not wait for its outcome, or not long enough."""
    believed = (
        update(ai_batch_requests)
        .where(_batches.id == batch_id, _batches.remote_batch_id.is_(None), _batches.processed_at.is_(None))
        .where(_batches.status == BatchStatus.UPLOADING, _batches.create_started_at <= begun_before)
        .values(absence_believed_at=func.coalesce(_batches.absence_believed_at, now), lease_until=now)
    )
    return connection.execute(believed).rowcount == 1


def wait_until(connection: Connection, claim: Claim, *, moment: datetime, doubt: str | None = None) -> bool:
    """Leaves the batch to the next recovery after a moment; `doubt` says why the listing proves nothing."""
    return _write(connection, claim, _batches.remote_batch_id.is_(None), lease_until=moment, absence_doubt=doubt)


def give_up(connection: Connection, claim: Claim, *, error_message: str, now: datetime) -> bool:
    """Ends a batch that may have been bought at a place no key can see; raises the fence, so that no process goes on with it."""
    return _write(
        connection,
        claim,
        _batches.remote_batch_id.is_(None)
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
    """Moves a batch with a cancel request, for which nothing was bought, to CANCELLED at once."""
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
