"""JSON from outside, read strictly: one document, standard JSON only, and no deeper than it may be.

Faults are values. What a document has to hold is its reader's business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import accumulate
from math import isfinite
from typing import Any, NoReturn

from livedash_pipeline.base.rules.json_brackets import OPENED, bracket_steps

MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class JsonFault:
    """Why a text is not the JSON it has to be, as the end of a sentence; and the line where that shows, from 1."""

    reason: str
    line: int = field(default=1, compare=False)


class _NotStandardError(ValueError):
    pass


def read_json(text: bytes, *, max_depth: int = MAX_DEPTH) -> Any | JsonFault:
    """The value of a JSON text in UTF-8, or what is wrong with it; never raises.

    NaN and Infinity, keys given twice, and numbers beyond all use are faults: readers disagree about them.
    """
    if deeper_than(text, max_depth):
        return JsonFault(f"is nested deeper than {max_depth} levels")
    try:
        return json.loads(
            text.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_distinct
        )
    except UnicodeDecodeError as error:
        return JsonFault(f"is not UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        return JsonFault(f"is not JSON at line {error.lineno}, column {error.colno}: {error.msg}", error.lineno)
    except _NotStandardError as error:
        return JsonFault(str(error))
    except ValueError:
        # The interpreter refuses integers of thousands of digits.
        return JsonFault("holds a number that is too long")


def deeper_than(text: bytes, max_depth: int) -> bool:
    """Whether arrays and objects are nested deeper, judged without parsing: a parser would recurse as deep."""
    if text.count(b"[") + text.count(b"{") <= max_depth:
        return False
    deepest = max_depth * OPENED
    return any(map(deepest.__lt__, accumulate(bracket_steps(text))))


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise _NotStandardError("holds a number beyond all")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _NotStandardError(f"holds {name}, which is no JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _NotStandardError("gives a key twice in one object")
    return values
