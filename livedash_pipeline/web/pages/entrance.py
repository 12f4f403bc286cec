"""The way in and out: `/`, signing in with a token or a link, signing out, the reader's zone, and static files.

Add what belongs to no page. `access.steps.signing_in` has the rules of sessions.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from livedash_pipeline.access.rules.signing_in import REASONS, SIGNED_OUT, is_loopback, local_path
from livedash_pipeline.access.rules.tokens import SECRET_BYTES, Role, Scope
from livedash_pipeline.access.steps import signing_in
from livedash_pipeline.access.steps.signing_in import NewSession, Origin
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of
from livedash_pipeline.api.http.facts import address_of, path_of
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.web.forms import FORM_TYPES
from livedash_pipeline.web.guard import COOKIE, PageRoute, form_of, page_router, services_of, signed_in
from livedash_pipeline.web.links import PREFIX, address
from livedash_pipeline.web.navigation import first_page
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import HEADERS, ZONE_COOKIE, redirect, render
from livedash_pipeline.web.statics import FOREVER, static_files
from livedash_pipeline.web.words import read_zone
from livedash_pipeline.web.zones import OF_COMPANY

_ANYBODY = Access(None)
_SIGN_IN = Access(None, action="sign in", body="form", media_types=FORM_TYPES)
_MONTH = 30 * 86_400


class SignInQuery(PageQuery):
    """Where to go on afterwards, why one is here, and a link that signs in once."""

    next: Annotated[str, Field(max_length=4000)] = ""
    reason: Annotated[str, Field(max_length=200)] = ""
    link: Annotated[str, Field(max_length=100)] = ""


def router() -> APIRouter:
    """Routes of the entrance."""
    routes = page_router("")
    _add_front(routes)
    _add_sign_in(routes)
    _add_leaving(routes)
    _add_static(routes)
    return routes


def front() -> APIRouter:
    """The route of `/`, which leads to the console."""
    routes = APIRouter(route_class=PageRoute, include_in_schema=False)

    @routes.get("/")
    @allow(_ANYBODY)
    def root() -> Response:
        return RedirectResponse(f"{PREFIX}/", status_code=303)

    return routes


def _add_front(routes: APIRouter) -> None:
    @routes.get("")
    @routes.get("/")
    @allow(_ANYBODY)
    def console() -> Response:
        return redirect("/begin")

    @routes.get("/begin")
    @allow(_Whoever(Role.PLATFORM_ADMIN, Scope.ADMIN_READ, also=(Role.COMPANY,)))
    def begin(request: Request) -> Response:
        first = first_page(caller_of(request))
        if first is None:
            raise Problem(
                "forbidden",
                "The token opens no page.",
                remedy="Sign in with another one: each page needs a scope, as docs/console.md lists them.",
            )
        return RedirectResponse(first, status_code=303, headers=HEADERS)


class _Whoever(Access):
    """Anybody who is signed in, whatever their rights."""

    def scope_of(self, role: Role) -> Scope | None:
        """None: no right is needed."""
        del role
        return None


def _add_sign_in(routes: APIRouter) -> None:
    @routes.get("/sign-in")
    @allow(_ANYBODY)
    def sign_in_page(request: Request, query: Annotated[SignInQuery, Query()]) -> Response:
        # A link is used up by its form: programs that look at addresses ahead of people would use it up, and a page of another
        # site could sign somebody in as somebody else.
        return _sign_in_page(request, query)

    @routes.post("/sign-in")
    @allow(_SIGN_IN)
    def sign_in(request: Request) -> Response:
        services, form = services_of(request), form_of(request)
        link = form.one("link")
        given, step = (link, signing_in.sign_in_by_link) if link else (form.one("token"), signing_in.sign_in)
        random = secrets.token_bytes(SECRET_BYTES)
        begun = step(services.engine, services.token_key, given, random=random, origin=_origin(request))
        if isinstance(begun, NewSession):
            return _welcome(request, begun, form.one("next"))
        what = "link" if link else "token"
        raise Problem(
            "unauthorized",
            f"The {what} {begun}.",
            remedy="Go back and try another: `livedash token create` makes tokens, `livedash token link` links.",
        )


def _sign_in_page(request: Request, query: SignInQuery) -> Response:
    plain = request.url.scheme == "http" and not is_loopback(request.headers.get("host", ""))
    return render(
        request,
        "sign_in.html",
        title="Sign in",
        next=query.next if local_path(query.next, PREFIX + "/") else "",
        # Only words of ours: anybody can make an address.
        reason=query.reason if query.reason in REASONS else "",
        link=query.link,
        is_plain=plain,
    )


def _welcome(request: Request, begun: NewSession, following: str) -> Response:
    response = RedirectResponse(
        local_path(following, PREFIX + "/") or address("/begin"), status_code=303, headers=HEADERS
    )
    _set_cookie(response, request, COOKIE, begun.secret)
    return response


def _add_leaving(routes: APIRouter) -> None:
    @routes.post("/sign-out")
    @allow(_Whoever(Role.PLATFORM_ADMIN, Scope.ADMIN_READ, "sign out", "form", FORM_TYPES, also=(Role.COMPANY,)))
    def sign_out(request: Request) -> Response:
        signing_in.sign_out(services_of(request).engine, signed_in(request))
        response = redirect("/sign-in", reason=SIGNED_OUT)
        response.delete_cookie(COOKIE, path=PREFIX)
        return response

    @routes.post("/zone")
    @allow(_Whoever(Role.PLATFORM_ADMIN, Scope.ADMIN_READ, None, "form", FORM_TYPES, also=(Role.COMPANY,)))
    def choose_zone(request: Request) -> Response:
        form = form_of(request)
        name = form.one("zone").strip()
        if name != OF_COMPANY and read_zone(name) is None:
            raise Problem(
                "bad_argument", f"{name[:60]!r} is no time zone.", remedy="Give one such as UTC or Europe/Amsterdam."
            )
        back = local_path(form.one("next"), PREFIX + "/") or address("/begin")
        response = RedirectResponse(back, status_code=303, headers=HEADERS)
        _set_cookie(response, request, ZONE_COOKIE, name, max_age=_MONTH)
        return response


def _set_cookie(response: Response, request: Request, name: str, value: str, *, max_age: int | None = None) -> None:
    """Kept from scripts and from other sites; over plain HTTP only where the browser talks to its own machine."""
    secure = request.url.scheme == "https" or not is_loopback(request.headers.get("host", ""))
    response.set_cookie(name, value, max_age=max_age, path=PREFIX, secure=secure, httponly=True, samesite="strict")


def _add_static(routes: APIRouter) -> None:
    @routes.get("/static/{name}")
    @allow(_ANYBODY)
    def static_file(request: Request, name: str) -> Response:
        found = static_files().get(name)
        if found is None:
            raise not_found(f"file {name[:64]!r}")
        headers = {"cache-control": FOREVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", "").lower():
            return Response(found.packed, headers=headers | {"content-encoding": "gzip"}, media_type=found.media_type)
        return Response(found.content, headers=headers, media_type=found.media_type)


def _origin(request: Request) -> Origin:
    scope = request.scope
    return Origin(request.method, path_of(scope), address_of(scope), scope.get("livedash.request_id"))
