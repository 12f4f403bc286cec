"""Where brackets and commas stand in JSON text, as steps that can be added up without a turn of Python for each of them.

A body of nothing but brackets must not cost more than one of words, so everything here is a few calls over whole texts. Add
what is known about the outline of JSON without parsing it; who cuts or judges by it is `submissions.rules.json_items` and
`base.rules.json_text`.
"""

from __future__ import annotations

import re
from itertools import islice

# What one mark adds to a level. A comma adds nothing: it goes down by half a bracket and up again, which shows its level.
OPENED, CLOSED = 2, -2
# Whole strings; one that is never closed reaches to the end. Possessive all of it, so time is linear and nothing is remembered.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NEXT_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[\[\]{}]', re.DOTALL)
_BRACKETS = b"[{]}"
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_NO_MARKS = bytes(set(_NO_BRACKETS) - set(b","))
_AS_STEPS = bytes.maketrans(_BRACKETS, bytes([OPENED, OPENED, CLOSED % 256, CLOSED % 256]))
_COMMA = bytes([255, 1])
# Of many commas in a row the first says it all.
_MANY_COMMAS = b"," * 16


def bracket_steps(text: bytes) -> memoryview:
    """A step for each bracket outside of strings."""
    return memoryview(_STRING.sub(b"", text).translate(_AS_STEPS, _NO_BRACKETS)).cast("b")


def mark_steps(text: bytes) -> memoryview:
    """Steps for brackets and commas outside of strings, two of them for a comma; of commas in a row some may be left out."""
    marks = _STRING.sub(b"", text).translate(_AS_STEPS, _NO_MARKS)
    return memoryview(marks.replace(_MANY_COMMAS, b",").replace(b",", _COMMA)).cast("b")


def count_brackets(steps: memoryview) -> int:
    """How many of some steps are those of brackets."""
    raw = bytes(steps)
    return len(raw) - raw.count(_COMMA[0]) - raw.count(_COMMA[1])


def after_brackets(text: bytes, count: int, start: int, end: int) -> int:
    """The place behind so many brackets, of which there must be as many between `start` and `end`."""
    if count == 0:
        return start
    return next(islice(_NEXT_BRACKET.finditer(text, start, end), count - 1, None)).end()
