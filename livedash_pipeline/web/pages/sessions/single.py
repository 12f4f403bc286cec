"""One session: its analysis without texts, its stages, its requests with tries and costs, and what can be done about it.

Add a fact in `overview.steps.session_report`. The chat is `web.pages.sessions.chat`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.guard import allow, caller_of
from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.web.guard import company_too
from livedash_pipeline.web.pages.sessions.rights import session_named
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

_READ = company_too(Scope.SESSIONS_READ)
_DONE = {
    "retried": "The stage waits to be tried again.",
    "erased": "The session is erased: nothing that it said is kept.",
}


class SessionQuery(PageQuery):
    """What was just done."""

    done: Literal["retried", "erased"] | None = None


def add_to(routes: APIRouter) -> None:
    """Adds the page."""

    @routes.get("/{session_id}")
    @allow(_READ)
    def session(request: Request, session_id: str, query: Annotated[SessionQuery, Query()]) -> Response:
        found = session_named(request, session_id)
        caller = caller_of(request)
        is_operator = caller.role is not Role.COMPANY
        return render(
            request,
            "sessions/one.html",
            title=f"Session {found['sessionId'] or found['importId']}",
            zone=zone_of(request, found["company"]),
            session=found,
            done=_DONE.get(query.done or ""),
            is_operator=is_operator,
            shows_costs=is_operator or Scope.SPEND_READ in caller.scopes,
            may_retry=Scope.ADMIN_WRITE in caller.scopes and not found["erasedAt"],
            may_erase=may_erase(request) and not found["erasedAt"],
            retries=_retries(found),
        )


def may_erase(request: Request) -> bool:
    """Whether somebody may erase sessions that they see."""
    caller = caller_of(request)
    return (Scope.SESSIONS_ERASE if caller.role is Role.COMPANY else Scope.ADMIN_WRITE) in caller.scopes


def _retries(session: Document) -> dict[str, Any]:
    """What can be tried again, by stage: only what its status allows."""
    found = {stage["stage"]: "Try again" for stage in session["stages"] if stage["status"] == "failed"}
    analysis = Stage.AI_ANALYSIS.value.lower()
    if any(stage["stage"] == analysis and stage["status"] == "completed" for stage in session["stages"]):
        found[analysis] = "Analyse again"
    return found
