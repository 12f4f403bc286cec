"""Reads what the API answers to `GET /v1/organization/costs` and `/v1/organization/usage/completions`.

Files hold one page, a list of pages, a list of buckets, or several documents one after the other (JSON lines). Unknown fields
are left alone, since OpenAI adds some every few months.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from livedash_pipeline.money.rules.bills.billed_days import BilledDay, UnreadableBillError
from livedash_pipeline.money.rules.bills.buckets import Bucket, Kind, Result, identity_of
from livedash_pipeline.money.rules.bills.figures import (
    check_currency,
    one_day,
    read_amount,
    read_count,
    read_moment,
    shown,
)
from livedash_pipeline.money.rules.bills.line_items import model_of

_OBJECTS = {"organization.costs.result": Kind.COSTS, "organization.usage.completions.result": Kind.USAGE}

# Numbers stay the text that they are: a float would change amounts, and a number of any length could be asked for.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


def decode_json(text: str) -> Iterator[Any]:
    """Yields the documents of a text, one after the other, with every number as the text that it is written as.

    Raises:
        UnreadableBillError: It is no JSON, or ends before the document does.
    """
    position = _skip_space(text, 0)
    while position < len(text):
        try:
            document, position = _DECODER.raw_decode(text, position)
        except ValueError as error:
            raise UnreadableBillError(f"The file begins like JSON, and is none ({error}).") from None
        except RecursionError:
            raise UnreadableBillError("The file is JSON that is nested too deeply for a bill.") from None
        yield document
        position = _skip_space(text, position)


def json_buckets(document: object) -> Iterator[Bucket]:
    """Yields the buckets of a document: of a page, a bucket, or a list of them.

    Raises:
        UnreadableBillError: It is something else.
    """
    left = [document]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left.extend(reversed(part))
        elif not isinstance(part, dict):
            raise UnreadableBillError(f"The file holds {shown(part)} where a page of costs or usage should be.")
        elif isinstance(part.get("data"), list):
            left.append(part["data"])
        else:
            yield from _buckets(part)


def _buckets(document: Mapping[str, Any]) -> Iterator[Bucket]:
    """The bucket of a document, or two where it has results of both kinds."""
    # "result" is the name in some versions of the reference.
    results = document.get("results", document.get("result"))
    if not isinstance(results, list):
        raise UnreadableBillError(_what_else(document))
    start = read_moment(document.get("start_time"), "The start_time of a bucket")
    end = read_moment(document.get("end_time"), "The end_time of a bucket")
    day = one_day(start, end, "A bucket")
    by_kind: dict[Kind, list[Result]] = {}
    for result in results:
        kind, read = _read_result(result, day)
        by_kind.setdefault(kind, []).append(read)
    # An empty bucket says of either kind that there was nothing.
    for kind in by_kind or (Kind.COSTS,):
        yield Bucket(kind, start, end, tuple(by_kind.get(kind, ())))


def _read_result(result: object, day: date) -> tuple[Kind, Result]:
    where = f"The bucket of {day}"
    if not isinstance(result, dict):
        raise UnreadableBillError(f"{where} has {shown(result)} where a result should be.")
    named = result.get("object")
    kind = _OBJECTS.get(named) if isinstance(named, str) else None
    if named is None:
        kind = Kind.COSTS if "amount" in result else Kind.USAGE
    if kind is None:
        raise UnreadableBillError(
            f"{where} has a result of {shown(named)}; costs and usage of completions can be compared."
        )
    row = _costs(result, day, where) if kind is Kind.COSTS else _usage(result, day, where)
    return kind, Result(row, identity_of(result))


def _costs(result: Mapping[str, Any], day: date, where: str) -> BilledDay:
    amount = result.get("amount")
    if not isinstance(amount, dict):
        raise UnreadableBillError(f"{where} has {shown(amount)} where an amount with value and currency should be.")
    check_currency(amount.get("currency"), where)
    line_item = _text(result.get("line_item"))
    return BilledDay(day, model_of(line_item) if line_item else None, usd=read_amount(amount.get("value"), where))


def _usage(result: Mapping[str, Any], day: date, where: str) -> BilledDay:
    if not any(name in result for name in ("input_tokens", "output_tokens", "num_model_requests")):
        raise UnreadableBillError(f"{where} has a result with neither an amount nor tokens, but {_fields(result)}.")

    def count(name: str) -> int | None:
        value = result.get(name)
        return None if value is None else read_count(value, where)

    return BilledDay(
        day,
        _text(result.get("model")),
        input_tokens=count("input_tokens"),
        cached_tokens=count("input_cached_tokens"),
        output_tokens=count("output_tokens"),
        requests=count("num_model_requests"),
    )


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _what_else(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    if error is not None:
        said = error.get("message") if isinstance(error, dict) else error
        return f"The file is a refusal of the API and no bill: {shown(said)}."
    return (
        f"The file holds an object that is neither a page nor a bucket of costs or usage, but has {_fields(document)}."
    )


def _fields(document: Mapping[str, Any]) -> str:
    return f"the fields {shown(', '.join(document))}" if document else "no fields"


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
