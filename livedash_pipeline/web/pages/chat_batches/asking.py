"""What is done to a batch: having it asked in one of four ways, working on it for a while, and cancelling.

Each way shows its count and its cost at most before it is confirmed. A form never waits for a slice: a thread of this process
works on it where one is free, and `chat_batch_sensor` goes on. Add a way to `chats.steps.asking_again`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow, caller_of, note
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.routes.chats.callers import chat_context, said, viewer_of
from livedash_pipeline.api.routes.chats.slices import WORKERS, begin_slice
from livedash_pipeline.chats.rules.slices import USUAL
from livedash_pipeline.chats.steps.asking_again import Way, foresee, have_asked, ways_of
from livedash_pipeline.chats.steps.cancel import cancel
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.web.guard import form_of, services_of
from livedash_pipeline.web.kept import FOR_A_DECISION, kept
from livedash_pipeline.web.pages.chat_batches.shared import SEE_CHANGES, changes, named_batch, path_of_batch
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import redirect, render


class AskQuery(PageQuery):
    """How it is asked."""

    way: Way


def add_asking(routes: APIRouter) -> None:
    """Adds what changes a batch."""

    @routes.get("/{batch_id}/ask")
    @allow(SEE_CHANGES)
    def foreseen(request: Request, batch_id: str, query: Annotated[AskQuery, Query()]) -> Response:
        return _confirm_page(request, named_batch(request, batch_id), query.way)

    @routes.post("/{batch_id}/ask")
    @allow(changes("ask_chat_batch"))
    def ask(request: Request, batch_id: str) -> Response:
        batch, way = named_batch(request, batch_id), _way(form_of(request).one("way"))
        with said():
            items = have_asked(chat_context(request), batch.id, way, viewer=viewer_of(request))
        note(request, batchId=str(batch.id), way=way.value, items=items)
        # What another click has begun before is gone on with.
        return _work_on(request, batch.id)

    @routes.post("/{batch_id}/work")
    @allow(changes("process_chat_batch"))
    def work(request: Request, batch_id: str) -> Response:
        batch = named_batch(request, batch_id)
        note(request, batchId=str(batch.id))
        return _work_on(request, batch.id)

    @routes.post("/{batch_id}/cancel")
    @allow(changes("cancel_chat_batch"))
    def cancel_one(request: Request, batch_id: str) -> Response:
        batch = named_batch(request, batch_id)
        with said():
            done = cancel(chat_context(request), batch.id, by=caller_of(request).name, viewer=viewer_of(request))
        note(request, batchId=str(batch.id), cancelRequested=done.requested)
        return redirect(path_of_batch(batch.id))


def _way(text: str) -> Way:
    try:
        return Way(text)
    except ValueError:
        raise Problem("bad_argument", f"{text[:50]!r} is no way to ask.", remedy="Use the page's buttons.") from None


def _confirm_page(request: Request, batch: ChatBatch, way: Way) -> Response:
    context, viewer = chat_context(request), viewer_of(request)
    # Another state is another question; what has ended or begun meanwhile is not offered any more.
    key = ("chat batch foreseen", batch.id, way, viewer, batch.status, tuple(batch.counts.values()))
    allowed = way in ways_of(batch)
    found = None
    if allowed:
        found = kept(
            request,
            key,
            lambda engine: foresee(replace(context, engine=engine), batch.id, way, viewer=viewer),
            oldest=FOR_A_DECISION,
        )
    return render(
        request,
        "chat_batches/ask.html",
        title=_TITLES[way],
        batch=batch,
        way=way,
        allowed=allowed,
        foreseen=found,
        left=batch.total_items,
    )


_TITLES = {
    Way.START: "Start a chat batch",
    Way.TRY: "Try the first conversations",
    Way.RESUME: "Resume a chat batch",
    Way.FAILED: "Ask failed conversations again",
}


def _work_on(request: Request, batch_id: UUID) -> Response:
    """Begins a slice if this process has a place for one, and leads back to the batch."""
    services, viewer = services_of(request), viewer_of(request)
    work = partial(process_for_duration, chat_context(request), batch_id, seconds=USUAL, viewer=viewer, workers=WORKERS)
    begun = begin_slice(services, work)
    return redirect(path_of_batch(batch_id), begun="here" if begun else "sensor")
