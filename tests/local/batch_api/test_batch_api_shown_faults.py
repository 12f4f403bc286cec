"""What the service shows of a batch other than it is, and what it does other than it says: over HTTP, with the openai client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import openai
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.faults.script import FaultScript
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.local.batch_api.service import BatchService
from tests.local.batch_api.conftest import Clock, Requests
from tests.support.openai_client import openai_client

TAGS = {"livedash_batch_id": "01A226FC-Row", "livedash_company": "acme"}
ALL = ["create", "retrieve", "cancel", "list"]


@dataclass
class Api:
    """A server behind a script, the openai client, and what was there before the script."""

    client: OpenAI
    service: BatchService
    requests: Any
    clock: Any
    earlier: frozenset[str] = frozenset()
    entries: int = 0
    bill: int = 0

    def upload(self, content: bytes | None = None) -> str:
        content = self.requests.file(2) if content is None else content
        return str(self.client.files.create(file=("a.jsonl", content), purpose="batch").id)

    def create(self, file_id: str | None = None, **metadata: str) -> Any:
        return self.client.batches.create(**self.requests.asked(file_id or self.upload(), metadata=metadata or TAGS))

    def listed(self) -> list[Any]:
        return [batch for batch in self.client.batches.list(limit=100) if batch.id not in self.earlier]

    def files(self) -> list[str]:
        return [file.id for file in self.client.files.list(purpose="batch") if file.id not in self.earlier]

    def ended(self, batch_id: str) -> Any:
        """A batch after all its states."""
        self.clock.move(1000)
        self.service.advance()
        return self.client.batches.retrieve(batch_id)

    def billed(self) -> int:
        self.clock.move(1000)
        self.service.advance()
        return len(self.service.journal()["bill"]) - self.bill

    def journal(self) -> list[dict[str, Any]]:
        return list(self.service.journal(after=self.entries)["entries"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; its batches move as the clock does."""
    clock = Clock()
    with (
        running_server(tmp_path_factory.mktemp("shown"), speed=1, clock=clock) as server,
        openai_client(server.base_url, "sk-test") as client,
    ):
        yield Api(client, server.service, Requests(), clock)


@pytest.fixture
def api(running: Api) -> Callable[..., Api]:
    """Puts a script in place of the one before, and counts from there."""

    def begin(*faults: dict[str, Any]) -> Api:
        service = running.service
        running.billed()
        service.install_faults(FaultScript(), replace=True)
        batches = [batch.id for batch in running.client.batches.list(limit=100)]
        files = [file.id for file in running.client.files.list()]
        journal = service.journal()
        service.install_faults(running.requests.script(*faults), replace=True)
        entries = journal["entries"][-1]["seq"] if journal["entries"] else 0
        return replace(running, earlier=frozenset([*batches, *files]), entries=entries, bill=len(journal["bill"]))

    return begin


def status_of(call: Callable[[], Any]) -> int:
    try:
        call()
    except openai.APIStatusError as error:
        return error.status_code
    return 200


# Ids


@pytest.mark.parametrize(
    ("fault", "renamed", "takes_own", "takes_other"),
    [
        ({}, ["create", "retrieve"], 404, 200),
        ({"accepts": "both"}, ["create", "retrieve"], 200, 200),
        ({"by": ["list"], "accepts": "own"}, ["list"], 200, 404),
        ({"by": ["list"], "accepts": "both"}, ["list"], 200, 200),
        ({"by": ["create"], "accepts": "own"}, ["create"], 200, 404),
        ({"by": ALL, "prefix": "enc_"}, ["create", "retrieve", "list"], 404, 200),
    ],
)
def test_batch_is_called_otherwise_by_some_operations(
    api: Callable[..., Api], fault: dict[str, Any], renamed: list[str], takes_own: int, takes_other: int
) -> None:
    site = api({"kind": "renamed_id", **fault})
    prefix = fault.get("prefix", "gw_")
    created = site.create()
    own = created.id.removeprefix(prefix)
    (listed,) = site.listed()
    named = prefix + own if takes_other == 200 else own
    seen = {"create": created.id, "retrieve": site.client.batches.retrieve(named).id, "list": listed.id}
    assert {by for by, name in seen.items() if name == prefix + own} == set(renamed)
    assert {name.removeprefix(prefix) for name in seen.values()} == {own}
    assert status_of(lambda: site.client.batches.retrieve(own)) == takes_own
    assert status_of(lambda: site.client.batches.retrieve(prefix + own)) == takes_other
    assert site.client.batches.cancel(named).status in ("cancelling", "cancelled")
    assert site.service.journal(batch_id=own)["entries"][-1]["operation"] in ("cancel_batch", "end_batch")


