"""What lies behind an exception: all that it was raised from, or while handling.

Whoever looks for a kind of failure below what a library raised uses this. Nothing is judged here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

# What ends a task or a generator from within the program, and stands behind errors such as a time-out.
_OWN_ENDS = frozenset({"CancelledError", "GeneratorExit"})


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an exception and everything behind it, each once and the nearest first; nothing for None.

    Causes, contexts and the members of groups are followed. They need not form a chain: a library that raises an error from
    one that it has raised before makes a circle of them, and the walk has to end all the same.
    """
    seen: set[int] = set()
    waiting: deque[BaseException | None] = deque([error])
    while waiting:
        at = waiting.popleft()
        if at is None or id(at) in seen:
            continue
        seen.add(id(at))
        yield at
        waiting.extend((at.__cause__, at.__context__))
        if isinstance(at, BaseExceptionGroup):
            waiting.extend(at.exceptions)


def interruption_of(error: BaseException) -> BaseException | None:
    """Returns what somebody ended the program or its run with, such as a KeyboardInterrupt, if it lies behind an exception.

    Dagster interrupts a run that a person terminates by an exception of its own that is no Exception either.
    """
    for cause in causes_of(error):
        if not isinstance(cause, Exception) and type(cause).__name__ not in _OWN_ENDS:
            return cause
    return None
