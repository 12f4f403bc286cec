"""Where a transcript may come from: addresses, origins and the rules that a company's CSV sets for them.

A CSV is written by a third party, so every URL in it is untrusted: `locate` decides by the text alone, `address_problem` by
the address that a name resolved to. Opening anything is the business of `sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urljoin, urlsplit

import idna

from livedash_pipeline.base.rules.addresses import Address, Network, is_within, read_address, read_network, special_kind

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Backslashes and control characters are read differently by different parsers, which is how allow-lists are passed by.
_DECEPTIVE = re.compile(r"[\x00-\x1f\x7f\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Letters of host names and IPv6 addresses. What messages give as a command holds hosts, so nothing else may pass.
_HOST = re.compile(r"[a-z0-9_.:-]+")
# RFC 1035: longer names cannot be asked for.
_LONGEST_LABEL, _LONGEST_NAME = 63, 253

UrlProblem = Literal[
    "bad_url",
    "credentials_in_url",
    "host_not_allowed",
    "file_not_allowed",
    "private_address",
    "insecure_redirect",
    "too_many_redirects",
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
    """What a company's CSV address, its allowed hosts and its allowed addresses permit.

    Attributes:
        csv_origin: Origin of a CSV that comes over HTTP; credentials go there and nowhere else.
        csv_path: Path of a CSV that is a file; transcripts may be files below its directory.
        allowed: Hosts with their port; None stands for the scheme's own port, 80 or 443.
        networks: Addresses that are not public and may be reached by name all the same.
        company: Slug for commands that messages give.
    """

    csv_origin: Origin | None
    csv_path: str | None
    allowed: frozenset[tuple[str, int | None]]
    networks: tuple[Network, ...] = ()
    company: str = "SLUG"

    def trusts(self, origin: Origin) -> bool:
        """Whether host and port are the CSV's own or allowed for the company."""
        place = (origin.host, origin.port)
        own = self.csv_origin is not None and place == (self.csv_origin.host, self.csv_origin.port)
        bare = origin.port == _DEFAULT_PORTS.get(origin.scheme) and (origin.host, None) in self.allowed
        return own or bare or place in self.allowed


def source_rules(
    csv_url: str, transcript_hosts: Iterable[str], allowed_addresses: Iterable[str] = (), *, company: str = "SLUG"
) -> SourceRules:
    """Rules of a company.

    Args:
        csv_url: Address of its CSV (http, https, file URL or path); empty where it has none.
        transcript_hosts: Further hosts, `HOST[:PORT]`.
        allowed_addresses: Addresses and networks that are not public and may be connected to.
        company: Slug for commands that messages give.
    """
    allowed = frozenset(filter(None, map(_allowed_host, transcript_hosts)))
    networks = tuple(network for text in allowed_addresses if (network := read_network(text)) is not None)
    is_web = csv_url.lower().startswith(("http://", "https://"))
    origin = origin_of(csv_url) if is_web else None
    path = _file_path(csv_url) if csv_url and not is_web else None
    return SourceRules(origin, path, allowed, networks, company)


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


def redirected(place: HttpPlace, location: str, rules: SourceRules) -> HttpPlace | RefusedPlace:
    """Where a redirect from `place` leads under the rules: another address over HTTP, never from https to http."""
    if not location.strip() or _DECEPTIVE.search(location.strip()):
        return RefusedPlace("bad_url")
    try:
        target = urljoin(place.url, location.strip())
    except ValueError:
        return RefusedPlace("bad_url")
    found = locate(target, rules)
    if isinstance(found, FilePlace):
        return RefusedPlace("file_not_allowed")
    if isinstance(found, HttpPlace) and (place.origin.scheme, found.origin.scheme) == ("https", "http"):
        return RefusedPlace("insecure_redirect")
    return found


def address_problem(address: str, origin: Origin, rules: SourceRules) -> str | None:
    """Why a resolved address is not connected to (`a loopback address`); None where it may be.

    Public addresses are open to every host that passed `locate`. Others are for hosts that people wrote as that very address,
    and for names where the company allows the address.
    """
    ip = read_address(address)
    if ip is None:
        return "no IP address"
    kind = special_kind(ip)
    if kind is None or is_within(ip, rules.networks) or _is_written_out(ip, origin, rules):
        return None
    return kind


def _is_written_out(ip: Address, origin: Origin, rules: SourceRules) -> bool:
    return read_address(origin.host) == ip and rules.trusts(origin)


def _locate_http(text: str, rules: SourceRules) -> HttpPlace | RefusedPlace:
    origin = origin_of(text)
    if origin is None:
        return RefusedPlace("bad_url")
    if "@" in urlsplit(text).netloc:
        return RefusedPlace("credentials_in_url")
    if not rules.trusts(origin):
        return RefusedPlace("host_not_allowed")
    return HttpPlace(text.partition("#")[0], origin)


def _allowed_host(text: str) -> tuple[str, int | None] | None:
    url = f"http://{text.strip()}"
    origin = origin_of(url)
    return None if origin is None else (origin.host, urlsplit(url).port)


def _plain_host(host: str) -> str | None:
    plain = host.lower().rstrip(".")
    try:
        # IDNA 2008, as the HTTP client reads a name. The codec of that name is of 2003 and makes another host of some.
        plain = plain if plain.isascii() else idna.encode(plain).decode("ascii")
    except UnicodeError:  # idna's own errors are such.
        return None
    longest = max(map(len, plain.split(".")))
    exists = longest <= _LONGEST_LABEL and len(plain) <= _LONGEST_NAME
    return plain if exists and _HOST.fullmatch(plain) else None


def _file_path(text: str) -> str:
    if text.lower().startswith("file:"):
        return unquote(urlsplit(text).path)
    return str(PurePosixPath(text))
