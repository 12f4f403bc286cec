"""HTTP on a connection with deadlines: for the head of a request, and for a client that does not read its answer.

Uvicorn has neither, so that a handful of silent connections could stay for ever. Bodies have deadlines of their own
(`api.http.limits`). Add what concerns a connection as such.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from livedash_pipeline.api.problems import MEDIA_TYPE, Problem

HEAD_SECONDS = 10.0
WRITE_SECONDS = 30.0
MAX_CONNECTIONS = 1000
# The most bytes of an incomplete head; h11 refuses a longer one, and `api.middleware` a complete one that is too long.
MAX_PARTIAL_HEAD = 64 * 1024


class BoundedProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 with those bounds; its own refusals are problem details as well."""

    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the head of the first request, unless there are too many connections already."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Passes data on; the time for a head begins with its first byte and ends with its last."""
        if self._head_timer is None and self.conn.their_state is h11.IDLE:
            self._await_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._forget_head()

    def on_response_complete(self) -> None:
        """Starts the clock for the rest of an unread body and the next head, with the time of any head."""
        super().on_response_complete()
        is_unread = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if is_unread and self._head_timer is None and not self.transport.is_closing():
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clocks."""
        self._forget_head()
        self._forget_write()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Starts the clock for a client that does not read."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stops that clock, since the client reads again."""
        self._forget_write()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answers invalid HTTP, or a head that is too long, with a problem, unless an answer has begun."""
        if self.cycle is not None and not self.cycle.response_complete:
            # An unreadable body has no end, so the code that waits for it is told that the client is gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        problem = Problem("bad_request", msg, remedy="Send HTTP/1.1 with a shorter head.")
        response = problem.response("")
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")]
        headers.append((b"content-length", str(len(response.body)).encode()))
        events: list[Any] = [
            h11.Response(status_code=problem.status_code, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Logs nothing: there are no WebSockets here, and a request for one is answered as a plain request."""

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _forget_write(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
