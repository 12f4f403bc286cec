"""The OpenAPI document: what FastAPI derives, with our problems in place of its own errors, and who may call what.

Add what concerns all operations. A single one is described where its route is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import access_of
from livedash_pipeline.api.problems import MEDIA_TYPE, TITLES
from livedash_pipeline.api.routes.admin.schemas import ProblemDetails

TOKEN_SCHEME = "token"  # noqa: S105 - the name of the scheme
_RETRIED = {429, 503}
_STATUSES = "__livedash_statuses__"
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_ABOUT = (
    "Watches and manages the pipeline, and takes sessions in. Every failure is a problem (RFC 9457) with a sentence, a remedy "
    "and, where fields are at fault, a pointer to each."
)


def describe(app: FastAPI, routes: Iterable[APIRoute]) -> None:
    """Makes the application answer `/openapi.json` with this document, which is computed once."""
    guarded = list(routes)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, guarded)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, routes: list[APIRoute]) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas = document["components"]["schemas"]
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemDetails"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {
        TOKEN_SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token that `livedash token create` made.",
        }
    }
    for route in (route for route in routes if route.include_in_schema):
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _complete(operation, access_of(route), route)
    return document


def _complete(operation: dict[str, Any], access: Access, route: APIRoute) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in _statuses(access, route):
        responses[str(status)] = _problem_response(status)
    if access.role is not None:
        operation["security"] = [{TOKEN_SCHEME: []}]
        rights = " or ".join(f"`{role}` with the scope `{access.scope_of(role)}`" for role in access.roles)
        right = f"Needs a token of the role {rights}."
        operation["description"] = f"{operation.get('description', '')}\n\n{right}".strip()


def _statuses(access: Access, route: APIRoute) -> list[int]:
    found = {429, 503}
    if access.role is not None:
        found |= {400, 401, 403}
    if "{" in route.path_format:
        found.add(404)
    if access.body != "none":
        found |= {400, 408, 413, 415, 422}
    extra = getattr(route.endpoint, _STATUSES, ())
    return sorted(found | set(extra))


def may_answer(*statuses: int) -> Callable[[_Endpoint], _Endpoint]:
    """Names further problems of a route, such as 409; stands with `@allow`."""

    def declare(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _STATUSES, statuses)
        return endpoint

    return declare


def _problem_response(status: int) -> dict[str, Any]:
    titles = [title for known, title in TITLES.values() if known == status]
    response: dict[str, Any] = {
        "description": "; ".join(titles),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
    if status in _RETRIED:
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}}
        }
    if status == 401:
        response["headers"] = {
            "WWW-Authenticate": {"description": "What is asked for.", "required": True, "schema": {"type": "string"}}
        }
    return response
