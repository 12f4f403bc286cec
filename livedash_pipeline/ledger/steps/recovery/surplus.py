"""Follows surplus batches: remote ones that no row tracks. They are cancelled, watched to their end, and paid for in the ledger.

They arise when the answer to a create is lost or comes late, or when a proxy repeats a create.
`ledger.steps.recovery.find_surplus` proves first that a batch is surplus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, remote_end
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.recovery import surplus as ledger
from livedash_pipeline.ledger.store.recovery.surplus import SurplusBatch
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.pricing import cost_of, cost_of_sum, to_eur
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

# The service ends every batch within its window.
_WINDOW = timedelta(hours=24)


def follow_surplus(
    context: BatchContext,
    listed: Iterable[RemoteBatch] = (),
    *,
    timeout: float | None = None,
    time_left: Callable[[], bool] = lambda: True,
) -> int:
    """Cancels surplus batches that still live, and writes the cost of those that have ended; returns how many live.

    Asks once per batch. A later call takes those whose cancel failed, or for which no time was left. One whose window is over for
    LIVEDASH_VANISHED_AFTER, and that cannot be seen, ends at an unknown cost; one at another endpoint, too.
    """
    _give_up(context, apart_from=context.endpoint)
    with context.engine.connect() as connection:
        waiting = ledger.open_surplus(connection, context.endpoint)
    seen = {remote.id: remote for remote in listed}
    living = 0
    for surplus in waiting:
        remote = seen.get(surplus.remote_batch_id)
        if remote is None or not _has_ended(remote):
            remote = _cancelled(context, surplus, timeout) if time_left() else None
        if remote is None:
            living += 1
            continue
        in_transaction(context.engine, lambda connection, r=remote, s=surplus: _write(context, connection, s, r))  # type: ignore[misc]
        living += not _has_ended(remote)
    return living


def _has_ended(remote: RemoteBatch) -> bool:
    # Not `ended_at`: where a service omits that time, the batch would be cancelled again for ever.
    return remote_end(remote) is not None


def _cancelled(context: BatchContext, surplus: SurplusBatch, timeout: float | None) -> RemoteBatch | None:
    """The batch after a request to cancel it, which may be repeated; a batch that has ended comes back as ended."""
    try:
        return context.gateway.cancel_batch(surplus.remote_batch_id, timeout=timeout)
    except ServiceError as error:
        if error.failure.kind is FailureKind.NOT_FOUND:
            _note_not_found(context, surplus)
        else:
            log.warning("surplus not cancelled yet", remote_batch_id=surplus.remote_batch_id)
        _give_up(context, only=surplus.remote_batch_id)
        return None


def _note_not_found(context: BatchContext, surplus: SurplusBatch) -> None:
    """Believes a 404 as late as for any other batch; looks the batch up again until then."""
    waited = timedelta(seconds=context.settings.livedash_vanished_after)

    def write(connection: Connection) -> bool:
        now = context.now(connection)
        return ledger.note_surplus_not_found(
            connection, surplus, key_fingerprint=context.key_fingerprint, believed_before=now - waited, now=now
        )

    if in_transaction(context.engine, write):
        log.error("surplus batch vanished", remote_batch_id=surplus.remote_batch_id, batch_id=str(surplus.batch_id))


def _give_up(context: BatchContext, *, only: str | None = None, apart_from: str | None = None) -> None:
    waited = _WINDOW + timedelta(seconds=context.settings.livedash_vanished_after)

    def write(connection: Connection) -> list[str]:
        now = context.now(connection)
        return ledger.give_up_following(connection, made_before=now - waited, now=now, only=only, apart_from=apart_from)

    for remote_batch_id in in_transaction(context.engine, write):
        log.error("surplus batch unfollowed, its cost is unknown", remote_batch_id=remote_batch_id)


def _write(context: BatchContext, connection: Connection, surplus: SurplusBatch, remote: RemoteBatch) -> None:
    now = context.now(connection)
    usage = None
    # What was used before the end would count as all that was used, should the batch vanish.
    if remote.usage is not None and _has_ended(remote):
        usage = {"input_tokens": remote.usage.input_tokens, "output_tokens": remote.usage.output_tokens}
        usage |= {"cached_tokens": remote.usage.cached_tokens, "total_tokens": remote.usage.total_tokens}
    pricing_id, cost_usd, usd_eur = _cost(context, connection, surplus, remote)
    ledger.follow_surplus(
        connection,
        surplus.remote_batch_id,
        remote_status=remote.status_word,
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
            remote_batch_id=remote.id,
            batch_id=str(surplus.batch_id),
            cost_usd=None if cost_usd is None else str(cost_usd),
        )


def _ran_nothing(remote: RemoteBatch) -> bool:
    """Whether no request ran: by its counts, or without counts since it failed at validation, which comes before running."""
    refused = remote_end(remote) is EndWord.FAILED and not remote.output_file_id
    return remote.completed == 0 or (remote.completed is None and refused)


def _cost(
    context: BatchContext, connection: Connection, surplus: SurplusBatch, remote: RemoteBatch
) -> tuple[UUID | None, Decimal | None, Decimal | None]:
    """Price row, dollars and rate of an ended surplus batch; unknown unless it states its usage or ran nothing."""
    if not _has_ended(remote):
        return None, None, None
    terms = ledger.surplus_terms(connection, surplus.remote_batch_id)
    rate = rates.rate_at(connection, terms.made_at, context.settings.livedash_usd_eur)
    usd_eur = rate.usd_eur if rate else None
    if remote.usage is None:
        return None, Decimal(0) if _ran_nothing(remote) else None, usd_eur
    priced = prices.price_for(connection, terms.model, terms.made_at)
    if priced is None:
        return None, None, usd_eur
    tokens = TokenUsage(
        prompt_tokens=remote.usage.input_tokens,
        completion_tokens=remote.usage.output_tokens,
        total_tokens=remote.usage.total_tokens,
        cached_tokens=remote.usage.cached_tokens,
    )
    # The length of a single request, on which its rates may depend, is known.
    cost = cost_of(tokens, priced[1]) if terms.requests == 1 else cost_of_sum(tokens, priced[1])
    return priced[0], None if cost is None else cost.total_usd, usd_eur
