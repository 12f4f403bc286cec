"""Surplus batches in the ledger, and the rows that listed batches name.

A batch that a row tracks is never surplus here. `ledger.rules.recovery.twins` gives the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.states import ENDED_BATCHES
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_cost_adjustments, ai_surplus_batches
from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.recovery.twins import NamedRow
from livedash_pipeline.ledger.rules.results.judgement import UNFOLLOWED, VANISHED

_batches = ai_batch_requests.c
_surplus = ai_surplus_batches.c


def named_rows(connection: Connection, batch_ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, NamedRow]:
    """Returns the rows that remote batches name in their metadata; `lock` locks them until the transaction ends."""
    query = (
        select(
            _batches.id,
            _batches.model,
            case((_batches.error_code == VANISHED, None), else_=_batches.remote_batch_id).label("remote_batch_id"),
            _batches.listed_batch_id,
            _batches.create_nonce,
            _batches.input_file_id,
            _batches.earlier_input_file_ids,
            (_batches.processed_at.is_not(None) | _batches.status.in_(ENDED_BATCHES)).label("is_closed"),
            _batches.not_found_since.is_not(None).label("is_lost"),
        )
        .where(_batches.id.in_(list(batch_ids)))
        .order_by(_batches.id)
    )
    rows = connection.execute(query.with_for_update() if lock else query)
    return {
        row.id: NamedRow(
            row.id,
            row.model,
            row.remote_batch_id,
            row.listed_batch_id,
            Tag(row.create_nonce, row.input_file_id),
            row.is_closed,
            row.is_lost,
            frozenset(row.earlier_input_file_ids),
        )
        for row in rows
    }


def rows_of_files(connection: Connection, endpoint: str, input_file_ids: Iterable[str]) -> dict[str, UUID]:
    """Returns the rows of these input files, those that were given up included.

    Nobody can guess the id of a file, so it marks the batch that was made of it.
    """
    values = {"endpoint": endpoint, "input_file_ids": list(input_file_ids)}
    return {
        row.input_file_id: row.batch_id for row in connection.execute(statement("ledger/find_batches_of_files"), values)
    }


def tracked_ids(
    connection: Connection, endpoint: str, remote_batch_ids: Iterable[str], *, apart_from: UUID | None = None
) -> frozenset[str]:
    """Returns those of the given ids that a row tracks, or under which the listing shows a tracked batch.

    Leaves out the row `apart_from`, whose own ids are being judged.
    """
    wanted = list(remote_batch_ids)
    query = select(_batches.remote_batch_id, _batches.listed_batch_id).where(
        _batches.endpoint == endpoint,
        _batches.remote_batch_id.in_(wanted) | _batches.listed_batch_id.in_(wanted),
    )
    if apart_from is not None:
        query = query.where(_batches.id != apart_from)
    return frozenset(name for row in connection.execute(query) for name in row if name is not None)


def note_alias(connection: Connection, row: NamedRow, listed_batch_id: str | None) -> bool:
    """Notes the other id under which the listing shows a tracked batch; None: it shows the tracked id."""
    changed = (
        update(ai_batch_requests)
        .where(_batches.id == row.id, _batches.remote_batch_id == row.remote_batch_id)
        .values(listed_batch_id=listed_batch_id)
    )
    return connection.execute(changed).rowcount == 1


def follow_move(connection: Connection, row: NamedRow, remote_batch_id: str) -> bool:
    """Changes the tracked id to the one that the service uses now; False where the batch was ingested or moved already."""
    moved = (
        update(ai_batch_requests)
        .where(_batches.id == row.id, _batches.remote_batch_id == row.remote_batch_id, _batches.processed_at.is_(None))
        .values(remote_batch_id=remote_batch_id, listed_batch_id=None, not_found_since=None)
    )
    return connection.execute(moved).rowcount == 1


@dataclass(frozen=True)
class SurplusBatch:
    """A remote batch beyond the one that its row names."""

    remote_batch_id: str
    batch_id: UUID
    remote_status: str
    input_file_id: str | None


def record_surplus(
    connection: Connection, found: SurplusBatch, *, endpoint: str, made_at: datetime | None = None, now: datetime
) -> bool:
    """Writes a surplus batch into the ledger; True if it is new there.

    `made_at` is when the service says that it was made: no earlier than the row that it belongs to, and not in the future.
    """
    claimed = select(_batches.created_at).where(_batches.id == found.batch_id).scalar_subquery()
    inserted = connection.execute(
        insert(ai_surplus_batches)
        .values(
            remote_batch_id=found.remote_batch_id,
            batch_id=found.batch_id,
            endpoint=endpoint,
            input_file_id=found.input_file_id,
            remote_status=found.remote_status,
            submitted_at=func.greatest(claimed, func.least(made_at or now, now)),
            found_at=now,
            cancel_requested_at=now,
        )
        .on_conflict_do_nothing(index_elements=[_surplus.remote_batch_id])
        # Not `rowcount`, which is -1 for an insert whose defaults are fetched.
        .returning(_surplus.id)
    )
    return inserted.first() is not None


@dataclass(frozen=True)
class SurplusTerms:
    """What a surplus batch is priced by: its model, how many requests it has, and when it was made, as far as is known."""

    model: str
    requests: int
    made_at: datetime


def surplus_terms(connection: Connection, remote_batch_id: str) -> SurplusTerms:
    """Returns by what a surplus batch is priced: it asks what the batch of its row asks."""
    made = func.coalesce(_surplus.submitted_at, _surplus.found_at)
    query = (
        select(_batches.model, _batches.request_count, made)
        .join(ai_batch_requests, _batches.id == _surplus.batch_id)
        .where(_surplus.remote_batch_id == remote_batch_id)
    )
    return SurplusTerms(*connection.execute(query).one())


def recorded_ids(connection: Connection, remote_batch_ids: Iterable[str]) -> frozenset[str]:
    """Returns those of the given ids that the ledger has as surplus already."""
    query = select(_surplus.remote_batch_id).where(_surplus.remote_batch_id.in_(list(remote_batch_ids)))
    return frozenset(connection.execute(query).scalars())


def open_surplus(connection: Connection, endpoint: str) -> list[SurplusBatch]:
    """Returns surplus batches that have not ended and that no row tracks; those not yet `cancelling` first.

    One that was given up as unfollowed is among them until somebody has stated its cost.
    """
    query = (
        select(_surplus.remote_batch_id, _surplus.batch_id, _surplus.remote_status, _surplus.input_file_id)
        .where(_surplus.endpoint == endpoint, _surplus.ended_at.is_(None) | _is_given_up(), ~_is_tracked())
        .order_by(_surplus.remote_status == "cancelling", _surplus.id)
    )
    return [SurplusBatch(*row) for row in connection.execute(query)]


def give_up_following(
    connection: Connection,
    *,
    made_before: datetime,
    now: datetime,
    only: str | None = None,
    apart_from: str | None = None,
) -> list[str]:
    """Ends surplus batches that were made before a moment and have no known end, at an unknown cost; returns the service's ids.

    `only` is one by the service's id; `apart_from` the endpoint whose batches are followed and stay.
    """
    given_up = update(ai_surplus_batches).where(
        _surplus.ended_at.is_(None),
        func.coalesce(_surplus.submitted_at, _surplus.found_at) <= made_before,
        ~_is_tracked(),
    )
    if only is not None:
        given_up = given_up.where(_surplus.remote_batch_id == only)
    if apart_from is not None:
        given_up = given_up.where(_surplus.endpoint != apart_from)
    ended = given_up.values(remote_status=UNFOLLOWED, ended_at=now).returning(_surplus.remote_batch_id)
    return list(connection.execute(ended).scalars())


def _is_tracked() -> ColumnElement[bool]:
    return (
        select(_batches.id)
        .where(
            (_batches.remote_batch_id == _surplus.remote_batch_id)
            | (_batches.listed_batch_id == _surplus.remote_batch_id)
        )
        .exists()
    )


def _is_given_up() -> ColumnElement[bool]:
    stated = select(ai_cost_adjustments.c.id).where(ai_cost_adjustments.c.surplus_id == _surplus.id).exists()
    return (_surplus.remote_status == UNFOLLOWED) & ~stated


def note_surplus_not_found(
    connection: Connection, surplus: SurplusBatch, *, key_fingerprint: str, believed_before: datetime, now: datetime
) -> bool:
    """Notes since when the service does not know a surplus batch; ends it once that is believed, and returns True then.

    Only a 404 to the key of its row's claim counts, since a key of another project sees nothing of ours. The cost stays unknown.
    """
    same_key = select(_batches.id).where(_batches.id == _surplus.batch_id, _batches.key_fingerprint == key_fingerprint)
    open_row = (_surplus.remote_batch_id == surplus.remote_batch_id) & _surplus.ended_at.is_(None)
    connection.execute(
        update(ai_surplus_batches)
        .where(open_row, _surplus.not_found_since.is_(None), same_key.exists())
        .values(not_found_since=now)
    )
    gone = (
        update(ai_surplus_batches)
        .where(open_row, _surplus.not_found_since <= believed_before, same_key.exists())
        .values(remote_status=VANISHED, ended_at=now)
    )
    return connection.execute(gone).rowcount == 1


def follow_surplus(
    connection: Connection,
    remote_batch_id: str,
    *,
    remote_status: str,
    ended_at: datetime | None,
    usage: dict[str, int | None] | None,
    pricing_id: UUID | None,
    cost_usd: Decimal | None,
    usd_eur: Decimal | None,
    cost_eur: Decimal | None,
) -> None:
    """Writes the state of a surplus batch, and its cost once it has ended; one that was given up is followed again."""
    connection.execute(
        update(ai_surplus_batches)
        .where(_surplus.remote_batch_id == remote_batch_id, _surplus.ended_at.is_(None) | _is_given_up())
        .values(
            remote_status=remote_status,
            not_found_since=None,
            ended_at=ended_at,
            usage=usage,
            pricing_id=pricing_id,
            total_cost_usd=cost_usd,
            usd_eur=usd_eur,
            total_cost_eur=cost_eur,
        )
    )
