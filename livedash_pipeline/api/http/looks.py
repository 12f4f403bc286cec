"""Remembers who has just looked at which texts, so that a page that refreshes itself is one line of the audit log, not hundreds.

Add nothing that decides who may look: `api.guard` does. What is forgotten too early costs a second line; none is ever missing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

WINDOW_SECONDS = 600.0
_REMEMBERED = 10_000


class RecentLooks:
    """Looks that were written down a moment ago, per process and in bounded memory.

    Used by the event loop alone, so it has no lock.

    Args:
        clock: Seconds that only grow.
        remembered: How many looks are kept; the oldest is forgotten first.
    """

    def __init__(self, clock: Callable[[], float], *, remembered: int = _REMEMBERED) -> None:
        self._clock, self._remembered = clock, remembered
        self._written: OrderedDict[tuple[UUID, bytes], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._written)

    def is_written(self, token_id: UUID, address: str) -> bool:
        """Whether a line of the last ten minutes says that this token's owner looked here.

        Args:
            token_id: The token.
            address: Path and query.
        """
        self._forget_old()
        return _key(token_id, address) in self._written

    def note_written(self, token_id: UUID, address: str) -> None:
        """Remembers that the line of a look was written: the ten minutes begin with it, and no later look prolongs them."""
        key = _key(token_id, address)
        self._written.pop(key, None)
        self._written[key] = self._clock()
        while len(self._written) > self._remembered:
            self._written.popitem(last=False)

    def _forget_old(self) -> None:
        until = self._clock() - WINDOW_SECONDS
        while self._written and next(iter(self._written.values())) <= until:
            self._written.popitem(last=False)


def _key(token_id: UUID, address: str) -> tuple[UUID, bytes]:
    # Addresses are as long as a client likes, and hold the words that somebody searched for.
    return token_id, hashlib.sha256(address.encode("utf-8", "surrogatepass")).digest()
