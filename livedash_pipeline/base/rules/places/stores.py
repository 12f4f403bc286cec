"""Places of files beyond HTTP: buckets, SFTP servers and folders of this machine.

Add a scheme here together with its store in `sources.places`. Which place may be opened for a company is decided in
`base.rules.urls`; which names in it are files to import, in `names`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from livedash_pipeline.base.rules.places.hosts import plain_host
from livedash_pipeline.base.rules.places.names import WILD, fits

SFTP_PORT = 22
_DECEPTIVE = re.compile(r"[\x00-\x1f\x7f\\]")
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<name>[^/]*)(?P<path>.*)", re.DOTALL)
# Names of buckets and containers of all three services, the older ones of S3 with capitals and underscores too.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?")


class Scheme(StrEnum):
    """A kind of store, under the one name that addresses of it are shown with."""

    S3 = "s3"
    GS = "gs"
    AZ = "az"
    SFTP = "sftp"


_SCHEMES = {
    "s3": Scheme.S3,
    "gs": Scheme.GS,
    "gcs": Scheme.GS,
    "az": Scheme.AZ,
    "abfs": Scheme.AZ,
    "abfss": Scheme.AZ,
    "sftp": Scheme.SFTP,
}


class Span(StrEnum):
    """What an address names: one file, the files of a folder, or those that a pattern fits."""

    FILE = "file"
    FOLDER = "folder"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class StoreRoot:
    """A bucket, a container, or an SFTP server with its port (0 for the others)."""

    scheme: Scheme
    name: str
    port: int = 0

    @property
    def address(self) -> str:
        """The root as addresses begin: `s3://bucket`, `sftp://host`, `sftp://host:2222`."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        port = f":{self.port}" if self.port not in {0, SFTP_PORT} else ""
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where files are.

    Attributes:
        root: The store; None for this machine.
        path: Of a bucket without a slash at its beginning, else absolute; a folder ends with a slash, a pattern holds `*` or `?`.
    """

    root: StoreRoot | None
    path: str

    @property
    def span(self) -> Span:
        """What the path names."""
        if WILD.search(self.path):
            return Span.PATTERN
        return Span.FOLDER if self.path.endswith("/") or not self.path else Span.FILE

    @property
    def address(self) -> str:
        """The place in one spelling: two spellings of a place have the same address."""
        return self.path if self.root is None else _joined(self.root, self.path)

    @property
    def base(self) -> str:
        """The innermost folder that is spelled out, without a slash at its end; "" for a bucket's own level."""
        return "/".join(self._segments()[0])

    @property
    def patterns(self) -> tuple[str, ...]:
        """What names have to fit below the base, level by level: those of folders, and last those of files."""
        return self._segments()[1]

    def below(self, path: str) -> Place:
        """A file of the same store."""
        return Place(self.root, path)

    def holds(self, address: str) -> bool:
        """Whether a file at this address would be listed."""
        start = Place(self.root, f"{self.base}/" if self.base or self.root is None else "").address
        if not address.startswith(start):
            return False
        names = address.removeprefix(start).split("/")
        return len(names) == len(self.patterns) and all(map(fits, names, self.patterns))

    def _segments(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        *folders, last = self.path.split("/")
        wild = next((level for level, name in enumerate(folders) if WILD.search(name)), len(folders))
        return tuple(folders[:wild]), (*folders[wild:], last or "*")


@dataclass(frozen=True, slots=True)
class NoPlace:
    """An address that cannot be read as a place, and why: the end of a sentence that begins with the address."""

    problem: str


def store_scheme(address: str) -> Scheme | None:
    """The store that an address names by its scheme; None for HTTP, files and paths."""
    return _SCHEMES.get(address.strip().partition("://")[0].lower()) if "://" in address else None


def read_place(address: str) -> Place | NoPlace:
    """A store's address as a place. What stands behind the host is taken as it is written, without decoding.

    Patterns know `*` (any letters but a slash) and `?` (one letter).
    """
    match = _ADDRESS.fullmatch(address.strip())
    scheme = store_scheme(address)
    if match is None or scheme is None or _DECEPTIVE.search(address):
        return NoPlace("is no address of a store")
    if "@" in match["name"]:
        return NoPlace("carries a user name, a password or an account")
    root = _read_root(scheme, match["name"])
    if root is None:
        return NoPlace("names a host or bucket that cannot exist")
    path = match["path"] if scheme is Scheme.SFTP else match["path"].removeprefix("/")
    return _checked(Place(root, path or ("/" if scheme is Scheme.SFTP else "")))


def read_local_place(address: str) -> Place | NoPlace:
    """A file URL or an absolute path of this machine as a place."""
    if not address.lower().startswith("file:"):
        return _checked(Place(None, address))
    try:
        return _checked(Place(None, unquote(urlsplit(address).path)))
    except ValueError:
        return NoPlace("cannot be read")


def place_of(address: str) -> Place | None:
    """The place that a CSV's address names; None where it is fetched over HTTP, or cannot be read as a place."""
    if address.lower().startswith(("http://", "https://")):
        return None
    found = read_local_place(address) if store_scheme(address) is None else read_place(address)
    return found if isinstance(found, Place) else None


def read_store_root(text: str) -> StoreRoot | None:
    """A bucket or an SFTP server as people allow them: `s3://bucket`, `sftp://host:2222`; None for anything else."""
    place = read_place(text)
    return place.root if isinstance(place, Place) and place.path in {"", "/"} else None


def _read_root(scheme: Scheme, name: str) -> StoreRoot | None:
    if scheme is not Scheme.SFTP:
        return StoreRoot(scheme, name) if _BUCKET.fullmatch(name) else None
    match = _HOST_AND_PORT.fullmatch(name)
    host = plain_host(match["host"].strip("[]")) if match else None
    port = int(match["port"] or SFTP_PORT) if match else 0
    return StoreRoot(scheme, host, port) if host is not None and 0 < port <= 65_535 else None


def _checked(place: Place) -> Place | NoPlace:
    folders = place.path.split("/")[:-1]
    names = place.path.split("/")
    if {".", ".."} & set(names):
        return NoPlace("has . or .. in its path")
    if any("**" in name for name in names):
        return NoPlace("has ** in its path: a * stands for one level of folders")
    # The empty name before the first slash of an absolute path is none.
    inner = folders[1:] if place.path.startswith("/") else folders
    if place.span is not Span.FILE and "" in inner:
        return NoPlace("has // in its path")
    return place


def _joined(root: StoreRoot, path: str) -> str:
    return f"{root.address}{path if path.startswith('/') else f'/{path}'}"
