"""Fetches one transcript, over HTTP, from a store or a file, under the rules of its company, and turns the bytes into text.

Add ways in which a transcript may be served. Which transcripts are due, what is stored and when a failed one is tried again
is decided in `intake.steps.fetch_transcripts`; which addresses may be asked at all, in `base.rules.urls`.
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import TracebackType

from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.base.rules.urls import FilePlace, RefusedPlace, SourceRules, StorePlace, locate
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import Resolver, resolve
from livedash_pipeline.sources.credentials import Credentials
from livedash_pipeline.sources.encodings import decode_transcript
from livedash_pipeline.sources.files_below import FilesBelow, NoFileError, OutsideError
from livedash_pipeline.sources.http import (
    FetchLimits,
    is_bounded,
    shown_url,
    source_error_for,
    stream_to,
    usable_validator,
)
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.places.reading import look_at, read_whole
from livedash_pipeline.sources.source_client import SourceClient, allowed_place


@dataclass(frozen=True, slots=True)
class FetchedText:
    """A transcript as it can be stored.

    Attributes:
        text: The decoded text.
        sha256: Of the bytes that came, in hex.
        size: Bytes that came, decompressed.
        etag: What the server calls this version, if it says.
        encoding: How the bytes were read; `cp1252` was guessed, unless the server or the company's profile names it.
        replaced: Whether characters that cannot be stored became U+FFFD.
    """

    text: str
    sha256: str
    size: int
    etag: str | None
    encoding: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that the version named by the ETag is still the current one."""


class TranscriptSource:
    """What one worker fetches with: connections that stay open, and nothing that another worker shares.

    Args:
        rules: Which addresses are allowed, from the company's row.
        credentials: Sent to the CSV's own origin only.
        limits: Size and time of one transcript, redirects included.
        ssl_context: For https.
        encoding: Of transcripts that are no UTF-8 and whose server declares none, from the company's profile.
        resolver: Addresses of a host; given by tests.
        stores: Buckets and SFTP servers, which all workers share; None where no transcript lies in one.
    """

    def __init__(
        self,
        rules: SourceRules,
        credentials: Credentials | None,
        limits: FetchLimits,
        ssl_context: ssl.SSLContext,
        *,
        encoding: str | None = None,
        resolver: Resolver = resolve,
        stores: Stores | None = None,
    ) -> None:
        self._rules = rules
        self._stores = stores
        self._limits = limits
        self._encoding = encoding
        self._client = SourceClient(
            rules,
            credentials,
            limits,
            ssl_context,
            accept="text/plain, */*;q=0.5",
            resolver=resolver,
        )

    def __enter__(self) -> TranscriptSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def refuses(self, url: str) -> bool:
        """Whether the company's rules refuse an address by what it says, so that trying again cannot help."""
        return isinstance(locate(url, self._rules), RefusedPlace)

    def fetch(self, url: str, etag: str | None = None) -> FetchedText | NotModified:
        """One try at one transcript; `etag` asks for it only if it changed, unless the company's profile names an encoding.

        Raises:
            SourceError: It is not allowed, cannot be had, or is no text.
        """
        place = allowed_place(url, self._rules)
        if isinstance(place, FilePlace):
            return self._to_text(self._read_file(place, url), None, None, url)
        # What is stored may have been read in another encoding, so it is not enough that the source has the same bytes.
        etag = None if self._encoding else etag
        if isinstance(place, StorePlace):
            return self._read_stored(place, etag)
        headers = {"If-None-Match": etag} if etag else None
        with (
            Deadline(self._limits.total_seconds) as deadline,
            self._client.open(place, deadline, headers=headers) as (answered, response),
        ):
            if response.status_code == 304 and etag:
                return NotModified()
            if not response.is_success:
                raise source_error_for(response, answered)
            body = BytesIO()
            stream_to(response, body, max_bytes=self._limits.max_bytes, deadline=deadline, url=answered)
            # What did not say where it ends may be half of it, and is asked for again.
            etag = response.headers.get("etag") if is_bounded(response) else None
            return self._to_text(body.getvalue(), response.charset_encoding, etag, answered)

    def _read_stored(self, place: StorePlace, etag: str | None) -> FetchedText | NotModified:
        if self._stores is None:
            raise AssertionError("stores are given wherever transcripts are fetched for a company")
        store = self._stores.get(place.root)
        with Deadline(self._limits.total_seconds) as deadline:
            listed = look_at(store, place.place, deadline)
        if etag is not None and listed.version == etag:
            return NotModified()
        body = BytesIO()
        read_whole(store, listed, body, self._limits)
        return self._to_text(body.getvalue(), None, listed.version, place.url)

    @cached_property
    def _files(self) -> FilesBelow:
        return FilesBelow(Path(self._rules.csv_path or "").resolve().parent)

    def _read_file(self, place: FilePlace, url: str) -> bytes:
        try:
            data = self._files.read(place.path, self._limits.max_bytes)
        except OutsideError:
            raise _refused(url, "lies outside the directory of the CSV", "file_not_allowed") from None
        except NoFileError:
            raise _refused(url, "is no file", "file_not_found") from None
        except OSError as error:
            raise _refused(url, f"cannot be read ({error.strerror})", "file_unreadable") from None
        if len(data) > self._limits.max_bytes:
            raise _refused(url, f"holds more than the {self._limits.max_bytes:,} bytes that are allowed", "too_large")
        return data

    def _to_text(self, data: bytes, charset: str | None, etag: str | None, url: str) -> FetchedText:
        if not data.strip():
            raise SourceError(f"{shown_url(url)} is empty.", reason="empty", retryable=False)
        decoded = decode_transcript(data, charset, self._encoding)
        if decoded is None:
            raise SourceError(
                f"{shown_url(url)} is binary data, or text in an encoding that nobody names.",
                reason="binary",
                retryable=False,
                remedy="Have it published as UTF-8 or with its charset in Content-Type, or set encoding in its profile.",
            )
        text, replaced = storable_text(decoded[0])
        bytes_read = hashlib.sha256(data)
        if not charset and decoded[1] == self._encoding:
            # The same bytes in another encoding are another text, which has to be stored once the profile changes.
            bytes_read.update(decoded[1].encode())
            etag = None
        return FetchedText(text, bytes_read.hexdigest(), len(data), usable_validator(etag), decoded[1], replaced)


def _refused(url: str, why: str, reason: str) -> SourceError:
    return SourceError(f"{shown_url(url)} {why}.", reason=reason, retryable=False)
