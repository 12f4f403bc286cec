"""All pages, and how problems below `/console` are shown: what `api.app` puts beside the API.

Add the router of a page here.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Scope

from livedash_pipeline.api.http.facts import path_of
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.web.links import PREFIX
from livedash_pipeline.web.pages import (
    audit,
    batches,
    companies,
    entrance,
    overview,
    prices,
    rejects,
    requests,
    spend,
    tokens,
)
from livedash_pipeline.web.pages.chat_batches import router as chat_batches
from livedash_pipeline.web.pages.results import routes as results
from livedash_pipeline.web.pages.sessions import routes as sessions
from livedash_pipeline.web.rendering import problem_page


def routers() -> list[APIRouter]:
    """Returns the routers of all pages."""
    return [
        entrance.front(),
        entrance.router(),
        overview.router(),
        requests.router(),
        batches.router(),
        rejects.router(),
        sessions.router(),
        results.router(),
        spend.router(),
        companies.router(),
        prices.router(),
        tokens.router(),
        audit.router(),
        chat_batches.router(),
    ]


def shown(problem: Problem, scope: Scope) -> Response:
    """Returns the answer that shows a problem: a page below `/console`, a document for programs elsewhere."""
    path: str = scope["path"]
    if path == PREFIX or path.startswith(PREFIX + "/"):
        return problem_page(problem, scope)
    return problem.response(path_of(scope))
