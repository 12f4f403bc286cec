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
from livedash_pipeline.intake.rules.profiles.cells import CellRules, UnreadableFileError, extra_text
from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile
from livedash_pipeline.intake.rules.profiles.transcoding import to_utf_8, without_lines

# Programs leave out keys without a value: of fewer records none may have had one.
_TELLING = 50


class JsonRecords:
    """The records of one file; `pieces` gives its bytes from the beginning each time it is called."""

    def __init__(self, pieces: Callable[[], Iterable[bytes]], profile: CsvProfile) -> None:
        self._pieces = pieces
        self._profile = profile
        self._rules = CellRules(profile)
        self._paths = {
            name: [str(source).split(".") for source in sources] for name, sources in profile.sources().items()
        }
        self._used = [path for paths in self._paths.values() for path in paths]

    def blocks(self) -> Iterator[Block]:
        """All records in the seed's columns.

        Raises:
            UnreadableFileError: A path that the profile names leads nowhere in many records: a renamed key is no empty one.
        """
        number = self._profile.skip_lines
        unmet, records = {tuple(path) for path in self._used}, 0
        for text in whole_lines(self._text()):
            block = Block()
            for line in StringIO(text, newline="\n"):
                number += 1
                found = self._take(line, number, block)
                unmet = {path for path in unmet if not _leads(found, path)} if found is not None and unmet else unmet
            records += len(block.rows)
            columns = zip(COLUMNS, zip(*block.rows, strict=True), strict=False)
            block.rows = [list(row) for row in zip(*(self._rules.column(*each) for each in columns), strict=True)]
            yield block
        if unmet and records >= _TELLING:
            path = ".".join(min(unmet))
            raise UnreadableFileError(f"has no {path!r} in any of its {records:,} records, and its profile names it")

    def again(self, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        """First line and text of records by first line and number of lines, in rising order."""
        return read_again(self._text(), wanted, first_line=self._profile.skip_lines + 1)

    def _text(self) -> Iterator[bytes]:
        return without_lines(to_utf_8(self._pieces(), self._profile.encoding), self._profile.skip_lines)

    def _take(self, line: str, number: int, block: Block) -> dict[str, Any] | None:
        if not line.strip():
            block.blank_lines += 1
            return None
        found = _object_of(line)
        if isinstance(found, tuple):
            block.rejects.append(Reject(number, 1, storable(line), *found))
            return None
        block.rows.append([self._text_of(name, found) for name in COLUMNS])
        block.lines.append(number)
        block.line_counts.append(1)
        block.raws.append(line)
        rest = _without(found, self._used) if self._profile.keep_extra else {}
        block.extras.append(extra_text(rest, self._rules))
        return found

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


def _without(record: dict[str, Any], paths: Iterable[list[str]]) -> dict[str, Any]:
    """A record without the values at some paths; what lies beside them stays."""
    kept = dict(record)
    for first, *rest in paths:
        if first not in kept:
            continue
        if not rest:
            del kept[first]
        elif isinstance(kept[first], dict):
            kept[first] = _without(kept[first], [rest])
            if not kept[first]:
                del kept[first]
    return kept


def _leads(record: object, path: Iterable[str]) -> bool:
    for key in path:
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


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
