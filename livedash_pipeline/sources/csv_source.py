"""Opens a company's CSV, over HTTP, from a store or from this machine, as a temporary file on disk.

Everything that can be wrong with the source itself ends here, as a SourceError of one sentence. What is in the file is the
business of `intake.rules.csv_records`; when it is asked for again, of `intake.steps.import_csv`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.base.rules.places.stores import NoPlace, read_place, store_scheme
from livedash_pipeline.base.rules.urls import HttpPlace, SourceRules, source_rules
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import Resolver, resolve
from livedash_pipeline.sources.credentials import Credentials, find_credentials
from livedash_pipeline.sources.forms import SAMPLE_BYTES, Expected, other_form
from livedash_pipeline.sources.http import (
    FetchLimits,
    Received,
    Sleep,
    copy_within,
    is_bounded,
    shown_url,
    source_error_for,
    stream_to,
    usable_validator,
    with_retries,
)
from livedash_pipeline.sources.packing import unpacked
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.places.reading import look_at, read_whole
from livedash_pipeline.sources.places.store import Store
from livedash_pipeline.sources.source_client import SourceClient, allowed_place, refusal
from livedash_pipeline.storage import writing
from livedash_pipeline.tls import machine_authorities

# A million sessions are about 0.3 GB.
CSV_LIMITS = FetchLimits(max_bytes=2 * 1024**3, connect_seconds=10, read_seconds=30, total_seconds=1800)
PIECE_BYTES = 1 << 18
_ACCEPTED = "text/csv, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that the CSV is still the one that these validators name."""


@dataclass(frozen=True, slots=True)
class CsvDownload:
    """A CSV on disk in a file without a name, which vanishes when it is closed or the process ends.

    `is_bounded` says that its source told where it ends; of another one no validator is kept. `content` is what a packed file
    holds; `size` and `sha256` are those of the file as it came.
    """

    file: BinaryIO
    size: int
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
    is_bounded: bool = True
    content: BinaryIO | None = None

    def may_be_cut_off(self) -> bool:
        """Whether nobody said where it ends, and it ends within a line; a packed file tells its end by itself."""
        if self.is_bounded or not self.size or self.content is not None:
            return False
        self.file.seek(self.size - 1)
        return self.file.read(1) != b"\n"

    def sample(self, most: int) -> bytes:
        """The beginning of the content, with whole lines where there are several."""
        file = self.content or self.file
        file.seek(0)
        beginning = file.read(most)
        if len(beginning) < most:
            return beginning
        return beginning[: beginning.rfind(b"\n") + 1] or beginning

    def pieces(self) -> Iterator[bytes]:
        """The content from its beginning, unpacked."""
        file = self.content or self.file
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


