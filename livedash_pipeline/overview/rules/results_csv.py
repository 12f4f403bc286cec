"""The summary of results as a CSV that a spreadsheet opens safely: every number that the page shows, one row each line of it.

Add a column where the document has a new figure. What is summed is decided by `overview.steps.results`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from livedash_pipeline.base.rules.escaping.spreadsheet import cell
from livedash_pipeline.base.rules.values import Document

_LEADING = ("period", "part", "from", "to", "name", "company")
# The figures of a total or a step; other parts have those of them that they have.
_FIGURES = (
    "sessions",
    "share",
    "askedFirst",
    "analysed",
    "sentimentKnown",
    "positive",
    "positiveShare",
    "neutral",
    "neutralShare",
    "negative",
    "negativeShare",
    "escalationKnown",
    "escalated",
    "escalationRate",
    "forwardingKnown",
    "forwardedHr",
    "forwardingRate",
    "messagesKnown",
    "messages",
    "averageMessages",
    "averageDurationSeconds",
    "medianDurationSeconds",
)
COLUMNS = (*_LEADING, *_FIGURES)
_NAMES = {"categories": "category", "languages": "language", "questions": "question"}


def results_csv(document: Document) -> str:
    """Writes a summary as a CSV: the period first, then the one that it is compared with."""
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(COLUMNS)
    for name in ("period", "compared"):
        if document[name] is not None:
            for row in _rows(name, document[name], document):
                writer.writerow([cell(row.get(column)) for column in COLUMNS])
    return output.getvalue()


def _rows(name: str, period: Document, document: Document) -> Iterator[dict[str, Any]]:
    same = {"period": name, "from": period["from"], "to": period["to"], "company": document["company"]}
    yield same | {"part": "total"} | period["totals"]
    for step in period["series"]:
        yield same | {"part": document["by"]} | step
    for part, column in _NAMES.items():
        for found in period[part]:
            yield same | {"part": column, "name": found[column]} | found
