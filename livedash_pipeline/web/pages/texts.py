"""The right to see what people wrote and what a model answered, and what else somebody needs to see it.

Each such page is a route of its own, and each look at it is a line of the audit log.
"""

from __future__ import annotations

from fastapi import Request

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import caller_of
from livedash_pipeline.api.problems import Problem

TEXTS = Access(Role.PLATFORM_ADMIN, Scope.TEXTS_READ, action="read_texts")
"""A page of operators that shows texts."""


def require_scope(request: Request, scope: Scope) -> None:
    """Refuses those who may read texts but not see what these are of.

    Raises:
        Problem: 403: the scope is missing.
    """
    if scope not in caller_of(request).scopes:
        raise Problem(
            "forbidden",
            f"The token does not have the scope {scope}.",
            remedy="Use another token; `livedash token create --scope` makes them.",
        )


def require_reader(request: Request) -> None:
    """Refuses those who may read texts but see no page of operators.

    Raises:
        Problem: 403: the scope `admin:read` is missing.
    """
    require_scope(request, Scope.ADMIN_READ)
