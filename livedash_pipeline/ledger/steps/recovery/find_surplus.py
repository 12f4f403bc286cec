"""Finds surplus among listed batches: looks up the batch itself and the one that its row tracks before it writes anything.

Cancels nothing: `ledger.steps.recovery.surplus` follows the surplus in the ledger. `ledger.rules.recovery.twins` gives the
verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.recovery.twins import Looks, NamedRow, Verdict, first_sight, judge_twin
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.lookups import look_up
from livedash_pipeline.ledger.store.recovery import surplus, traits
from livedash_pipeline.ledger.store.recovery.surplus import SurplusBatch
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

_EVENTS = {
    Verdict.SURPLUS: "surplus batch found",
    Verdict.ALIAS: "batch listed under another id",
    Verdict.MOVED: "batch known under another id",
}


@dataclass(frozen=True)
class SurplusReport:
    """Counts of listed batches that no row tracks.

    Attributes:
        found: Surplus batches, new in the ledger.
        unknown: Batches without a mark of this database.
        unclear: Ids of batches with our mark and no clear verdict; they are left alone.
    """

    found: int = 0
    unknown: int = 0
    unclear: tuple[str, ...] = ()


def find_surplus(
    context: BatchContext,
    listing: Listing,
    *,
    timeout: float | None = None,
    time_left: Callable[[], bool] = lambda: True,
) -> SurplusReport:
    """Finds surplus among listed batches and writes it into the ledger, from which `follow_surplus` cancels it.

    The next look takes batches that cannot be looked up now, or for which no time is left.
    """
    marks = _marks(context, listing)
    marked = [remote for remote in listing.batches if remote.id in marks]
    foreign = sum(remote.id not in marks and not remote.is_probe for remote in listing.batches)
    if not marked:
        return SurplusReport(unknown=foreign)
    rows, tracked, recorded = _read(context, marks)
    foreign += sum(marks[remote.id] not in rows for remote in marked)
    found, unclear = 0, list[str]()
    ids = {remote.id for remote in listing.batches}
    for remote in marked:
        row = rows.get(marks[remote.id])
        if row is None or remote.id in recorded:
            continue
        verdict = first_sight(remote, row, tracked, ids)
        if verdict is None:
            verdict = _look(context, remote, row, listing, timeout) if time_left() else Verdict.UNCLEAR
        found += _act(context, remote, row, verdict)
        unclear += [remote.id] if verdict is Verdict.UNCLEAR else []
    return SurplusReport(found, foreign, tuple(unclear))


def _marks(context: BatchContext, listing: Listing) -> dict[str, UUID]:
    """The rows of listed batches, by the batches' ids: from their metadata, or else from their input files."""
    named = {remote.id: remote.our_batch_id for remote in listing.batches}
    unnamed = {remote.id: remote.input_file_id for remote in listing.batches if named[remote.id] is None}
    with context.engine.connect() as connection:
        made_of = surplus.rows_of_files(connection, context.endpoint, filter(None, unnamed.values()))
    found = named | {batch_id: made_of.get(file_id) for batch_id, file_id in unnamed.items()}
    return {batch_id: row_id for batch_id, row_id in found.items() if row_id is not None}


def _read(
    context: BatchContext, marks: Mapping[str, UUID]
) -> tuple[dict[UUID, NamedRow], frozenset[str], frozenset[str]]:
    """Reads, after the listing, the rows that it names, and which of the listed ids are known already."""
    ids = list(marks)
    with context.engine.connect() as connection:
        return (
            surplus.named_rows(connection, set(marks.values())),
            surplus.tracked_ids(connection, context.endpoint, ids),
            surplus.recorded_ids(connection, ids),
        )


def _look(
    context: BatchContext, remote: RemoteBatch, row: NamedRow, listing: Listing, timeout: float | None
) -> Verdict:
    """Looks up the batch and the one that its row tracks, and returns the verdict."""
    try:
        itself = look_up(context, remote.id, timeout=timeout)
        rival = None if row.remote_batch_id is None else look_up(context, row.remote_batch_id, timeout=timeout)
        both = _lists_rival(context, remote, row, listing, timeout)
    except ServiceError as error:
        log.warning("twin not looked up", remote_batch_id=remote.id, kind=error.failure.kind.value)
        return Verdict.UNCLEAR
    with context.engine.connect() as connection:
        ids = [found.id for found in (remote, itself) if found is not None]
        tracked = surplus.tracked_ids(connection, context.endpoint, ids, apart_from=row.id)
    is_whole = listing.covers(None if rival is None else rival.created_at)
    return judge_twin(Looks(remote, itself, rival, both, is_whole), row, tracked)


def _lists_rival(
    context: BatchContext, remote: RemoteBatch, row: NamedRow, listing: Listing, timeout: float | None
) -> bool:
    """Whether the listing also shows the tracked batch, under its id or under one by which a look-up finds it."""
    if row.remote_batch_id is None:
        return False
    if listing.with_id(row.remote_batch_id) is not None:
        return True
    for other in listing.batches:
        if other.id != remote.id and row.tag.is_on(other):
            found = look_up(context, other.id, timeout=timeout)
            if found is not None and found.id == row.remote_batch_id:
                return True
    return False


def _act(context: BatchContext, remote: RemoteBatch, seen: NamedRow, verdict: Verdict) -> int:
    """Writes a verdict if the row, re-read under its lock, has not changed since; returns how many are surplus."""
    if verdict not in _EVENTS:
        return 0

    def write(connection: Connection) -> bool:
        now = context.now(connection)
        row = surplus.named_rows(connection, [seen.id], lock=True).get(seen.id)
        if row != seen or surplus.tracked_ids(connection, context.endpoint, [remote.id], apart_from=seen.id):
            return False
        if verdict is Verdict.MOVED:
            return surplus.follow_move(connection, row, remote.id)
        if verdict is Verdict.ALIAS and row.listed_batch_id == remote.id:
            return False
        if verdict is Verdict.ALIAS:
            traits.note_habit(connection, context.endpoint, context.key_fingerprint, renames_ids=True, now=now)
            return surplus.note_alias(connection, row, remote.id)
        if row.listed_batch_id == remote.id:
            # It was mistaken for the tracked batch under another id.
            surplus.note_alias(connection, row, None)
        found = SurplusBatch(remote.id, row.id, remote.status_word, remote.input_file_id)
        return surplus.record_surplus(connection, found, endpoint=context.endpoint, made_at=remote.created_at, now=now)

    written = in_transaction(context.engine, write)
    if written:
        log.warning(_EVENTS[verdict], remote_batch_id=remote.id, batch_id=str(seen.id))
    return int(written and verdict is Verdict.SURPLUS)
