"""Turns reports into Dagster's metadata: the document itself, numbers that the Plots tab draws, and small tables.

Only counts, ids and names pass through here, never anybody's words. Steps make the documents beside their reports. A number is an
int or a float under a key that every run has: the Plots tab draws no other kind, and only the keys of the newest materialization.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import dagster as dg

from livedash_pipeline.analysis.steps.import_company import Made
from livedash_pipeline.base.rules.escaping.markdown import escape_markdown
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.overview.rules.alerts import Remedy
from livedash_pipeline.overview.rules.charts import Chart, as_markdown_image
from livedash_pipeline.overview.rules.figures import figures_of, without_zeros
from livedash_pipeline.overview.rules.health import Level
from livedash_pipeline.overview.steps.check import Finding
from livedash_pipeline.overview.store.checks import SAMPLE

REPORT_KEY = "report"
# Columns of a check's rows that the program needs and the table omits.
_NOT_SHOWN = frozenset({"sample_ids", "total", "is_warning"})


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> dg.MarkdownMetadataValue:
    """Makes a Markdown table, or a note that there are no rows; escapes its cells, so that they show as they are."""
    titles = [escape_markdown(title) for title in header]
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        return dg.MetadataValue.md("*nothing*")
    drawn = [titles, ["---"] * len(titles), *lines]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in drawn))


def _cell(value: object) -> str:
    return "" if value is None else escape_markdown(str(value))


def counts(values: Mapping[str, object]) -> dg.MarkdownMetadataValue:
    """Makes a table of two columns: a name, and a count; leaves out what there was none of."""
    return table(
        ("what", "count"),
        ((name, value) for name, value in values.items() if isinstance(value, bool) or value not in (0, "")),
    )


def document_metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    """Turns the answer of an op job into metadata: all of it as JSON, and what there was of it as tables."""
    flat = {key: value for key, value in document.items() if isinstance(value, int | str) and key != "ok"}
    nested = {
        f"{key}.{inner}": value
        for key, values in document.items()
        if isinstance(values, dict)
        for inner, value in values.items()
        if isinstance(value, int | str)
    }
    return {REPORT_KEY: dg.MetadataValue.json(dict(document)), "table": counts(flat | nested), **_lists(document)}


def asset_metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    """Turns what a run did for an asset into metadata: all of it as JSON, its figures as numbers to plot, its lists as tables."""
    return {REPORT_KEY: dg.MetadataValue.json(dict(document)), **figures_of(document), **_lists(document)}


def outcome_numbers(outcomes: Mapping[str, int]) -> dict[str, int]:
    """Returns the tries that brought an answer and those that did not, and of the latter each outcome that there was."""
    parsed = outcomes.get(Outcome.PARSED, 0)
    others = {f"outcome_{name}": count for name, count in outcomes.items() if name != Outcome.PARSED}
    return {"parsed": parsed, "not_parsed": sum(others.values()), **without_zeros(others)}


def rows_in_partition(count: int | None) -> dict[str, int]:
    """Returns how many rows of its table are a company's, under the key that Dagster has for a partition.

    Not as `dagster/row_count`: the UI shows that of the newest materialization, of whichever company, as the asset's.
    """
    return {} if count is None else {"dagster/partition_row_count": count}


def rows_in_all(count: int | None) -> dict[str, int]:
    """Returns how many rows the table of an asset without partitions has."""
    return {} if count is None else {"dagster/row_count": count}


def chart_metadata(title: str, charts: Sequence[Chart], *, link: str | None) -> dict[str, Any]:
    """Makes the metadata of charts: images in Markdown, which hold their pictures whole, and the address of their page."""
    images = "\n\n".join(as_markdown_image(chart) for chart in charts)
    metadata: dict[str, Any] = {"charts": dg.MetadataValue.md(f"{escape_markdown(title)}\n\n{images}")}
    return metadata | ({"results": dg.MetadataValue.url(link)} if link else {})


def made_metadata(made: Made, rows: int | None) -> dict[str, Any]:
    """Makes the metadata of an asset's materialization from what its import step did, and the rows of its table."""
    metadata: dict[str, Any] = {**rows_in_partition(rows), **made.numbers, **made.facts}
    if made.failures:
        metadata["failures"] = counts(made.failures)
    if made.document is not None:
        metadata |= {REPORT_KEY: dg.MetadataValue.json(made.document), **_lists(made.document)}
    return metadata


def _lists(document: Mapping[str, Any]) -> dict[str, dg.MarkdownMetadataValue]:
    return {key: _rows(values) for key, values in document.items() if isinstance(values, list) and values}


def _rows(documents: Sequence[Any]) -> dg.MarkdownMetadataValue:
    if not all(isinstance(document, Mapping) for document in documents):
        return table(("name",), ([name] for name in documents))
    header = list(dict.fromkeys(key for document in documents for key in document))
    return table(header, ([document.get(key) for key in header] for document in documents))


def answer(
    context: dg.OpExecutionContext,
    document: Mapping[str, Any],
    hint: str | None = None,
    *,
    shown: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ends an op job: the document as output, as output metadata, as a log line, and a hint where the form lacks something.

    Args:
        context: The op's.
        document: The answer.
        hint: What to fill in.
        shown: What Dagster keeps of the answer, where all of it is too much; None: all.
    """
    kept = document if shown is None else shown
    context.add_output_metadata(document_metadata(kept) | ({"what_to_do": hint} if hint else {}))
    if hint:
        context.log.warning(hint)
    context.log.info("answer %s", json.dumps(kept))
    return dict(document)


def check_result(finding: Finding, remedy: Remedy) -> dg.AssetCheckResult:
    """Makes an asset check's result: green without rows, else red or yellow with their number, some of them, and the remedy."""
    rows = finding.rows
    count = len(rows) if finding.count is None else finding.count
    found: dict[str, Any] = {"count": count if rows else 0}
    found |= {name: _rows(value) if isinstance(value, list) else value for name, value in finding.shown.items()}
    if rows:
        shown = [name for name in rows[0] if name not in _NOT_SHOWN]
        companies = sorted({str(row["company"]) for row in rows if row.get("company")})
        found |= {
            "sample": table(shown, ([row[name] for name in shown] for row in rows[:SAMPLE])),
            "sample_ids": dg.MetadataValue.json(list(islice(_ids(rows), SAMPLE))),
            "companies": dg.MetadataValue.json(companies[:SAMPLE]),
            "remedy": remedy.advice,
        }
    severity = dg.AssetCheckSeverity.WARN if finding.level is Level.WARN else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(passed=not rows, severity=severity, metadata=found)


def _ids(rows: Iterable[Mapping[Any, Any]]) -> Iterator[str]:
    for row in rows:
        if "sample_ids" in row:
            yield from map(str, row["sample_ids"])
        else:
            yield from islice((str(value) for value in row.values() if isinstance(value, UUID)), 1)
