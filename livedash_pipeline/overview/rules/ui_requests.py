"""Decides which requests reach Dagster's webserver: those of its own pages, and those of programs that are not browsers.

Dagster's webserver runs mutations that come by GET and authenticates nobody. So any page that a browser opens could start a run
by an image's address, and any name that resolves to this machine could read answers. Add a rule as a function of a request's
head; `defs.webserver` applies the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Shows only versions of Dagster: load balancers ask for it by address to see whether the server lives.
_PROBED = "/server_info"


@dataclass(frozen=True, slots=True)
class UiRequest:
    """The head of a request.

    Attributes:
        method: In capitals; `WEBSOCKET` for a handshake.
        path: Decoded, without the query.
        query: The raw query.
        headers: All values of each header, its name in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, Sequence[str]]

    def only(self, name: str) -> str | None:
        """The value of a header; None where it is absent."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class UiRefusal:
    """A refused request: an HTTP status and a sentence."""

    status: int
    message: str


def local_origins(port: int) -> frozenset[str]:
    """Returns the origins under which a browser on this machine opens a server on it."""
    return frozenset(map(str, (plain_origin(f"http://{host}:{port}") for host in ("127.0.0.1", "localhost"))))


def plain_origin(text: str) -> str | None:
    """Writes an origin as browsers do, without the scheme's own port; None for any other text."""
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    more = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _DEFAULT_PORTS or not host or more:
        return None
    return (
        f"{parts.scheme}://{host}"
        if port in {None, _DEFAULT_PORTS[parts.scheme]}
        else f"{parts.scheme}://{host}:{port}"
    )


def refuse_ui_request(request: UiRequest, origins: Collection[str]) -> UiRefusal | None:
    """Says why a request is refused; None where it may pass.

    Args:
        request: Its head.
        origins: Those under which the server is opened, as `plain_origin` writes them.
    """
    return _foreign_host(request, origins) or _foreign_page(request, origins) or _unfit(request)


def _foreign_host(request: UiRequest, origins: Collection[str]) -> UiRefusal | None:
    if request.method in _READING and request.path == _PROBED:
        return None
    # Another name that resolves to this server is a sign of DNS rebinding.
    host = request.only("host")
    named = {plain_origin(f"{scheme}://{host}") for scheme in _DEFAULT_PORTS} if host else set()
    if named.isdisjoint(origins):
        return UiRefusal(421, f"This server is opened at {' or '.join(sorted(origins))}, under no other name.")
    return None


def _foreign_page(request: UiRequest, origins: Collection[str]) -> UiRefusal | None:
    if request.headers.get("origin"):
        origin = plain_origin(request.only("origin") or "")
        own = origin in origins and origin is not None and _is_of_host(origin, request.only("host") or "")
        return None if own else UiRefusal(403, "Pages of another origin may not use this server.")
    # A link from elsewhere may only read; a request that writes, or stays connected, has to come from the server's own pages.
    site = request.headers.get("sec-fetch-site")
    if site and request.method not in _READING and list(site) != ["same-origin"]:
        return UiRefusal(403, "Pages of another site may not use this server.")
    return None


def _is_of_host(origin: str, host: str) -> bool:
    return origin == plain_origin(f"{origin.partition(':')[0]}://{host}")


def _unfit(request: UiRequest) -> UiRefusal | None:
    if request.method == "WEBSOCKET":
        return None
    if request.method in _READING:
        asks = any(name == "query" for name, _ in parse_qsl(request.query, keep_blank_values=True))
        if asks and request.path.rstrip("/").lower().endswith("graphql"):
            return UiRefusal(405, "GraphQL is answered by POST only: a GET can be sent by any page.")
        return None
    # A page of another origin cannot send JSON unless the server allows it, and this one never does.
    kind = (request.only("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return UiRefusal(415, "Send JSON, with Content-Type: application/json.")
    return None
