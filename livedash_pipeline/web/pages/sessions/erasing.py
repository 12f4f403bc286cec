"""Erasing one session: first what is deleted for good, then a confirmation.

Add nothing that deletes: `retention.steps.prune` does.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Scope
from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.retention.rules.retention import PruneRequest
from livedash_pipeline.retention.steps.prune import PruneReport, prune
from livedash_pipeline.web.guard import company_change, company_too
from livedash_pipeline.web.pages.sessions.rights import session_named
from livedash_pipeline.web.rendering import redirect, render

_LOOK = company_too(Scope.SESSIONS_ERASE, admin=Scope.ADMIN_WRITE)


def add_to(routes: APIRouter) -> None:
    """Adds the dry run and the change."""

    @routes.get("/{session_id}/erase")
    @allow(_LOOK)
    def erase_dry_run(request: Request, session_id: str) -> Response:
        found = session_named(request, session_id)
        report = _erase(request, found, dry_run=True)
        return render(
            request,
            "sessions/erase.html",
            title="Erase a session",
            session=found,
            in_flight=report.in_flight,
            texts=report.companies.get(found["company"]),
        )

    @routes.post("/{session_id}/erase")
    @allow(company_change(Scope.SESSIONS_ERASE, "erase_session"))
    def erase(request: Request, session_id: str) -> Response:
        found = session_named(request, session_id)
        report = _erase(request, found, dry_run=False)
        note(request, importId=found["importId"], erased=report.sessions, inFlight=report.in_flight)
        return redirect(f"/sessions/{found['sessionId'] or found['importId']}", done="erased")


def _erase(request: Request, session: Document, *, dry_run: bool) -> PruneReport:
    asked = PruneRequest(company=session["company"], session_ids=(session["importId"],), dry_run=dry_run)
    return prune(services_of(request).engine, asked)
