"""Places along the two edges: round numbers for values, and as many labels as there is room for.

Add a rule of placement here. What is drawn there is decided in `drawing.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

_MULTIPLES = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST_STEPS = 4
_STRIDES = (1, 2, 3, 5, 7, 14, 30, 61, 91, 182, 365)


@dataclass(frozen=True, slots=True)
class Scale:
    """Round numbers from below the lowest value to above the highest, zero among them."""

    ticks: tuple[float, ...]
    step: float

    @property
    def low(self) -> float:
        """The number at the lower end."""
        return self.ticks[0]

    @property
    def high(self) -> float:
        """The number at the upper end; always more than `low`."""
        return self.ticks[-1]

    def share(self, value: float) -> float:
        """How far along a value lies, from 0 at the lower end to 1 at the upper."""
        return (value - self.low) / (self.high - self.low)


def scale_of(values: Iterable[float], *, whole: bool) -> Scale:
    """Returns round numbers around finite values; steps are 1, 2, 2.5 or 5 times a power of ten, whole ones for counts."""
    listed = [*values, 0.0]
    low, high = min(listed), max(listed)
    if low == high:
        high = 1.0
    step = _step((high - low) / MOST_STEPS, whole=whole)
    first, last = math.floor(low / step), math.ceil(high / step)
    return Scale(tuple(index * step for index in range(first, last + 1)), step)


def _step(least: float, *, whole: bool) -> float:
    """Returns the smallest round number that is not less."""
    # Numbers next to zero have no power of ten that divides them exactly.
    exponent = math.floor(math.log10(max(least, 1e-290)))
    if whole and exponent < 0:
        return 1.0
    multiples = (each for each in _MULTIPLES if not whole or exponent > 0 or each.is_integer())
    power = float(f"1e{exponent}")
    return next((each * power for each in multiples if each * power >= least), 10 * power)


def shown_labels(count: int, room: int) -> tuple[int, ...]:
    """Returns which of so many labels are written where there is room for so many: every second, third, seventh …"""
    room = max(room, 1)
    stride = next((each for each in _STRIDES if math.ceil(count / each) <= room), max(math.ceil(count / room), 1))
    return tuple(range(0, count, stride))


def label_texts(labels: Sequence[str | date], shown: Sequence[int]) -> list[str]:
    """Writes labels for the lower edge: days as in 1 May, with their year where it differs from the label before."""
    texts: list[str] = []
    year: int | None = None
    for index in shown:
        label = labels[index]
        if isinstance(label, str):
            texts.append(label)
            continue
        day = f"{label.day} {label:%b}"
        texts.append(day if label.year == year or year is None else f"{day} {label.year}")
        year = label.year
    return texts
