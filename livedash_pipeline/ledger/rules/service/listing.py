"""A listing of batches as evidence: what it shows, and whether it contradicts itself.

Add a sign of a listing that cannot be believed. `services.openai.gateway` fetches pages; `ledger.rules.recovery.evidence` decides
what a sound listing proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch

CONTRADICTION = "listing_contradiction"
"""Code of the failure of a listing whose pages contradict each other."""

# `created_at` has whole seconds, and order within one is not promised.
_TOLERANCE = timedelta(seconds=1)


# Answers of services that have no such listing, or do not understand our call.
_NO_LISTING = frozenset({400, 404, 405, 501})


def tells_nothing(failure: ApiFailure) -> bool:
    """Whether a listing failed in a way that waiting does not help: it contradicts itself, makes no sense, or does not exist."""
    senseless = failure.kind is FailureKind.BROKEN and failure.status is None
    return failure.code == CONTRADICTION or senseless or failure.status in _NO_LISTING


@dataclass(frozen=True)
class Listing:
    """What a listing showed.

    Attributes:
        batches: All that was read, in the listing's order.
        flaw: The contradiction, as the end of a sentence about the listing; None for a sound one.
        is_exhausted: It was read to its end.
    """

    batches: Sequence[RemoteBatch]
    flaw: str | None = None
    is_exhausted: bool = False

    def covers(self, made: datetime | None) -> bool:
        """Whether it would show a batch made at a moment of the service's clock: it is sound and was read beyond that."""
        if self.flaw is not None:
            return False
        beyond = (remote.created_at for remote in self.batches if remote.created_at is not None)
        return self.is_exhausted or (made is not None and any(older < made - _TOLERANCE for older in beyond))

    def with_id(self, batch_id: str) -> RemoteBatch | None:
        """The batch of an id."""
        return next((remote for remote in self.batches if remote.id == batch_id), None)


def merged(first: Listing, second: Listing, since: datetime) -> Listing:
    """Merges two looks at one listing, the first of them sound: all batches of both, and how the looks contradict each other.

    Both have to show the same batches made since a moment of the service's clock; the second may show newer ones besides.
    """
    known, again = ({remote.id for remote in look.batches} for look in (first, second))
    newest = max((remote.created_at for remote in first.batches if remote.created_at is not None), default=None)
    gone = [remote for remote in first.batches if remote.id not in again and _is_of(remote, since)]
    added = [remote for remote in second.batches if remote.id not in known]
    unexpected = [
        remote
        for remote in added
        if _is_of(remote, since)
        and (newest is not None and remote.created_at is not None and remote.created_at < newest - _TOLERANCE)
    ]
    odd = next(iter([*gone, *unexpected]), None)
    flaw = None if odd is None else f"shows batch {odd.id} in pages of one size and not in those of another"
    return Listing([*first.batches, *added], second.flaw or flaw, first.is_exhausted and second.is_exhausted)


def _is_of(remote: RemoteBatch, since: datetime) -> bool:
    """Whether a batch was made since a moment; one that does not say when may have been."""
    return remote.created_at is None or remote.created_at >= since


@dataclass
class ListingWatch:
    """Follows a listing while it is read, and says when no further batch is of interest.

    Args:
        since: Batches made before this moment of the service's clock are of no interest.
    """

    since: datetime
    _seen: set[str] = field(default_factory=set)
    _last: datetime | None = None
    _falls: bool = False
    _rises: bool = False
    _repeats: str | None = None

    def reached_the_end(self, remote: RemoteBatch) -> bool:
        """Takes the next batch, and returns whether none after it can be of interest.

        Only a listing that has been seen to go from new to old ends early; any other is read to its end.
        """
        if remote.id in self._seen:
            self._repeats = self._repeats or remote.id
        self._seen.add(remote.id)
        made = remote.created_at
        if made is None:
            return False
        if self._last is not None:
            self._falls |= made < self._last - _TOLERANCE
            self._rises |= made > self._last + _TOLERANCE
        self._last = made
        return made < self.since and self._falls and not self._rises

    @property
    def flaw(self) -> str | None:
        """How the listing contradicts itself, as far as it was read."""
        if self._repeats is not None:
            return f"shows batch {self._repeats} twice"
        if self._falls and self._rises:
            return "shows batches in no order of time"
        return None