def test_listing_that_renames_is_paged_by_the_names_it_shows(api: Callable[..., Api]) -> None:
    site = api({"kind": "renamed_id", "by": ["list"], "accepts": "own"})
    ids = [site.create().id for _ in range(3)]
    paged = [batch.id for batch in site.client.batches.list(limit=1)]
    assert paged[:3] == [f"gw_{name}" for name in reversed(ids)]
    assert len(set(paged)) == len(paged)


@pytest.mark.parametrize(("by", "prefix"), [(["list"], "gw_"), (["create"], "gw_"), (ALL, None)])
def test_input_file_is_called_otherwise(api: Callable[..., Api], by: list[str], prefix: str | None) -> None:
    site = api({"kind": "renamed_input_file", "by": by, "prefix": prefix})
    file_id = site.upload()
    created = site.create(file_id)
    other = None if prefix is None else prefix + file_id
    seen = {
        "create": created.input_file_id,
        "list": site.listed()[0].input_file_id,
        "retrieve": site.client.batches.retrieve(created.id).input_file_id,
    }
    assert seen == {name: other if name in by else file_id for name in seen}
    assert site.ended(created.id).status == "completed"


# What is listed of it


@pytest.mark.parametrize("match", [{"metadata": {"livedash_company": "other"}}, {"nth": 2}])
def test_one_batch_is_never_listed_and_is_there(api: Callable[..., Api], match: dict[str, Any]) -> None:
    site = api({"kind": "hidden_batch", "match": match})
    shown, hidden = site.create(), site.create(livedash_company="other", more="x")
    assert [batch.id for batch in site.listed()] == [shown.id]
    assert site.ended(hidden.id).status == "completed"
    assert [batch.id for batch in site.listed()] == [shown.id]


def test_lost_create_can_be_that_of_one_company(api: Callable[..., Api]) -> None:
    fault = {"kind": "lose_reply", "operation": "create_batch", "match": {"metadata": {"livedash_company": "acme"}}}
    site = api(fault)
    site.create(livedash_company="other")
    with pytest.raises(openai.APIConnectionError):
        site.create()
    assert len(site.listed()) == 2


@pytest.mark.parametrize(
    ("fault", "metadata"),
    [
        ({"change": "missing"}, None),
        ({"change": "null"}, None),
        ({"change": "empty"}, {}),
        ({"change": "dropped"}, {}),
        ({"change": "dropped", "keys": ["livedash_company"]}, {"livedash_batch_id": "01A226FC-Row"}),
        ({"change": "cut", "keep": 3}, {"livedash_batch_id": "01A", "livedash_company": "acm"}),
        ({"change": "lower_case"}, {"livedash_batch_id": "01a226fc-row", "livedash_company": "acme"}),
        ({"change": "upper_case"}, {"livedash_batch_id": "01A226FC-ROW", "livedash_company": "ACME"}),
        ({"change": "upper_keys"}, {"LIVEDASH_BATCH_ID": "01A226FC-Row", "LIVEDASH_COMPANY": "acme"}),
    ],
)
@pytest.mark.parametrize("by", [["list"], ALL])
def test_metadata_are_not_those_that_were_sent(
    api: Callable[..., Api], fault: dict[str, Any], metadata: dict[str, str] | None, by: list[str]
) -> None:
    site = api({"kind": "changed_metadata", "by": by, **fault})
    created = site.create()
    assert site.listed()[0].metadata == metadata
    assert created.metadata == site.client.batches.retrieve(created.id).metadata
    assert created.metadata == (metadata if by == ALL else TAGS)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"says": "missing"}, lambda _true: None),
        ({"says": "null"}, lambda _true: None),
        ({"says": "milliseconds"}, lambda true: true * 1000),
        ({"says": "shifted", "seconds": -7200}, lambda true: true - 7200),
        ({"says": "fixed", "seconds": 7}, lambda _true: 7),
    ],
)
def test_time_of_creation_is_wrong(
    api: Callable[..., Api], fault: dict[str, Any], says: Callable[[int], int | None]
) -> None:
    site = api({"kind": "wrong_created_at", **fault})
    created = site.create()
    shown = [created, site.client.batches.retrieve(created.id), *site.listed()]
    assert [getattr(batch, "created_at", None) for batch in shown] == [says(int(site.clock.now))] * 3


def test_listing_stays_at_what_it_first_showed(api: Callable[..., Api]) -> None:
    site = api({"kind": "frozen_listing"})
    created = site.create()
    assert site.listed()[0].status == "validating"
    assert site.ended(created.id).status == "completed"
    (listed,) = site.listed()
    assert (listed.status, listed.output_file_id, listed.completed_at) == ("validating", None, None)


