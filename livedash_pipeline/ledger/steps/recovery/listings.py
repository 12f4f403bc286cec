"""Reads the service's listing of batches as evidence: what it shows, and how it contradicts itself.

Only a listing that could not be asked for now raises; one that contradicts itself, or that the service does not have, is returned
with what it showed before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.service.listing import CONTRADICTION, Listing, ListingWatch, merged, tells_nothing
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.services.errors import ServiceError

OTHER_PAGE = 67
"""Batches a page for a second look. Pages of 100, the usual number, and of 67 begin at the same batch every 6,700."""


def read_listing(
    context: BatchContext,
    since: datetime,
    *,
    timeout: float | None = None,
    enough: Callable[[RemoteBatch], bool] = lambda _remote: False,
    limit: int | None = None,
) -> Listing:
    """Batches made since a moment of the service's clock.

    Args:
        context: The endpoint.
        since: Batches made before are of no interest.
        timeout: Seconds for each page, which is then tried once.
        enough: Whether no page after the one with this batch is wanted.
        limit: Batches a page, if another number than the usual one.

    Raises:
        ServiceError: A page could not be had.
    """
    watch = ListingWatch(since)
    batches: list[RemoteBatch] = []
    stopped = False

    def until(remote: RemoteBatch) -> bool:
        nonlocal stopped
        reached = watch.reached_the_end(remote)
        stopped |= enough(remote) or reached
        return stopped

    try:
        size = {} if limit is None else {"limit": limit}
        batches.extend(context.gateway.list_batches(until=until, timeout=timeout, **size))
    except ServiceError as error:
        if not tells_nothing(error.failure):
            raise
        said = error.failure.message.removeprefix("the listing ")
        return Listing(
            batches, watch.flaw or (said if error.failure.code == CONTRADICTION else f"cannot be read: {said}")
        )
    return Listing(batches, watch.flaw, is_exhausted=not stopped)


def read_in_two_ways(context: BatchContext, since: datetime, sought: Tag, *, timeout: float | None = None) -> Listing:
    """As `read_listing`, in pages of two sizes: what is left out where a page begins shows where none does.

    What either shows is returned. One that shows a batch of the time in question which the other leaves out contradicts itself,
    unless it was made since the first was read. A first look that shows what is sought is enough.

    Raises:
        ServiceError: A page could not be had.
    """
    first = read_listing(context, since, timeout=timeout)
    if first.flaw is not None or any(sought.is_on(remote) for remote in first.batches):
        return first
    return merged(first, read_listing(context, since, timeout=timeout, limit=OTHER_PAGE), since)
