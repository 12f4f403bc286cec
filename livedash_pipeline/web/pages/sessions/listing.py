"""The list of sessions with its search: without texts, and on a route of its own with summaries and a search by words.

Add a filter in `overview.rules.session_search` and in the form. Who reads summaries is written to the audit log.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.analysis.rules.answer import Category, Sentiment
from livedash_pipeline.api.guard import allow, caller_of, note
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.overview.rules.session_search import PARAMETERS
from livedash_pipeline.overview.steps.session_chat import read_question
from livedash_pipeline.overview.steps.session_search import search_sessions
from livedash_pipeline.web.guard import company_named, company_too
from livedash_pipeline.web.links import address
from livedash_pipeline.web.pages.sessions.rights import TEXTS, may_see_sessions
from livedash_pipeline.web.queries import PAGE_ROWS, Company, Cursor, PageQuery
from livedash_pipeline.web.rendering import render

_READ = company_too(Scope.SESSIONS_READ)
_Given = Annotated[str, Field(max_length=300)]


class SessionsQuery(PageQuery):
    """What sessions are searched by; what a value may be is said by `overview.rules.session_search`."""

    company: Company | None = None
    cursor: Cursor | None = None
    id: _Given | None = None
    on: _Given | None = None
    start: _Given | None = Field(None, alias="from")
    end: _Given | None = Field(None, alias="to")
    language: _Given | None = None
    category: _Given | None = None
    sentiment: _Given | None = None
    escalated: _Given | None = None
    hr: _Given | None = None
    analysed: _Given | None = None
    question: _Given | None = None
    stage: _Given | None = None
    status: _Given | None = None

    def given(self) -> dict[str, str]:
        """What is searched for, by the names of the address."""
        named = self.model_dump(by_alias=True, exclude_none=True)
        return {name: named[name] for name in PARAMETERS if name in named}


class TextsQuery(SessionsQuery):
    """The same, and words of summaries and questions."""

    words: _Given | None = None


def add_to(routes: APIRouter) -> None:
    """Adds both lists."""

    @routes.get("")
    @allow(_READ)
    def sessions(request: Request, query: Annotated[SessionsQuery, Query()]) -> Response:
        return _page(request, query, show_text=False)

    @routes.get("/texts")
    @allow(TEXTS)
    def sessions_with_texts(request: Request, query: Annotated[TextsQuery, Query()]) -> Response:
        may_see_sessions(request)
        return _page(request, query, show_text=True)


def _page(request: Request, query: SessionsQuery, *, show_text: bool) -> Response:
    engine, company = services_of(request).engine, company_named(request, query.company)
    given = query.given()
    page = search_sessions(engine, given, company=company, cursor=query.cursor, limit=PAGE_ROWS, show_text=show_text)
    if show_text:
        note(request, company=company, sessions=[str(each.found.import_id) for each in page.sessions])
    caller = caller_of(request)
    asked = read_id(query.question) if query.question and caller.may_see_questions else None
    return render(
        request,
        "sessions/list.html",
        title="Sessions" if company is None else f"Sessions of {company}",
        zone=page.sessions[0].found.time_zone if page.sessions and company is not None else None,
        page=page,
        query=query,
        given=given,
        first=given.get("from", given.get("on")),
        last=given.get("to", given.get("on")),
        question=read_question(engine, asked, company) if asked else None,
        shows_text=show_text,
        shows_question=caller.may_see_questions,
        chooses_company=caller.role is not Role.COMPANY,
        company=company,
        other=_other_list(query, given, show_text=show_text),
        **_options(page.stages),
    )


def _other_list(query: SessionsQuery, given: dict[str, str], *, show_text: bool) -> str:
    """The same search on the other of the two lists."""
    named: dict[str, object] = {f"{name}_": text for name, text in given.items() if name != "words"}
    return address("/sessions" if show_text else "/sessions/texts", company=query.company, **named)


def _options(stages: tuple[str, ...]) -> dict[str, Any]:
    """The choices of the form."""
    anything, unknown = ("", "any"), ("none", "not known")
    known = [("yes", "yes"), ("no", "no"), unknown]

    def worded(words: list[str]) -> list[tuple[str, str]]:
        return [(word.lower(), word.replace("_", " ").lower()) for word in words]

    return {
        "categories": [anything, *worded(list(Category)), unknown],
        "sentiments": [anything, *worded(list(Sentiment)), unknown],
        "flags": [anything, *known],
        "yes_or_no": [anything, *known[:2]],
        "stage_options": [anything, *worded(list(stages))],
        "statuses": [anything, *worded(list(StageStatus))],
    }
