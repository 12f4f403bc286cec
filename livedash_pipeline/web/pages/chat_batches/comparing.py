"""Two runs of a file side by side, or one beside the answers that its file expects: rows that changed, or all of them.

Both runs are read whole for the counts, so the answer is kept. Texts stand on a page of their own. Add a reason why rows differ
to `chats.rules.compare`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import Engine
from starlette.responses import Response

from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.routes.chats.callers import viewer_of
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.chats.steps.compare import compare_document
from livedash_pipeline.web.guard import services_of
from livedash_pipeline.web.kept import FOR_A_DECISION, kept
from livedash_pipeline.web.pages.chat_batches.shared import (
    READ_BATCHES,
    READ_TEXTS,
    check_may_read,
    named_batch,
)
from livedash_pipeline.web.queries import Cursor, PageQuery, Words
from livedash_pipeline.web.rendering import render

_ROWS, _ROWS_WITH_TEXTS = 50, 10
_LONGEST_TEXT = 1_500


class ComparisonQuery(PageQuery):
    """Which runs, and which rows."""

    a: Words | None = None
    b: Words | None = None
    rows: Literal["changed", "all"] = "changed"
    cursor: Cursor | None = None


def add_comparing(routes: APIRouter) -> None:
    """Adds the comparison, without and with texts."""

    @routes.get("/compare")
    @allow(READ_BATCHES)
    def compare(request: Request, query: Annotated[ComparisonQuery, Query()]) -> Response:
        return _page(request, query, with_texts=False)

    @routes.get("/compare/texts")
    @allow(READ_TEXTS)
    def compare_texts(request: Request, query: Annotated[ComparisonQuery, Query()]) -> Response:
        check_may_read(request)
        return _page(request, query, with_texts=True)


def _page(request: Request, query: ComparisonQuery, *, with_texts: bool) -> Response:
    a = None if query.a is None else named_batch(request, query.a)
    b = None if query.b is None else named_batch(request, query.b)
    if a is not None and with_texts:
        note(request, batchId=str(a.id), otherBatchId=None if b is None else str(b.id))
    found = None
    if a is not None:
        key = ("chat comparison", a.id, b and b.id, query.rows, query.cursor, with_texts, viewer_of(request))
        wanted: dict[str, Any] = {
            "viewer": viewer_of(request),
            "limit": _ROWS_WITH_TEXTS if with_texts else _ROWS,
            "cursor": query.cursor,
            "show_text": with_texts,
            "judge": services_of(request).settings.openai_model,
            "same_too": query.rows == "all",
        }
        first, second = a.id, None if b is None else b.id
        # Texts that were erased since are not to be shown for long.
        oldest = FOR_A_DECISION if with_texts else None
        found = kept(request, key, lambda engine: _compared(engine, first, second, wanted), oldest=oldest)
    return render(
        request,
        "chat_batches/compare.html",
        title="Compare two runs",
        query=query,
        a=a,
        b=b,
        compared=found,
        with_texts=with_texts,
    )


def _compared(engine: Engine, a: Any, b: Any, wanted: dict[str, Any]) -> Document:
    document = compare_document(engine, a, b, **wanted)
    for row in document["rows"]:
        for name in ("question", "answerA", "answerB"):
            text = row.get(name)
            if text is not None and len(text) > _LONGEST_TEXT:
                row[name] = f"{text[:_LONGEST_TEXT]} … [cut from {len(text):,} characters]"
    return document
