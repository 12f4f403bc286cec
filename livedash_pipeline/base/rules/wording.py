"""Words for counts, so that one batch is not called 1 batches.

Add what sentences of several layers need; values in tables are shown by `commands.output`.
"""

from __future__ import annotations


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 batch`, `2 batches`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def verb(count: int, one: str, many: str) -> str:
    """The form of a verb that goes with a count: `is` or `are`."""
    return one if count == 1 else many
