"""Trying a stage of one session again: first what it does and costs at most, then a confirmation.

Add nothing that decides whether a stage may be tried again: `overview.steps.stages` does.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.overview.steps.stages import retry_stage
from livedash_pipeline.web.guard import change, form_of
from livedash_pipeline.web.pages.sessions.rights import session_named
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import redirect, render

_LOOK = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE)
_ANALYSIS = Stage.AI_ANALYSIS.value.lower()
_CONSEQUENCES = {
    Stage.TRANSCRIPT_FETCH.value.lower(): "The next import fetches the transcript again.",
    Stage.SESSION_CREATION.value.lower(): "The next import derives the session again.",
    _ANALYSIS: "The next submit asks the model about the session again, and pays for it.",
    Stage.QUESTION_EXTRACTION.value.lower(): "The questions of the kept analysis are stored again; nothing is bought.",
}


class RetryQuery(PageQuery):
    """Which stage."""

    stage: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z_]+$")]


def add_to(routes: APIRouter) -> None:
    """Adds the dry run and the change."""

    @routes.get("/{session_id}/retry")
    @allow(_LOOK)
    def retry_dry_run(request: Request, session_id: str, query: Annotated[RetryQuery, Query()]) -> Response:
        found, stage = session_named(request, session_id), query.stage.lower()
        counted = _retry(request, found, stage, dry_run=True)
        return render(
            request,
            "sessions/retry.html",
            title="Try a stage again",
            session=found,
            stage=stage,
            stage_status=_status(found, stage),
            may_be=bool(counted["retriedCount"]),
            buys=stage == _ANALYSIS,
            cost=counted.get("estimatedCostEur"),
            consequence=_CONSEQUENCES.get(stage, "The stage is done again when its turn comes."),
        )

    @routes.post("/{session_id}/retry")
    @allow(change("retry_stage"))
    def retry(request: Request, session_id: str) -> Response:
        found, stage = session_named(request, session_id), form_of(request).one("stage").lower()
        # Trying a failed analysis again is not buying a finished one again: what is confirmed is what was looked at.
        as_seen = form_of(request).one("status") == (_status(found, stage) or "")
        done = _retry(request, found, stage, dry_run=False) if as_seen else {"retriedCount": 0}
        note(request, importId=found["importId"], stage=stage[:64], retried=done["retriedCount"])
        if not done["retriedCount"]:
            raise Problem(
                "conflict",
                f"The stage {stage[:64]} of this session cannot be tried again now.",
                remedy="Load the session again: another run may have changed it.",
            )
        return redirect(f"/sessions/{found['sessionId'] or found['importId']}", done="retried")


def _retry(request: Request, session: Document, stage: str, *, dry_run: bool) -> Document:
    services = services_of(request)
    status = _status(session, stage)
    # With a completed analysis it is bought again; counting both also says what a failed one costs at most.
    reanalyse = stage == _ANALYSIS and (dry_run or status == "completed")
    return retry_stage(
        services.engine,
        services.settings,
        stage=stage,
        session_ids=[session["importId"]],
        reanalyse=reanalyse,
        dry_run=dry_run,
    )


def _status(session: Document, stage: str) -> str | None:
    return next((each["status"] for each in session["stages"] if each["stage"] == stage), None)
