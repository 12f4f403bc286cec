"""What the CSV and the transcript sources share about HTTP: limits, retries, and failures in one sentence.

Add what any fetch needs. What is done with a body, and which addresses may be asked at all, is the business of the modules
that import this one. Time and sleep come in from outside; no message carries credentials or a query string.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx2
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from livedash_pipeline.base.rules.causes import causes_of
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.scratch import temporary_directory
from livedash_pipeline.sources.credentials import Credentials
from livedash_pipeline.storage import writing

USER_AGENT = "livedash-pipeline"
# Back-off of one fetch: about 0.5 s and 1 s. A longer outage is the business of the next run.
_BACK_OFF = wait_exponential(multiplier=0.5, max=10) + wait_random(0, 0.5)
# A server may ask for more patience than this in Retry-After; a run does not wait for it.
LONGEST_RETRY_AFTER = 30.0
_RETRYABLE_STATUSES = frozenset({408, 425, 429})
_PIECE = 1 << 16
_GZIP = frozenset({"gzip", "x-gzip"})
# What servers and stores write there that changes no byte: charsets, and how S3 once took the object in.
_NO_ENCODINGS = frozenset({"", "identity", "none", "utf-8", "utf8", "us-ascii", "iso-8859-1", "binary", "aws-chunked"})
_LONGEST_VALIDATOR = 200
# Longer addresses are cut in messages, which are stored and posted as well.
_SHOWN_LETTERS = 200
_PLAIN_PATH = re.compile(rf"(?!//)[A-Za-z0-9._/-]{{1,{_SHOWN_LETTERS}}}")
# Exception, reason, whether waiting may help, and what follows the URL in the sentence. The first that fits counts.
_TRANSPORT_FAILURES: tuple[tuple[type[BaseException], str, bool, str], ...] = (
    (socket.gaierror, "domain_not_found", True, "has a host name that cannot be resolved"),
    (ConnectionRefusedError, "connection_refused", True, "refused the connection"),
    (ssl.SSLError, "tls_error", False, "has no TLS certificate that can be trusted, or speaks no TLS"),
    (httpx2.TimeoutException, "timeout", True, "did not answer in time"),
    (httpx2.UnsupportedProtocol, "bad_url", False, "is not an http:// or https:// address"),
    (httpx2.InvalidURL, "bad_url", False, "is not an address"),
    (httpx2.NetworkError, "connection_lost", True, "closed the connection"),
    (httpx2.RemoteProtocolError, "connection_lost", True, "broke off its answer"),
)

_AUTHORITIES = "An authority of your own is named by SSL_CERT_FILE or SSL_CERT_DIR; REQUESTS_CA_BUNDLE is not read."

_Result = TypeVar("_Result")
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long and how large one answer may be. Seconds and decoded bytes; `total_seconds` bounds a trickling answer."""

    max_bytes: int
    connect_seconds: float = 10
    read_seconds: float = 30
    total_seconds: float = 600


@dataclass(frozen=True, slots=True)
class Received:
    """A body that was taken in whole: decoded size in bytes, and SHA-256 in hex of the decoded bytes."""

    size: int
    sha256: str


class RetryLaterError(SourceError):
    """A retryable refusal whose server said after how many seconds to come back."""

    retry_after: float = 0


def shown_url(url: str) -> str:
    """A URL for messages and logs: without user, password, query and fragment, printable, and of 200 characters at most."""
    # What most files are called is shown as it is; taking it apart took as long as reading the file.
    if _PLAIN_PATH.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    begin = shown[: _SHOWN_LETTERS + 1]
    # Escaping makes it longer, never shorter.
    printable = begin if begin.isprintable() else "".join(map(_printable, begin))
    return printable if len(printable) <= _SHOWN_LETTERS else f"{printable[: _SHOWN_LETTERS - 1]}…"


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")


def classify_status(code: int) -> tuple[str, bool]:
    """Reason (`http_404`) of an HTTP status that is no success, and whether asking again may help."""
    return f"http_{code}", code in _RETRYABLE_STATUSES or code >= 500


def source_error_for(problem: Exception | httpx2.Response, url: str) -> SourceError:
    """What a failed fetch is to the rest of the program; `problem` is a transport's exception or an answer."""
    if isinstance(problem, httpx2.Response):
        return _error_for_answer(problem, url)
    if isinstance(problem, SourceError):
        return problem
    causes = tuple(causes_of(problem))
    for kind, reason, retryable, verb in _TRANSPORT_FAILURES:
        if any(isinstance(cause, kind) for cause in causes):
            remedy = _AUTHORITIES if reason == "tls_error" else ""
            return SourceError(f"{shown_url(url)} {verb}.", reason=reason, retryable=retryable, remedy=remedy)
    return SourceError(
        f"{shown_url(url)} could not be fetched ({type(problem).__name__}).", reason="fetch_failed", retryable=True
    )


def _error_for_answer(response: httpx2.Response, url: str) -> SourceError:
    reason, retryable = classify_status(response.status_code)
    known = {status.value: f" {status.phrase}" for status in HTTPStatus}
    message = f"{shown_url(url)} answered {response.status_code}{known.get(response.status_code, '')}."
    remedies = {
        401: "Check the credentials in the variables that the company names.",
        403: "Check the credentials in the variables that the company names.",
        404: "Check the address.",
        410: "Check the address.",
    }
    error = RetryLaterError(message, reason=reason, retryable=retryable, remedy=remedies.get(response.status_code, ""))
    asked = response.headers.get("retry-after", "")
    error.retry_after = min(float(asked), LONGEST_RETRY_AFTER) if asked.isascii() and asked.isdecimal() else 0
    return error


