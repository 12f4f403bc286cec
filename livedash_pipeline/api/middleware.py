"""Surrounds every request, guarded or not: request id, limits by address, security headers, access log, and latencies.

It is the outermost layer, so that a failure of any other layer becomes a problem. Add what has to hold for every answer; the
guard decides who may call a route.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livedash_pipeline.api.http.facts import address_of, log_unforeseen, network_of, path_of
from livedash_pipeline.api.problems import Problem, internal, too_many, unavailable
from livedash_pipeline.api.services import Services
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

# Requests that one process handles at once; more would only wait for each other.
MAX_IN_FLIGHT = 256
MAX_HEADERS = 64
MAX_HEAD_BYTES = 32 * 1024
MAX_TARGET = 8192
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Cheap routes for machines that must not be refused.
_PROBES = frozenset({"/healthz", "/readyz"})
# Headers that decide about the caller, the request, or the reading of the body; each may occur once (RFC 9110, 5.3).
_SINGLE = (
    b"authorization",
    b"host",
    b"content-length",
    b"content-type",
    b"content-encoding",
    b"idempotency-key",
    b"webhook-id",
    b"webhook-timestamp",
    b"webhook-signature",
)
# Parameters that hold no person's data; the values of others are not logged.
_HARMLESS = frozenset({"status", "limit", "company", "stage", "since"})
_LONGEST_VALUE = 64
_SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Surroundings:
    """ASGI middleware around the application.

    Args:
        app: What is surrounded.
        services: Limits and metrics.
        shown: Makes the answer that shows a problem, which is a page for people.
    """

    def __init__(
        self, app: ASGIApp, services: Services, *, shown: Callable[[Problem, Scope], Response] | None = None
    ) -> None:
        self._app, self._services, self._shown = app, services, shown or _document
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets one request through, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._services.monotonic()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["livedash.request_id"] = request_id
        # HEAD is GET without the body, which is left out below.
        inner = dict(scope, method="GET") if scope["method"] == "HEAD" else scope
        reply = _Reply(send, request_id, without_body=scope["method"] == "HEAD")
        self._in_flight += 1
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._answer(inner, receive, reply)
            finally:
                self._in_flight -= 1
                self._note(inner, scope["method"], reply, self._services.monotonic() - started)

    async def _answer(self, scope: Scope, receive: Receive, reply: _Reply) -> None:
        problem = self._refusal(scope)
        if problem is None:
            try:
                await self._app(scope, receive, reply)
            except Exception as error:
                log_unforeseen(error)
                if reply.status:
                    # The answer has begun: only a cut connection tells the client that it is incomplete.
                    raise
                problem = internal()
        if problem is not None:
            await self._shown(problem, scope)(scope, receive, reply)

    def _refusal(self, scope: Scope) -> Problem | None:
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            # A proxy that believes the other of the two headers would see a second request after this one (RFC 9112, 6.1).
            return Problem(
                "bad_request",
                "The request says Content-Length and Transfer-Encoding.",
                remedy="Send one of them.",
                headers={"Connection": "close"},
            )
        names = [name for name, _ in scope["headers"]]
        repeated = next((name for name in _SINGLE if names.count(name) > 1), None)
        if repeated is not None:
            # A proxy in front may have checked another value of the header than would count here.
            return Problem(
                "bad_request",
                f"The header {repeated.decode()} is given {names.count(repeated)} times.",
                remedy="Send it once.",
            )
        if scope["path"] in _PROBES:
            return None
        if len(scope["headers"]) > MAX_HEADERS:
            return Problem(
                "header_too_large", f"There are more than {MAX_HEADERS} header fields.", remedy="Send fewer."
            )
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD_BYTES:
            return Problem(
                "header_too_large", f"The header is longer than {MAX_HEAD_BYTES:,} bytes.", remedy="Shorten it."
            )
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET:
            return Problem(
                "header_too_large", f"The address is longer than {MAX_TARGET} characters.", remedy="Shorten it."
            )
        if self._in_flight > MAX_IN_FLIGHT:
            return unavailable("The server is busy.", seconds=1)
        refusal = self._services.per_address.take(network_of(scope))
        return None if refusal is None else too_many(refusal.seconds, whose=address_of(scope))

    def _note(self, scope: Scope, method: str, reply: _Reply, seconds: float) -> None:
        template = getattr(scope.get("route"), "path", None) or "unknown"
        self._services.metrics.observe(method if method in _METHODS else "other", template, reply.status, seconds)
        token = scope.get("livedash.token")
        level = log.debug if scope["path"] in _PROBES else log.info
        level(
            "http request",
            method=method[:16],
            path=path_of(scope)[:200],
            query=_harmless(scope["query_string"]),
            status=reply.status,
            milliseconds=round(seconds * 1000, 1),
            bytes=reply.bytes,
            address=address_of(scope),
            token=None if token is None else str(token),
        )


def _document(problem: Problem, scope: Scope) -> Response:
    return problem.response(path_of(scope))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Reply:
    """`send` that completes headers and remembers what was sent."""

    def __init__(self, send: Send, request_id: str, *, without_body: bool) -> None:
        self._send, self._request_id, self._without_body = send, request_id, without_body
        self.status = 0
        self.bytes = 0

    async def __call__(self, message: Message) -> None:
        """Sends one message of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            headers["x-request-id"] = self._request_id
            for name, value in _SECURITY.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            if self._without_body:
                message = {**message, "body": b""}
        await self._send(message)


def _harmless(query: bytes) -> dict[str, Any]:
    """Names of all parameters, and values of those that hold no person's data."""
    try:
        pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {"": "too many"}
    return {name[:_LONGEST_VALUE]: value[:_LONGEST_VALUE] if name in _HARMLESS else "…" for name, value in pairs}
