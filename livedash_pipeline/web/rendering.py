"""Turns templates into answers, with what every page has: menu, form token, rights, zone, links.

Templates live in `web/templates`. What a page shows is decided by the page; how a value is written by `web.words`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from livedash_pipeline.access.rules.tokens import Caller
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.services import Services
from livedash_pipeline.web import words
from livedash_pipeline.web.links import address, changed
from livedash_pipeline.web.navigation import entries_for
from livedash_pipeline.web.statics import static

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"
ZONE_COOKIE = "livedash_zone"
HEADERS = {
    # `same-origin` and not `no-referrer`, with which Chromium says `Origin: null` of forms of ours.
    "referrer-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_UNSENT = frozenset({"www-authenticate", "content-length"})


@cache
def environment() -> Environment:
    """The templates, compiled when they are first used and not looked for again."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do"],
    )
    made.filters |= {
        "when": _when,
        "moment": _moment,
        "num": words.num,
        "eur": words.eur,
        "usd": words.usd,
        "short": words.short,
        "share": words.share,
        "span": words.span,
        "words": words.words,
    }
    made.globals |= {"address": address, "static": static}
    return made


def render(
    request: Request,
    template: str,
    *,
    title: str,
    status: int = 200,
    zone: str | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Answers with a page.

    Args:
        request: A guarded request.
        template: Path below `web/templates`.
        title: What the page is called.
        status: HTTP status.
        zone: The zone of the company that the page is about, for readers who want times in it.
        headers: Further headers.
        values: What the template shows.
    """
    text = environment().get_template(template).render(_surroundings(request.scope, zone) | {"title": title} | values)
    return _page(text, status, headers or {})


def redirect(path: str, /, **parameters: object) -> Response:
    """Leads to another page after a form: loading that one again sends nothing again."""
    return RedirectResponse(address(path, **parameters), status_code=303, headers=HEADERS)


def problem_page(problem: Problem, scope: Any) -> Response:
    """The page of a problem, for a request that may not have got as far as being somebody's."""
    values = _surroundings(scope, None) | {"title": problem.title, "problem": problem}
    text = environment().get_template("problem.html").render(values)
    sent = {name: value for name, value in (problem.headers or {}).items() if name.lower() not in _UNSENT}
    return _page(text, problem.status_code, sent)


def _page(text: str, status: int, headers: Mapping[str, str]) -> Response:
    # What somebody typed comes back in filters, lone surrogates included, which UTF-8 does not have.
    content = text.encode("utf-8", "replace")
    return Response(content, status, headers=HEADERS | dict(headers), media_type=HTML)


def _surroundings(scope: Any, company_zone: str | None) -> dict[str, Any]:
    request = Request(scope)
    services = cast(Services, scope["app"].state.services) if "app" in scope else None
    state: Mapping[str, Any] = scope.get("state", {})
    caller: Caller | None = state.get("caller")
    settings = services.settings if services else None
    chosen = request.cookies.get(ZONE_COOKIE, words.UTC_ZONE)
    return {
        "caller": caller,
        "menu": entries_for(caller) if caller else [],
        "may": partial(_may, caller),
        "session_form_token": state.get("form_token", ""),
        "path": scope["path"],
        "here": partial(_here, request),
        "this_page": changed(scope["path"], request.query_params.multi_items(), {}),
        "request_id": scope.get("livedash.request_id", ""),
        "read_only": bool(settings and settings.livedash_console_read_only),
        "zone": _zone(chosen, company_zone),
        "chosen_zone": chosen,
        "now": services.now() if services else None,
    }


def _zone(chosen: str, company_zone: str | None) -> tzinfo:
    """The zone of times: the reader's, or on pages about a company its own where the reader chose so."""
    name = (company_zone or words.UTC_ZONE) if chosen == "company" else chosen
    return words.read_zone(name) or cast(tzinfo, words.read_zone(words.UTC_ZONE))


def _may(caller: Caller | None, scope: str) -> bool:
    return caller is not None and scope in caller.scopes


def _here(request: Request, **changes: object) -> str:
    return changed(request.url.path, request.query_params.multi_items(), changes)


@pass_context
def _moment(context: Context, value: datetime | str | None) -> Markup:
    return words.absolute(value, zone=context["zone"])


@pass_context
def _when(context: Context, value: datetime | str | None) -> Markup:
    return words.when(value, zone=context["zone"], now=context["now"])
