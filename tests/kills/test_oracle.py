"""The oracle of the kill rounds can fail: a bill that is really doubled, and runs that nobody reported, are noticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, make_url

from livedash_pipeline.analysis.rules.prompt import transcript_data
from livedash_pipeline.analysis.rules.request_lines import line_frame
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from tests.kills.oracle import RemoteBooks, find_all_violations, is_quiet
from tests.kills.processes import BatchApi
from tests.simulation.invariants import Observed

_MARK = UUID(int=7)


@pytest.fixture
def dagster_url(empty_database_url: str) -> str:
    """A database with Dagster's tables, as `psycopg2` is told of it."""
    return make_url(empty_database_url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


@pytest.fixture
def storage(dagster_url: str) -> Iterator[DagsterPostgresStorage]:
    storage = DagsterPostgresStorage(dagster_url)
    yield storage
    for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
        part.dispose()


@pytest.fixture
def dagster(storage: DagsterPostgresStorage, dagster_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    url = make_url(dagster_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        yield connection


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "state") as server:
        yield server


def _api(server: RunningServer, directory: Path) -> BatchApi:
    """The running server as the rounds talk to it."""
    return BatchApi(directory, {}, httpx2.URL(server.base_url).port or 0, 0, (), 0)


def _buy(server: RunningServer, request_id: UUID) -> None:
    """A batch with one request, bought for the same row of ours each time."""
    line = line_frame("gpt-5-mini").line(
        request_id, transcript_data(uuid4(), [Message("User", "Where is my roster?", None)])
    )
    with httpx2.Client(base_url=server.base_url, headers={"Authorization": "Bearer key"}, trust_env=False) as client:
        file = client.post("/files", files={"file": ("livedash.jsonl", line)}, data={"purpose": "batch"}).json()
        body = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        client.post("/batches", content=json.dumps(body | {"metadata": {"livedash_batch_id": str(_MARK)}}))


def test_a_request_that_was_bought_twice_is_noticed(
    server: RunningServer, engine: Engine, dagster: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    request_id = uuid4()
    api = _api(server, tmp_path)
    assert find_all_violations(engine, RemoteBooks(api), Observed(), dagster, sessions=0) == []
    _buy(server, request_id)
    _buy(server, request_id)
    assert is_quiet(api)
    found = find_all_violations(engine, RemoteBooks(api), Observed(), dagster, sessions=0)
    assert f"request {str(request_id)[-4:]} was charged 2 times" in found
    assert any(violation.startswith(f"batch {str(_MARK)[-4:]} ran 2 times at the service") for violation in found)
    assert sum("no ledger names it" in violation for violation in found) == 2


def test_the_books_are_read_past_scripted_faults_and_leave_them_to_the_program(
    server: RunningServer, engine: Engine, dagster: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    request_id = uuid4()
    _buy(server, request_id)
    kinds = ("list_batches", "list_files", "download_file", "get_batch")
    faults = [{"kind": "status", "operation": kind, "status": 503} for kind in kinds]
    server.service.install_faults(parse_script(json.dumps({"seed": 1, "faults": faults}).encode()))
    api = _api(server, tmp_path)
    books = RemoteBooks(api)
    assert is_quiet(api)
    assert len(books.records()) == 1
    assert [list(lines) for lines in books.inputs.values()] == [[str(request_id)]]
    read = {entry["operation"] for entry in books.journal()["entries"]}
    assert not read & set(kinds)
    with httpx2.Client(base_url=server.base_url, headers={"Authorization": "Bearer key"}, trust_env=False) as client:
        assert client.get("/batches").status_code == 503


def test_sessions_that_are_missing_are_noticed(
    server: RunningServer, engine: Engine, dagster: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    found = find_all_violations(engine, RemoteBooks(_api(server, tmp_path)), Observed(), dagster, sessions=3)
    assert found == ["3 sessions are published, 0 are there"]


def test_a_run_that_nobody_reported_and_its_slot_are_noticed(
    server: RunningServer,
    engine: Engine,
    storage: DagsterPostgresStorage,
    dagster: psycopg.Connection[tuple[object, ...]],
    tmp_path: Path,
) -> None:
    run = storage.run_storage.add_run(DagsterRun("poll_batches", status=DagsterRunStatus.STARTED))
    storage.event_log_storage.set_concurrency_slots("openai_api", 1)
    storage.event_log_storage.claim_concurrency_slot("openai_api", run.run_id, "poll_batches")
    found = find_all_violations(engine, RemoteBooks(_api(server, tmp_path)), Observed(), dagster, sessions=0)
    short = run.run_id[:8]
    assert found[0] == f"run {short} of poll_batches is STARTED, and its process is gone"
    assert f"run {short} holds a slot of pool openai_api" in found
