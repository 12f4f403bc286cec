"""Who sees which session: the company wall of single sessions, and the rights that pages of sessions share.

Add a right that several of these pages need; what a session is, is described by `overview.steps.session_report`.
"""

from __future__ import annotations

from fastapi import Request

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.guard import caller_of
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.steps.session_report import describe_session
from livedash_pipeline.web.guard import company_too
from livedash_pipeline.web.pages.texts import require_scope

TEXTS = company_too(Scope.TEXTS_READ, action="read_texts", admin=Scope.TEXTS_READ)
"""What people wrote; it is written down who read it."""


def may_see_sessions(request: Request) -> None:
    """Lets only those read texts of sessions who may see sessions at all.

    Raises:
        Problem: 403.
    """
    is_company = caller_of(request).role is Role.COMPANY
    require_scope(request, Scope.SESSIONS_READ if is_company else Scope.ADMIN_READ)


def session_named(request: Request, some_id: str) -> Document:
    """Describes a session by its own id or its import's, without texts; another company's does not exist.

    Raises:
        Problem: 404.
    """
    wanted = read_id(some_id)
    if wanted is None:
        raise _no_session(some_id)
    try:
        session: Document = describe_session(services_of(request).engine, str(wanted))["session"]
    except UsageError:
        raise _no_session(some_id) from None
    caller = caller_of(request)
    if caller.role is Role.COMPANY and session["company"] != caller.company:
        raise _no_session(some_id)
    return session


def _no_session(some_id: str) -> Problem:
    return not_found(f"session {some_id[:64]!r}")
