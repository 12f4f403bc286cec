"""Judging kept answers of failed requests again: nothing is bought; first how many would be taken now.

Which answers are kept, and what reading them again does, is the business of `analysis.steps.reread`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from livedash_pipeline.analysis.steps.reread import OUTCOMES, reread_answers
from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.services import services_of
from livedash_pipeline.web.guard import change, form_of
from livedash_pipeline.web.kept import FOR_A_DECISION, kept
from livedash_pipeline.web.pages.requests.putting_back import ACT
from livedash_pipeline.web.queries import Company, PageQuery
from livedash_pipeline.web.rendering import render


class RereadQuery(PageQuery):
    """Whose answers, and of which outcome."""

    company: Company | None = None
    outcome: Literal["refused", "truncated", "invalid_output"] | None = None


def add(routes: APIRouter) -> None:
    """Adds the routes to those of requests."""

    @routes.get("/reread")
    @allow(ACT)
    def preview(request: Request, query: Annotated[RereadQuery, Query()]) -> Response:
        """What reading kept answers again would do; counted in the background, since each is judged for that."""
        found = kept(
            request,
            ("reread preview", query.company, query.outcome),
            lambda engine: reread_answers(engine, company=query.company, outcome=query.outcome, dry_run=True),
            oldest=FOR_A_DECISION,
        )
        return render(
            request,
            "requests/reread.html",
            title="Read kept answers again",
            found=found,
            query=query,
            choices=[("", "any"), *((outcome.value, outcome.value.replace("_", " ")) for outcome in OUTCOMES)],
        )

    @routes.post("/reread")
    @allow(change("reread"))
    def reread(request: Request) -> Response:
        """Reads them again and writes what is taken."""
        query = _query(request)
        document = reread_answers(
            services_of(request).patient, company=query.company, outcome=query.outcome, dry_run=False
        )
        note(request, **{name: value for name, value in document.items() if name != "ok"})
        return render(
            request, "requests/reread_done.html", title="Kept answers were read again", document=document, query=query
        )


def _query(request: Request) -> RereadQuery:
    fields = form_of(request).fields()
    try:
        return RereadQuery.model_validate({name: fields.get(name, "") for name in ("company", "outcome")})
    except ValidationError:
        raise Problem(
            "bad_argument", "A filter of the form cannot be read.", remedy="Go back and choose it again."
        ) from None
