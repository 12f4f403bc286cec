"""A gateway between the openai client and a Batch API server, over HTTP: it renames, reorders, empties, repeats and loses.

Add to `Plan` what another gateway does. What the server itself should do wrong belongs into a fault script of the local server;
the proxy is for what happens on the way, to files as well as batches, and in front of servers that have no fault scripts.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from livedash_pipeline.local.server_thread import CONNECTION, AppServer, serving
from livedash_pipeline.sockets import listening, listening_origin
from livedash_pipeline.tls import machine_authorities

Document = dict[str, Any]
_OPERATIONS = {
    ("POST", "batches", 1): "create_batch",
    ("GET", "batches", 1): "list_batches",
    ("GET", "batches", 2): "get_batch",
    ("POST", "batches", 3): "cancel_batch",
    ("POST", "files", 1): "upload_file",
    ("GET", "files", 1): "list_files",
    ("GET", "files", 2): "get_file",
    ("GET", "files", 3): "download_file",
    ("DELETE", "files", 2): "delete_file",
}
_FILE_FIELDS = ("input_file_id", "output_file_id", "error_file_id")
_LONGEST_HOLD = 60.0
_KEPT_HEADERS = ("authorization", "content-type", "accept", "user-agent")


@dataclass(frozen=True)
class Plan:
    """What the proxy does; operations are named as the routes of the local server are.

    Attributes:
        batch_prefix: Stands before every batch id that a caller sees, and is taken off again.
        file_prefix: The same for files.
        own_ids_in: Operations whose answers show the server's own ids all the same.
        takes_own_ids: Whether a caller may use the server's own ids; if not, they are unknown (404).
        order: Of the items of a page: as they come, reversed, or shuffled anew at each call.
        repeats_items: Whether each item stands twice in its page.
        empty_pages: Which calls of `list_batches`, from 1, show an empty page that says there are more.
        lost_pages: Which calls of `list_batches` lose the first item of their page.
        drops_metadata_in: Operations whose answers have no metadata.
        freezes_listing: Whether the listing shows each batch as it was when it was listed first.
        repeats: Which calls of which POST are sent twice; the caller gets the second answer.
        loses: Which calls of which operation are carried out and never answered.
        delays: Seconds between the server's answer and ours, by operation.
        holds: Which calls of which operation wait between the server's answer and ours until `release` is called.
    """

    batch_prefix: str = ""
    file_prefix: str = ""
    own_ids_in: frozenset[str] = frozenset()
    takes_own_ids: bool = False
    order: str = "kept"
    repeats_items: bool = False
    empty_pages: frozenset[int] = frozenset()
    lost_pages: frozenset[int] = frozenset()
    drops_metadata_in: frozenset[str] = frozenset()
    freezes_listing: bool = False
    repeats: Mapping[str, frozenset[int]] = field(default_factory=dict)
    loses: Mapping[str, frozenset[int]] = field(default_factory=dict)
    delays: Mapping[str, float] = field(default_factory=dict)
    holds: Mapping[str, frozenset[int]] = field(default_factory=dict)


class HostileProxy:
    """A proxy that runs.

    Args:
        server: Where calls go: an address that ends in /v1.
        plan: What is done to them; may be put in another's place at any time.

    Attributes:
        base_url: The proxy's own address, which ends in /v1.
        calls: The operations that came by, in order.
        holding: Set while a call is held.
    """

    def __init__(self, server: str, plan: Plan) -> None:
        self.base_url = ""
        self.calls: list[str] = []
        self.holding = threading.Event()
        self._released = threading.Event()
        self.plan = plan
        self._server = server
        self._client = httpx2.Client(timeout=60, verify=machine_authorities())
        self._seen: dict[str, Document] = {}
        self._random = Random(0)

    @contextmanager
    def running(self) -> Iterator[HostileProxy]:
        """Listen on a free port of this machine; on leaving, threads and sockets are gone."""
        methods = ["GET", "POST", "DELETE"]
        app = Starlette(routes=[Route("/v1/{path:path}", self._handle, methods=methods)])
        with self._client, listening("127.0.0.1", 0) as listener:
            self.base_url = f"{listening_origin(listener)}/v1"
            with serving(AppServer(app), listener, name="hostile-proxy"):
                yield self

    def release(self) -> None:
        """Let the call that is held, and those to come, have their answers."""
        self._released.set()

    async def _handle(self, request: Request) -> Response:
        parts = request.path_params["path"].split("/")
        operation = _OPERATIONS.get((request.method, parts[0], len(parts)), "other")
        self.calls.append(operation)
        number = Counter(self.calls)[operation]
        plan, body = self.plan, await request.body()
        try:
            send = self._sender(request, operation, parts, body)
        except _UnknownIdError:
            return Response('{"error": {"message": "No such id."}}', 404, media_type="application/json")
        reply = await run_in_threadpool(send)
        if number in plan.repeats.get(operation, ()):
            reply = await run_in_threadpool(send)
        if number in plan.holds.get(operation, ()):
            self.holding.set()
            await run_in_threadpool(self._released.wait, _LONGEST_HOLD)
        await asyncio.sleep(plan.delays.get(operation, 0.0))
        if number in plan.loses.get(operation, ()):
            return _NoReply()
        content = self._answer(operation, number, reply)
        return Response(content, reply.status_code, media_type=reply.headers.get("content-type"))

    def _sender(self, request: Request, operation: str, parts: list[str], body: bytes) -> Callable[[], httpx2.Response]:
        """Return what sends the call on, with the server's own ids."""
        query, parts = dict(request.query_params), list(parts)
        if len(parts) > 1 and parts[0] in ("batches", "files"):
            parts[1] = self._own(parts[1], parts[0])
        if "after" in query:
            query["after"] = self._own(query["after"], parts[0], shown_by=operation)
        if operation == "create_batch":
            asked = json.loads(body)
            asked["input_file_id"] = self._own(asked["input_file_id"], "files")
            body = json.dumps(asked).encode()
        headers = {name: value for name, value in request.headers.items() if name in _KEPT_HEADERS}
        url = f"{self._server}/{'/'.join(parts)}"
        return lambda: self._client.request(request.method, url, params=query, content=body, headers=headers)

    def _own(self, name: str, kind: str, *, shown_by: str = "") -> str:
        prefix = self.plan.batch_prefix if kind == "batches" else self.plan.file_prefix
        if name.startswith(prefix):
            return name.removeprefix(prefix)
        if self.plan.takes_own_ids or shown_by in self.plan.own_ids_in:
            return name
        raise _UnknownIdError(name)

    def _answer(self, operation: str, number: int, reply: httpx2.Response) -> bytes:
        if reply.status_code >= 400 or operation in ("download_file", "other"):
            return reply.content
        document: Document = reply.json()
        if operation.startswith("list_"):
            self._change_page(document, operation, number)
        else:
            document = self._shown(document, operation)
        return json.dumps(document).encode()

    def _change_page(self, document: Document, operation: str, number: int) -> None:
        plan = self.plan
        items = [self._shown(item, operation) for item in document["data"]]
        if operation == "list_batches":
            if plan.order == "reversed":
                items.reverse()
            elif plan.order == "shuffled":
                self._random.shuffle(items)
            if number in plan.lost_pages:
                del items[:1]
            if plan.repeats_items:
                items = [item for each in items for item in (each, each)]
            if number in plan.empty_pages:
                items, document["has_more"] = [], True
        ends = (items[0]["id"], items[-1]["id"]) if items else (None, None)
        document["data"], (document["first_id"], document["last_id"]) = items, ends

    def _shown(self, document: Document, operation: str) -> Document:
        """Return a batch or file as a caller gets to see it."""
        plan = self.plan
        is_batch = operation.endswith(("batch", "batches"))
        if operation == "list_batches" and plan.freezes_listing:
            document = self._seen.setdefault(document["id"], document)
        document = dict(document)
        if operation in plan.drops_metadata_in:
            document.pop("metadata", None)
        if operation not in plan.own_ids_in:
            document["id"] = f"{plan.batch_prefix if is_batch else plan.file_prefix}{document['id']}"
            for name in _FILE_FIELDS if is_batch else ():
                document[name] = document.get(name) and f"{plan.file_prefix}{document[name]}"
        return document


class _UnknownIdError(Exception):
    """A caller names something by an id that this proxy did not give it."""


class _NoReply(Response):
    """The connection breaks; nothing is sent."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        CONNECTION.get().abort()
        while (await receive())["type"] != "http.disconnect":
            pass


@contextmanager
def hostile_proxy(server: str, plan: Plan | None = None) -> Iterator[HostileProxy]:
    """Run a proxy in front of a server on 127.0.0.1; on leaving, it is gone.

    Args:
        server: The server's address, which ends in /v1.
        plan: What the proxy does; without one, nothing but to pass things on.
    """
    with HostileProxy(server, plan or Plan()).running() as proxy:
        yield proxy
