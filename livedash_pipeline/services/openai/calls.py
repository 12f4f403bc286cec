"""Sends one call and reads its answer: as a document, as one of our shapes, or page by page.

Add a way of reading answers here. `gateway` has the calls, and turns the client library's exceptions into `ServiceError`; this
module knows neither the library nor any route.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, no_answer
from livedash_pipeline.ledger.rules.service.listing import CONTRADICTION
from livedash_pipeline.ledger.rules.service.remote_values import read_text
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.answers import read_document
from livedash_pipeline.services.openai.retries import repeated

Document = Mapping[str, Any]
Translate = Callable[[str], AbstractContextManager[None]]
"""Takes a description of the call, and returns a context that turns the client's exceptions into `ServiceError`."""

_T = TypeVar("_T")


class HttpAnswer(Protocol):
    """The parts of an HTTP response that this module reads."""

    @property
    def content(self) -> bytes:
        """The decoded body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, looked up without regard to case."""


class RawAnswer(Protocol):
    """The client library's return value if it does not read the answer itself."""

    @property
    def http_response(self) -> HttpAnswer:
        """The response as it came."""


Send = Callable[[], RawAnswer]


class Calls:
    """Sends calls and reads their answers; every failure is a `ServiceError`."""

    def __init__(self, translate: Translate, sleep: Callable[[float], None]) -> None:
        self._translate = translate
        self._sleep = sleep

    def once(self, operation: str, send: Send) -> tuple[Document, Mapping[str, str]]:
        """Document and headers of a call sent once."""
        with self._translate(operation):
            answer = send().http_response
        try:
            return read_document(answer.content), answer.headers
        except ValueError as error:
            raise _senseless(operation, error) from None

    def safely(self, operation: str, send: Send, *, tries: int) -> tuple[Document, Mapping[str, str]]:
        """Document and headers of a call that may be repeated; it is sent `tries` times at most."""
        return repeated(lambda: self.once(operation, send), self._sleep, tries)

    def pages(self, operation: str, send: Callable[[str | None], RawAnswer], *, tries: int) -> Iterator[list[Document]]:
        """The pages of a listing, each fetched when it is asked for (`walk_pages`)."""
        return walk_pages(operation, lambda after: self.safely(operation, lambda: send(after), tries=tries)[0])


def walk_pages(operation: str, fetch: Callable[[str | None], Document]) -> Iterator[list[Document]]:
    """Yields the items of a listing page by page, from the documents that `fetch` returns for the id after which a page begins.

    Asks a server without `has_more` until a page is empty or comes twice. A server that claims to have more and sends an empty
    page, or the same page again, contradicts itself: a quiet end would make existing batches look absent.

    Raises:
        ServiceError: While iterating; with the code `CONTRADICTION` where the pages contradict themselves.
    """
    after: str | None = None
    used: set[str] = set()
    while True:
        document = fetch(after)
        items = _items(operation, document)
        last = read_text(items[-1].get("id")) if items else None
        more = document.get("has_more")
        if after is not None and last == after:
            if more is True:
                raise contradiction(operation, f"does not go on after {after!r}")
            return
        yield items
        if last is None and more is True:
            raise contradiction(operation, "claims to have more after an empty page")
        if more is False or last is None:
            return
        if last in used:
            raise contradiction(operation, f"begins again after {after!r}")
        used.add(last)
        after = last


def contradiction(operation: str, what: str) -> ServiceError:
    """Returns the failure of a listing that contradicts itself; `what` is the end of a sentence about the listing."""
    return ServiceError(operation, ApiFailure(FailureKind.BROKEN, None, CONTRADICTION, f"the listing {what}"))


def read_item(operation: str, read: Callable[[Document], _T], document: Document) -> _T:
    """Reads a document as one of our shapes; raises `ServiceError` for one without an id, since the answer makes no sense."""
    try:
        return read(document)
    except ValueError as error:
        raise _senseless(operation, error) from None


def _items(operation: str, document: Document) -> list[Document]:
    items = document.get("data")
    if items is None and "data" in document:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _senseless(operation, ValueError("the answer is no list of objects"))
    return items


def _senseless(operation: str, error: ValueError) -> ServiceError:
    return ServiceError(operation, no_answer(FailureKind.BROKEN, str(error)))
