"""Cuts exported files into documents: an array of them, or one on each line.

A line that is no document is a problem and costs no other; a damaged array cannot be cut, so it costs its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.chats.rules.documents.extended_json import plain
from livedash_pipeline.chats.rules.documents.problems import Place, Problems

_BOM = b"\xef\xbb\xbf"
# MongoDB nests no deeper.
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document with plain values, and where it stands."""

    place: Place
    fields: dict[str, Any]


def cut_documents(file: str, content: bytes, problems: Problems) -> Iterator[Document]:
    """The documents of a file in their order."""
    text = content.removeprefix(_BOM)
    if not text.strip():
        problems.add(Place(file, None), "empty_file", "The file holds no document.")
    elif text.lstrip().startswith(b"["):
        yield from _of_array(file, text, problems)
    else:
        for line, part in enumerate(text.split(b"\n"), 1):
            if part.strip():
                yield from _document(Place(file, line), read_json(part, max_depth=_MAX_DEPTH), problems)


def _of_array(file: str, text: bytes, problems: Problems) -> Iterator[Document]:
    values = read_json(text, max_depth=_MAX_DEPTH)
    if isinstance(values, JsonFault):
        problems.add(Place(file, None), "bad_json", f"The file {values.reason}.")
        return
    for number, value in enumerate(values, 1):
        yield from _document(Place(file, number), value, problems)


def _document(place: Place, value: Any, problems: Problems) -> Iterator[Document]:
    if isinstance(value, JsonFault):
        problems.add(place, "bad_json", f"The line {value.reason}.")
        return
    fields = plain(value)
    if isinstance(fields, dict):
        yield Document(place, fields)
    else:
        problems.add(place, "not_a_document", "This is JSON, but no document.")
