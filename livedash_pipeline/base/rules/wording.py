"""Words for counts, so that one batch is not called 1 batches, and moments as sentences name them.

Add what sentences of several layers need; values in tables are shown by `commands.shell.output`.
"""

from __future__ import annotations

from datetime import datetime


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 batch`, `2 batches`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def verb(count: int, one: str, many: str) -> str:
    """The form of a verb that goes with a count: `is` or `are`."""
    return one if count == 1 else many


def at(moment: datetime) -> str:
    """`2025-05-01 12:00:00 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
