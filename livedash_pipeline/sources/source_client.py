"""Asks for what a company publishes: one GET, and every redirect judged by the company's rules before it is followed.

Used for CSVs and transcripts alike. Which addresses the rules permit is `core.urls`; that the address which was checked is the
one connected to is `sources.addresses`; what is done with a body is the caller's business.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from urllib.parse import urljoin

import httpx2

from livedash_pipeline.core.urls import (
    FilePlace,
    HttpPlace,
    RefusedPlace,
    SourceRules,
    UrlProblem,
    locate,
    origin_of,
    redirected,
)
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import PinnedTransport, Resolver, host_remedy, resolve
from livedash_pipeline.sources.deadline import Deadline
from livedash_pipeline.sources.http import USER_AGENT, Credentials, FetchLimits, open_response, shown_url

MAX_REDIRECTS = 5
# 300, 304 to 306 and the header Refresh lead nowhere: what comes with them is the answer.
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSALS: dict[UrlProblem, str] = {
    "bad_url": "is not an http:// or https:// address",
    "credentials_in_url": "carries a user name or password, which are not followed",
    "host_not_allowed": "names a host and port that are neither the CSV's own nor allowed for the company",
    "file_not_allowed": "names a file, and the company's CSV is not one",
    "insecure_redirect": "gives up the encryption of https",
    "too_many_redirects": f"redirects more than {MAX_REDIRECTS} times",
}


class SourceClient:
    """Connections of one worker, one request at a time.

    Args:
        rules: Which addresses are allowed, from the company's row.
        credentials: Sent to the CSV's own origin only.
        limits: Times of one fetch, redirects included.
        ssl_context: For https.
        accept: The header of that name.
        resolver: Addresses of a host; given by tests.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        rules: SourceRules,
        credentials: Credentials | None,
        limits: FetchLimits,
        ssl_context: ssl.SSLContext,
        *,
        accept: str,
        resolver: Resolver = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._credentials = credentials
        self._client = httpx2.Client(
            transport=PinnedTransport(rules, ssl_context, resolver=resolver, clock=clock),
            # A proxy of the environment would connect to an address that nobody checked.
            trust_env=False,
            timeout=httpx2.Timeout(limits.read_seconds, connect=limits.connect_seconds),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Accept": accept},
        )

    def __enter__(self) -> SourceClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @contextmanager
    def open(
        self, start: HttpPlace, deadline: Deadline, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[tuple[str, httpx2.Response]]:
        """Yields the answer, its body unread, and the URL that gave it, after at most five redirects.

        Nothing but GET is sent. An error that is raised within the block, too, names the redirects that led to it.

        Raises:
            SourceError: A hop is not allowed, or nothing was answered.
        """
        place = start
        for hop in range(MAX_REDIRECTS + 1):
            with _naming_hop(start, hop), self._ask(place, deadline, headers) as response:
                if response.status_code not in _REDIRECTS:
                    yield place.url, response
                    return
                found = redirected(place, response.headers.get("location", ""), self._rules)
            if isinstance(found, RefusedPlace):
                raise _refused_hop(found.reason, place, response.headers.get("location", ""), self._rules, hop + 1)
            place = found
        raise refusal("too_many_redirects", start.url, self._rules)

    @contextmanager
    def _ask(
        self, place: HttpPlace, deadline: Deadline, headers: Mapping[str, str] | None
    ) -> Iterator[httpx2.Response]:
        _require_one_reading(place, self._rules)
        own = place.origin == self._rules.csv_origin
        credentials = self._credentials if own else None
        with open_response(self._client, place.url, deadline, headers=headers, credentials=credentials) as response:
            yield response


def allowed_place(url: str, rules: SourceRules) -> HttpPlace | FilePlace:
    """Where an address leads under a company's rules.

    Raises:
        SourceError: It is not followed.
    """
    place = locate(url, rules)
    if isinstance(place, RefusedPlace):
        raise refusal(place.reason, url, rules)
    return place


def refusal(reason: UrlProblem, url: str, rules: SourceRules) -> SourceError:
    """The error for a URL that is not followed, with the command that allows its host where there is one."""
    return SourceError(
        f"{shown_url(url)} {_REFUSALS[reason]}.", reason=reason, retryable=False, remedy=_remedy(reason, url, rules)
    )


def _refused_hop(reason: UrlProblem, place: HttpPlace, location: str, rules: SourceRules, hop: int) -> SourceError:
    try:
        target = urljoin(place.url, location.strip())
    except ValueError:
        target = ""
    return SourceError(
        f"{shown_url(place.url)} redirects to {shown_url(target) or 'nowhere'} (hop {hop}), which {_REFUSALS[reason]}; "
        "it was not asked for.",
        reason=reason,
        retryable=False,
        remedy=_remedy(reason, target, rules),
    )


def _remedy(reason: UrlProblem, url: str, rules: SourceRules) -> str:
    origin = origin_of(url)
    if reason == "host_not_allowed" and origin is not None:
        return host_remedy(origin, rules)
    if reason == "insecure_redirect":
        return "Have its publisher keep to https."
    return "Have its publisher correct the address."


def _require_one_reading(place: HttpPlace, rules: SourceRules) -> None:
    """Refuses a URL that the HTTP client reads as another origin than the rules did."""
    try:
        url = httpx2.URL(place.url)
        read = origin_of(f"{url.scheme}://{url.netloc.decode('ascii')}")
    except (httpx2.InvalidURL, UnicodeError):
        read = None
    if read != place.origin:
        raise refusal("bad_url", place.url, rules)


@contextmanager
def _naming_hop(start: HttpPlace, hop: int) -> Iterator[None]:
    try:
        yield
    except SourceError as error:
        if hop:
            error.message = (
                f"{error.message.removesuffix('.')} (hop {hop} of the redirects from {shown_url(start.url)})."
            )
        raise