@pytest.mark.parametrize(("retrievals", "words"), [(1, ["completed"]), (2, ["in_progress", "completed"])])
def test_batch_moves_only_when_it_is_retrieved(api: Callable[..., Api], retrievals: int, words: list[str]) -> None:
    site = api({"kind": "moves_when_retrieved", "retrievals": retrievals})
    created = site.create()
    site.billed()
    for word in words:
        before = site.listed()[0].status
        assert site.client.batches.retrieve(created.id).status == word
        assert (before, site.listed()[0].status) == (before, word) != (word, word)
    assert site.listed()[0].output_file_id


def test_batch_that_moves_when_retrieved_is_still_cancelling_until_then(api: Callable[..., Api]) -> None:
    site = api({"kind": "moves_when_retrieved"})
    created = site.create()
    assert site.client.batches.cancel(created.id).status == "cancelling"
    site.billed()
    assert site.listed()[0].status == "cancelling"
    assert site.client.batches.retrieve(created.id).status == "cancelled"


@pytest.mark.parametrize(
    "word", ["succeeded", "done", "complete", "ended", "error", "failure", "stopped", "timeout", "x-unheard-of", ""]
)
@pytest.mark.parametrize(("file", "time"), [(True, True), (False, True), (True, False)])
def test_batch_ends_with_a_word_of_its_own(api: Callable[..., Api], word: str, file: bool, time: bool) -> None:
    site = api({"kind": "end_word", "word": word, "output_file": file, "end_time": time})
    batch = site.create()
    assert batch.status == "validating"
    batch = site.ended(batch.id)
    assert (batch.status, bool(batch.output_file_id), bool(batch.completed_at)) == (word, file, time)


def test_end_word_can_be_that_of_any_end(api: Callable[..., Api]) -> None:
    site = api({"kind": "end_word", "word": "ended", "of": "any"}, {"kind": "end_word", "word": "no", "of": "failed"})
    created = site.create()
    site.client.batches.cancel(created.id)
    batch = site.ended(created.id)
    assert batch.status == "ended"
    assert batch.cancelled_at


# What it does


@pytest.mark.parametrize("answered", ["first", "second"])
def test_one_call_makes_two_batches(api: Callable[..., Api], answered: str) -> None:
    site = api({"kind": "repeated_create", "answered": answered, "times": 1})
    created = site.create()
    second, first = site.listed()
    assert created.id == (first.id if answered == "first" else second.id)
    assert (
        (first.metadata, first.input_file_id) == (second.metadata, second.input_file_id) == (TAGS, first.input_file_id)
    )
    assert site.billed() == 4
    site.create()
    assert len(site.listed()) == 3
    assert [entry["batch_id"] for entry in site.journal() if entry["fault"]] == [second.id]


def test_second_batch_of_a_call_can_come_later(api: Callable[..., Api]) -> None:
    site = api({"kind": "repeated_create", "seconds": 50})
    created = site.create()
    site.clock.move(49)
    assert [batch.id for batch in site.listed()] == [created.id]
    site.clock.move(1)
    assert len(site.listed()) == 2
    site.clock.move(100)
    assert len(site.listed()) == 2


def test_reply_to_a_repeated_create_can_be_lost_as_well(api: Callable[..., Api]) -> None:
    site = api({"kind": "repeated_create"}, {"kind": "lose_reply", "operation": "create_batch"})
    with pytest.raises(openai.APIConnectionError):
        site.create()
    assert len(site.listed()) == 2


def test_create_on_a_deleted_file_fails_without_running(api: Callable[..., Api]) -> None:
    site = api()
    file_id = site.upload()
    site.client.files.delete(file_id)
    batch = site.ended(site.create(file_id).id)
    assert (batch.status, batch.usage.total_tokens, site.billed()) == ("failed", 0, 0)


def test_create_on_a_deleted_file_can_run_all_the_same(api: Callable[..., Api]) -> None:
    site = api({"kind": "surviving_input"})
    file_id = site.upload()
    site.client.files.delete(file_id)
    assert status_of(lambda: site.client.files.retrieve(file_id)) == 404
    assert status_of(lambda: site.client.files.content(file_id)) == 404
    assert status_of(lambda: site.client.files.delete(file_id)) == 404
    assert site.files() == []
    assert site.ended(site.create(file_id).id).status == "completed"
    assert site.billed() == 2


