"""What stays true whatever happens when: restarts, cancels in between, other servers, large files."""

import io
import itertools
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue, Model
from livedash_pipeline.local.batch_api.batches.line_runs import Answering
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.batches.runs import BatchRuns
from livedash_pipeline.local.batch_api.journal import Journal
from livedash_pipeline.local.batch_api.records import ENDED
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.local.batch_api.store import StateInUseError, Store
from tests.local.batch_api.conftest import Clock, Requests

_EXAMPLES = itertools.count()
SLOW = Pace(lines_per_second=10 / 86_400)


def test_restart_in_the_middle_loses_and_repeats_nothing(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    content = requests.file(10, bad=2)
    service = open_service()
    batch_id = requests.create(service, content)
    clock.move(3.5)
    halfway = service.get_batch(batch_id)
    record = service._store.batch(batch_id)
    assert record is not None
    output = service._store.content_path(record.output_file)
    service.close()
    with output.open("ab") as stream:
        stream.write(b'{"half a line of a process that was kill')
    service = open_service()
    assert service.get_batch(batch_id) == halfway
    clock.move(10)
    batch = service.get_batch(batch_id)
    assert batch["request_counts"] == {"total": 12, "completed": 10, "failed": 2}
    ids = [line["custom_id"] for line in requests.results(service, batch["output_file_id"])]
    assert sorted(ids) == sorted(f"good-{i}" for i in range(10))
    assert service.get_file(batch["output_file_id"])["bytes"] == output.stat().st_size


def test_start_removes_contents_that_no_record_names(
    open_service: Callable[..., BatchService], tmp_path: Path, requests: Requests
) -> None:
    service = open_service()
    file_id = requests.upload(service, requests.file(1))
    service.close()
    stray = tmp_path / "state" / "files" / "file-stray"
    stray.write_bytes(b"x")
    service = open_service()
    assert not stray.exists()
    assert service.file_content(file_id).read_bytes() == requests.file(1)


def numbered() -> Callable[[str], str]:
    numbers = itertools.count()
    return lambda prefix: f"{prefix}{next(numbers)}"


def test_same_clock_and_ids_give_the_same_bytes(open_service: Callable[..., BatchService], requests: Requests) -> None:
    contents = []
    for directory in ("one", "two"):
        service = open_service(directory, speed=0, new_id=numbered())
        batch = service.get_batch(requests.create(service, requests.file(12, bad=3)))
        contents.append(
            [service.file_content(batch[name]).read_bytes() for name in ("output_file_id", "error_file_id")]
        )
    assert contents[0] == contents[1]


def test_second_server_on_a_state_directory_is_refused(open_service: Callable[..., BatchService]) -> None:
    open_service()
    with pytest.raises(StateInUseError, match="cannot be used") as refused:
        open_service()
    assert "Stop the demo" in refused.value.remedy


def test_limited_looks_leave_the_rest_to_later_ones(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0, lines_per_look=30)
    batch_id = requests.create(service, requests.file(100))
    done = [service.get_batch(batch_id)["request_counts"]["completed"] for _ in range(8)]
    assert done[-1] == 100
    steps = [after - before for before, after in itertools.pairwise([0, *done])]
    assert max(steps) == 30
    assert service.get_batch(batch_id)["status"] == "completed"


class _Endless(io.BytesIO):
    """A file of some megabytes that exists only while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    def read(self, _size: int | None = -1, /) -> bytes:
        return next(self._pieces, b"")


def test_large_file_needs_a_fraction_of_its_size_in_memory(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    size, count = 100_000, 160
    service = open_service(speed=0)
    padding = "x" * size
    lines = (
        requests.jsonl(requests.line(f"r-{i}", {"model": "gpt-5-mini", "messages": [], "padding": padding}))
        for i in range(count)
    )
    tracemalloc.start()
    try:
        stored = service.upload_file(_Endless(lines), filename="large.jsonl", purpose="batch")
        asked = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
        batch_id = service.create_batch({**asked, "input_file_id": stored["id"]})["id"]
        batch = service.get_batch(batch_id)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert batch["request_counts"] == {"total": count, "completed": 0, "failed": count}
    assert stored["bytes"] > count * size
    assert peak < stored["bytes"] / 5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_request_ends_in_exactly_one_file(
    open_service: Callable[..., BatchService], clock: Any, requests: Any, data: st.DataObject
) -> None:
    """Whatever is done when: no line is lost, none is twice, and an ended batch stays as it is."""
    good, bad = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 3))
    directory = f"state-{next(_EXAMPLES)}"
    options: dict[str, Any] = {"pace": data.draw(st.sampled_from([Pace(), SLOW]))}
    service = open_service(directory, **options)
    batch_id = requests.create(service, requests.file(good + 1, bad=bad))
    ended: dict[str, Any] | None = None
    for action in data.draw(st.lists(st.sampled_from(["wait", "long", "cancel", "restart"]), max_size=6)):
        if action == "restart":
            service.close()
            service = open_service(directory, **options)
        elif action == "cancel":
            _try_to_cancel(service, batch_id)
        clock.move({"wait": data.draw(st.floats(0, 3)), "long": 30_000.0}.get(action, 0.0))
        batch = service.get_batch(batch_id)
        assert ended is None or batch == ended
        ended = batch if batch["status"] in ENDED else None
    clock.move(200_000)
    batch = service.get_batch(batch_id)
    assert batch["status"] in ENDED
    names = [batch[name] for name in ("output_file_id", "error_file_id") if batch[name]]
    found = [line["custom_id"] for name in names for line in requests.results(service, name)]
    assert len(found) == len(set(found)) == batch["request_counts"]["total"]
    assert batch["request_counts"]["total"] in (0, good + bad + 1)
    service.close()


def _try_to_cancel(service: BatchService, batch_id: str) -> None:
    before = service.get_batch(batch_id)["status"]
    try:
        after = service.cancel_batch(batch_id)["status"]
    except Refusal as refusal:
        assert refusal.status == 409
        assert before in ("completed", "failed", "expired")
    else:
        assert after in ("cancelling", "cancelled")


class CatalogueAskedDuringCancel(Catalogue):
    """Known models; the first look-up, which is in the middle of a validation, finds the batch cancelled meanwhile."""

    def __init__(self, store: Store, batch_id: str) -> None:
        super().__init__()
        self._store, self._batch_id = store, batch_id

    def get(self, name: object) -> Model | None:
        batch = self._store.batch(self._batch_id)
        assert batch is not None
        batch.status, batch.cancelling_at = "cancelling", batch.created_at
        self._store.save_batch(batch)
        return super().get(name)


def no_answer(_body: Any, _completion_id: str, _created: int) -> dict[str, Any]:
    raise AssertionError("no line of this batch runs")


def test_cancel_that_comes_during_validation_is_not_overwritten(
    open_service: Callable[..., BatchService], tmp_path: Path, clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(2))
    service.close()
    store = Store(tmp_path / "state")
    try:
        catalogue = CatalogueAskedDuringCancel(store, batch_id)
        BatchRuns(store, catalogue, Pace(), Journal(store), Answering(no_answer)).advance(clock.now + 2)
        batch = store.batch(batch_id)
    finally:
        store.close()
    assert batch is not None
    assert (batch.status, batch.in_progress_at, batch.total) == ("cancelled", None, 0)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_its_owner_reads_what_it_keeps(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        service = open_service()
        batch_id = requests.create(service, requests.file(10, bad=2))
        clock.move(3.5)
        assert service.get_batch(batch_id)["status"] == "in_progress"
        paths = [path for top in tmp_path.iterdir() for path in (top, *top.rglob("*"))]
        names = {path.name for path in paths}
        assert {"state.sqlite3", "state.sqlite3-wal", f"{batch_id}.input", f"{batch_id}.order"} <= names
        modes = {(path.is_dir(), oct(path.stat().st_mode & 0o777)) for path in paths}
        assert modes == {(True, "0o700"), (False, "0o600")}
    finally:
        os.umask(before)


def test_state_that_was_open_to_others_is_shut(
    open_service: Callable[..., BatchService], requests: Requests, tmp_path: Path
) -> None:
    service = open_service()
    requests.upload(service, requests.file(1))
    service.close()
    paths = [path for top in tmp_path.iterdir() for path in (top, *top.rglob("*"))]
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)
    open_service()
    assert {path.stat().st_mode & 0o077 for path in paths if path.exists()} == {0}


def test_a_directory_with_other_things_in_it_stays_as_open_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "of somebody").write_text("x")
    tmp_path.chmod(0o755)
    Store(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state.sqlite3").stat().st_mode & 0o777 == 0o600
