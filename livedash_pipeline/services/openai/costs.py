"""Reads what OpenAI says it charged: costs by day and line item, usage by day and model, with an organization's admin key.

Add a report here when a comparison needs one more. Pages are read by `money.rules.bills`, whose decoder keeps amounts exact;
nothing here buys, so every call may be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as midnight
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, no_answer
from livedash_pipeline.ledger.rules.service.listing import CONTRADICTION
from livedash_pipeline.money.rules.bills.billed_days import Bill, UnreadableBillError
from livedash_pipeline.money.rules.bills.json_bill import decode_json
from livedash_pipeline.money.rules.bills.reading import read_pages
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.calls import RawAnswer
from livedash_pipeline.services.openai.client import ClientError, Server, failure_of
from livedash_pipeline.services.openai.retries import repeated

TIMEOUT: Final = 60.0
COSTS_PAGE: Final = 180
USAGE_PAGE: Final = 31
"""Days per page, as many as the API allows."""

MOST_PAGES: Final = 200
"""Far more than any range of days has: 17 years of usage."""

_ADVICE: Final = {
    FailureKind.BAD_KEY: "Set OPENAI_ADMIN_KEY to an admin key of the organization (sk-admin-…), which its owner can make.",
    FailureKind.FORBIDDEN: "Give the key in OPENAI_ADMIN_KEY the right to read usage (api.usage.read), or use another one.",
    FailureKind.NOT_FOUND: "Give a file exported from the usage page instead: the service at OPENAI_BASE_URL reports no costs.",
    FailureKind.BROKEN: "Give a file exported from the usage page instead, if it lasts.",
}

_Send = Callable[[str | None], RawAnswer]


@dataclass(frozen=True)
class _Page:
    """One page: its document, and the token of the next page; None where it is the last."""

    document: Any
    next_page: str | None


class OpenAICosts:
    """The reports of one organization; made by `connect_costs`."""

    def __init__(self, server: Server, http_client: httpx2.Client | None, sleep: Callable[[float], None]) -> None:
        self.endpoint = endpoint_of(server.base_url)
        self._server = server
        self._client = server.client(http_client or server.connections())
        # The only calls for which the library sends an admin key.
        self._client.admin_api_key = server.api_key
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def costs(self, first: date, last: date, *, projects: Sequence[str] = ()) -> Bill:
        """Returns the amounts of all days from `first` to `last` in UTC, by model.

        Args:
            first: The first day.
            last: The last day.
            projects: Ids of the projects to read, such as `proj_abc`; none for the whole organization.

        Raises:
            ServiceError: The key is refused, the service is away, or what it says makes no sense.
        """
        raw = self._client.admin.organization.usage.with_raw_response
        asked = _asked(first, last, projects)
        return self._bill(
            f"Reading the costs of {first} to {last}",
            lambda page: raw.costs(**asked, **_page(page), limit=COSTS_PAGE, group_by=["line_item"]),
        )

    def usage(self, first: date, last: date, *, projects: Sequence[str] = ()) -> Bill:
        """Returns the tokens of all days from `first` to `last` in UTC, by model; the arguments are those of `costs`.

        Raises:
            ServiceError: As with `costs`.
        """
        raw = self._client.admin.organization.usage.with_raw_response
        asked = _asked(first, last, projects)
        return self._bill(
            f"Reading the usage of {first} to {last}",
            lambda page: raw.completions(**asked, **_page(page), limit=USAGE_PAGE, group_by=["model"]),
        )

    def _bill(self, operation: str, send: _Send) -> Bill:
        try:
            return read_pages(self._pages(operation, send))
        except UnreadableBillError as error:
            raise _senseless(operation, str(error)) from error

    def _pages(self, operation: str, send: _Send) -> Iterator[Any]:
        """The documents of all pages. A token that comes again, or a page too many, ends it with an error and not with a part."""
        used: set[str | None] = set()
        page: str | None = None
        while True:
            used.add(page)
            found = repeated(partial(self._fetch, operation, send, page), self._sleep)
            yield found.document
            page = found.next_page
            if page is None:
                return
            if page in used:
                raise _senseless(operation, f"the pages begin again at {page[:60]!r}", code=CONTRADICTION)
            if len(used) >= MOST_PAGES:
                raise _senseless(operation, f"there are more than {MOST_PAGES} pages", code=CONTRADICTION)

    def _fetch(self, operation: str, send: _Send, page: str | None) -> _Page:
        try:
            content = send(page).http_response.content
        except ClientError as error:
            failure = failure_of(error, self.endpoint, secret=self._server.api_key)
            raise ServiceError(operation, failure, advice=_ADVICE.get(failure.kind)) from error
        try:
            document = next(decode_json(content.decode("utf-8")), None)
        except ValueError as error:
            raise _senseless(operation, f"the answer is no JSON ({error})") from None
        if not isinstance(document, dict):
            raise _senseless(operation, "the answer is no page")
        return _Page(document, _next_page(operation, document))


def connect_costs(
    base_url: str,
    admin_key: str | None,
    *,
    timeout: float = TIMEOUT,
    http_client: httpx2.Client | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> OpenAICosts:
    """Makes a client for the reports of the organization at an address. Nothing is sent yet.

    Args:
        base_url: Address with the API's path, such as https://api.openai.com/v1.
        admin_key: The organization's admin key, sent as a bearer token.
        timeout: Seconds for connecting and for each read.
        http_client: Connections to use instead of new ones.
        sleep: Waits between tries.

    Raises:
        SettingsError: The address or the key cannot be used.
    """
    try:
        endpoint_of(base_url)
    except ValueError as error:
        raise SettingsError(f"OPENAI_BASE_URL: {error}.", remedy="Set it to an http:// or https:// address.") from None
    key = (admin_key or "").strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        reason = "has characters that no key has" if key else "is not set"
        raise SettingsError(
            f"OPENAI_ADMIN_KEY {reason}.",
            remedy="Set it to an admin key of the organization (sk-admin-…), or give a file exported from the usage page.",
        )
    return OpenAICosts(Server(base_url, key, timeout), http_client, sleep)


def _asked(first: date, last: date, projects: Sequence[str]) -> dict[str, Any]:
    """The parameters of a range of days; the API's end is exclusive."""
    start, end = (datetime.combine(day, midnight(), UTC) for day in (first, last + timedelta(days=1)))
    chosen = {"project_ids": list(projects)} if projects else {}
    return {"start_time": int(start.timestamp()), "end_time": int(end.timestamp()), "bucket_width": "1d", **chosen}


def _page(token: str | None) -> dict[str, Any]:
    return {} if token is None else {"page": token}


def _next_page(operation: str, document: dict[str, Any]) -> str | None:
    token = document.get("next_page")
    if document.get("has_more", token is not None) is not True:
        return None
    if not isinstance(token, str) or not token:
        raise _senseless(operation, "there is more, and no next_page to ask for", code=CONTRADICTION)
    return token


def _senseless(operation: str, reason: str, *, code: str | None = None) -> ServiceError:
    failure = no_answer(FailureKind.BROKEN, reason)
    failure = ApiFailure(failure.kind, None, code, failure.message)
    return ServiceError(operation, failure, advice=_ADVICE[FailureKind.BROKEN])
