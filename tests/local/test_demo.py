"""The demo's parts: whose database it takes, which port it keeps, when it is done, and how it says what it waits for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.states import RequestStatus, StageStatus
from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.stages import PipelineStatus
from livedash_pipeline.embedded_postgres.server import remove_postgres, running_postgres, stop_postgres
from livedash_pipeline.errors import UsageError
from livedash_pipeline.local.demo import DemoOptions, run_demo
from livedash_pipeline.local.demo_display import Display, demo_document, print_tables
from livedash_pipeline.local.demo_progress import Progress, read_progress
from livedash_pipeline.local.demo_source import kept_port
from livedash_pipeline.overview.store.demo import companies_to_import, read_figures
from livedash_pipeline.runtime.environment import opened_engine, prepare
from livedash_pipeline.settings import isolated_settings

STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH")
DONE = Progress(
    to_import=0,
    pipeline=PipelineStatus(3, {stage: dict.fromkeys(StageStatus, 0) | {StageStatus.COMPLETED: 3} for stage in STAGES}),
    requests=dict.fromkeys(RequestStatus, 0) | {RequestStatus.PROCESSING_COMPLETE: 3},
    open_batches=0,
    finished_batches=0,
    unsettled=0,
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    remove_postgres(tmp_path / "home")


def test_a_database_with_companies_that_the_demo_did_not_make_is_refused(home: Path) -> None:
    settings = isolated_settings({"LIVEDASH_HOME": str(home)})
    with opened_engine(prepare(settings)) as engine, engine.begin() as connection:
        changes = CompanyChanges(csv_url="https://chats.example.com/acme.csv")
        add_company(connection, "acme", changes, now=database_now(connection))
    stop_postgres(home)
    with pytest.raises(UsageError, match="did not make: acme") as raised:
        run_demo({"LIVEDASH_HOME": str(home)}, DemoOptions(json_only=True))
    assert "LIVEDASH_HOME=" in raised.value.remedy
    assert running_postgres(home) is None, "the server that it started is stopped"


def test_the_port_of_the_last_demo_is_taken_again_if_it_is_free(tmp_path: Path) -> None:
    served: list[int] = []

    def serve(port: int) -> socket.socket:
        served.append(port)
        return socket.create_server(("127.0.0.1", port))

    for _ in range(2):
        with kept_port(tmp_path, "source", serve):
            pass
    with kept_port(tmp_path, "batch-api", serve), kept_port(tmp_path, "source", serve):
        pass
    first, second, other, third = served
    assert first == second == third != other
    with socket.create_server(("127.0.0.1", first)), kept_port(tmp_path, "source", serve):
        assert served[-1] != first


def test_the_demo_is_done_when_nothing_is_left_to_do() -> None:
    assert DONE.is_done
    waiting = {RequestStatus.PENDING_BATCHING: 1}
    under_way = {RequestStatus.BATCHING_IN_PROGRESS: 1}
    for left in (
        {"to_import": 1},
        {"open_batches": 1},
        {"finished_batches": 1},
        {"unsettled": 1},
        {"requests": DONE.requests | waiting},
        {"requests": DONE.requests | under_way},
        {"pipeline": PipelineStatus(0, DONE.pipeline.stages)},
    ):
        assert not replace(DONE, **left).is_done, left


def test_what_the_demo_waits_for_is_said_in_numbers() -> None:
    progress = replace(DONE, to_import=1, open_batches=2, finished_batches=3, unsettled=4)
    assert progress.waiting_for() == (
        "1 companies to import, 0 requests to submit, 2 batches at the service, 3 to take in, 4 sessions not done, "
        "0 chat batches not ended"
    )


def test_plain_lines_are_written_to_stderr_when_something_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(plain=True, quiet=False)
    display.say("Kept in /tmp/[home]; see :smile: there.")
    for progress in (DONE, DONE, replace(DONE, open_batches=1)):
        display.show(progress)
    display.end()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "Kept in /tmp/[home]; see :smile: there.",
        "csv_import 3/3, transcript_fetch 3/3; 0 batches at the service, 0 to take in",
        "csv_import 3/3, transcript_fetch 3/3; 1 batches at the service, 0 to take in",
    ]


def test_a_quiet_display_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(plain=False, quiet=True)
    display.say("hello")
    display.show(DONE)
    display.end()
    assert capsys.readouterr() == ("", "")


def test_an_empty_database_gives_an_empty_document_and_tables(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.connect() as connection:
        now = database_now(connection)
        progress = read_progress(connection, "127.0.0.1/v1", since=now)
        assert companies_to_import(connection, since=now) == 0
        assert read_figures(connection).messages == 0
    assert not progress.is_done
    document = demo_document(engine, progress)
    counted = ["sessions", "messages", "rejects", "requests", "batches", "stages", "costEur", "chatBatches"]
    assert list(document) == ["ok", *counted]
    assert (document["sessions"], document["costEur"]) == (0, "0")
    print_tables(engine, Display(plain=True, quiet=False).console)
    assert "Sessions per stage" in capsys.readouterr().err
