"""Waits until a host comes to a step, and lets a fault strike there before the host hears anything.

The services are in this process, so a call is held at the exact step until the fault has struck. Add a step here and in `plan`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from livedash_pipeline.local.batch_api.app import Proceed
from tests.hosts.plan import Fault, Step

Strike = Callable[[Fault, str | None], None]
"""Called with a fault and the address of the host that has come to its step; None where nobody knows it."""

_BEFORE: dict[str, Step] = {"upload_file": "upload", "create_batch": "before create", "download_file": "ingest"}


class Moments:
    """The faults that wait for a host to come to their step."""

    def __init__(self, strike: Strike) -> None:
        self._strike = strike
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._met: Counter[Step] = Counter()

    def arm(self, faults: tuple[Fault, ...]) -> None:
        """Waits for the steps of a round."""
        with self._lock:
            self._waiting = list(faults)
            self._met.clear()

    @property
    def waiting(self) -> list[Fault]:
        """Faults whose step no host has come to."""
        with self._lock:
            return list(self._waiting)

    def meet(self, step: Step, address: str | None) -> Fault | None:
        """A host has come to a step; returns the fault that has struck there."""
        with self._lock:
            self._met[step] += 1
            due = [fault for fault in self._waiting if fault.step == step and fault.nth <= self._met[step]]
            if not due:
                return None
            self._waiting.remove(due[0])
        self._strike(due[0], address)
        return due[0]

    async def gate(self, operation: str, request: Request, proceed: Proceed) -> Response:
        """The gate of the Batch API."""
        address = request.client.host if request.client else None
        if operation in _BEFORE:
            fault = await run_in_threadpool(self.meet, _BEFORE[operation], address)
            if fault is not None and operation == "create_batch":
                # The call has not come through. Whoever is still there hears what a gateway says whose service is away.
                return JSONResponse({"error": {"message": "Bad gateway", "type": "server_error"}}, status_code=502)
        reply = await proceed()
        if operation == "create_batch":
            await run_in_threadpool(self.meet, "after create", address)
        return reply

    def at_transcripts(self, app: ASGIApp) -> ASGIApp:
        """The source, which notices who fetches transcripts."""

        async def noticing(scope: Scope, receive: Receive, send: Send) -> None:
            path: Any = scope.get("path", "")
            if "/chats/" in path and scope.get("client"):
                await run_in_threadpool(self.meet, "import", scope["client"][0])
            await app(scope, receive, send)

        return noticing
