"""Reports as Dagster shows them: the document itself, a small table, and the counts that the UI draws.

Only counts, ids and names pass through here, never anybody's words. What a document says is decided in `flow.documents`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

REPORT_KEY = "report"


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table; an empty one says so."""
    titles = list(header)
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        return dg.MetadataValue.md("*nothing*")
    drawn = [titles, ["---"] * len(titles), *lines]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in drawn))


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def counts(values: Mapping[str, object]) -> dg.MarkdownMetadataValue:
    """A table of two columns: what, and how many."""
    return table(("what", "count"), values.items())


def document_metadata(document: Mapping[str, Any], *, row_count: int | None = None) -> dict[str, Any]:
    """A document as metadata: whole as JSON, its counts and lists as tables, and the main count where the UI looks for it."""
    flat = {key: value for key, value in document.items() if isinstance(value, int | str) and key != "ok"}
    nested = {
        f"{key}.{inner}": value
        for key, values in document.items()
        if isinstance(values, dict)
        for inner, value in values.items()
        if isinstance(value, int | str)
    }
    metadata: dict[str, Any] = {REPORT_KEY: dg.MetadataValue.json(dict(document)), "table": counts(flat | nested)}
    metadata |= {key: _rows(values) for key, values in document.items() if isinstance(values, list)}
    if row_count is not None:
        metadata["dagster/row_count"] = row_count
    return metadata


def _rows(documents: Sequence[Mapping[str, object]]) -> dg.MarkdownMetadataValue:
    header = list(dict.fromkeys(key for document in documents for key in document))
    return table(header, ([document.get(key) for key in header] for document in documents))


def answer(context: dg.OpExecutionContext, document: Mapping[str, Any]) -> dict[str, Any]:
    """Ends an op job: the document as output, as output metadata and as a log line."""
    context.add_output_metadata(document_metadata(document))
    context.log.info("answer %s", json.dumps(document))
    return dict(document)


def column_schema(columns: Mapping[str, str]) -> dg.TableSchema:
    """The columns of an asset's table, by name and type."""
    return dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns.items()])