def usable_validator(value: str | None) -> str | None:
    """An ETag or a date that can be kept and sent back; others are forgotten, and the next answer is read whole."""
    return value if value and value.isascii() and value.isprintable() and len(value) <= _LONGEST_VALIDATOR else None


def is_bounded(response: httpx2.Response) -> bool:
    """Whether an answer says where its body ends; else a connection that breaks looks like the end of it."""
    headers = response.headers
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    return chunked or "content-length" in headers or headers.get("content-encoding", "").strip().lower() in _GZIP


@contextmanager
def open_response(
    client: httpx2.Client,
    url: str,
    deadline: Deadline,
    *,
    headers: Mapping[str, str] | None = None,
    credentials: Credentials | None = None,
    posted: Mapping[str, Any] | None = None,
    shown: str | None = None,
) -> Iterator[httpx2.Response]:
    """Opens `GET url`, or posts a document as JSON; the body is unread, and no redirect is followed.

    Messages call the address what `shown_url` makes of it, or `shown` where even its path is a secret.

    Raises:
        SourceError: Nothing was answered, or the connection or the time ended while the body was read.
    """
    try:
        auth = None
        if credentials is not None:
            headers = {**(headers or {}), **credentials.headers}
            if credentials.username is not None:
                auth = httpx2.BasicAuth(credentials.username, credentials.password or "")
        method = "GET" if posted is None else "POST"
        request = client.build_request(method, url, headers=headers, json=posted, extensions={"trace": deadline.trace})
        # Where a redirect leads is for `source_client` to judge.
        response = client.send(request, auth=auth, stream=True, follow_redirects=False)
        try:
            yield response
        finally:
            response.close()
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
        if deadline.passed:
            raise _too_slow(shown or url) from None
        raise source_error_for(error, shown or url) from None


def stream_to(response: httpx2.Response, sink: BinaryIO, *, max_bytes: int, deadline: Deadline, url: str) -> Received:
    """Writes a body, decoded, to `sink`, within bounds of size and time.

    Raises:
        SourceError: `too_large`, `timeout`, `unsupported_encoding`, or `broken_encoding`.
    """
    received = copy_within(_in_time(response, deadline, url), sink, max_bytes=max_bytes, name=shown_url(url))
    if deadline.passed:  # A connection that the deadline shut down may look like a body that ended.
        raise _too_slow(url)
    return received


def copy_within(pieces: Iterable[bytes], sink: BinaryIO, *, max_bytes: int, name: str) -> Received:
    """Writes pieces to `sink`; `name` is what the message calls their source.

    Raises:
        SourceError: They are more than `max_bytes` in all (`too_large`).
        StorageError: `sink` takes no more.
    """
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise SourceError(
                f"{name} is larger than the {max_bytes:,} bytes that are allowed.", reason="too_large", retryable=False
            )
        digest.update(piece)
        with writing("What was fetched", temporary_directory(), setting="TMPDIR"):
            sink.write(piece)
    with writing("What was fetched", temporary_directory(), setting="TMPDIR"):
        sink.flush()
    return Received(size, digest.hexdigest())


def _in_time(response: httpx2.Response, deadline: Deadline, url: str) -> Iterator[bytes]:
    for piece in _decoded(response, url):
        if deadline.passed:
            raise _too_slow(url)
        yield piece


def with_retries(work: Callable[[], _Result], *, sleep: Sleep, attempts: int = 3) -> _Result:
    """Runs `work` again, after a growing pause, while it raises a retryable SourceError."""
    try:
        return work()
    except SourceError as error:
        if not error.retryable:
            raise
        first = [error]

    def once_more() -> _Result:
        # The first try counts; what retries is made only where one failed, since it takes longer than reading a file.
        if first:
            raise first.pop()
        return work()

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, SourceError) and error.retryable),
        stop=stop_after_attempt(attempts),
        wait=_pause,
        sleep=sleep,
        reraise=True,
    )(once_more)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RetryLaterError) else 0
    return max(asked, _BACK_OFF(state))


def _decoded(response: httpx2.Response, url: str) -> Iterator[bytes]:
    # Decoded here and in small pieces: the client's own decoder turns 64 KB of a zip bomb into 64 MB at once.
    given = response.headers.get("content-encoding", "")
    encodings = [token for token in given.lower().replace(" ", "").split(",") if token not in _NO_ENCODINGS]
    if not encodings:
        yield from response.iter_raw()
    elif len(encodings) == 1 and encodings[0] in _GZIP:
        try:
            yield from _unzipped(response.iter_raw())
        except (zlib.error, EOFError):
            raise SourceError(
                f"{shown_url(url)} sent gzip data that is damaged or cut off.", reason="broken_encoding", retryable=True
            ) from None
    else:
        raise SourceError(
            f"{shown_url(url)} uses the content encoding {given!r}, which was not asked for.",
            reason="unsupported_encoding",
            retryable=False,
        )


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(wbits=31)  # 31: gzip header and trailer
    for piece in pieces:
        pending = piece
        while pending:
            if unzip.eof:  # A gzip file may consist of several members.
                unzip = zlib.decompressobj(wbits=31)
            yield unzip.decompress(pending, _PIECE)
            pending = unzip.unconsumed_tail or unzip.unused_data
    yield unzip.flush()
    if not unzip.eof:
        raise EOFError


def _too_slow(url: str) -> SourceError:
    return SourceError(
        f"{shown_url(url)} did not finish its answer in the time allowed.", reason="timeout", retryable=True
    )
