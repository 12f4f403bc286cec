"""Listings that are not what a listing should be, over HTTP: five batches, pages of two, each fault on its own and together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.tls import machine_authorities
from tests.local.batch_api.conftest import Clock, Requests
from tests.support.openai_client import openai_client

MOST_PAGES = 12
Pages = list[list[int | None]]


class Listing:
    """A server with five batches, made ten seconds apart; they are known by their number, 0 for the oldest."""

    def __init__(self, server: RunningServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock
        self.requests = Requests()
        self.http = httpx2.Client(
            base_url=server.base_url, headers={"Authorization": "Bearer k"}, verify=machine_authorities()
        )
        self.ids: list[str] = []
        for _ in range(5):
            self.ids.append(self.requests.create(server.service, self.requests.file(1)))
            clock.move(10)

    def script(self, *faults: dict[str, Any]) -> None:
        self.server.service.install_faults(self.requests.script(*faults, seed=3), replace=True)

    def page(self, **query: Any) -> dict[str, Any]:
        reply = self.http.get("/batches", params=query)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def numbers(self, page: dict[str, Any]) -> list[int | None]:
        return [None if item is None else self.ids.index(item["id"]) for item in page["data"]]

    def pages(self, limit: int = 2) -> Pages:
        """What a caller sees who goes on behind the last item for as long as the pages say; cut at MOST_PAGES."""
        seen: Pages = []
        after: dict[str, str] = {}
        while len(seen) < MOST_PAGES:
            page = self.page(limit=limit, **after)
            seen.append(self.numbers(page))
            if page["has_more"] is not True or not page["data"]:
                break
            after = {"after": page["data"][-1]["id"]}
        return seen


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listing]:
    clock = Clock()
    with running_server(tmp_path_factory.mktemp("listing"), speed=0, clock=clock) as server:
        listing = Listing(server, clock)
        with listing.http:
            yield listing


@pytest.fixture
def listing(started: Listing) -> Callable[..., Listing]:
    def with_script(*faults: dict[str, Any]) -> Listing:
        started.script(*faults)
        return started

    return with_script


HONEST: Pages = [[4, 3], [2, 1], [0]]


@pytest.mark.parametrize(
    ("fault", "pages"),
    [
        ({"kind": "empty_page"}, [[]]),
        ({"kind": "empty_page", "has_more": False}, [[]]),
        ({"kind": "empty_page", "page": "first"}, [[]]),
        ({"kind": "empty_page", "page": "later"}, [[4, 3], []]),
        ({"kind": "empty_page", "match": {"nth": 3}}, [[4, 3], [2, 1], []]),
        ({"kind": "ignored_cursor"}, [[4, 3]] * MOST_PAGES),
        ({"kind": "ignored_cursor", "times": 3}, [[4, 3], [4, 3], [4, 3], [2, 1], [0]]),
        ({"kind": "repeated_items"}, [[4, 3], [3, 2], [2, 1], [1, 0]]),
        ({"kind": "repeated_items", "items": 2}, [[4, 3]] * MOST_PAGES),
        ({"kind": "repeated_items", "items": 0, "doubled": True}, [[4, 4, 3, 3], [2, 2, 1, 1], [0, 0]]),
        ({"kind": "skipped_items"}, [[4, 3], [1, 0]]),
        ({"kind": "skipped_items", "items": 2}, [[4, 3], [0]]),
        ({"kind": "skipped_items", "match": {"nth": 3}}, [[4, 3], [2, 1], []]),
        ({"kind": "listing_order", "order": "oldest_first"}, [[0, 1], [2, 3], [4]]),
        ({"kind": "cut_listing", "items": 3}, [[4, 3], [2]]),
        ({"kind": "cut_listing", "items": 0}, [[]]),
        ({"kind": "recent_only", "seconds": 25}, [[4, 3]]),
        ({"kind": "recent_only", "seconds": 5}, [[]]),
        ({"kind": "odd_has_more", "says": "false"}, [[4, 3]]),
        ({"kind": "odd_has_more", "says": "true"}, [*HONEST, []]),
        ({"kind": "odd_has_more", "says": "null"}, [[4, 3]]),
        ({"kind": "odd_data", "says": "with_null", "match": {"nth": 3}}, [[4, 3], [2, 1], [0, None]]),
    ],
)
def test_pages_are_not_what_they_should_be(
    listing: Callable[..., Listing], fault: dict[str, Any], pages: Pages
) -> None:
    assert listing(fault).pages() == pages
    assert listing().pages() == HONEST


def test_order_is_drawn_and_stays_or_changes_with_each_call(listing: Callable[..., Listing]) -> None:
    steady = listing({"kind": "listing_order", "order": "shuffled"})
    seen = steady.pages(1)
    assert seen == steady.pages(1) != [[4], [3], [2], [1], [0]]
    assert len(seen) == 5
    assert {each[0] for each in seen} == set(range(5))
    unsteady = listing({"kind": "listing_order", "order": "unsteady"})
    assert len({tuple(unsteady.numbers(unsteady.page())) for _ in range(8)}) > 3


@pytest.mark.parametrize(
    ("says", "cursor"),
    [("null", (None, None)), ("exchanged", (3, 4)), ("unknown", ("batch_unknown", "batch_unknown")), ("missing", "no")],
)
def test_first_and_last_id_are_wrong(listing: Callable[..., Listing], says: str, cursor: Any) -> None:
    site = listing({"kind": "wrong_cursor", "says": says})
    page = site.page(limit=2)
    assert site.numbers(page) == [4, 3]
    if cursor == "no":
        assert {"first_id", "last_id"}.isdisjoint(page)
        return
    expected = tuple(site.ids[each] if isinstance(each, int) else each for each in cursor)
    assert (page["first_id"], page["last_id"]) == expected


@pytest.mark.parametrize(
    ("fault", "lacks"),
    [
        ({"kind": "odd_has_more", "says": "missing"}, "has_more"),
        ({"kind": "odd_data", "says": "missing"}, "data"),
    ],
)
def test_part_of_a_page_is_left_out(listing: Callable[..., Listing], fault: dict[str, Any], lacks: str) -> None:
    page = listing(fault).page(limit=2)
    assert {"object", "data", "first_id", "last_id", "has_more"} - page.keys() == {lacks}


def test_data_of_a_page_are_null(listing: Callable[..., Listing]) -> None:
    assert listing({"kind": "odd_data", "says": "null"}).page()["data"] is None


def test_faults_of_a_listing_go_together(listing: Callable[..., Listing]) -> None:
    site = listing(
        {"kind": "listing_order", "order": "oldest_first"},
        {"kind": "cut_listing", "items": 3},
        {"kind": "odd_has_more", "says": "true"},
        {"kind": "empty_page", "page": "later"},
    )
    assert site.pages() == [[0, 1], []]
    assert [fault["struck"] for fault in site.server.service.faults()["faults"]] == [2, 2, 2, 2]


def test_client_follows_what_the_pages_say(listing: Callable[..., Listing]) -> None:
    """What openai's own paging makes of it: an empty page ends it, a cursor that is ignored does not."""
    with openai_client(listing().server.base_url) as client:

        def seen(fault: dict[str, Any]) -> int:
            listing(fault)
            return sum(1 for _, _ in zip(range(40), client.batches.list(limit=2), strict=False))

        assert seen({"kind": "empty_page", "page": "later"}) == 2
        assert seen({"kind": "ignored_cursor"}) == 40
        assert seen({"kind": "odd_has_more", "says": "missing"}) == 5


def test_fault_of_a_listing_leaves_retrievals_alone(listing: Callable[..., Listing]) -> None:
    site = listing({"kind": "cut_listing", "items": 0})
    assert site.http.get(f"/batches/{site.ids[0]}").json()["id"] == site.ids[0]
