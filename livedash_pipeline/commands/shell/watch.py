"""Drawing an answer again and again until there is nothing more to wait for.

Add nothing about what is drawn: that is the command's. An interrupt ends it as it ends every command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def redraw_until(
    draw: Callable[[Console], None],
    is_over: Callable[[], bool],
    *,
    console: Console,
    interval: float,
    sleep: Callable[[float], None],
) -> None:
    """Draws, and draws anew every `interval` seconds until it is over.

    A terminal is cleared before each; where a program reads, an empty line stands between two.

    Args:
        draw: Looks and draws.
        is_over: Asked after each drawing.
        console: Where to.
        interval: Seconds between two drawings.
        sleep: Waits so many seconds.
    """
    first = True
    while True:
        if console.is_terminal:
            console.clear()
        elif not first:
            console.print()
        first = False
        draw(console)
        # A reader that has gone is noticed here.
        console.file.flush()
        if is_over():
            return
        sleep(interval)
