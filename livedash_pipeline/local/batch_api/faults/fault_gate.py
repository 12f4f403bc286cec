"""Faults of calls over HTTP: connections that break before or after the call, errors, answers that end early or are slow.

Add here what a fault of a call means on the wire. The same faults in this process are in `faulty_service.py`. Every operation
that comes by is written into the journal.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from livedash_pipeline.local.batch_api.faults.call_kinds import (
    Delay,
    Late,
    LoseReply,
    OddAnswer,
    Slow,
    Status,
    Truncate,
    UnreliableCall,
)
from livedash_pipeline.local.batch_api.faults.fault_desk import Call
from livedash_pipeline.local.batch_api.faults.faulty_service import (
    MAKING,
    entry_of,
    input_file_of,
    metadata_of,
    refusal_of,
    with_ids,
)
from livedash_pipeline.local.batch_api.faults.odd_answers import odd_completion
from livedash_pipeline.local.batch_api.faults.shown_kinds import Pretend
from livedash_pipeline.local.batch_api.journal import Entry
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.local.server_thread import CONNECTION

_PIECES = 20
_ERRORS = (Refusal, HTTPException)

Proceed = Callable[[], Awaitable[Response]]


class FaultGate:
    """The gate (see `app.py`) that lets a service's faults of calls happen.

    Args:
        service: what acts; its `fault_desk` says what goes wrong.
        sleep: waits for seconds of the wall.
    """

    def __init__(self, service: BatchService, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._service = service
        self._sleep = sleep

    async def __call__(self, operation: str, request: Request, proceed: Proceed) -> Response:
        """Lets one operation happen as the faults want it."""
        call = await _call(operation, request)
        fault = self._service.fault_desk.for_call(call)
        entry = replace(entry_of(call), fault=fault.kind if fault else None)
        if fault is None:
            return await self._act(entry, proceed, delivered=True)
        if isinstance(fault, Slow | Late | OddAnswer):
            return await self._alter(await self._act(entry, proceed, delivered=True), fault)
        if isinstance(fault, Status):
            return await self._refuse(entry, proceed, fault)
        if isinstance(fault, Pretend):
            return await self._pretend(entry, request)
        if isinstance(fault, Truncate):
            try:
                return _CutBody(await self._act(entry, proceed), fault)
            except _ERRORS:
                return _NoReply()
        return await self._break(entry, request, proceed, fault)

    async def _alter(self, reply: Response, fault: Slow | Late | OddAnswer) -> Response:
        if isinstance(fault, Slow):
            return _SlowBody(reply, fault.seconds, self._sleep)
        if isinstance(fault, OddAnswer):
            return JSONResponse(odd_completion(_document(reply), fault))
        await self._sleep(fault.seconds)
        return reply

    async def _refuse(self, entry: Entry, proceed: Proceed, fault: Status) -> Response:
        refusal = refusal_of(fault)
        if fault.acted:
            with suppress(*_ERRORS):
                await self._act(entry, proceed, status=refusal.status)
        else:
            await self._note(replace(entry, acted=False, status=refusal.status, delivered=True, detail=refusal.message))
        raise refusal

    async def _pretend(self, entry: Entry, request: Request) -> Response:
        self._service.check_key(request.headers.get("authorization"))
        named = entry.batch_id or entry.file_id or ""
        document = await run_in_threadpool(self._service.pretend, entry.operation, named)
        await self._note(replace(entry, acted=False, status=200))
        return JSONResponse(document)

    async def _break(self, entry: Entry, request: Request, proceed: Proceed, fault: UnreliableCall) -> Response:
        if isinstance(fault, LoseReply):
            with suppress(*_ERRORS):  # noted; nobody hears of it
                await self._act(entry, proceed)
        else:
            if isinstance(fault, Delay):
                self._service.check_key(request.headers.get("authorization"))
                await run_in_threadpool(
                    self._service.delay, entry.operation, await _argument(entry, request), fault.seconds
                )
            await self._note(replace(entry, acted=False))
        await self._sleep(fault.hang)
        return _NoReply()

    async def _act(
        self, entry: Entry, proceed: Proceed, *, status: int | None = None, delivered: bool = False
    ) -> Response:
        try:
            reply = await proceed()
        except Refusal as refusal:
            refused = replace(entry, acted=False, status=refusal.status, delivered=delivered, detail=refusal.message)
            await self._note(refused)
            raise
        except HTTPException as error:
            await self._note(replace(entry, acted=False, status=error.status_code, delivered=delivered))
            raise
        status = status or reply.status_code
        made = with_ids(entry, _document(reply)) if entry.operation in MAKING else entry
        await self._note(replace(made, status=status, delivered=delivered))
        return reply

    async def _note(self, entry: Entry) -> None:
        await run_in_threadpool(self._service.note, entry)


class _NoReply(Response):
    """The connection breaks; nothing is sent."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        CONNECTION.get().abort()
        await _until_disconnected(receive)


class _CutBody(Response):
    """A reply of which only the beginning is sent."""

    def __init__(self, reply: Response, fault: Truncate) -> None:
        super().__init__()
        self._reply = reply
        self._fault = fault

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        body = await run_in_threadpool(_body, self._reply)
        part = body[: int(len(body) * self._fault.keep)]
        await send(_start(self._reply, len(part) if self._fault.silent else len(body)))
        await send({"type": "http.response.body", "body": part, "more_body": not self._fault.silent})
        if not self._fault.silent:
            CONNECTION.get().close()
            await _until_disconnected(receive)


class _SlowBody(Response):
    """A reply that is sent in pieces over some seconds."""

    def __init__(self, reply: Response, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        super().__init__()
        self._reply = reply
        self._pause = seconds / _PIECES
        self._sleep = sleep

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        body = await run_in_threadpool(_body, self._reply)
        size = -(-len(body) // _PIECES) or 1
        await send(_start(self._reply, len(body)))
        for piece in range(_PIECES):
            await self._sleep(self._pause)
            part = body[piece * size : (piece + 1) * size]
            await send({"type": "http.response.body", "body": part, "more_body": piece + 1 < _PIECES})


async def _call(operation: str, request: Request) -> Call:
    """Returns what the call is about; the body that is read here is kept for the operation."""
    batch_id, file_id = request.path_params.get("batch_id"), request.path_params.get("file_id")
    if operation != "create_batch":
        return Call(operation, batch_id, file_id)
    body = _parsed(await request.body())
    return Call(operation, batch_id, input_file_of(body), metadata_of(body))


async def _argument(entry: Entry, request: Request) -> object:
    if entry.operation == "create_batch":
        return _parsed(await request.body())
    return entry.batch_id or entry.file_id


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _document(reply: Response) -> dict[str, Any]:
    found = _parsed(bytes(reply.body))
    return found if isinstance(found, dict) else {}


def _body(reply: Response) -> bytes:
    return Path(reply.path).read_bytes() if isinstance(reply, FileResponse) else bytes(reply.body)


def _start(reply: Response, length: int) -> Message:
    headers = [(name, value) for name, value in reply.raw_headers if name != b"content-length"]
    length_header = (b"content-length", str(length).encode())
    return {"type": "http.response.start", "status": reply.status_code, "headers": [*headers, length_header]}


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
