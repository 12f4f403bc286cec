"""Where a transcript may come from: addresses, origins, stores and the rules that a company's CSV sets for them.

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

from livedash_pipeline.base.rules.addresses import Address, Network, is_within, read_address, read_network, special_kind
from livedash_pipeline.base.rules.places.hosts import plain_host
from livedash_pipeline.base.rules.places.stores import (
    NoPlace,
    Place,
    Scheme,
    Span,
    StoreRoot,
    place_of,
    read_place,
    read_store_root,
    store_scheme,
)

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Backslashes and control characters are read differently by different parsers, which is how allow-lists are passed by.
_DECEPTIVE = re.compile(r"[\x00-\x1f\x7f\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

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
class StorePlace:
    """A transcript in a bucket or on an SFTP server; `place` names one file, whatever letters its path holds."""

    url: str
    place: Place
    root: StoreRoot


@dataclass(frozen=True, slots=True)
class RefusedPlace:
    """A URL that is not followed, and why."""

    reason: UrlProblem


@dataclass(frozen=True, slots=True)
class SourceRules:
    """What a company's CSV address, its allowed hosts and its allowed addresses permit.

    Attributes:
        csv_origin: Origin of a CSV that comes over HTTP; credentials go there and nowhere else.
        csv_path: Path of a CSV that is a file; transcripts may be files below its directory. Of a folder of CSVs it names
            something in it, and of a pattern, something in the innermost folder that is spelled out.
        csv_store: Bucket or server of a CSV that lies in a store; credentials go there, transcripts may lie there.
        allowed: Hosts with their port; None stands for the scheme's own port, 80 or 443.
        networks: Addresses that are not public and may be reached by name all the same.
        company: Slug for commands that messages give.
    """

    csv_origin: Origin | None
    csv_path: str | None
    allowed: frozenset[tuple[str, int | None]]
    networks: tuple[Network, ...] = ()
    company: str = "SLUG"
    csv_store: StoreRoot | None = None
    allowed_stores: frozenset[StoreRoot] = frozenset()

    def opens(self, root: StoreRoot) -> bool:
        """Whether a store is the CSV's own or allowed for the company. A CSV that comes over HTTP opens none by itself."""
        return root == self.csv_store or root in self.allowed_stores

    def trusts(self, origin: Origin) -> bool:
        """Whether host and port are the CSV's own or allowed for the company."""
        place = (origin.host, origin.port)
        if origin.scheme == Scheme.SFTP:
            return self.opens(StoreRoot(Scheme.SFTP, *place))
        own = self.csv_origin is not None and place == (self.csv_origin.host, self.csv_origin.port)
        bare = origin.port == _DEFAULT_PORTS.get(origin.scheme) and (origin.host, None) in self.allowed
        return own or bare or place in self.allowed


def source_rules(
    csv_url: str, transcript_hosts: Iterable[str], allowed_addresses: Iterable[str] = (), *, company: str = "SLUG"
) -> SourceRules:
    """Rules of a company.

    Args:
        csv_url: Address of its CSV (http, https, a store, file URL or path); empty where it has none.
        transcript_hosts: Further hosts, `HOST[:PORT]`, and stores, `s3://BUCKET`.
        allowed_addresses: Addresses and networks that are not public and may be connected to.
        company: Slug for commands that messages give.
    """
    hosts = tuple(transcript_hosts)
    allowed = frozenset(filter(None, map(_allowed_host, hosts)))
    networks = tuple(network for text in allowed_addresses if (network := read_network(text)) is not None)
    is_web = csv_url.lower().startswith(("http://", "https://"))
    origin = origin_of(csv_url) if is_web else None
    place = place_of(csv_url) if csv_url else None
    return SourceRules(
        origin,
        None if is_web or not csv_url or store_scheme(csv_url) else _csv_path(csv_url, place),
        allowed,
        networks,
        company,
        place.root if place else None,
        frozenset(filter(None, map(read_store_root, hosts))),
    )


def locate(address: str, rules: SourceRules) -> HttpPlace | FilePlace | StorePlace | RefusedPlace:
    """Where an address of the CSV, or of a redirect, leads under the rules."""
    text = address.strip()
    if not text or _DECEPTIVE.search(text):
        return RefusedPlace("bad_url")
    scheme = text.partition(":")[0].lower() if _SCHEME.match(text) else ""
    if scheme in _DEFAULT_PORTS:
        return _locate_http(text, rules)
    if store_scheme(text):
        return _locate_in_store(text, rules)
    if scheme not in {"", "file"}:
        return RefusedPlace("bad_url")
    if rules.csv_path is None:
        return RefusedPlace("file_not_allowed" if scheme else "bad_url")
    return FilePlace(_file_path(text))


def origin_of(url: str) -> Origin | None:
    """The origin of an http or https URL; None where the URL cannot be read."""
    # Of a path this says all, and there are as many as transcripts.
    if "//" not in url:
        return None
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    host = plain_host(parts.hostname or "")
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
    if isinstance(found, StorePlace):
        return RefusedPlace("bad_url")
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


def _locate_in_store(text: str, rules: SourceRules) -> StorePlace | RefusedPlace:
    place = read_place(text)
    if isinstance(place, NoPlace) or place.root is None:
        return RefusedPlace("credentials_in_url" if "@" in text.split("/")[2] else "bad_url")
    if place.path.endswith("/") or not place.path:
        return RefusedPlace("bad_url")
    return StorePlace(text, place, place.root) if rules.opens(place.root) else RefusedPlace("host_not_allowed")


def _allowed_host(text: str) -> tuple[str, int | None] | None:
    if "://" in text:
        return None
    url = f"http://{text.strip()}"
    origin = origin_of(url)
    return None if origin is None else (origin.host, urlsplit(url).port)


def _file_path(text: str) -> str:
    if text.lower().startswith("file:"):
        return unquote(urlsplit(text).path)
    return str(PurePosixPath(text))


def _csv_path(csv_url: str, place: Place | None) -> str:
    if place is None or place.span is Span.FILE:
        return _file_path(csv_url)
    return f"{place.base}/{place.patterns[-1]}"
