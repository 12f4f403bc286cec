"""A transport that connects only to addresses that the rules allow, and to the very address that was checked.

A name can answer with another address at every look-up, so checking a name and then connecting to it by name proves
nothing: here a name is resolved once, its addresses are checked, and the connection is made to one of those by number, with
the name in the Host header and in the TLS handshake. Which addresses are allowed is decided in `base.rules.urls`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx2

from livedash_pipeline.base.rules.places.stores import StoreRoot
from livedash_pipeline.base.rules.urls import Origin, SourceRules, address_problem, origin_of
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
        remedy: What to do where an address is refused; by default the command that allows it for the company.
        shown: What messages say of a URL.
    """

    def __init__(
        self,
        rules: SourceRules,
        ssl_context: ssl.SSLContext,
        *,
        resolver: Resolver = resolve,
        clock: Callable[[], float],
        remedy: Callable[[str, SourceRules], str] | None = None,
        shown: Callable[[str], str] = shown_url,
    ) -> None:
        self._rules = rules
        self._remedy = remedy or address_remedy
        self._shown = shown
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
        origin, addresses = self.look_up(request.url)
        failure: httpx2.ConnectError | httpx2.ConnectTimeout | None = None
        for address in addresses:
            try:
                return self._send(request, origin.host, origin.port, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
                self._resolved.pop((origin.host, origin.port), None)
        # There is one: `look_up` answers with no empty list.
        raise failure or httpx2.ConnectError(f"{origin.host} has no address", request=request)

    def look_up(self, url: httpx2.URL) -> tuple[Origin, Sequence[str]]:
        """Where a request for a URL would be sent: its origin and the allowed addresses, one at least. Nothing is sent.

        Raises:
            SourceError: Host or address are not allowed, or the host name cannot exist.
            httpx2.ConnectError: The name cannot be resolved.
        """
        origin = origin_of(f"{url.scheme}://{url.netloc.decode('ascii')}")
        if origin is None:
            raise self._no_such_host(str(url))
        if not self._rules.trusts(origin):
            raise SourceError(
                f"{self._shown(str(url))} names a host and port that are not allowed.",
                reason="host_not_allowed",
                retryable=False,
                remedy=host_remedy(origin, self._rules),
            )
        return origin, self._addresses(str(url), origin)

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

    def _addresses(self, url: str, origin: Origin) -> Sequence[str]:
        place = (origin.host, origin.port)
        found_at, addresses = self._resolved.get(place, (float("-inf"), ()))
        if self._clock() - found_at > _REMEMBER_SECONDS:
            addresses = self._resolve(url, place)
            self._resolved[place] = (self._clock(), addresses)
        problems = {address: address_problem(address, origin, self._rules) for address in addresses}
        allowed = [address for address, problem in problems.items() if problem is None]
        if not allowed:
            address, problem = next(iter(problems.items()))
            raise SourceError(
                f"{self._shown(url)} leads to {address}, {problem}; it was not asked for.",
                reason="private_address",
                retryable=False,
                # A network has no interface: what follows a % cannot be allowed.
                remedy=self._remedy(address.partition("%")[0], self._rules),
            )
        return allowed

    def _resolve(self, url: str, place: tuple[str, int]) -> Sequence[str]:
        try:
            addresses = self._resolver(*place)
            if not addresses:
                raise socket.gaierror(socket.EAI_NONAME, "the resolver answered with no address")
        except OSError as error:
            raise httpx2.ConnectError(f"{place[0]} cannot be resolved") from error
        except UnicodeError:  # So the resolver calls an empty label, or one of more than 63 letters.
            raise self._no_such_host(url) from None
        return addresses

    def _no_such_host(self, url: str) -> SourceError:
        return SourceError(f"{self._shown(url)} has a host name that cannot exist.", reason="bad_url", retryable=False)

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


def host_remedy(origin: Origin, rules: SourceRules) -> str:
    """The command that allows a host and port for the company."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return (
        f"If it is right, allow it with `livedash company set {rules.company} --transcript-host {host}:{origin.port}`, "
        "together with the hosts that are allowed already."
    )


def store_remedy(root: StoreRoot, rules: SourceRules) -> str:
    """The command that allows a bucket or an SFTP server for the company."""
    return (
        f"If it is right, allow it with `livedash company set {rules.company} --transcript-host {root.address}`, "
        "together with the hosts that are allowed already."
    )


def address_remedy(address: str, rules: SourceRules) -> str:
    """The command that allows an address for the company."""
    return (
        f"If it is right, allow it with `livedash company set {rules.company} --allow-address {address}`, "
        "together with the addresses that are allowed already."
    )
