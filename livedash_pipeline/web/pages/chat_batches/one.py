"""One chat batch: how far it is, what keeps it waiting, what can be done with it, and its downloads.

Add a fact about a batch to `chats.steps.documents`, and its place on the page to the template.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Scope
from livedash_pipeline.api.guard import allow, caller_of
from livedash_pipeline.api.routes.chats.callers import chat_context, said, viewer_of
from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState
from livedash_pipeline.chats.rules.slices import USUAL
from livedash_pipeline.chats.steps.asking_again import ways_of
from livedash_pipeline.chats.steps.documents import cost_documents, show_document
from livedash_pipeline.chats.steps.looks.standstill import standstill
from livedash_pipeline.chats.steps.results import FORMATS
from livedash_pipeline.chats.store.batches import ChatBatch, other_runs
from livedash_pipeline.chats.store.pairs import has_expected
from livedash_pipeline.web.guard import services_of
from livedash_pipeline.web.kept import looked_at
from livedash_pipeline.web.pages.chat_batches.shared import READ_BATCHES, named_batch
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

_OPEN = (ChatBatchStatus.PROCESSING, ChatBatchStatus.CANCELLING)
_MOST_RUNS = 10


class OneQuery(PageQuery):
    """What was just done: a slice was begun by this server, or the sensor goes on."""

    begun: Literal["here", "sensor"] | None = None


def add_one(routes: APIRouter) -> None:
    """Adds the page of a batch."""

    @routes.get("/{batch_id}")
    @allow(READ_BATCHES)
    def one(request: Request, batch_id: str, query: Annotated[OneQuery, Query()]) -> Response:
        batch = named_batch(request, batch_id)
        with said():
            document = show_document(services_of(request).engine, batch.id, viewer=viewer_of(request), with_costs=False)
        costs = looked_at(request, ("chat batch costs", batch.id), lambda engine: cost_documents(engine, [batch.id]))
        scopes, (runs, is_expected) = caller_of(request).scopes, _comparable(request, batch)
        return render(
            request,
            "chat_batches/one.html",
            title=batch.name,
            zone=zone_of(request, batch.company),
            batch=document["batch"],
            cost=costs.value[str(batch.id)] if costs.is_known else None,
            costs=costs,
            begun=query.begun,
            reason=standstill(chat_context(request), batch),
            runs=runs,
            is_expected=is_expected,
            ways=ways_of(batch) if Scope.CHATS_WRITE in scopes else [],
            goes_on=batch.status in _OPEN,
            is_trial=_is_trial(batch),
            formats=FORMATS,
            seconds=USUAL,
            interval=services_of(request).settings.livedash_chat_interval,
        )


def _is_trial(batch: ChatBatch) -> bool:
    """Whether some were set aside so that the first ones could be tried: nobody has asked for a cancel."""
    return bool(batch.counts[ChatState.CANCELLED]) and batch.cancel_requested_at is None and batch.legacy_id is None


def _comparable(request: Request, batch: ChatBatch) -> tuple[list[tuple[str, str]], bool]:
    """Other batches of the same file, by id and name, and whether the file says what answers should be."""
    viewer = viewer_of(request)
    with services_of(request).engine.connect() as connection:
        found = other_runs(connection, batch, token_id=viewer.token_id, most=_MOST_RUNS)
        is_expected = has_expected(connection, batch.id)
    return [(str(run_id), name) for run_id, name in found], is_expected
