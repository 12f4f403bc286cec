"""Asks for what a company publishes: one GET, and every redirect judged by the company's rules before it is followed.

Used for CSVs and transcripts alike. Which addresses the rules permit is `base.rules.urls`; that the address which was checked
is the one connected to is `sources.addresses`; what is done with a body is the caller's business.
"""

from __future__ import annotations

import shlex
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from urllib.parse import urljoin

import httpx2

from livedash_pipeline.base.rules.places.stores import place_of
from livedash_pipeline.base.rules.urls import (
    FilePlace,
    HttpPlace,
    RefusedPlace,
    SourceRules,
    StorePlace,
    UrlProblem,
    locate,
    origin_of,
    redirected,
)
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import PinnedTransport, Resolver, host_remedy, resolve, store_remedy
from livedash_pipeline.sources.credentials import Credentials
from livedash_pipeline.sources.http import USER_AGENT, FetchLimits, open_response, shown_url

MAX_REDIRECTS = 5
# 300, 304 to 306 and the header Refresh lead nowhere: what comes with them is the answer.
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASKS_FOR_CREDENTIALS = frozenset({"http_401", "http_403"})
_WITHHELD = "the company's credentials were not sent there: they go to the CSV's own scheme, host and port only"
_REFUSALS: dict[UrlProblem, str] = {
    "bad_url": "is not an http:// or https:// address of a host that can exist",
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
        fetches_csv: Whether it is the CSV itself that is asked for, so that another address of it is a remedy.
        resolver: Addresses of a host; given by tests.
    """

    def __init__(
        self,
        rules: SourceRules,
        credentials: Credentials | None,
        limits: FetchLimits,
        ssl_context: ssl.SSLContext,
        *,
        accept: str,
        fetches_csv: bool = False,
        resolver: Resolver = resolve,
    ) -> None:
        self._rules = rules
        self._fetches_csv = fetches_csv
        self._credentials = credentials
        self._client = httpx2.Client(
            transport=PinnedTransport(rules, ssl_context, resolver=resolver, clock=time.monotonic),
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
            with self._explaining(start, place, hop), self._ask(place, deadline, headers) as response:
                if response.status_code not in _REDIRECTS:
                    yield place.url, response
                    return
                location = response.headers.get("location", "").strip()
                found = redirected(place, location, self._rules)
            if isinstance(found, RefusedPlace):
                raise self._refused_hop(found.reason, place, location, hop + 1)
            place = found
        raise refusal("too_many_redirects", start.url, self._rules)

    @contextmanager
    def _ask(
        self, place: HttpPlace, deadline: Deadline, headers: Mapping[str, str] | None
    ) -> Iterator[httpx2.Response]:
        _require_one_reading(place, self._rules)
        credentials = self._credentials if place.origin == self._rules.csv_origin else None
        with open_response(self._client, place.url, deadline, headers=headers, credentials=credentials) as response:
            yield response

    @contextmanager
    def _explaining(self, start: HttpPlace, place: HttpPlace, hop: int) -> Iterator[None]:
        """Adds to an error which redirect led to it, and that credentials were withheld where those were asked for."""
        try:
            yield
        except SourceError as error:
            if hop:
                error.message = _joined(error, f" (hop {hop} of the redirects from {shown_url(start.url)})")
            withheld = self._credentials is not None and place.origin != self._rules.csv_origin
            if withheld and error.reason in _ASKS_FOR_CREDENTIALS:
                error.message = _joined(error, f"; {_WITHHELD}")
                error.remedy = (
                    _moved_remedy(place.url, self._rules)
                    if self._fetches_csv
                    else "Have it published where the CSV is, or where no credentials are asked for."
                )
            raise

    def _refused_hop(self, reason: UrlProblem, place: HttpPlace, location: str, hop: int) -> SourceError:
        try:
            target = urljoin(place.url, location)
        except ValueError:
            target = ""
        if location:
            led = f"to {shown_url(target) or 'nowhere'} (hop {hop}), which {_REFUSALS[reason]}; it was not asked for"
        else:
            led = f"without saying where (hop {hop})"
        remedy = _remedy(reason, target, self._rules)
        # The port is another one, so that the answer could come from another server: people have to say so.
        if self._fetches_csv and reason == "host_not_allowed" and _is_own_by_https(target, place, self._rules):
            remedy = _moved_remedy(target, self._rules)
        return SourceError(f"{shown_url(place.url)} redirects {led}.", reason=reason, retryable=False, remedy=remedy)


def allowed_place(url: str, rules: SourceRules) -> HttpPlace | FilePlace | StorePlace:
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


def _remedy(reason: UrlProblem, url: str, rules: SourceRules) -> str:
    origin, place = origin_of(url), place_of(url)
    if reason == "host_not_allowed" and place is not None and place.root is not None:
        return store_remedy(place.root, rules)
    if reason == "host_not_allowed" and origin is not None:
        return host_remedy(origin, rules)
    if reason == "insecure_redirect":
        return "Have its publisher keep to https."
    return "Have its publisher correct the address."


def _is_own_by_https(target: str, place: HttpPlace, rules: SourceRules) -> bool:
    origin = origin_of(target)
    if origin is None or place.origin != rules.csv_origin:
        return False
    return (place.origin.scheme, origin.scheme, origin.host) == ("http", "https", place.origin.host)


def _moved_remedy(url: str, rules: SourceRules) -> str:
    return (
        f"If that is where the CSV is now, say so: `livedash company set {rules.company} "
        f"--csv-url {shlex.quote(shown_url(url))}`."
    )


def _joined(error: SourceError, more: str) -> str:
    return f"{error.message.removesuffix('.')}{more}."


def _require_one_reading(place: HttpPlace, rules: SourceRules) -> None:
    """Refuses a URL that the HTTP client reads as another origin than the rules did."""
    try:
        url = httpx2.URL(place.url)
        read = origin_of(f"{url.scheme}://{url.netloc.decode('ascii')}")
    except (httpx2.InvalidURL, UnicodeError):
        read = None
    if read != place.origin:
        raise refusal("bad_url", place.url, rules)
