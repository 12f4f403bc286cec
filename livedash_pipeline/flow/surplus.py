"""Surplus batches: remote ones with our mark that no row names. They are cancelled, followed, and paid for in the ledger.

They arise when the answer to a create is lost or comes late. Looking for them is part of recovery, polling and reconciling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.core.failures import FailureKind
from livedash_pipeline.core.pricing import cost_of, to_eur
from livedash_pipeline.core.remote import RemoteBatch, local_status
from livedash_pipeline.core.states import ENDED_BATCHES, BatchStatus
from livedash_pipeline.core.token_usage import TokenUsage
from livedash_pipeline.db import prices, recovery
from livedash_pipeline.db.connect import in_transaction
from livedash_pipeline.db.recovery import KnownBatch, SurplusBatch
from livedash_pipeline.flow.context import BatchContext
from livedash_pipeline.logs import get_logger
from livedash_pipeline.openai_batch.errors import BatchApiError

log = get_logger(__name__)


@dataclass(frozen=True)
class SurplusReport:
    """Surplus batches found now, and listed batches that carry no mark of this database."""

    found: int = 0
    strangers: int = 0


def find_surplus(context: BatchContext, listed: Sequence[RemoteBatch]) -> SurplusReport:
    """Finds surplus among listed batches and writes it into the ledger, from which `follow_surplus` cancels it.

    The rows are read under their locks after the listing: a row that took its id meanwhile is no surplus.
    """
    marked = [remote for remote in listed if remote.our_batch_id is not None]

    def write(connection: Connection) -> tuple[list[SurplusBatch], int]:
        now = context.now(connection)
        rows = recovery.lock_named_rows(connection, {_mark(remote) for remote in marked})
        surplus = [_surplus(remote) for remote in marked if _is_surplus(remote, rows)]
        new = [
            found for found in surplus if recovery.record_surplus(connection, found, endpoint=context.endpoint, now=now)
        ]
        return new, sum(_mark(remote) not in rows for remote in marked)

    if not marked:
        return SurplusReport(0, len(listed))
    new, foreign = in_transaction(context.engine, write)
    for found in new:
        log.warning("surplus batch found", openai_batch_id=found.openai_batch_id, batch_id=str(found.batch_id))
    return SurplusReport(len(new), foreign + len(listed) - len(marked))


def _mark(remote: RemoteBatch) -> UUID:
    mark = remote.our_batch_id
    if mark is None:
        raise AssertionError("only marked batches are looked at")
    return mark


def _is_surplus(remote: RemoteBatch, rows: dict[UUID, KnownBatch]) -> bool:
    row = rows.get(_mark(remote))
    if row is None or row.openai_batch_id == remote.id:
        return False
    if row.openai_batch_id is not None or row.is_closed:
        return True
    # An open row without an id: what is on its current input file is recovery's to adopt, anything else is surplus.
    return remote.input_file_id != row.input_file_id


def _surplus(remote: RemoteBatch) -> SurplusBatch:
    return SurplusBatch(remote.id, _mark(remote), remote.status_word, remote.input_file_id)


def follow_surplus(
    context: BatchContext,
    listed: Iterable[RemoteBatch] = (),
    *,
    timeout: float | None = None,
    time_left: Callable[[], bool] = lambda: True,
) -> int:
    """Cancels surplus batches that still live, once per call, and writes what those cost that have ended; returns how many live.

    A call that fails, or that no time is left for, is left to the next one.
    """
    with context.engine.connect() as connection:
        waiting = recovery.open_surplus(connection, context.endpoint)
    seen = {remote.id: remote for remote in listed}
    living = 0
    for surplus in waiting:
        remote = seen.get(surplus.openai_batch_id)
        if remote is None or not _has_ended(remote):
            remote = _cancelled(context, surplus, timeout) if time_left() else None
        if remote is None:
            living += 1
            continue
        in_transaction(context.engine, lambda connection, r=remote, s=surplus: _write(context, connection, s, r))  # type: ignore[misc]
        living += not _has_ended(remote)
    return living


def _has_ended(remote: RemoteBatch) -> bool:
    # Not `ended_at`: a service that leaves out when it ended would have it cancelled for ever.
    return local_status(remote) in ENDED_BATCHES


def _cancelled(context: BatchContext, surplus: SurplusBatch, timeout: float | None) -> RemoteBatch | None:
    """The batch after a cancel was asked for; asking again is harmless, and one that has ended says so."""
    try:
        return context.gateway.cancel_batch(surplus.openai_batch_id, timeout=timeout)
    except BatchApiError as error:
        if error.failure.kind is FailureKind.NOT_FOUND:
            _note_not_found(context, surplus)
        else:
            log.warning("surplus not cancelled yet", openai_batch_id=surplus.openai_batch_id)
        return None


def _note_not_found(context: BatchContext, surplus: SurplusBatch) -> None:
    """A 404 is believed as late as that of any other batch; until then it is asked for again."""
    waited = timedelta(seconds=context.settings.livedash_vanished_after)

    def write(connection: Connection) -> bool:
        now = context.now(connection)
        return recovery.note_surplus_not_found(
            connection, surplus, key_fingerprint=context.key_fingerprint, believed_before=now - waited, now=now
        )

    if in_transaction(context.engine, write):
        log.error("surplus batch vanished", openai_batch_id=surplus.openai_batch_id, batch_id=str(surplus.batch_id))


def _write(context: BatchContext, connection: Connection, surplus: SurplusBatch, remote: RemoteBatch) -> None:
    now = context.now(connection)
    usage = None
    if remote.usage is not None:
        usage = {"input_tokens": remote.usage.input_tokens, "output_tokens": remote.usage.output_tokens}
        usage |= {"cached_tokens": remote.usage.cached_tokens, "total_tokens": remote.usage.total_tokens}
    pricing_id, cost_usd, usd_eur = _cost(context, connection, surplus, remote)
    recovery.follow_surplus(
        connection,
        surplus.openai_batch_id,
        openai_status=remote.status_word,
        ended_at=now if _has_ended(remote) else None,
        usage=usage,
        pricing_id=pricing_id,
        cost_usd=cost_usd,
        usd_eur=usd_eur,
        cost_eur=to_eur(cost_usd, usd_eur),
    )
    if _has_ended(remote):
        log.warning(
            "surplus batch ended",
            openai_batch_id=remote.id,
            batch_id=str(surplus.batch_id),
            cost_usd=None if cost_usd is None else str(cost_usd),
        )


def _ran_nothing(remote: RemoteBatch) -> bool:
    """It says so, or it says nothing of counts and failed at validation, which comes before running."""
    refused = local_status(remote) is BatchStatus.FAILED and remote.status != "expired" and not remote.output_file_id
    return remote.completed == 0 or (remote.completed is None and refused)


def _cost(
    context: BatchContext, connection: Connection, surplus: SurplusBatch, remote: RemoteBatch
) -> tuple[UUID | None, Decimal | None, Decimal | None]:
    """Price row, dollars and rate of an ended surplus batch; unknown unless it tells its usage or ran nothing."""
    if not _has_ended(remote):
        return None, None, None
    now = context.now(connection)
    rate = prices.rate_at(connection, now, context.settings.livedash_usd_eur)
    usd_eur = rate.usd_eur if rate else None
    if remote.usage is None:
        return None, Decimal(0) if _ran_nothing(remote) else None, usd_eur
    row = recovery.lock_named_rows(connection, [surplus.batch_id])[surplus.batch_id]
    priced = prices.price_for(connection, row.model, now)
    if priced is None:
        return None, None, usd_eur
    tokens = TokenUsage(
        prompt_tokens=remote.usage.input_tokens,
        completion_tokens=remote.usage.output_tokens,
        total_tokens=remote.usage.total_tokens,
        cached_tokens=remote.usage.cached_tokens,
    )
    # Tokens of all requests together say nothing of the length of any one of them.
    cost = cost_of(tokens, replace(priced[1], long_context_tokens=None), batch=True)
    return priced[0], None if cost is None else cost.total_usd, usd_eur