@dataclass(frozen=True, slots=True)
class CsvSource:
    """How CSVs are fetched.

    Args:
        environ: Where credentials are looked up by the names that a company's row gives.
        spool: Directory for the temporary file; made if it is missing.
        limits: Sizes and times.
        sleep: How to wait between tries.
        attempts: Tries of one fetch.
        resolver: Addresses of a host; given by tests.
    """

    environ: Mapping[str, str]
    spool: Path
    limits: FetchLimits = CSV_LIMITS
    sleep: Sleep = time.sleep
    attempts: int = 3
    resolver: Resolver = resolve

    @contextmanager
    def open_csv(
        self,
        url: str,
        *,
        username_env: str | None = None,
        password_env: str | None = None,
        bearer_env: str | None = None,
        headers: Sequence[str] = (),
        etag: str | None = None,
        last_modified: str | None = None,
        rules: SourceRules | None = None,
        expected: Expected = "seed",
    ) -> Iterator[CsvDownload | NotModified]:
        """Fetches `url` (http, https, a store, file, or a path) and gives it to be read until the end of the `with` block.

        Redirects are followed where `rules` allow it; without any, on the URL's own host and port. `expected` is the form of its
        content, which may come packed (`packing`).

        Raises:
            SourceError: It cannot be had or unpacked, or has another form.
            StorageError: It cannot be kept on this machine.
        """
        rules = rules or source_rules(url, ())
        fetch: Callable[[BinaryIO], CsvDownload | NotModified]
        if store_scheme(url):
            fetch = _StoredCsv(self, url, rules, CsvLogin(username_env, password_env), etag).to
        elif urlsplit(url).scheme in {"http", "https"}:
            credentials = find_credentials(self.environ, username_env, password_env, bearer_env, headers)
            fetch = _Fetch(self, url, rules, _conditions(etag, last_modified), credentials).to
        else:
            fetch = partial(_copy_local, url, max_bytes=self.limits.max_bytes)
        with self.spooled(url, fetch, expected=expected, company=rules.company) as answer:
            yield answer

    @contextmanager
    def open_listed(
        self, store: Store, file: ListedFile, *, expected: Expected = "seed", company: str = "SLUG"
    ) -> Iterator[CsvDownload]:
        """Fetches a file of a store as it was listed, and gives it to be read until the end of the `with` block.

        Raises:
            SourceError: It cannot be had or unpacked, has another form, or is not as it was listed.
            StorageError: It cannot be kept on this machine.
        """

        def fetch(sink: BinaryIO) -> CsvDownload:
            body = read_whole(store, file, sink, self.limits)
            return CsvDownload(sink, body.size, body.sha256)

        with self.spooled(file.address, fetch, expected=expected, company=company) as answer:
            if isinstance(answer, NotModified):
                raise AssertionError("a file of a store is always read")
            yield answer

    @contextmanager
    def spooled(
        self,
        url: str,
        fetch: Callable[[BinaryIO], CsvDownload | NotModified],
        *,
        expected: Expected = "seed",
        company: str = "SLUG",
    ) -> Iterator[CsvDownload | NotModified]:
        """What `fetch` writes into a file of the spool, tried again where that may help, until the end of the `with` block.

        Raises:
            SourceError: It cannot be had or unpacked, or has another form.
            StorageError: It cannot be kept on this machine.
        """
        with writing("The spool of a CSV", self.spool, setting="TMPDIR"):
            self.spool.mkdir(parents=True, exist_ok=True)
            opened = tempfile.TemporaryFile(dir=self.spool)  # noqa: SIM115 - closed below, outside of what writing explains
        with opened as file:
            answer = with_retries(lambda: fetch(file), sleep=self.sleep, attempts=self.attempts)
            if isinstance(answer, NotModified):
                yield answer
                return
            with unpacked(file, self.spool, max_bytes=self.limits.max_bytes, url=url) as content:
                _refuse_other_form(content, url, expected, company)
                yield replace(answer, content=content if content is not file else None)


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One CSV over HTTP, asked for as often as it takes."""

    source: CsvSource
    url: str
    rules: SourceRules
    conditions: Mapping[str, str]
    credentials: Credentials | None

    def to(self, file: BinaryIO) -> CsvDownload | NotModified:
        """One try, into an emptied file."""
        file.seek(0)
        file.truncate()
        place = allowed_place(self.url, self.rules)
        if not isinstance(place, HttpPlace):
            raise refusal("bad_url", self.url, self.rules)
        source, limits = self.source, self.source.limits
        context = machine_authorities()
        with (
            Deadline(limits.total_seconds) as deadline,
            SourceClient(
                self.rules,
                self.credentials,
                limits,
                context,
                accept=_ACCEPTED,
                fetches_csv=True,
                resolver=source.resolver,
            ) as client,
            client.open(place, deadline, headers=self.conditions) as (answered, response),
        ):
            if response.status_code == 304 and self.conditions:
                return NotModified()
            if response.status_code != 200:
                raise source_error_for(response, answered)
            body = stream_to(response, file, max_bytes=limits.max_bytes, deadline=deadline, url=answered)
            if not is_bounded(response):
                return CsvDownload(file, body.size, body.sha256, is_bounded=False)
            etag, last_modified = (response.headers.get(name) for name in ("etag", "last-modified"))
            return CsvDownload(file, body.size, body.sha256, usable_validator(etag), usable_validator(last_modified))


@dataclass(frozen=True, slots=True)
class _StoredCsv:
    """One CSV in a bucket or on an SFTP server."""

    source: CsvSource
    url: str
    rules: SourceRules
    login: CsvLogin
    etag: str | None

    def to(self, file: BinaryIO) -> CsvDownload | NotModified:
        """One try, into an emptied file; the store's word for the version is what an ETag is over HTTP."""
        place = read_place(self.url)
        if isinstance(place, NoPlace) or place.root is None:
            raise refusal("bad_url", self.url, self.rules)
        source = self.source
        with (
            Stores(self.rules, self.login, source.environ, source.limits, resolver=source.resolver) as stores,
            Deadline(source.limits.total_seconds) as deadline,
        ):
            store = stores.get(place.root)
            listed = look_at(store, place, deadline)
            if self.etag is not None and listed.version == self.etag:
                return NotModified()
            body = read_whole(store, listed, file, source.limits)
        return CsvDownload(file, body.size, body.sha256, usable_validator(listed.version))


def local_path(url: str) -> Path:
    """The file that a path or a file:// URL names."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(url)


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    """The stronger of the two alone: some servers answer 304 to the date, which has whole seconds, whatever the ETag says."""
    if etag:
        return {"If-None-Match": etag}
    return {"If-Modified-Since": last_modified} if last_modified else {}


def _copy_local(url: str, file: BinaryIO, *, max_bytes: int) -> CsvDownload:
    path = local_path(url)
    try:
        with path.open("rb") as original:
            body: Received = copy_within(
                iter(lambda: original.read(PIECE_BYTES), b""), file, max_bytes=max_bytes, name=str(path)
            )
    except FileNotFoundError:
        raise _unreadable(path, "does not exist", "file_not_found") from None
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise _unreadable(path, f"cannot be read ({why})", "file_unreadable") from None
    return CsvDownload(file, body.size, body.sha256)


def _unreadable(path: Path, what: str, reason: str) -> SourceError:
    return SourceError(
        f"The file {path} {what}.",
        reason=reason,
        retryable=False,
        remedy="Correct it with `livedash company set SLUG --csv-url`.",
    )


def _refuse_other_form(file: BinaryIO, url: str, expected: Expected, slug: str) -> None:
    file.seek(0)
    found = other_form(file.read(SAMPLE_BYTES), expected)
    if found is not None:
        raise SourceError(
            f"{shown_url(url)} {found.what}.",
            reason="not_csv",
            retryable=False,
            remedy=found.remedy.format(slug=slug),
        )
