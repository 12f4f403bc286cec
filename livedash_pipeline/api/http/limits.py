"""Limits that keep one client from taking the server from others: requests a second and at once, and large or slow bodies.

Counts are kept per process and in bounded memory. The users of a limit set its value.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter
from starlette.types import Message, Receive

from livedash_pipeline.api.problems import Problem, too_many

# So many callers are remembered; a forgotten one starts with a full bucket, as after a pause.
REMEMBERED = 10_000
_TURN_SECONDS = 1.0
# Only a closed connection stops a client that is still sending.
_CLOSE = {"Connection": "close"}


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    refusing: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that comes too soon: seconds to wait, and whether it is the first refused one after an accepted one."""

    seconds: float
    first: bool


class TokenBuckets:
    """A bucket per caller: each request takes one, and `rate` a second flow back, up to `burst`.

    Used by the event loop alone, so it has no lock. A rate of 0 means no limit.

    Args:
        rate: Requests a second in the long run.
        burst: Requests at once.
        clock: Seconds that only grow.
        remembered: How many callers are kept; the one that was silent longest is forgotten first.
    """

    def __init__(self, rate: float, burst: float, *, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        self._rate, self._burst, self._clock, self._remembered = rate, max(burst, 1.0), clock, remembered
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, caller: Hashable) -> Refusal | None:
        """Takes one for a caller; None if it was there."""
        if self._rate <= 0:
            return None
        now = self._clock()
        bucket = self._buckets.pop(caller, None) or _Bucket(self._burst, now)
        self._buckets[caller] = bucket
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            bucket.refusing = False
            return None
        first, bucket.refusing = not bucket.refusing, True
        return Refusal((1 - bucket.left) / self._rate, first)


class Turns:
    """Limits how much work each company does at once; more work waits or is refused.

    A company's changes wait for each other in the database. Without turns, those of one company would occupy all threads and
    connections, and nobody else would get an answer meanwhile.

    Args:
        at_once: How many of a company work at a time.
        waiting: How many of them may wait for that.
    """

    def __init__(self, at_once: int, *, waiting: int) -> None:
        self._at_once, self._waiting = at_once, waiting
        self._limiters: dict[Hashable, CapacityLimiter] = {}

    @asynccontextmanager
    async def turn(self, company: Hashable) -> AsyncIterator[None]:
        """Waits for a turn, and has it for as long as the context lasts.

        Raises:
            Problem: Too many wait already.
        """
        limiter = self._limiters.setdefault(company, CapacityLimiter(self._at_once))
        if limiter.available_tokens < 1 and limiter.statistics().tasks_waiting >= self._waiting:
            raise too_many(_TURN_SECONDS, whose="this company at the same time")
        async with limiter:
            yield


def limited(receive: Receive, *, max_bytes: int, seconds: float) -> Receive:
    """`receive` that raises a `Problem` once a body exceeds its bytes, or all of it has not arrived in time."""
    taken = 0
    deadline: float | None = None

    async def receive_within() -> Message:
        nonlocal taken, deadline
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds if deadline is None else deadline
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise too_slow(seconds) from None
        taken += len(message.get("body", b""))
        if taken > max_bytes:
            raise too_large(max_bytes)
        return message

    return receive_within


def too_large(max_bytes: int) -> Problem:
    """The problem of a body beyond its limit."""
    return Problem(
        "too_large",
        f"The body is larger than {max_bytes:,} bytes.",
        remedy="Send less at a time.",
        headers=_CLOSE,
    )


def too_slow(seconds: float) -> Problem:
    """The problem of a body that did not arrive in time."""
    return Problem(
        "too_slow",
        f"The body did not arrive within {seconds:g} s.",
        remedy="Send it faster, or less at a time.",
        headers=_CLOSE,
    )
