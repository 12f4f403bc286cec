r"""How the lines of one CSV are to be cut: its signs, how many columns a record has, and how a line looks that begins one.

The seed's file is `SEED`: commas, double quotes, 16 columns, `<id>,DD.MM.YYYY HH:MM:SS,` at the begin of a record. What a dialect
is made from is a company's profile (`intake.rules.profiles`). All expressions are possessive, so that they are linear.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT

# As the seed's exporter and others write it: with or without seconds.
SEED_TIME = r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}(?::\d{2})?"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to write CSV.

    Attributes:
        delimiter: Between fields.
        quote: Around fields that hold a delimiter or a line end, doubled within them; empty where there is none.
        escape: Before a quote within quotes, where it is not doubled; else empty.
        columns: Fields of a record.
        record: A well-formed record with its line end.
        one_field: A field, and the delimiter or end behind it.
        open_quote: A record with a quote that is not closed.
        start: A line that looks like the begin of a record.
        marked_start: A byte order mark before such a line.
    """

    delimiter: str
    quote: str
    escape: str
    columns: int
    record: re.Pattern[str]
    one_field: re.Pattern[str]
    open_quote: re.Pattern[str]
    start: re.Pattern[str]
    marked_start: re.Pattern[str]

    def reader(self, lines: Iterable[str]) -> Any:
        """Python's own reader of it, which refuses what is malformed."""
        if not self.quote:
            return csv.reader(lines, strict=True, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        escape = self.escape or None
        return csv.reader(lines, strict=True, delimiter=self.delimiter, quotechar=self.quote, escapechar=escape)

    def fields_of(self, record: str) -> list[str]:
        """The fields of a well-formed record that Python's reader refuses."""
        fields = []
        # The last field ends the loop: behind it the expression would match once more, and nothing.
        for match in self.one_field.finditer(record):  # pragma: no branch
            text = match[1].removesuffix("\r")
            fields.append(self._unquoted(text) if self.quote and text.startswith(self.quote) else text)
            if not match[0].endswith(self.delimiter):
                break
        return fields

    def _unquoted(self, text: str) -> str:
        inner = text[1:-1]
        if self.escape:
            # Other backslashes are text: paths of Windows, and what stands for a line end or for nothing.
            return re.sub(
                rf"\\([\\{self.quote}])|{self.quote}{self.quote}", lambda found: found[1] or self.quote, inner
            )
        return inner.replace(self.quote * 2, self.quote)


def dialect(
    *,
    delimiter: str = ",",
    quote: str = '"',
    escape: str = "",
    columns: int = COLUMN_COUNT,
    id_at: int = 0,
    time_at: int = 1,
    time: str | None = SEED_TIME,
) -> Dialect:
    """A dialect by its signs; `id_at` and `time_at` are the positions, from 0, of the id and of the time in a record.

    `time` is an expression of the texts that a time has; without one any text with a digit will do.
    """
    d, q = re.escape(delimiter), re.escape(quote)
    field = _field(d, q, escape)
    optional = f"{q}?" if quote else ""
    before = [_start_field(d, q, escape, "+" if at == id_at else "*") + d for at in range(time_at)]
    some = rf"[^{q}{d}\n\d]*+\d[^{q}{d}\n]*+"
    behind = d if time_at < columns - 1 else r"\r?(?:\n|\Z)"
    start = rf"{''.join(before)}{optional}[ \t]*(?:{time or some})[ \t]*{optional}{behind}"
    return Dialect(
        delimiter,
        quote,
        escape,
        columns,
        record=re.compile(rf"{field}(?:{d}{field})*+\r?\n?"),
        one_field=re.compile(rf"({field})(?:{d}|\r?\n?\Z)"),
        open_quote=re.compile(rf"(?:{field}{d})*+{_open_field(q, escape)}\Z" if quote else r"(?!)"),
        start=re.compile(start),
        marked_start=re.compile(f"^\ufeff(?={start})", re.MULTILINE),
    )


def _field(d: str, q: str, escape: str) -> str:
    if not q:
        return rf"[^{d}\n]*+"
    return rf"(?:{_open_field(q, escape)}{q}|[^{q}{d}\n]*+)"


def _start_field(d: str, q: str, escape: str, times: str) -> str:
    """A field on the first line of a record: it may hold delimiters within quotes, and no line end."""
    plain = rf"[^{q}{d}\n]{times}"
    if not q:
        return plain
    inner = rf"(?:[^{q}\\\n]|\\[^\n]|{q}{q})" if escape else rf"(?:[^{q}\n]|{q}{q})"
    return rf"(?:{q}{inner}{times}+{q}|{q}?{plain}{q}?)"


def _open_field(q: str, escape: str) -> str:
    if escape:
        return rf"{q}(?:[^{q}\\]|\\[\s\S]|{q}{q})*+"
    return rf"{q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+"


SEED = dialect()
