"""Who calls a route about chat batches: whose batches they see, what the steps are given, and how a refusal is said.

Routes and pages share these. Add what both need; what only one of them does stands there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import caller_of
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.services import services_of
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.named import NOT_FOUND, Viewer
from livedash_pipeline.chats.steps.new_batch import UnusableUploadError
from livedash_pipeline.errors import UsageError

# Whoever waits holds a thread that everything else of the server needs.
_WAIT_SECONDS = 1.0
_RETRY_SECONDS = "5"
READ = Access(Role.COMPANY, Scope.CHATS_READ, also=(Role.PLATFORM_ADMIN,))
"""Routes that change nothing."""


def write(action: str) -> Access:
    """A route that changes something, with its word for the audit log."""
    return Access(Role.COMPANY, Scope.CHATS_WRITE, action, "json", also=(Role.PLATFORM_ADMIN,))


def viewer_of(request: Request) -> Viewer:
    """Whose batches the caller sees."""
    caller = caller_of(request)
    if caller.role is Role.COMPANY:
        return Viewer(company_id=caller.company_id)
    return Viewer() if Scope.CHATS_ALL in caller.scopes else Viewer(token_id=caller.token_id)


def chat_context(request: Request) -> ChatContext:
    """What the steps are given."""
    services = services_of(request)
    return ChatContext(services.engine, services.settings, services.environ)


@contextmanager
def reading_turn(request: Request) -> Iterator[None]:
    """Holds one of the few turns at reading a file of questions.

    Raises:
        Problem: 503: others are being read, and none was done within a second.
    """
    uploads = services_of(request).uploads
    if not uploads.acquire(timeout=_WAIT_SECONDS):
        raise Problem(
            "unavailable",
            "Other files of questions are being read.",
            remedy="Send the file again in a moment.",
            headers={"Retry-After": _RETRY_SECONDS},
        )
    try:
        yield
    finally:
        uploads.release()


@contextmanager
def said() -> Iterator[None]:
    """Turns what the steps refuse into what HTTP says of it."""
    try:
        yield
    except UnusableUploadError as error:
        errors = [
            {"pointer": "/file" if each["line"] is None else f"/file/{each['line']}", "detail": str(each["message"])}
            for each in error.errors
        ]
        raise Problem("invalid_body", error.message, remedy=error.remedy, errors=errors) from None
    except UsageError as error:
        if error.code == NOT_FOUND:
            raise not_found("such chat batch") from None
        raise
