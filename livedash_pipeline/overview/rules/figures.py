"""The figures of a document: its counts and amounts as plain numbers, under names for plots.

Add a form that documents write numbers in.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.alias_generators import to_snake

_AMOUNTS = ("Eur", "Usd")


def figures_of(document: Mapping[str, object]) -> dict[str, int | float]:
    """Returns counts, and amounts of money as floats, by name in snake_case; leaves out what is no number and what is unknown.

    Amounts are those whose name ends in a currency: documents write them as decimal strings.
    """
    found: dict[str, int | float] = {}
    for name, value in document.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[to_snake(name)] = value
        elif isinstance(value, str) and name.endswith(_AMOUNTS):
            found[to_snake(name)] = float(value)
    return found


def without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns the counts of what there was."""
    return {name: count for name, count in counts.items() if count}
