"""Cuts the text of a CSV file into records, strictly: every quotation mark has to be where RFC 4180 allows one.

Lines end with CR, LF or both. A cell in quotation marks may hold line ends and delimiters, and a doubled mark for one of
its own; the record has the line that it begins on. A record with a misplaced mark is an error, and reading goes on with
the line after it, so that one run finds all of them. What the cells mean is decided in `columns` and `table`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from livedash_pipeline.chats.rules.intake.columns import plain_name, question_names
from livedash_pipeline.chats.rules.intake.decoding import BREAK, line_breaks
from livedash_pipeline.chats.rules.intake.findings import Findings

DELIMITERS = (",", ";", "\t")
Record = tuple[int, list[str]]

_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_BLANK_LINES = re.compile(r"[\r\n]*+")
# A spreadsheet cannot be wider; without a bound, a file of commas would become as many cells.
_WIDEST = 16_384
# After so many misplaced marks the rest of the file is not looked at.
_MOST_FAULTS = 10_000


@dataclass(frozen=True)
class _Grammar:
    """The expressions of one delimiter. All are possessive, so that their time is linear."""

    delimiter: str
    record: re.Pattern[str]
    cell: re.Pattern[str]
    plain: re.Pattern[str]


@cache
def _grammar(delimiter: str) -> _Grammar:
    plain = rf'[^"{delimiter}\r\n]*+'
    either = rf"(?:{_QUOTED.pattern}|{plain})"
    return _Grammar(
        delimiter,
        record=re.compile(rf"({either}(?:{delimiter}{either})*+)(?:\r\n|\r|\n|\Z)"),
        cell=re.compile(rf'(?:"([^"]*+(?:""[^"]*+)*+)"|([^"{delimiter}]*+)){delimiter}'),
        plain=re.compile(plain),
    )


def choose_delimiter(text: str, default: str = ",") -> str:
    """The delimiter of a file, judged by its header alone.

    It is the one by which the header has a question column; if several do or none does, the one that occurs most often
    outside quotation marks. A header without any delimiter, or with misplaced marks, gets the default.
    """
    blank = _BLANK_LINES.match(text)
    start = blank.end() if blank else 0
    best, best_score = default, (False, 1)
    for delimiter in DELIMITERS:
        match = _grammar(delimiter).record.match(text, start)
        cells = _cells(match[1], _grammar(delimiter)) if match else []
        score = (not question_names().isdisjoint(map(plain_name, cells)), len(cells))
        if len(cells) > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def split_records(text: str, delimiter: str, findings: Findings) -> Iterator[Record]:
    """The records in order, each with the line that it begins on; what is malformed goes to the findings."""
    grammar = _grammar(delimiter)
    place, line, faults = 0, 1, 0
    while place < len(text) and faults < _MOST_FAULTS:
        match = grammar.record.match(text, place)
        if match is None:
            place, line = _skip_fault(text, place, line, grammar, findings)
            faults += 1
            continue
        cells = _cells(match[1], grammar)
        if len(cells) > _WIDEST:
            findings.error(line, "too_many_columns", f"The row has more than {_WIDEST:,} cells.")
        else:
            yield line, cells
        line += 1 + (line_breaks(match[1]) if '"' in match[1] else 0)
        place = match.end()


def _cells(raw: str, grammar: _Grammar) -> list[str]:
    """The cells of a well-formed record; a few too many where there are more than a spreadsheet can have."""
    if '"' not in raw:
        return raw.split(grammar.delimiter, _WIDEST + 1)
    found = []
    for quoted, plain in grammar.cell.findall(raw + grammar.delimiter):
        found.append(quoted.replace('""', '"') if quoted else plain)
    return found


def _skip_fault(text: str, place: int, line: int, grammar: _Grammar, findings: Findings) -> tuple[int, int]:
    """Names the first misplaced mark of a malformed record; returns where the next line begins, and its number."""
    while True:
        if not text.startswith('"', place):
            end, after = _plain_end(text, place, grammar), line
            if text.startswith('"', end):
                findings.error(
                    line, "stray_quote", "A quotation mark stands inside a cell that does not begin with one."
                )
                break
        else:
            closed = _QUOTED.match(text, place)
            if closed is None:
                findings.error(
                    line, "unclosed_quote", "The quotation mark that opens a cell on this line is never closed."
                )
                break
            end, after = closed.end(), line + line_breaks(text, place, closed.end())
            if not text.startswith(grammar.delimiter, end):
                _name_followed_mark(line, after, findings)
                break
        place, line = end + 1, after
    following = BREAK.search(text, place)
    return (following.end(), line + 1) if following else (len(text), line)


def _plain_end(text: str, place: int, grammar: _Grammar) -> int:
    match = grammar.plain.match(text, place)
    return match.end() if match else place


def _name_followed_mark(opened: int, closed: int, findings: Findings) -> None:
    """A closing mark with text behind it. On another line than the opening one, the latter is the likely mistake."""
    if opened == closed:
        findings.error(opened, "stray_quote", "A closing quotation mark is followed by more text of its cell.")
        return
    findings.error(
        opened,
        "unclosed_quote",
        f"The quotation mark that opens a cell on this line is not closed: the next one, on line {closed}, "
        "is followed by more text.",
    )
