"""How long a test waits for processes: as long as they work, however slowly a busy machine lets them.

A fixed time would be too short on one machine and too long on another.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Seconds after which a test of many processes is taken for one that hangs.
HANGS = 3600
_LOOK = 1.0


class Patience:
    """Ends when something has worked for too long, or has not worked at all for long.

    Args:
        work: Seconds that it has computed so far; they do not pass while other processes have the machine.
        most: So many of them are more than it can need.
        still: After so many seconds without any, nothing is to be expected.
    """

    def __init__(self, work: Callable[[], float], *, most: float, still: float = 300.0) -> None:
        self._work, self._most, self._still = work, most, still
        self._worked = 0.0
        self._moved = time.monotonic()
        self._next_look = self._moved + _LOOK

    @property
    def is_over(self) -> bool:
        """Whether to give up; looks once a second at most."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK
        worked = self._work()
        if worked > self._worked:
            self._worked, self._moved = worked, now
        return worked > self._most or now > self._moved + self._still
