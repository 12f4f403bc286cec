"""Where a transcript may come from: addresses, origins and the rules that a company's CSV sets for them.

A CSV is written by a third party, so every URL in it is untrusted: `locate` decides by the text alone, `address_problem` by
the address that a name resolved to. Opening anything is the business of `sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Backslashes and control characters are read differently by different parsers, which is how allow-lists are passed by.
_DECEPTIVE = re.compile(r"[\x00-\x1f\x7f\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# RFC 6052: an IPv4 address behind a translator, in the last four bytes.
_NAT64 = IPv6Network("64:ff9b::/96")

UrlProblem = Literal[
    "bad_url", "credentials_in_url", "host_not_allowed", "file_not_allowed", "private_address", "too_many_redirects"
]


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, ASCII, without brackets or final dot) and port of an address."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """A transcript that is asked for over HTTP. `url` has no fragment."""

    url: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A transcript in a file; `path` may be relative to the directory of the CSV, and is to be checked against it."""

    path: str


@dataclass(frozen=True, slots=True)
class RefusedPlace:
    """A URL that is not followed, and why."""

    reason: UrlProblem


@dataclass(frozen=True, slots=True)
class SourceRules:
    """What a company's CSV address and its allowed hosts permit.

    Attributes:
        csv_origin: Origin of a CSV that comes over HTTP; credentials go there and nowhere else.
        csv_path: Path of a CSV that is a file; transcripts may be files below its directory.
        allowed: Hosts with their port; None stands for every port.
    """

    csv_origin: Origin | None
    csv_path: str | None
    allowed: frozenset[tuple[str, int | None]]

    def trusts(self, host: str, port: int) -> bool:
        """Whether host and port are the CSV's own or allowed for the company."""
        own = self.csv_origin is not None and (host, port) == (self.csv_origin.host, self.csv_origin.port)
        return own or (host, port) in self.allowed or (host, None) in self.allowed


def source_rules(csv_url: str, transcript_hosts: Iterable[str]) -> SourceRules:
    """Rules of a company from the address of its CSV (http, https, file URL, path, or none) and its hosts (`HOST[:PORT]`)."""
    allowed = frozenset(filter(None, map(_allowed_host, transcript_hosts)))
    if not csv_url:
        return SourceRules(None, None, allowed)
    if csv_url.lower().startswith(("http://", "https://")):
        return SourceRules(origin_of(csv_url), None, allowed)
    return SourceRules(None, _file_path(csv_url), allowed)


def locate(address: str, rules: SourceRules) -> HttpPlace | FilePlace | RefusedPlace:
    """Where an address of the CSV, or of a redirect, leads under the rules."""
    text = address.strip()
    if not text or _DECEPTIVE.search(text):
        return RefusedPlace("bad_url")
    scheme = text.partition(":")[0].lower() if _SCHEME.match(text) else ""
    if scheme in _DEFAULT_PORTS:
        return _locate_http(text, rules)
    if scheme not in {"", "file"}:
        return RefusedPlace("bad_url")
    if rules.csv_path is None:
        return RefusedPlace("file_not_allowed" if scheme else "bad_url")
    return FilePlace(_file_path(text))


def origin_of(url: str) -> Origin | None:
    """The origin of an http or https URL; None where the URL cannot be read."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    host = _plain_host(parts.hostname or "")
    if scheme not in _DEFAULT_PORTS or host is None or port == 0:
        return None
    return Origin(scheme, host, port or _DEFAULT_PORTS[scheme])


def address_problem(address: str, host: str, port: int, rules: SourceRules) -> UrlProblem | None:
    """Why a resolved address is not connected to; None where it may be.

    Public addresses are open to every host that passed `locate`. Private, loopback and reserved ones are for hosts that the
    rules trust. Link-local ones (where clouds keep their metadata) never stand behind a name: only a host that is trusted
    and written as that very address reaches them.
    """
    try:
        ip = _embedded(ip_address(address.partition("%")[0]))
    except ValueError:
        return "private_address"
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return None if address == host and rules.trusts(host, port) else "private_address"
    return None if ip.is_global or rules.trusts(host, port) else "private_address"


def _locate_http(text: str, rules: SourceRules) -> HttpPlace | RefusedPlace:
    origin = origin_of(text)
    if origin is None:
        return RefusedPlace("bad_url")
    if "@" in urlsplit(text).netloc:
        return RefusedPlace("credentials_in_url")
    if not rules.trusts(origin.host, origin.port):
        return RefusedPlace("host_not_allowed")
    return HttpPlace(text.partition("#")[0], origin)


def _allowed_host(text: str) -> tuple[str, int | None] | None:
    origin = origin_of(f"http://{text.strip()}")
    if origin is None:
        return None
    try:
        return origin.host, urlsplit(f"http://{text.strip()}").port
    except ValueError:
        return None


def _plain_host(host: str) -> str | None:
    plain = host.lower().rstrip(".")
    try:
        plain = plain if plain.isascii() else plain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return plain if plain and not re.search(r"[\s/?#@%]", plain) else None


def _file_path(text: str) -> str:
    if text.lower().startswith("file:"):
        return unquote(urlsplit(text).path)
    return str(PurePosixPath(text))


def _embedded(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    # An IPv6 address may only be the wrapping of an IPv4 one, and it is the inner one that is reached.
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return ip.ipv4_mapped
        if ip.sixtofour:
            return ip.sixtofour
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
