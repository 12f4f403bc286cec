"""Compares the answers of two runs of one file, or those of one run with what its file expects.

Rows are read one after the other, so a long file takes no more memory than a short one. What makes two answers the same is a rule
of `chats.rules.compare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from livedash_pipeline.base.rules.cursors import make_row_cursor, read_row_cursor
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.chats.rules.compare.answers import Comparison, Reason, Verdict, compare_answers
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.store.pairs import has_expected, stream_pairs
from livedash_pipeline.errors import UsageError

# Before the first row.
_START = -1


def compare_document(
    engine: Engine,
    a: UUID,
    b: UUID | None,
    *,
    viewer: Viewer = EVERYBODY,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    show_text: bool = False,
) -> Document:
    """The verdicts on all rows as counts, and a page of the rows whose answers are not the same.

    Args:
        engine: Our database.
        a: A batch.
        b: Another run of its file; None for the answers that the file expects.
        viewer: Whose batches the caller sees; both must be of them.
        limit: Rows a page.
        cursor: `nextCursor` of the page before.
        show_text: With the question and both answers of each row.

    Raises:
        UsageError: No such batch, two batches of different files, nothing to compare with, a limit out of range, or a cursor of
            another comparison.
    """
    filters = {"list": "chat comparison", "a": str(a), "b": None if b is None else str(b)}
    place = page_start(cursor, filters, limit=limit, read=read_row_cursor)
    after = _START if place is None else place[1]
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        _check(connection, a, b, viewer)
        tally = _Tally()
        page, following = cut_page(
            _differing(stream_pairs(connection, a, b), tally, after=after, most=limit + 1, show_text=show_text),
            limit,
            lambda row: make_row_cursor(a, row["row"], filters),
        )
    return {
        "ok": True,
        "a": str(a),
        "b": filters["b"],
        **{verdict.value: tally.verdicts[verdict] for verdict in Verdict},
        "reasons": {reason.value: tally.reasons[reason] for reason in Reason},
        "rows": list(page),
        "nextCursor": following,
    }


def _check(connection: Connection, a: UUID, b: UUID | None, viewer: Viewer) -> None:
    """Raises UsageError where the two cannot be compared."""
    first = required_batch(connection, a, viewer=viewer)
    if b is None:
        if not has_expected(connection, a):
            raise UsageError(
                f"No row of chat batch {a} has an expected answer.",
                remedy="Upload a file with a column such as referenceAnswer or expectedAnswer.",
                code="no_expected_answers",
            )
        return
    second = required_batch(connection, b, viewer=viewer)
    if first.file_hash is None or first.file_hash != second.file_hash:
        raise UsageError(
            f"The chat batches {a} and {b} are not of one file, so their rows have no partners.",
            remedy="Compare two batches that were made of the same file.",
            code="different_files",
        )


@dataclass
class _Tally:
    """How often there was each verdict, and each reason for it."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)


def _differing(
    rows: Iterable[Row[Any]], tally: _Tally, *, after: int, most: int, show_text: bool
) -> list[dict[str, Any]]:
    """The first rows behind a place that are not the same; all rows are counted."""
    found: list[dict[str, Any]] = []
    for row, compared in _judged(rows):
        tally.verdicts[compared.verdict] += 1
        tally.reasons[compared.reason] += 1
        if compared.verdict is not Verdict.SAME and row.row_index > after and len(found) < most:
            found.append(_row_document(row, compared, show_text=show_text))
    return found


def _judged(rows: Iterable[Row[Any]]) -> Iterator[tuple[Row[Any], Comparison]]:
    return ((row, compare_answers(row.answer_a, row.answer_b)) for row in rows)


def _row_document(row: Row[Any], compared: Comparison, *, show_text: bool) -> dict[str, Any]:
    document = {
        "row": row.row_index,
        "sourceLine": row.source_line,
        "verdict": compared.verdict.value,
        "reason": compared.reason.value,
    }
    texts = {"question": row.question, "answerA": row.answer_a, "answerB": row.answer_b}
    return document | texts if show_text else document
