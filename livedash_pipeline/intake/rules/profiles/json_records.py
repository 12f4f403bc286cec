"""The records of a file of JSON lines: one object a line, whose values stand where a profile's dotted paths say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Any

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.intake.rules.csv_layout import COLUMNS
from livedash_pipeline.intake.rules.csv_records import Block, read_again, whole_lines
from livedash_pipeline.intake.rules.csv_rejects import MAX_RECORD_LENGTH, Reject, RejectReason, storable
from livedash_pipeline.intake.rules.profiles.cells import CellRules, extra_text
from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile
from livedash_pipeline.intake.rules.profiles.transcoding import to_utf_8, without_lines


class JsonRecords:
    """The records of one file; `pieces` gives its bytes from the beginning each time it is called."""

    def __init__(self, pieces: Callable[[], Iterable[bytes]], profile: CsvProfile) -> None:
        self._pieces = pieces
        self._profile = profile
        self._rules = CellRules(profile)
        self._paths = {
            name: [str(source).split(".") for source in sources] for name, sources in profile.sources().items()
        }
        self._used = {path[0] for paths in self._paths.values() for path in paths}

    def blocks(self) -> Iterator[Block]:
        """All records in the seed's columns."""
        number = self._profile.skip_lines
        for text in whole_lines(self._text()):
            block = Block()
            for line in StringIO(text, newline="\n"):
                number += 1
                self._take(line, number, block)
            yield block

    def again(self, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        """First line and text of records by first line and number of lines, in rising order."""
        return read_again(self._text(), wanted, first_line=self._profile.skip_lines + 1)

    def _text(self) -> Iterator[bytes]:
        return without_lines(to_utf_8(self._pieces(), self._profile.encoding), self._profile.skip_lines)

    def _take(self, line: str, number: int, block: Block) -> None:
        if not line.strip():
            block.blank_lines += 1
            return
        found = _object_of(line)
        if isinstance(found, tuple):
            block.rejects.append(Reject(number, 1, storable(line), *found))
            return
        block.rows.append([self._rules.cell(name, self._text_of(name, found)) for name in COLUMNS])
        block.lines.append(number)
        block.line_counts.append(1)
        block.raws.append(line)
        rest = {key: value for key, value in found.items() if key not in self._used} if self._profile.keep_extra else {}
        block.extras.append(extra_text(rest, self._rules))

    def _text_of(self, name: str, record: dict[str, Any]) -> str:
        texts = (json_cell(_value_at(record, path)) for path in self._paths.get(name, ()))
        return " ".join(filter(None, texts))


def _object_of(line: str) -> dict[str, Any] | tuple[RejectReason, str | None]:
    if len(line) > MAX_RECORD_LENGTH:
        return RejectReason.FIELD_TOO_LONG, f"{len(line)} characters"
    try:
        written = line.encode()
    except UnicodeEncodeError:
        return RejectReason.BAD_ENCODING, None
    found = read_json(written)
    if isinstance(found, JsonFault):
        return RejectReason.NOT_JSON, found.reason
    if not isinstance(found, dict):
        return RejectReason.NOT_JSON, "is no object"
    if "\\u" in line:
        written_texts = "".join(_texts(found))
        if "\0" in written_texts:
            return RejectReason.NUL_CHARACTER, None
        if any("\ud800" <= character <= "\udfff" for character in written_texts):
            return RejectReason.BAD_ENCODING, None
    return found


def _texts(value: object) -> Iterator[str]:
    """All names and texts of a value; readers of JSON have bounded its depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _texts(each)


def _value_at(record: object, path: list[str]) -> object:
    for key in path:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def json_cell(value: object) -> str:
    """A value of JSON as a cell: texts as they are, nothing for null, and objects and arrays as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