def test_file_is_said_to_be_deleted_and_stays(api: Callable[..., Api]) -> None:
    site = api({"kind": "pretend", "operation": "delete_file"})
    file_id = site.upload()
    assert site.client.files.delete(file_id).deleted
    assert site.client.files.retrieve(file_id).id == file_id
    assert site.ended(site.create(file_id).id).status == "completed"
    assert status_of(lambda: site.client.files.delete("file-nobodys")) == 404


def test_batch_is_said_to_be_cancelled_and_goes_on(api: Callable[..., Api]) -> None:
    site = api({"kind": "pretend", "operation": "cancel_batch"})
    created = site.create()
    assert site.client.batches.cancel(created.id).status == "cancelling"
    assert site.ended(created.id).status == "completed"


@pytest.mark.parametrize("status", [405, 501])
def test_files_cannot_be_deleted(api: Callable[..., Api], status: int) -> None:
    site = api({"kind": "status", "operation": "delete_file", "status": status})
    file_id = site.upload()
    assert status_of(lambda: site.client.files.delete(file_id)) == status
    assert status_of(lambda: site.client.files.retrieve(file_id)) == 200


def test_file_that_is_there_can_be_called_missing(api: Callable[..., Api]) -> None:
    site = api({"kind": "status", "operation": "get_file", "status": 404})
    file_id = site.upload()
    assert status_of(lambda: site.client.files.retrieve(file_id)) == 404
    assert site.client.files.content(file_id).content


# Input that cannot run

BROKEN: dict[str, Callable[[Requests], bytes]] = {
    "unknown model": lambda requests: requests.jsonl(requests.line("p", requests.body(model="no-such-model"))),
    "half a line": lambda requests: requests.file(1) + b'{"custom_id": "h\n',
    "empty object": lambda _requests: b"{}\n",
    "another method": lambda requests: requests.jsonl(requests.line("p", method="GET")),
    "another url": lambda requests: requests.jsonl(requests.line("p", url="/v1/embeddings")),
    "one id twice": lambda requests: requests.jsonl(requests.line("p"), requests.line("p")),
}


def test_file_without_any_json_is_refused_at_its_upload(api: Callable[..., Api]) -> None:
    assert status_of(lambda: api().upload(b"this is no JSON\n")) == 400


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_input_fails_without_running(api: Callable[..., Api], requests: Requests, broken: str) -> None:
    """What makes a probe possible that costs nothing."""
    site = api()
    batch = site.ended(site.create(site.upload(BROKEN[broken](requests))).id)
    assert (batch.status, batch.usage.total_tokens, batch.output_file_id, site.billed()) == ("failed", 0, None, 0)
    assert batch.errors.data


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_input_can_be_refused_at_its_upload(api: Callable[..., Api], requests: Requests, broken: str) -> None:
    site = api({"kind": "odd_validation", "at": "upload"})
    assert status_of(lambda: site.upload(BROKEN[broken](requests))) == 400
    assert site.files() == []
    assert site.ended(site.create().id).status == "completed"


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_input_can_be_refused_at_the_create(api: Callable[..., Api], requests: Requests, broken: str) -> None:
    site = api({"kind": "odd_validation", "at": "create"})
    assert status_of(lambda: site.create(site.upload(BROKEN[broken](requests)))) == 400
    assert status_of(lambda: site.create("file-nobodys")) == 400
    assert site.listed() == []
    assert site.ended(site.create().id).status == "completed"


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_input_can_be_run_and_billed(api: Callable[..., Api], requests: Requests, broken: str) -> None:
    site = api({"kind": "odd_validation", "at": "never"})
    content = BROKEN[broken](requests)
    file_id = site.upload(content)
    batch = site.ended(site.create(file_id).id)
    assert (batch.status, batch.request_counts.failed) == ("completed", 0)
    assert batch.usage.total_tokens > 0
    assert site.billed() == content.count(b"\n")
    assert site.client.files.content(file_id).content == content


def test_what_struck_a_batch_stays_with_it_after_a_restart(
    open_service: Callable[..., BatchService], requests: Requests, clock: Clock
) -> None:
    script = requests.script(
        {"kind": "renamed_id"}, {"kind": "frozen_listing"}, {"kind": "hidden_batch", "match": {"nth": 2}}
    )
    first = open_service(faults=script)
    names = [requests.create(first, requests.file(1)) for _ in range(2)]
    first.list_batches()
    first.close()
    clock.move(1000)
    second = open_service()
    assert [second.get_batch(name)["status"] for name in names] == ["completed", "completed"]
    assert [(batch["id"], batch["status"]) for batch in second.list_batches()["data"]] == [
        (names[0].removeprefix("gw_"), "validating")
    ]
