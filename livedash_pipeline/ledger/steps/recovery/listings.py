"""Reads the service's listing of batches as evidence: what it shows, and how it contradicts itself.

Raises only if the listing cannot be fetched now. A listing that contradicts itself, or that the service does not have, is
returned with what it showed before.
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
"""Batches per page of a second look. Pages of 100, the usual number, and of 67 begin at the same batch every 6,700."""


def read_listing(
    context: BatchContext,
    since: datetime,
    *,
    timeout: float | None = None,
    enough: Callable[[RemoteBatch], bool] = lambda _remote: False,
    limit: int | None = None,
) -> Listing:
    """Reads the batches made since a moment of the service's clock.

    Args:
        context: The endpoint.
        since: Batches made before are of no interest.
        timeout: Seconds for each page, which is then tried once.
        enough: Whether to stop after the page with this batch.
        limit: Batches per page, if another number than the usual one.

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
    """As `read_listing`, in pages of two sizes: a batch that a listing omits where a page begins shows in pages of another size.

    Returns the batches of both looks. If one look shows a batch of the time in question that the other omits, the listing
    contradicts itself, unless the batch was made between the looks. A first look that shows the sought batch is enough.

    Raises:
        ServiceError: A page could not be had.
    """
    first = read_listing(context, since, timeout=timeout)
    if first.flaw is not None or any(sought.is_on(remote) for remote in first.batches):
        return first
    return merged(first, read_listing(context, since, timeout=timeout, limit=OTHER_PAGE), since)
