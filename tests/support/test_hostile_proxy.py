"""The proxy in front of the local server, with the openai client: what it passes on, and each thing that it does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from tests.local.batch_api.conftest import Requests
from tests.support.hostile_proxy import HostileProxy, Plan, hostile_proxy
from tests.support.openai_client import openai_client

TAGS = {"livedash_batch_id": "row"}


class Site:
    """A client whose calls go through a proxy to a server."""

    def __init__(self, server: RunningServer, proxy: HostileProxy, client: OpenAI) -> None:
        self.server = server
        self.proxy = proxy
        self.client = client
        self.earlier = {batch["id"] for batch in self.truth(all_of_them=True)}

    def truth(self, *, all_of_them: bool = False) -> list[dict[str, Any]]:
        """What the server itself lists, newest first, without what earlier tests have left."""
        found = self.server.service.list_batches(limit=100)["data"]
        return [batch for batch in found if all_of_them or batch["id"] not in self.earlier]

    def upload(self) -> str:
        return str(self.client.files.create(file=("a.jsonl", Requests().file(2)), purpose="batch").id)

    def create(self) -> str:
        return str(self.client.batches.create(**Requests().asked(self.upload(), metadata=TAGS)).id)

    def listed(self, limit: int = 20) -> list[str]:
        return [batch.id for batch in self.client.batches.list(limit=limit).data]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("behind"), speed=0) as running:
        yield running


@pytest.fixture
def site(server: RunningServer) -> Iterator[Site]:
    with (
        hostile_proxy(server.base_url) as proxy,
        openai_client(proxy.base_url) as client,
    ):
        yield Site(server, proxy, client)


def test_without_a_plan_everything_passes(site: Site) -> None:
    created = site.create()
    batch = site.client.batches.retrieve(created)
    assert (batch.status, batch.metadata) == ("completed", TAGS)
    assert batch.output_file_id is not None
    content = site.client.files.content(batch.output_file_id).content
    assert len([json.loads(line) for line in content.splitlines()]) == 2
    assert site.client.files.delete(batch.input_file_id).deleted
    with pytest.raises(openai.NotFoundError):
        site.client.files.retrieve(batch.input_file_id)
    with pytest.raises(openai.ConflictError):
        site.client.batches.cancel(created)
    assert site.listed()[0] == created == site.truth()[0]["id"]
    assert site.client.models.retrieve("gpt-5-mini").id == "gpt-5-mini"


def test_ids_are_renamed_both_ways_everywhere(site: Site) -> None:
    site.proxy.plan = Plan(batch_prefix="gw_", file_prefix="enc_")
    created, other = site.create(), site.create()
    batch = site.client.batches.retrieve(created)
    assert created == f"gw_{site.truth()[1]['id']}"
    assert batch.output_file_id is not None
    assert {name[:4] for name in (batch.id, batch.input_file_id, batch.output_file_id)} == {"gw_b", "enc_"}
    assert site.client.files.retrieve(batch.output_file_id).id == batch.output_file_id
    assert site.client.files.content(batch.output_file_id).content
    assert site.client.files.delete(batch.input_file_id).id == batch.input_file_id
    paged = [each.id for each in site.client.batches.list(limit=1)]
    assert paged[:2] == [other, created]
    for own in (site.truth()[1]["id"], "batch_nobodys"):
        with pytest.raises(openai.NotFoundError):
            site.client.batches.retrieve(own)


def test_listing_can_show_the_servers_own_ids(site: Site) -> None:
    site.proxy.plan = Plan(batch_prefix="gw_", file_prefix="enc_", own_ids_in=frozenset({"list_batches"}))
    created, other = site.create(), site.create()
    paged = list(site.client.batches.list(limit=1))[:2]
    assert [f"gw_{batch.id}" for batch in paged] == [other, created]
    assert f"enc_{paged[0].input_file_id}" == site.client.batches.retrieve(other).input_file_id
    site.proxy.plan = Plan(batch_prefix="gw_", takes_own_ids=True)
    assert site.client.batches.retrieve(paged[0].id).id == other


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_items_of_a_page_come_in_another_order(site: Site, order: str) -> None:
    made = [site.create() for _ in range(6)]
    site.proxy.plan = Plan(order=order)
    seen = [site.listed(6) for _ in range(4)]
    assert all(sorted(page) == sorted(made) and page != made[::-1] for page in seen)
    assert (len(set(map(tuple, seen))) == 1) is (order == "reversed")


def test_items_are_repeated_emptied_and_lost(site: Site) -> None:
    first, second = site.create(), site.create()
    site.proxy.plan = Plan(repeats_items=True)
    assert site.listed(2) == [second, second, first, first]
    site.proxy.plan = Plan(empty_pages=frozenset({2}), lost_pages=frozenset({3}))
    page = site.client.batches.list(limit=2)
    assert (page.data, page.has_more) == ([], True)
    assert site.listed(2) == [first]
    assert site.listed(2) == [second, first]


def test_metadata_are_dropped_and_the_listing_stands_still(site: Site) -> None:
    site.proxy.plan = Plan(drops_metadata_in=frozenset({"list_batches"}), freezes_listing=True)
    created = site.create()
    assert site.client.batches.list(limit=1).data[0].metadata is None
    assert site.client.batches.retrieve(created).metadata == TAGS
    site.proxy.plan = Plan(freezes_listing=True)
    site.server.service.install_faults(
        Requests().script({"kind": "stuck", "state": "validating", "times": 1, "match": {"nth": 1}})
    )
    waiting = site.create()
    assert site.client.batches.list(limit=1).data[0].status == "validating"
    site.client.batches.cancel(waiting)
    assert site.client.batches.retrieve(waiting).status == "cancelled"
    assert site.client.batches.list(limit=1).data[0].status == "validating"


def test_posts_are_sent_twice_and_the_second_answer_counts(site: Site) -> None:
    site.proxy.plan = Plan(repeats={"create_batch": frozenset({1})})
    created = site.create()
    second, first = site.truth()
    assert (created, second["metadata"], first["metadata"]) == (second["id"], TAGS, TAGS)
    site.create()
    assert len(site.truth()) == 3


def test_reply_is_lost_after_the_call_was_carried_out(site: Site) -> None:
    site.proxy.plan = Plan(loses={"create_batch": frozenset({1}), "list_batches": frozenset({2})})
    with pytest.raises(openai.APIConnectionError):
        site.create()
    assert len(site.truth()) == 1
    assert site.listed()[0] == site.truth()[0]["id"]
    with pytest.raises(openai.APIConnectionError):
        site.listed()


def test_answer_that_is_held_does_not_show_what_came_after_it_was_read(site: Site) -> None:
    site.proxy.plan = Plan(holds={"list_batches": frozenset({1})})
    seen: list[str] = []
    looking = threading.Thread(target=lambda: seen.extend(site.listed()))
    looking.start()
    assert site.proxy.holding.wait(300)
    created = site.create()
    site.proxy.release()
    looking.join()
    assert created not in seen
    assert created in site.listed()


def test_answer_that_is_delayed_comes_too_late_for_a_client_in_a_hurry(site: Site) -> None:
    site.proxy.plan = Plan(delays={"list_batches": 2.0})
    with pytest.raises(openai.APITimeoutError):
        site.client.batches.list(timeout=0.1)
    site.proxy.plan = Plan()
    assert len(site.listed()) == min(20, len(site.earlier))


def test_nothing_is_left_behind(server: RunningServer) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with hostile_proxy(server.base_url) as proxy:
        address = proxy.base_url
        assert "hostile-proxy" in {thread.name for thread in threading.enumerate()}
    assert {thread.name for thread in threading.enumerate()} <= before | {"AnyIO worker thread"}
    with openai_client(address) as client, pytest.raises(openai.APIConnectionError):
        client.batches.list()
