"""The numbers that an answer names, however they are written.

Add a way of grouping digits here. Dates are taken out before (`dates`); figures in words (`three`) are not numbers here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set

Readings = frozenset[str]
"""What a number can mean: one value, or two where it can be read in two ways."""

_GROUPED_BY_SPACES = r"(?<![\d.,'])(?<!\d )\d{1,3}(?: \d{3})+(?:[.,]\d+)?(?![.,' ]?\d)"
_FIGURE = r"\d+(?:[.,']\d+)*"
_NUMBER = re.compile(rf"((?<![\w)])-[$\u00a2-\u00a5\u20a0-\u20cf]?)?({_GROUPED_BY_SPACES}|{_FIGURE})", re.ASCII)
_SEPARATOR = re.compile(r"[.,' ]")
_GROUPS = re.compile(r"[1-9]\d{0,2}([.,' ])\d{3}(?:\1\d{3})*", re.ASCII)
_INDIAN_GROUPS = re.compile(r"[1-9]\d?(?:,\d{2})+,\d{3}", re.ASCII)


def find_numbers(folded: str) -> set[Readings]:
    """The numbers of a folded text, each once.

    - Thousands may be grouped by `.`, `,`, `'` or spaces, or the Indian way; decimals follow `.` or `,`. So `1,234.56`,
      `1.234,56`, `1 234,56` and `1'234.56` are one number, as are `5`, `5.0` and `05`.
    - `1,234` and `1.234`, alone, can be a thousand and more or a decimal: such a number has both readings. `0.125`, `12,5` and
      `1234.567` have only one.
    - `-` makes a number negative where it stands directly before it, or before its currency sign, and behind no letter, digit
      or closing bracket. Percent and currency signs and letters around it do not count: `5 %`, `€5`, `5th` are 5.
    - Figures that no rule fits, such as the version `1.2.3`, are compared as they are written.
    """
    return {_signed(match[1], match[2]) for match in _NUMBER.finditer(folded)}


def same_numbers(a: Set[Readings], b: Set[Readings]) -> bool:
    """Whether each number of either side can be read as one of the other side."""
    return _covers(a, b) and _covers(b, a)


def _covers(some: Set[Readings], others: Set[Readings]) -> bool:
    values = _values(some)
    return all(readings & values for readings in others)


def _values(numbers: Iterable[Readings]) -> set[str]:
    return {value for readings in numbers for value in readings}


def _signed(sign: str | None, figure: str) -> Readings:
    readings = _read(figure)
    return frozenset(value if value == "0" else f"-{value}" for value in readings) if sign else readings


def _read(figure: str) -> Readings:
    separators = _SEPARATOR.findall(figure)
    if not separators:
        return frozenset({_plain(figure)})
    last = separators[-1]
    whole, _, rest = figure.rpartition(last)
    if len(separators) == 1 and last in ".,":
        decimal = _plain(whole, rest)
        return frozenset({decimal, _plain(_digits(figure))}) if _is_grouped(figure) else frozenset({decimal})
    if _is_grouped(figure):
        return frozenset({_plain(_digits(figure))})
    if last in ".," and _is_grouped(whole) and last not in whole:
        return frozenset({_plain(_digits(whole), rest)})
    return frozenset({figure})


def _is_grouped(figure: str) -> bool:
    return bool(_GROUPS.fullmatch(figure) or _INDIAN_GROUPS.fullmatch(figure))


def _digits(figure: str) -> str:
    return _SEPARATOR.sub("", figure)


def _plain(whole: str, decimals: str = "") -> str:
    """A value in its shortest form: no zeros before or behind that change nothing."""
    rest = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")
