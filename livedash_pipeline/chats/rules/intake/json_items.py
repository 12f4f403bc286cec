"""The items of a JSON file of questions: an array, an object that holds one, or JSON lines.

An item is an object, whose keys are columns, or a text, which is a question. Keys become columns in the order in which they
first appear. Values that are no text become JSON text, and null is empty. Items are numbered from 1; on JSON lines an item
has the number of its line. What the columns mean is decided in `columns`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from livedash_pipeline.base.rules.json_text import deeper_than
from livedash_pipeline.chats.rules.intake.columns import QUESTION_NAMES
from livedash_pipeline.chats.rules.intake.findings import Findings
from livedash_pipeline.chats.rules.intake.rows import IntakeLimits

WRAPPERS = ("items", "rows", "questions")
Item = tuple[int, dict[str, Any]]
_SPELT = 60
_FILLED_LINE = re.compile(r"\S[^\n]*+")
# After so many lines that are no JSON the rest of the file is not looked at.
_MOST_FAULTS = 10_000


class _Twice(dict[str, Any]):
    """An object that gives a key twice, here or further inside."""

    key = ""


def read_items(text: str, limits: IntakeLimits, findings: Findings) -> list[Item]:
    """The items of a file with their numbers, as objects; everything malformed goes to the findings."""
    if not text.strip():
        findings.error(None, "empty_file", "The file holds no text.")
        return []
    if deeper_than(text.encode("utf-8", "surrogatepass"), limits.max_depth):
        findings.error(None, "bad_json", f"The file is nested deeper than {limits.max_depth} levels.")
        return []
    return list(_objects(_values(text, limits, findings), findings))


def item_columns(items: list[Item], limits: IntakeLimits, findings: Findings) -> list[str]:
    """The keys of all items in the order of their first appearance; with an error where there are too many."""
    names: dict[str, None] = {}
    for number, item in items:
        names.update(dict.fromkeys(item))
        if len(names) > limits.max_columns:
            message = f"The items up to this one have more than {limits.max_columns:,} different keys."
            findings.error(number, "too_many_columns", message)
            return []
    if items and not names:
        findings.error(None, "no_question_column", "No item has any key.")
    return list(names)


def item_records(items: list[Item], columns: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The items as records with a cell for each column."""
    for number, item in items:
        yield number, [_cell(item.get(name)) for name in columns]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _values(text: str, limits: IntakeLimits, findings: Findings) -> list[tuple[int, Any]]:
    """The items as they stand in the file."""
    try:
        items = _unwrapped(_load(text))
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("[") and "\n" in text.strip():
            return _lines(text, limits, findings)
        message = f"The file is no JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        findings.error(None, "bad_json", message)
        return []
    except (ValueError, RecursionError) as error:
        findings.error(None, "bad_json", f"The file is no JSON: {_reason(error)}.")
        return []
    return [] if _too_many(len(items), limits, findings) else list(enumerate(items, 1))


def _too_many(count: int, limits: IntakeLimits, findings: Findings) -> bool:
    if count <= limits.max_rows:
        return False
    findings.error(None, "too_many_rows", f"The file has {count:,} items; at most {limits.max_rows:,} are allowed.")
    return True


def _lines(text: str, limits: IntakeLimits, findings: Findings) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    if _too_many(sum(1 for _ in _FILLED_LINE.finditer(text)), limits, findings):
        return found
    faults = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append((number, _load(line)))
        except (ValueError, RecursionError) as error:
            findings.error(number, "bad_json", f"The line is no JSON: {_reason(error)}.")
            faults += 1
            if faults == _MOST_FAULTS:
                break
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error) if isinstance(error, _NotStandardError) else "a number or a nesting is beyond all use"


def _unwrapped(whole: Any) -> list[Any]:
    if isinstance(whole, list):
        return whole
    if isinstance(whole, dict):
        for name in WRAPPERS:
            if isinstance(whole.get(name), list):
                items: list[Any] = whole[name]
                return items
    return [whole]


def _objects(values: list[tuple[int, Any]], findings: Findings) -> Iterator[Item]:
    for number, value in values:
        if isinstance(value, str):
            yield number, {QUESTION_NAMES[0]: value}
        elif not isinstance(value, dict):
            findings.error(number, "bad_json", f"The item is {_kind(value)}, neither an object nor a text.")
        else:
            twice = _twice(value)
            if twice is not None:
                findings.error(number, "duplicate_column", f'The item gives the key "{twice[:_SPELT]}" twice.')
            yield number, value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return "an array" if isinstance(value, list) else "a boolean" if isinstance(value, bool) else "a number"


class _NotStandardError(ValueError):
    pass


def _load(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_object)


def _refuse(name: str) -> NoReturn:
    raise _NotStandardError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _NotStandardError("a number is beyond all use")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    inside = _twice(list(plain.values()))
    if len(plain) == len(pairs) and inside is None:
        return plain
    found = _Twice(plain)
    seen: set[str] = set()
    repeated = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    found.key = repeated[0] if repeated else str(inside)
    return found


def _twice(value: Any) -> str | None:
    """The first key that is given twice somewhere inside; objects know it of themselves."""
    if isinstance(value, list):
        return next((key for key in map(_twice, value) if key is not None), None)
    return value.key if isinstance(value, _Twice) else None
