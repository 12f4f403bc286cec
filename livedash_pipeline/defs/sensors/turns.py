"""Whose turn it is when a tick cannot ask for a run for everybody, and keys of runs that no request has had.

A cursor counts the turns of a sensor. Add what follows from the number of a turn.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

_Waiting = TypeVar("_Waiting")


def chosen(waiting: Sequence[_Waiting], turn: int, most: int) -> list[_Waiting]:
    """Returns those whose turn it is: the next ones each time, round and round, `most` of them."""
    start = turn * most % len(waiting) if waiting else 0
    return [*waiting[start:], *waiting[:start]][:most]


def run_key(*subject: str, turn: int, clock: Callable[[], float] = time.time) -> str:
    """Returns a key such as `import:acme:42-1764547200000`: what the run is for, the turn, and milliseconds of the clock.

    Dagster drops a request without a word whose key a run of the sensor has had, and anybody may put a cursor back: the turns
    that follow have been before, at other times.
    """
    return ":".join([*subject, f"{turn}-{int(clock() * 1000)}"])
