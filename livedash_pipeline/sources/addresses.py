"""A transport that connects only to addresses that the rules allow, and to the very address that was checked.

A name can answer with another address at every look-up, so checking a name and then connecting to it by name proves
nothing: here a name is resolved once, its addresses are checked, and the connection is made to one of those by number, with
the name in the Host header and in the TLS handshake. Which addresses are allowed is decided in `core.urls`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx2

from livedash_pipeline.core.urls import SourceRules, address_problem
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.http import shown_url

Resolver = Callable[[str, int], Sequence[str]]

# A look-up per transcript would ask the name server 100,000 times for one host.
_REMEMBER_SECONDS = 60.0


def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host as the system's resolver gives them, in its order, each once.

    Raises:
        OSError: The name cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedTransport(httpx2.BaseTransport):
    """Requests of one worker, one at a time; connections are kept open between them. Proxies are not used.

    Args:
        rules: What the company's CSV permits.
        ssl_context: Shared by all workers, since making one takes long.
        resolver: Addresses of a host and port.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        rules: SourceRules,
        ssl_context: ssl.SSLContext,
        *,
        resolver: Resolver = resolve,
        clock: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._ssl_context = ssl_context
        self._resolver = resolver
        self._clock = clock
        self._resolved: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}
        # One pool per host name: hosts that share an address must not share a connection, whose certificate is one host's.
        self._pools: dict[tuple[str, str, int], httpx2.HTTPTransport] = {}
        self._open: list[Any] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request to the first allowed address that takes it.

        Raises:
            SourceError: Host or address are not allowed.
            httpx2.HTTPError: As the client's own transport does.
        """
        host = request.url.raw_host.decode("ascii").lower().rstrip(".")
        port = request.url.port or {"http": 80, "https": 443}[request.url.scheme]
        if not self._rules.trusts(host, port):
            raise _refused(request, "host_not_allowed", "names a host that is not allowed for the company")
        failure: httpx2.ConnectError | httpx2.ConnectTimeout | None = None
        for address in self._addresses(request, host, port):
            try:
                return self._send(request, host, port, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
                self._resolved.pop((host, port), None)
        raise failure or httpx2.ConnectError(f"{host} has no address", request=request)

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Closes all connections."""
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _addresses(self, request: httpx2.Request, host: str, port: int) -> Sequence[str]:
        found_at, addresses = self._resolved.get((host, port), (float("-inf"), ()))
        if self._clock() - found_at > _REMEMBER_SECONDS:
            try:
                addresses = self._resolver(host, port)
            except OSError as error:
                raise httpx2.ConnectError(f"{host} cannot be resolved", request=request) from error
            self._resolved[host, port] = (self._clock(), addresses)
        allowed = [address for address in addresses if address_problem(address, host, port, self._rules) is None]
        if addresses and not allowed:
            raise _refused(request, "private_address", "leads to an address that is not public")
        return allowed

    def _send(self, request: httpx2.Request, host: str, port: int, address: str) -> httpx2.Response:
        pool = self._pools.get((host, address, port))
        if pool is None:
            pool = self._pools[host, address, port] = httpx2.HTTPTransport(
                verify=self._ssl_context, trust_env=False, limits=httpx2.Limits(max_connections=1)
            )
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # The Host header among them still names the host.
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host, "trace": self._remembering(request)},
        )
        return pool.handle_request(pinned)

    def _remembering(self, request: httpx2.Request) -> Callable[[str, Mapping[str, Any]], None]:
        """The request's own trace, which is told of connections that were opened before as well.

        A deadline shuts the connections down that it saw being made; without this, a kept one would escape it.
        """
        trace = request.extensions.get("trace") or (lambda _event, _info: None)
        self._open = [stream for stream in self._open if stream.get_extra_info("socket").fileno() != -1]
        for stream in self._open:
            trace("connection.connect_tcp.complete", {"return_value": stream})

        def remember(event: str, info: Mapping[str, Any]) -> None:
            if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
                self._open.append(info["return_value"])
            trace(event, info)

        return remember


def _refused(request: httpx2.Request, reason: str, verb: str) -> SourceError:
    return SourceError(
        f"{shown_url(str(request.url))} {verb}.",
        reason=reason,
        retryable=False,
        remedy="Allow the host with `livedash company set SLUG --transcript-host HOST[:PORT]` if it is right.",
    )
