"""Numbers as charts read and write them: the finite value of a number, and its text on an axis and in a table.

Add a unit here. Which numbers stand on an axis is decided in `scales.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

Number = int | float | Decimal
_FURTHEST = 10**300
"""Farther values are drawn here: differences and multiples of such numbers are still finite."""
_LONG = 10**15
"""From here on a number is written with an exponent."""
_SHORT_FORMS = ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))
_GROUPED_BELOW = 1e5


@dataclass(frozen=True, slots=True)
class Unit:
    """How numbers of a chart are written.

    Attributes:
        sign: Written before the number, such as a currency's; a name of letters needs its own blank.
        suffix: Written after it.
        whole: There are no fractions: ticks are integers.
        places: Decimals of a value of 1 or more in tables; smaller ones get two more.
    """

    sign: str = ""
    suffix: str = ""
    whole: bool = False
    places: int | None = None


COUNT = Unit(whole=True)
NUMBER = Unit()
PERCENT = Unit(suffix=" %", places=1)
EUR = Unit("€", places=2)
USD = Unit("$", places=2)


def finite(value: Number | None) -> float | None:
    """Returns a value as a place on an axis; None for a missing one, for infinity and for what is no number."""
    if value is None or not _is_finite(value):
        return None
    return float(max(-_FURTHEST, min(_FURTHEST, value)))


def value_text(value: Number | None, unit: Unit) -> str:
    """Writes a value for a table or a tip: grouped by thousands, with its sign; "" for a missing one."""
    number = finite(value)
    if value is None or number is None:
        return ""
    return _signed(number < 0, _digits(value, number, unit), unit)


def tick_text(value: float, step: float, unit: Unit) -> str:
    """Writes a number of an axis with as many decimals as its step needs, large ones in a short form."""
    size = abs(value)
    if size >= _LONG:
        return _signed(value < 0, f"{size:.3g}", unit)
    for least, name in _SHORT_FORMS:
        if size >= max(least, _GROUPED_BELOW):
            return _signed(value < 0, f"{_plain(size / least)} {name}", unit)
    return _signed(value < 0, f"{size:,.{_decimals(step)}f}", unit)


def _is_finite(value: Number) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)


def _digits(value: Number, number: float, unit: Unit) -> str:
    size = abs(number)
    if size >= _LONG:
        return f"{size:.6g}"
    if unit.places is None:
        return f"{abs(value):,}" if isinstance(value, int) else _plain(size)
    if size >= 1 or not size:
        return f"{abs(value):,.{unit.places}f}"
    places = unit.places + 2
    return f"{size:.2g}" if size < 10**-places else f"{abs(value):,.{places}f}"


def _plain(size: float) -> str:
    """At most four decimals, without zeros at the end."""
    text = f"{size:,.4f}".rstrip("0").rstrip(".")
    return text if text != "0" or not size else f"{size:.2g}"


def _decimals(step: float) -> int:
    """Decimals that a step of 1, 2, 2.5 or 5 times a power of ten needs; axes of steps below 1e-12 show none beyond."""
    return next((count for count in range(12) if math.isclose(round(step, count), step, rel_tol=1e-6)), 12)


def _signed(is_negative: bool, digits: str, unit: Unit) -> str:
    return f"{'-' if is_negative else ''}{unit.sign}{digits}{unit.suffix}"
