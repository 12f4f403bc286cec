"""Which signs stand before decimals and between thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_COMMA_DECIMALS = re.compile(r"[+-]?\d+,(?:\d{1,2}|\d{4,})")
_POINT_DECIMALS = re.compile(r"[+-]?\d+\.(?:\d{1,2}|\d{4,})")
_BOTH = re.compile(r"[+-]?\d{1,3}(?:([.,' \u00a0\u202f\u2019])\d{3})+(?:([.,])\d+)?")
_POINTS_AND_THREE = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+")
_COMMA_AND_THREE = re.compile(r"[+-]?\d{1,3},\d{3}")


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """Signs that differ from those of the seed's file, empty where they do not; and a number that shows them."""

    decimal: str = ""
    thousands: str = ""
    example: str = ""


def number_signs(texts: Sequence[str], *, prefers_comma: bool) -> NumberSigns:
    """The signs of numbers; `prefers_comma` decides what the comma in `1,234` is where nothing else does."""
    for text in texts:
        match = _BOTH.fullmatch(text)
        if match is not None and match[2] and match[1] != match[2]:
            return NumberSigns("," if match[2] == "," else "", match[1], text)
    comma = next(filter(_COMMA_DECIMALS.fullmatch, texts), None)
    point = next(filter(_POINT_DECIMALS.fullmatch, texts), None)
    if comma is not None and point is None:
        grouped = any(map(_POINTS_AND_THREE.fullmatch, texts))
        return NumberSigns(",", "." if grouped else "", comma)
    three = next(filter(_COMMA_AND_THREE.fullmatch, texts), None)
    if three is not None:
        return NumberSigns(",", "", three) if prefers_comma and point is None else NumberSigns("", ",", three)
    return NumberSigns()
