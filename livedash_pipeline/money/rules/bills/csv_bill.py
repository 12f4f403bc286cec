"""Reads what OpenAI's usage page exports as CSV: costs (`amount_value` by `line_item`) and activity (tokens by `model`).

Add the name of a column here when an export uses another one. Columns that are not named here are left alone; the names of
people, keys and projects that some hold are never looked at.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Final

from livedash_pipeline.money.rules.bills.billed_days import BilledDay, UnreadableBillError
from livedash_pipeline.money.rules.bills.buckets import IDENTITY, Bucket, Kind, Result, identity_of
from livedash_pipeline.money.rules.bills.figures import (
    check_currency,
    has_decimal_comma,
    one_day,
    read_amount,
    read_count,
    read_written_moment,
    shown,
)
from livedash_pipeline.money.rules.bills.line_items import model_of

_DELIMITERS = (",", ";", "\t")

# The names of a column, the best one first: today's, then those of the exports of 2024. A bare `cost` stood there for cents.
_START: Final = ("start_time_iso", "start_time", "date", "timestamp", "aggregation_timestamp")
_END: Final = ("end_time_iso", "end_time")
_AMOUNT: Final = ("amount_value", "cost_in_major")
_CURRENCY: Final = ("amount_currency", "currency")
_LINE_ITEM: Final = ("line_item", "name")
_MODEL: Final = ("model", "snapshot_id")
_INPUT: Final = ("input_tokens", "n_context_tokens_total")
_CACHED: Final = ("input_cached_tokens", "n_cached_context_tokens_total")
_OUTPUT: Final = ("output_tokens", "n_generated_tokens_total")
_REQUESTS: Final = ("num_model_requests", "n_requests", "num_requests")
_COUNTS: Final = (_INPUT, _CACHED, _OUTPUT, _REQUESTS)
_KNOWN = frozenset(
    name for names in (_START, _END, _AMOUNT, _CURRENCY, _LINE_ITEM, _MODEL, *_COUNTS, IDENTITY) for name in names
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line below the header: its number, how many headers stand above it, and its cells by column."""

    number: int
    part: int
    cells: Mapping[str, str]

    def cell(self, names: tuple[str, ...]) -> str | None:
        """The cell of the first of these columns that has one."""
        return next((cell for name in names if (cell := self.cells.get(name, "").strip())), None)

    @property
    def where(self) -> str:
        return f"Line {self.number}"


def csv_buckets(text: str) -> Iterator[Bucket]:
    """Yields the buckets of a CSV: the rows of each span of time.

    Raises:
        UnreadableBillError: It is no export of costs or activity, or a cell cannot be read.
    """
    delimiter = max(_DELIMITERS, key=lambda sign: len(_KNOWN.intersection(_names(_first_row(text, sign)))))
    _check_header(_first_row(text, delimiter))
    lines = list(_lines(text, delimiter))
    figures = (cell for line in lines for names in (_AMOUNT, *_COUNTS) if (cell := line.cell(names)))
    # Between semicolons a comma can only be the point of a number.
    decimal_comma = delimiter == ";" and any(map(has_decimal_comma, figures))
    spans: dict[tuple[int, datetime, datetime], list[_Line]] = {}
    for line in lines:
        spans.setdefault((line.part, *_span(line)), []).append(line)
    for (_, start, end), rows in spans.items():
        yield from _buckets(start, end, rows, decimal_comma=decimal_comma)


def _first_row(text: str, delimiter: str) -> list[str]:
    return next(_rows(text, delimiter), (0, []))[1]


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, with the numbers of their lines; without the first one if it only names the separator."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            named = reader.line_num == 1 and delimiter.join(row).lower().startswith("sep=")
            if any(cell.strip() for cell in row) and not named:
                yield reader.line_num, row
    except csv.Error as error:
        raise UnreadableBillError(f"Line {reader.line_num} of the file cannot be read as CSV ({error}).") from None


def _names(row: Iterable[str]) -> list[str]:
    return [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in row]


def _check_header(row: list[str]) -> None:
    names = _names(row)
    found = set(names)
    figures = {name for group in (_AMOUNT, *_COUNTS) for name in group}
    if not found.intersection(_START) or not found & figures:
        named = f"begins with {shown(', '.join(row))}" if row else "is empty"
        raise UnreadableBillError(
            f"The file {named}; the costs and the activity that OpenAI exports have columns such as start_time with amount_value "
            "or input_tokens."
        )
    twice = sorted(name for name in found & _KNOWN if names.count(name) > 1)
    if twice:
        raise UnreadableBillError(f"The file has two columns {shown(twice[0])}.")


def _lines(text: str, delimiter: str) -> Iterator[_Line]:
    """The lines below the header. Exports that were put one behind the other have more than one, not all alike."""
    names: list[str] = []
    part = 0
    for number, row in _rows(text, delimiter):
        if not names or set(_names(row)) >= {name for name in names if name in _START}:
            _check_header(row)
            names, part = _names(row), part + 1
            continue
        while len(row) > len(names) and not row[-1].strip():
            row = row[:-1]
        if len(row) != len(names):
            raise UnreadableBillError(f"Line {number} has {len(row)} cells below a header of {len(names)}.")
        yield _Line(number, part, dict(zip(names, row, strict=True)))


def _span(line: _Line) -> tuple[datetime, datetime]:
    """The span of time of a line; without an end it is the day of its start."""
    start, end = line.cell(_START), line.cell(_END)
    if start is None:
        raise UnreadableBillError(f"{line.where} states no time.")
    begins = read_written_moment(start, line.where)
    if end is None:
        begins = begins.replace(hour=0, minute=0, second=0, microsecond=0)
        return begins, begins + timedelta(days=1)
    ends = read_written_moment(end, line.where)
    one_day(begins, ends, line.where)
    return begins, ends


def _buckets(start: datetime, end: datetime, lines: list[_Line], *, decimal_comma: bool) -> Iterator[Bucket]:
    """The costs and the usage of lines of one span; costs without results where they state no figure, as on a quiet day."""
    costs: list[Result] = []
    usage: list[Result] = []
    for line in lines:
        amount = line.cell(_AMOUNT)
        if amount is not None:
            check_currency(line.cell(_CURRENCY), line.where)
            item = line.cell(_LINE_ITEM)
            model = model_of(item) if item else line.cell(_MODEL)
            usd = read_amount(amount, line.where, decimal_comma=decimal_comma)
            costs.append(Result(BilledDay(start.date(), model, usd=usd), identity_of(line.cells)))
        counts = [_count(line, names, decimal_comma=decimal_comma) for names in _COUNTS]
        if any(count is not None for count in counts):
            usage.append(Result(BilledDay(start.date(), line.cell(_MODEL), None, *counts), identity_of(line.cells)))
    if usage:
        yield Bucket(Kind.USAGE, start, end, tuple(usage))
    if costs or not usage:
        yield Bucket(Kind.COSTS, start, end, tuple(costs))


def _count(line: _Line, names: tuple[str, ...], *, decimal_comma: bool) -> int | None:
    cell = line.cell(names)
    return None if cell is None else read_count(cell, line.where, decimal_comma=decimal_comma)
