"""Dagster's webserver behind a layer that refuses what another page could have sent.

`python -m livedash_pipeline.defs.webserver --workspace FILE --port 3000`; `livedash dev` starts it so, and a deployment may.
Which requests are refused is `overview.rules.ui_requests`. Add what surrounds Dagster's web application here; its pages are
Dagster's own. This is the only module that may import private parts of Dagster (docs/decisions/public-dagster-api.md).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

import uvicorn
from dagster import DagsterInstance, __version__

# The command `dagster-webserver` takes no middleware, and the function that makes its application asks for a workspace whose
# only constructor is private.
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from livedash_pipeline.overview.rules.ui_requests import UiRequest, local_origins, plain_origin, refuse_ui_request

_HOST = "127.0.0.1"
_POLL_MILLISECONDS = 2000
# RFC 6455: a policy is violated.
_POLICY_VIOLATION = 1008
# A page that shows the UI in a frame could lead a click to one of its buttons. A second policy narrows Dagster's own.
_UNFRAMED = ((b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'"))


class UiGuard:
    """ASGI middleware that passes on what `refuse_ui_request` lets through, and lets no page show an answer in a frame.

    Args:
        app: Dagster's web application.
        origins: Those under which it is opened.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it before anything is read."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = refuse_ui_request(_head(scope), self._origins)
        if refusal is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION, refusal.message)(scope, receive, send)
        else:
            await PlainTextResponse(refusal.message, refusal.status)(scope, receive, _unframed(send))


def run_webserver(workspace: str, *, host: str, port: int, origins: Collection[str], read_only: bool = False) -> None:
    """Serves the UI of `DAGSTER_HOME` until it is interrupted; a read-only one launches, ends and switches nothing."""
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW)
        target = WorkspaceFileTarget([workspace])
        with WorkspaceProcessContext(instance, target, version=__version__, read_only=read_only) as context:
            app = create_app_from_workspace_process_context(context, "", _POLL_MILLISECONDS, lifespan=_lifespan)
            uvicorn.run(UiGuard(app, origins), host=host, port=port, log_level="warning", proxy_headers=False)


def main(arguments: Sequence[str]) -> None:
    """Reads the options and serves."""
    parser = argparse.ArgumentParser(prog="python -m livedash_pipeline.defs.webserver", description=__doc__)
    parser.add_argument("--workspace", default="workspace.yaml", help="Dagster's workspace file.")
    parser.add_argument("--host", default=_HOST, help="Address to listen on.")
    parser.add_argument("--port", type=int, default=3000, help="Port to listen on.")
    parser.add_argument(
        "--origin", action="append", default=[], help="Where a proxy shows it, such as https://dagster.example.com."
    )
    parser.add_argument("--read-only", action="store_true", help="Show everything, and launch, end and switch nothing.")
    given = parser.parse_args(arguments)
    origins = [plain_origin(text) for text in given.origin]
    if None in origins:
        parser.error(f"{given.origin[origins.index(None)]!r} is no origin such as https://dagster.example.com.")
    known = {origin for origin in origins if origin is not None} | local_origins(given.port)
    run_webserver(given.workspace, host=given.host, port=given.port, origins=known, read_only=given.read_only)


def _head(scope: Scope) -> UiRequest:
    headers = defaultdict[str, list[str]](list)
    for name, value in scope["headers"]:
        headers[name.decode("latin-1").lower()].append(value.decode("latin-1"))
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"].upper()
    return UiRequest(method, scope["path"], scope["query_string"].decode("latin-1"), headers)


def _unframed(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_UNFRAMED]}
        await send(message)

    return sending


@asynccontextmanager
async def _lifespan(_app: object) -> AsyncIterator[None]:
    # uvicorn cancels it when it is interrupted, which is how the webserver always ends.
    with suppress(asyncio.CancelledError):
        yield


if __name__ == "__main__":
    main(sys.argv[1:])
