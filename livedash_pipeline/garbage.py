"""How the garbage collector treats what a process loads: it stays to the end, so nobody looks for garbage in it.

Without this, a process that loads Dagster spends a third of its start and its end on looking through modules. Add what concerns
the collector here; it is no place for memory that a step could save.
"""

from __future__ import annotations

import atexit
import gc

# New objects before the first look at them, instead of 700; the looks at older ones are as rare as Python makes them.
_FIRST_LOOK = 10_000


def spare_what_is_loaded() -> None:
    """Lets the collector look more rarely from now on, and not once more when the process ends."""
    gc.set_threshold(_FIRST_LOOK, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
