"""The declaration of a route: who may call it, what it changes, and what body it takes.

Add a declaration that the guard (`api.guard`) or the description (`api.openapi`) should act on. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from livedash_pipeline.access.rules.tokens import Role, Scope

MAX_JSON_BODY = 1024 * 1024
BODY_SECONDS = 15.0


@dataclass(frozen=True)
class Access:
    """Who may call a route, and how.

    Attributes:
        role: The role whose tokens may call it; None for anybody, without a token.
        also: Further roles that may call it; the route decides what they see.
        also_scope: The right that tokens of those roles need, where it is another one.
        scope: The right that the token needs.
        action: The word for the audit log; every route that changes something has one.
        body: `json` is read and parsed before the route is called, `optional json` may be missing; with `stream` the route reads.
            `form` is for pages: fields and at most one file, read and checked by `web.guard`.
        media_types: The allowed types of bodies.
        max_body: The most bytes of a body.
        body_seconds: Seconds within which the whole body has to arrive.
    """

    role: Role | None
    scope: Scope | None = None
    action: str | None = None
    body: Literal["none", "json", "optional json", "stream", "form"] = "none"
    media_types: tuple[str, ...] = ("application/json",)
    max_body: int = MAX_JSON_BODY
    body_seconds: float = BODY_SECONDS
    also: tuple[Role, ...] = ()
    also_scope: Scope | None = None

    @property
    def roles(self) -> tuple[Role, ...]:
        """All roles whose tokens may call it."""
        return self.also if self.role is None else (self.role, *self.also)

    def scope_of(self, role: Role) -> Scope | None:
        """The right that a token of a role needs."""
        return self.scope if role is self.role else self.also_scope or self.scope

    def __post_init__(self) -> None:
        if (self.role is None) != (self.scope is None):
            raise ValueError("a role needs a scope, and a scope a role")


ADMIN_READ = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_READ)
METRICS_READ = Access(Role.PLATFORM_ADMIN, Scope.METRICS_READ)


def admin_write(action: str, *, body: Literal["none", "json", "optional json"] = "none") -> Access:
    """A change by a platform administrator."""
    return Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE, action, body)


def allowed_names(dependant: Dependant) -> frozenset[str]:
    """Names of the query parameters of a route; a model's fields count one by one."""
    names: set[str] = set()
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names.update(info.alias or name for name, info in annotation.model_fields.items())
        else:
            names.add(field.alias)
    return frozenset(names)
