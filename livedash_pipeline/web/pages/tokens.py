"""Tokens: who may call the API and use the console, made, listed and revoked.

A token is shown once, in the answer to the form that made it, and is in no address, log or later page. Nobody gives a right that
they do not have, for longer than they have it. Rules and documents are those of `access.steps`.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request
from fastapi.routing import APIRouter
from starlette.responses import Response

from livedash_pipeline.access.rules.signing_in import reading_scopes
from livedash_pipeline.access.rules.tokens import SCOPES, SECRET_BYTES, Role, Scope, TokenState, exceeding_scopes
from livedash_pipeline.access.steps.pages import page_tokens
from livedash_pipeline.access.steps.tokens import create_token, revoke_token, show_token
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, note
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.errors import UsageError
from livedash_pipeline.web.guard import READ, change, form_of, page_router, services_of
from livedash_pipeline.web.queries import PAGE_ROWS, Company, Cursor, PageQuery
from livedash_pipeline.web.rendering import redirect, render
from livedash_pipeline.web.words import read_moment

_WRITE = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE)
_LONGEST_NUMBER = 5
_MEANINGS = {
    Scope.ADMIN_READ: "sees everything but texts",
    Scope.ADMIN_WRITE: "changes everything, and makes tokens",
    Scope.METRICS_READ: "reads /metrics",
    Scope.SESSIONS_READ: "finds sessions and sees their state",
    Scope.SESSIONS_WRITE: "submits sessions",
    Scope.SESSIONS_ERASE: "erases sessions for good",
    Scope.RESULTS_READ: "reads analyses and their summary",
    Scope.SPEND_READ: "sees what was spent",
    Scope.CHATS_READ: "reads chat batches",
    Scope.CHATS_WRITE: "uploads and runs chat batches, which costs money",
    Scope.CHATS_ALL: "works with chat batches of everybody",
    Scope.TEXTS_READ: "reads what people and models wrote; each look is written down",
}


class TokensQuery(PageQuery):
    """Whose tokens, in which state, from where on."""

    company: Company | None = None
    state: Literal["valid", "ended"] | None = None
    cursor: Cursor | None = None


class NewTokenQuery(PageQuery):
    """For which company the new token is; without one it is an operator's."""

    company: Company | None = None


def router() -> APIRouter:
    """Routes about tokens."""
    routes = page_router("/tokens")
    _add_list(routes)
    _add_making(routes)
    _add_one(routes)
    return routes


def _add_list(routes: APIRouter) -> None:
    @routes.get("")
    @allow(READ)
    def tokens(request: Request, query: Annotated[TokensQuery, Query()]) -> Response:
        is_valid = None if query.state is None else query.state == "valid"
        listed = page_tokens(
            services_of(request).engine,
            limit=PAGE_ROWS,
            cursor=query.cursor,
            company=query.company,
            is_valid=is_valid,
        )
        states = [_state(token, services_of(request).now()) for token in listed["tokens"]]
        return render(request, "tokens/list.html", title="Tokens", query=query, listed=listed, states=states)


def _add_making(routes: APIRouter) -> None:
    @routes.get("/new")
    @allow(_WRITE)
    def new_token(request: Request, query: Annotated[NewTokenQuery, Query()]) -> Response:
        role = Role.PLATFORM_ADMIN if query.company is None else Role.COMPANY
        scopes = SCOPES[role]
        denied = set(exceeding_scopes(caller_of(request).scopes, scopes, role))
        usual = reading_scopes(scopes) - denied - {Scope.TEXTS_READ}
        shown = [(scope.value, _MEANINGS[scope], scope in usual, scope in denied) for scope in scopes]
        title = "New token for an operator" if query.company is None else f"New token for {query.company}"
        return render(request, "tokens/new.html", title=title, query=query, scopes=shown)

    @routes.post("")
    @allow(change("token create"))
    def make_token(request: Request) -> Response:
        form, services = form_of(request), services_of(request)
        scopes = form.every("scope")
        if not scopes:
            raise Problem("bad_argument", "No right is chosen.", remedy="Go back and choose at least one.")
        made = create_token(
            services.engine,
            services.token_key,
            name=form.one("name"),
            secret=secrets.token_bytes(SECRET_BYTES),
            company=form.one("company").strip() or None,
            scopes=scopes,
            days=_days(form.one("days")),
            maker=caller_of(request),
        )
        token = made["token"]
        note(request, token=token["prefix"], role=token["role"], company=token["company"], scopes=token["scopes"])
        # In the answer itself, and not where one is led to: an address is kept in histories.
        return render(request, "tokens/made.html", title="The new token", token=token, secret=made["secret"])


def _add_one(routes: APIRouter) -> None:
    @routes.get("/{token_id}")
    @allow(READ)
    def token(request: Request, token_id: UUID) -> Response:
        found = _token(request, token_id)
        return render(
            request,
            "tokens/one.html",
            title=f"Token {found['prefix']}",
            token=found,
            state=_state(found, services_of(request).now()),
            is_own=token_id == caller_of(request).token_id,
        )

    @routes.post("/{token_id}/revoke")
    @allow(change("token revoke"))
    def revoke(request: Request, token_id: UUID) -> Response:
        found = _token(request, token_id)
        revoked = revoke_token(services_of(request).engine, str(token_id), maker=caller_of(request))
        note(request, token=found["prefix"], revoked=revoked["revoked"])
        return redirect(f"/tokens/{token_id}")


def _token(request: Request, token_id: UUID) -> Document:
    try:
        found: Document = show_token(services_of(request).engine, token_id)["token"]
    except UsageError:
        raise not_found(f"token {token_id}") from None
    return found


def _state(token: Document, now: datetime) -> str:
    ends = TokenState(read_moment(token["expiresAt"]), read_moment(token["revokedAt"]))
    refusal = ends.refusal(now)
    return "active" if refusal is None else refusal.rpartition(" ")[2]


def _days(text: str) -> int | None:
    given = text.strip()
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= _LONGEST_NUMBER):
        raise Problem(
            "bad_argument", f"{given[:20]!r} is no number of days.", remedy="Go back and give one, or leave it empty."
        )
    return int(given)
