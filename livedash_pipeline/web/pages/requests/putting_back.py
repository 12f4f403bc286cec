"""Putting failed requests back to wait: chosen ones, or all that a filter finds; first what that would do and cost at most.

A dry run changes nothing and says up to which moment it has counted; the confirmation takes that moment along, so that requests
that fail meanwhile are not put back unseen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.http.parameters import MAX_IDS
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.services import services_of
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.requeues import Chosen, preview_requeue, requeue_chosen
from livedash_pipeline.web.guard import change, form_of
from livedash_pipeline.web.kept import FOR_A_DECISION, kept
from livedash_pipeline.web.pages.requests.query import FAILED, Filters, filters_of
from livedash_pipeline.web.rendering import render

ACT = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE)
"""A page that shows what a change would do, for those who may make it."""


def add(routes: APIRouter) -> None:
    """Adds the routes to those of requests."""

    @routes.get("/requeue")
    @allow(ACT)
    def preview_found(request: Request, query: Annotated[Filters, Query()]) -> Response:
        """What putting back all that a filter finds would do; counted in the background, since it may be many."""
        settings, chosen = services_of(request).settings, Chosen(search=query.search(FAILED))
        found = kept(
            request,
            ("requeue preview", tuple(sorted(query.given.items()))),
            lambda engine: preview_requeue(engine, settings, KINDS, chosen),
            oldest=FOR_A_DECISION,
        )
        return render(
            request, "requests/requeue.html", title="Try failed requests again", found=found, given=query.given, ids=()
        )

    @routes.post("/requeue/chosen")
    @allow(change("preview_requeue"))
    def preview_chosen(request: Request) -> Response:
        """What putting back the chosen rows would do."""
        ids = _ids(request)
        services = services_of(request)
        document = preview_requeue(services.engine, services.settings, KINDS, Chosen(ids))
        return render(
            request,
            "requests/requeue.html",
            title="Try failed requests again",
            found=None,
            document=document,
            given={},
            ids=ids,
        )

    @routes.post("/requeue")
    @allow(change("requeue"))
    def requeue(request: Request) -> Response:
        """Puts back what was confirmed."""
        ids = tuple(form_of(request).every("id"))
        if len(ids) > MAX_IDS:
            raise Problem("bad_argument", f"{len(ids)} ids are given.", remedy=f"Choose {MAX_IDS} at most.")
        given = filters_of(form_of(request).fields() if not ids else {})
        chosen = Chosen(ids, None if ids else given.search(FAILED), _until(request))
        services = services_of(request)
        document = requeue_chosen(services.patient, KINDS, chosen, dry_run=False)
        note(request, **_counts(document), **({} if ids else {"filters": sorted(given.given)}))
        return render(
            request,
            "requests/requeued.html",
            title="Failed requests are tried again",
            document=document,
            given=given.given,
            expected=form_of(request).one("count"),
        )


def _ids(request: Request) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(form_of(request).every("id")))
    if not ids:
        raise Problem(
            "bad_argument", "No request is chosen.", remedy="Go back and choose rows, or take all of the list."
        )
    if len(ids) > MAX_IDS:
        raise Problem("bad_argument", f"{len(ids)} requests are chosen.", remedy=f"Choose {MAX_IDS} at most.")
    return ids


def _until(request: Request) -> datetime:
    """The moment of the dry run that is confirmed."""
    try:
        moment = datetime.fromisoformat(form_of(request).one("until"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Problem(
            "bad_argument", "The form does not say which dry run it confirms.", remedy="Go back and look at it again."
        )
    return moment


def _counts(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if isinstance(value, int) and name != "ok"}
