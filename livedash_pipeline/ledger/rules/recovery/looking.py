"""Chooses the open batches that a poll looks up one by one, beside reading the listing.

Some services move a batch on only when somebody looks it up, and some listings stand still; looking every batch up at every poll
would take a thousand calls. `ledger.steps.results.poll` makes the calls and notes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from livedash_pipeline.base.rules.states import BATCH_MOVES, ENDED_BATCHES, BatchStatus
from livedash_pipeline.ledger.rules.service.batch_words import is_known
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, local_status

UNCHANGED_FOR = timedelta(minutes=5)
"""A poll looks a batch up by its id once the listing has shown nothing new of it for so long."""

MOST_UNCHANGED = 5
"""Such look-ups per poll: with 1,000 open batches, ten pages and these are fifteen calls."""


class Polled(Protocol):
    """What a poll knows of an open batch when it decides which ones to ask for."""

    @property
    def id(self) -> UUID:
        """The id of its row."""

    @property
    def remote_batch_id(self) -> str:
        """The id at the service that its row tracks."""

    @property
    def hinted(self) -> bool:
        """Whether the service said that it has news."""

    @property
    def looked_at(self) -> datetime:
        """When it last changed, or was last asked for by its id."""


def to_ask(
    waiting: Sequence[Polled],
    listed: Mapping[str, RemoteBatch],
    *,
    now: datetime,
    listing_lags: bool,
    rotation: int,
) -> list[UUID]:
    """Returns the batches to look up by id, the most urgent first.

    Args:
        waiting: Open batches, oldest first.
        listed: What the listing shows of them, by the service's id.
        now: The database's clock.
        listing_lags: The endpoint's listing is known to lag behind, so that every batch is looked up.
        rotation: Where to begin among the batches that the listing omits, so that none is always last.
    """
    hinted = [batch for batch in waiting if batch.hinted]
    doubtful = [batch for batch in waiting if is_doubtful(listed.get(batch.remote_batch_id))]
    missing = _rotated([batch for batch in waiting if batch.remote_batch_id not in listed], rotation)
    shown = [batch for batch in waiting if batch.remote_batch_id in listed]
    still = sorted(
        (batch for batch in shown if now - batch.looked_at >= UNCHANGED_FOR), key=lambda batch: batch.looked_at
    )
    unchanged = _rotated(shown, rotation) if listing_lags else still[:MOST_UNCHANGED]
    return list(dict.fromkeys(batch.id for batch in (*hinted, *doubtful, *missing, *unchanged)))


def _rotated(batches: Sequence[Polled], rotation: int) -> list[Polled]:
    start = rotation % len(batches) if batches else 0
    return [*batches[start:], *batches[:start]]


def is_doubtful(remote: RemoteBatch | None) -> bool:
    """Whether a listing shows an end in an unknown word; a look-up has to confirm it."""
    return remote is not None and not is_known(remote.status) and local_status(remote) in ENDED_BATCHES


def has_moved(listed: RemoteBatch, before: BatchStatus) -> bool:
    """Whether the listed state of a batch is beyond the state in its row."""
    return local_status(listed) in BATCH_MOVES[before]


def is_behind(listed: RemoteBatch, itself: RemoteBatch) -> bool:
    """Whether the state in a look-up is beyond the state in the listing."""
    before, after = local_status(listed), local_status(itself)
    if before is None or after is None or before in ENDED_BATCHES:
        return False
    return after in BATCH_MOVES[before]
