"""Texts of a batch: its first answers as they come, and its results as files. Reading them is written to the audit log.

Add a page with questions or answers of one batch here; two batches are compared in `comparing`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.routes.chats.callers import said, viewer_of
from livedash_pipeline.api.routes.chats.looking import send_results
from livedash_pipeline.api.routes.chats.schemas import ResultsQuery
from livedash_pipeline.chats.steps.looks.first_answers import USUAL, first_answers_document
from livedash_pipeline.web.guard import services_of
from livedash_pipeline.web.pages.chat_batches.shared import READ_TEXTS, check_may_read, named_batch
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of


class DownloadQuery(PageQuery):
    """In which format, and where the columns of the uploaded file stand."""

    format: Literal["csv", "json", "xlsx"] = "csv"
    originals: Literal["first", "last"] = "first"


def add_answers(routes: APIRouter) -> None:
    """Adds the pages with texts."""

    @routes.get("/{batch_id}/answers")
    @allow(READ_TEXTS)
    def answers(request: Request, batch_id: str) -> Response:
        check_may_read(request)
        batch = named_batch(request, batch_id)
        with said():
            document = first_answers_document(services_of(request).engine, batch.id, viewer=viewer_of(request))
        note(request, batchId=str(batch.id), answers=len(document["answers"]))
        return render(
            request,
            "chat_batches/answers.html",
            title="First answers",
            zone=zone_of(request, batch.company),
            batch=batch,
            answers=document["answers"],
            most=USUAL,
            # All that are shown are there, or no more will come.
            goes_on=not document["isOver"] and len(document["answers"]) < USUAL and batch.started_at is not None,
        )

    @routes.get("/{batch_id}/results")
    @allow(READ_TEXTS)
    def results(request: Request, batch_id: str, query: Annotated[DownloadQuery, Query()]) -> Response:
        check_may_read(request)
        batch = named_batch(request, batch_id)
        note(request, batchId=str(batch.id), format=query.format)
        wanted = {"batchId": str(batch.id), "format": query.format, "originals": query.originals}
        return send_results(request, ResultsQuery.model_validate(wanted))
