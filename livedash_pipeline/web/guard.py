"""Guards pages as `api.guard` guards the API: the same rights, audit and limits, with a session in place of a token.

What differs: who is signed in comes from a cookie, or from an authenticating proxy; forms carry a token and come from pages of
ours; problems are pages, and who is not signed in is led to where that is done. Add what concerns all pages here.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import timedelta
from typing import cast

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from livedash_pipeline.access.rules.signing_in import (
    NOT_SIGNED_IN,
    comes_from_us,
    form_token,
    reading_scopes,
    same_form_token,
)
from livedash_pipeline.access.rules.tokens import Caller, Role, Scope
from livedash_pipeline.access.steps import signing_in
from livedash_pipeline.access.steps.signing_in import SignedIn
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import Call, GuardedRoute, caller_of
from livedash_pipeline.api.http.bodies import check_type
from livedash_pipeline.api.http.limits import limited, too_large
from livedash_pipeline.api.problems import Problem, internal, not_found
from livedash_pipeline.api.services import Services, services_of
from livedash_pipeline.web.forms import FORM_TYPES, TOKEN_FIELD, Form, read_form
from livedash_pipeline.web.links import PREFIX, address
from livedash_pipeline.web.rendering import problem_page

COOKIE = "livedash_session"
PROXY_SECRET_HEADER = "x-livedash-proxy-secret"  # noqa: S105 - the name of a header
REFRESH_HEADER = "x-livedash-refresh"
"""What the script of pages sends with what nobody has asked for."""

READ = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_READ)
"""Pages of operators."""


def company_too(scope: Scope, *, action: str | None = None, admin: Scope = Scope.ADMIN_READ) -> Access:
    """A page that operators see, and companies with a right of theirs; `company_named` says whose rows it shows."""
    return Access(Role.PLATFORM_ADMIN, admin, action, also=(Role.COMPANY,), also_scope=scope)


def change(action: str, *, max_body: int | None = None) -> Access:
    """A form of operators that changes something."""
    access = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE, action, "form", media_types=FORM_TYPES)
    return access if max_body is None else replace(access, max_body=max_body)


def company_change(scope: Scope, action: str, *, admin: Scope = Scope.ADMIN_WRITE) -> Access:
    """A form of operators, and of companies with a right of theirs."""
    return Access(
        Role.PLATFORM_ADMIN, admin, action, "form", media_types=FORM_TYPES, also=(Role.COMPANY,), also_scope=scope
    )


def page_router(prefix: str) -> APIRouter:
    """Makes a router for pages below `/console` whose routes all declare who may see them."""
    return APIRouter(prefix=PREFIX + prefix, route_class=PageRoute, include_in_schema=False)


def company_named(request: Request, named: str | None) -> str | None:
    """The company that a page is about: that of the caller, for whom others do not exist; for operators the one named, if any.

    Raises:
        Problem: 404: another company's.
    """
    caller = caller_of(request)
    if caller.role is not Role.COMPANY:
        return named
    if caller.company is None:
        # Without a company it would read as all of them.
        raise internal()
    if named not in (None, caller.company):
        raise not_found(f"company {named!r}")
    return caller.company


def form_of(request: Request) -> Form:
    """Returns the form that a page of ours sent."""
    return cast(Form, request.state.form)


def signed_in(request: Request) -> SignedIn:
    """Returns who looks at a page."""
    return cast(SignedIn, request.state.signed_in)


class SignInNeededError(Problem):
    """Nobody is signed in, which is said where people sign in."""

    def __init__(self, reason: str) -> None:
        super().__init__("unauthorized", f"{reason}.", remedy="Sign in, and then do it again.")
        self.reason = reason


class PageCall(Call):
    """One request for a page, on its way through the guard."""

    async def answer(self) -> Response:
        """Returns the page; a file that came with its form is gone afterwards."""
        try:
            return await super().answer()
        finally:
            form: Form | None = getattr(self._request.state, "form", None)
            if form is not None:
                await form.close()

    async def identified(self) -> Caller:
        """Returns the owner of the session, or of the token that a proxy names; without rights to change in read-only mode."""
        found = await run_in_threadpool(_who, self._request, self._services)
        if isinstance(found, str):
            raise SignInNeededError(found)
        self._request.state.signed_in = found
        self._request.state.form_token = form_token(self._services.token_key, found.person)
        caller = found.caller
        if self._services.settings.livedash_console_read_only:
            return replace(caller, scopes=reading_scopes(caller.scopes))
        return caller

    async def read(self) -> Request:
        """Reads a form, and refuses one that does not come from a page of ours."""
        access, request = self._access, self._request
        if access.body != "form":
            return await super().read()
        self._check_origin()
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > access.max_body:
            raise too_large(access.max_body)
        check_type(request, access)
        receive = limited(request.receive, max_bytes=access.max_body, seconds=access.body_seconds)
        read = Request(request.scope, receive)
        form = request.state.form = await read_form(read)
        if access.role is not None and not same_form_token(form.one(TOKEN_FIELD), request.state.form_token):
            raise Problem(
                "forbidden",
                "The form is none of this session.",
                remedy="Go back, load the page again, and then send the form.",
            )
        return read

    def shown(self, problem: Problem) -> Response:
        """Returns the page of a problem; who is not signed in is led to where that is done, and from there back."""
        if isinstance(problem, SignInNeededError) and self._request.method in ("GET", "HEAD"):
            path, query = self._request.url.path, self._request.url.query
            back = f"{path}?{query}" if query else path
            return RedirectResponse(address("/sign-in", next=back, reason=problem.reason), status_code=303)
        return problem_page(problem, self._request.scope)

    def wants_line(self, problem: Problem) -> bool:
        """Whoever is only not signed in has not tried anything."""
        return not isinstance(problem, SignInNeededError) and super().wants_line(problem)

    def _check_right(self, caller: Caller) -> None:
        scope = self._access.scope_of(caller.role)
        held = signed_in(self._request).caller.scopes
        if caller.role in self._access.roles and scope in held and scope not in caller.scopes:
            raise Problem(
                "forbidden",
                "The console is read-only.",
                remedy="Use the command line or the API, or serve without LIVEDASH_CONSOLE_READ_ONLY.",
            )
        super()._check_right(caller)

    def _check_origin(self) -> None:
        headers = self._request.headers
        if not comes_from_us(
            sec_fetch_site=headers.get("sec-fetch-site"),
            origin=headers.get("origin"),
            host=headers.get("host", ""),
        ):
            raise Problem(
                "forbidden", "The form comes from another site.", remedy="Use the page of the console itself."
            )


class PageRoute(GuardedRoute):
    """A page behind the guard."""

    call = PageCall


def _who(request: Request, services: Services) -> SignedIn | str:
    settings = services.settings
    if settings.livedash_console_user_header is not None:
        named = request.headers.getlist(settings.livedash_console_user_header)
        given = request.headers.get(PROXY_SECRET_HEADER, "")
        wanted = settings.livedash_console_proxy_secret or ""
        if any(named) and hmac.compare_digest(given.encode(), wanted.encode()):
            if len(named) > 1:
                # The first is what the browser sent, if the proxy adds its own and removes none.
                return "The proxy names more than one person"
            return signing_in.find_by_name(services.engine, named[0])
    secret = request.cookies.get(COOKIE)
    if secret is None:
        return NOT_SIGNED_IN
    idle = timedelta(seconds=settings.livedash_console_idle)
    # A page that looks again by itself does not show that anybody still sits before it.
    is_here = REFRESH_HEADER not in request.headers
    return signing_in.find_signed_in(services.engine, services.token_key, secret, idle=idle, is_here=is_here)


__all__ = [
    "READ",
    "change",
    "company_change",
    "company_named",
    "company_too",
    "form_of",
    "page_router",
    "services_of",
    "signed_in",
]
