"""Result files of every wrong shape, served over HTTP by the local server: what is believed, when, and what it costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, ai_request_attempts
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.listing import list_batches
from livedash_pipeline.ledger.steps.batches.named_batch import accept_files, ingest_again
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import IngestReport, ingest_document, ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.overview.steps.pipeline_report import report_status
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings
from tests.support.batch_round import at
from tests.support.rows import insert_requests

# Past the visibility lag; the second and the third look after it, when they are due.
FIRST = timedelta(minutes=3)
SECOND, THIRD = FIRST + timedelta(minutes=6), FIRST + timedelta(minutes=67)
# As long as faults last that end; less than files are kept.
LASTS = timedelta(days=10)


@dataclass
class World:
    """A company, a server, and batches whose files are wrong as the test says."""

    engine: Engine
    company: Company
    context: BatchContext
    server: RunningServer
    ahead: list[float] = field(default_factory=lambda: [0.0])

    def faults(self, *faults: dict[str, Any]) -> None:
        self.server.service.install_faults(parse_script(json.dumps(faults)), replace=True)

    def send(self, requests: int = 2, batches: int = 1) -> list[Any]:
        """Ids of new batches that have ended, in the order in which they were made."""
        made = []
        for _ in range(batches):
            with self.engine.begin() as connection:
                insert_requests(connection, self.company, requests)
            (sent,) = submit_pending(self.context, ignore_minimum=True, unhold=True).submitted
            made.append(sent.batch_id)
        for _ in range(8):
            if not poll_batches(self.context).open:
                return made
        raise AssertionError("batches do not end")

    def ingest(self, later: timedelta = FIRST) -> IngestReport:
        return ingest_finished(at(self.context, later))

    def pass_time(self, span: timedelta) -> None:
        """Moves the server's clock."""
        self.ahead[0] += span.total_seconds()

    def reasons(self) -> dict[Any, str | None]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(ai_batch_requests))
            return {row.id: row.short_reason for row in rows if row.processed_at is None}

    def outcomes(self, batch_id: Any) -> list[str | None]:
        table = ai_request_attempts.c
        query = select(table.outcome).where(table.batch_id == batch_id, ~table.is_late).order_by(table.request_id)
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def requests(self) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(ai_processing_requests).order_by(ai_processing_requests.c.id)))


@contextmanager
def _world(engine: Engine, company: Company, directory: Path, **server: Any) -> Iterator[World]:
    ahead = [0.0]
    with running_server(directory / "batch-api", speed=0, clock=lambda: time.time() + ahead[0], **server) as running:
        settings = Settings(openai_base_url=running.base_url, openai_api_key="test-key")
        with connect(running.base_url, "test-key", sleep=lambda _: None) as gateway:
            context = BatchContext(engine, gateway, KINDS, settings, spool_dir=directory / "spool")
            yield World(engine, company, context, running, ahead)


@pytest.fixture
def world(engine: Engine, company: Company, tmp_path: Path) -> Iterator[World]:
    with _world(engine, company, tmp_path) as made:
        yield made


SIZE = "and the service states"
NO_JSON, NOT_OURS = "holds no JSON lines", "is about a request of this batch"
NEVER_BELIEVED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "html_page"}, SIZE),
    ({"kind": "html_page", "sized": True}, NO_JSON),
    ({"kind": "json_error"}, SIZE),
    ({"kind": "json_error", "sized": True}, NOT_OURS),
    ({"kind": "plain_text"}, SIZE),
    ({"kind": "plain_text", "sized": True}, NO_JSON),
    ({"kind": "empty_body"}, SIZE),
    ({"kind": "binary_body", "sized": True}, NO_JSON),
    ({"kind": "gzip_bytes"}, SIZE),
    ({"kind": "gzip_bytes", "sized": True}, NO_JSON),
    ({"kind": "utf16_body", "sized": True}, NO_JSON),
    ({"kind": "longer_body"}, SIZE),
    ({"kind": "other_batch"}, NOT_OURS),
    ({"kind": "other_batch", "file": "both", "sized": True}, NOT_OURS),
    ({"kind": "other_size", "by": 1}, SIZE),
    ({"kind": "other_size", "by": -1}, SIZE),
    ({"kind": "other_size", "bytes": 0}, SIZE),
]


def test_bytes_that_are_not_the_results_are_never_believed(world: World) -> None:
    lasting = {"seconds": LASTS.total_seconds()}
    world.faults(
        *(fault | lasting | {"match": {"nth": number}} for number, (fault, _) in enumerate(NEVER_BELIEVED, start=1))
    )
    made = world.send(batches=len(NEVER_BELIEVED))
    for later in (FIRST, SECOND, THIRD, timedelta(days=1), timedelta(days=5)):
        report = world.ingest(later)
        assert (report.batches, report.outcomes, len(report.short)) == ([], {}, len(made))
    reasons = world.reasons()
    for batch_id, (fault, said) in zip(made, NEVER_BELIEVED, strict=True):
        assert said in (reasons[batch_id] or ""), fault
        assert world.outcomes(batch_id) == [None, None]
    world.pass_time(LASTS + timedelta(hours=1))
    assert world.ingest(LASTS + timedelta(hours=1)).outcomes == {"parsed": 2 * len(made)}
    assert world.reasons() == {}


HARMLESS: list[dict[str, Any]] = [
    {"kind": "longer_body", "sized": True},
    {"kind": "other_size", "unknown": True},
    {"kind": "html_page", "file": "error"},
]


def test_what_takes_no_request_its_line_is_no_reason_to_wait(world: World) -> None:
    world.faults(*(fault | {"match": {"nth": number}} for number, fault in enumerate(HARMLESS, start=1)))
    made = world.send(batches=len(HARMLESS))
    assert world.ingest().outcomes == {"parsed": 2 * len(made)}


@pytest.mark.parametrize("status", [404, 400, 403, 405, 500, 503])
def test_a_file_that_cannot_be_looked_up_is_taken_by_its_content(world: World, status: int) -> None:
    world.faults({"kind": "status", "operation": "get_file", "status": status})
    world.send(3)
    assert world.ingest().outcomes == {"parsed": 3}


def test_without_a_size_only_whole_lines_for_all_are_believed(world: World) -> None:
    lookup = {"kind": "status", "operation": "get_file", "status": 404}
    cut = {"kind": "truncate", "operation": "download_file", "keep": 0.7, "silent": True}
    world.faults(lookup, cut, {"kind": "garbled_line", "match": {"share": 0.5}})
    made = world.send(6, batches=2)
    for later in (FIRST, SECOND, THIRD, timedelta(days=3)):
        assert len(world.ingest(later).short) == 2
    assert all("states no size" in (reason or "") for reason in world.reasons().values())
    assert {outcome for batch_id in made for outcome in world.outcomes(batch_id)} == {None}


def test_a_line_that_is_missing_without_a_size_waits_for_three_looks(world: World) -> None:
    world.faults(
        {"kind": "status", "operation": "get_file", "status": 500},
        {"kind": "missing_line", "match": {"nth": 1, "share": 0.5}},
        {"kind": "wrong_counts", "completed_by": -10},
    )
    (batch_id,) = world.send(12)
    for later in (FIRST, SECOND):
        assert len(world.ingest(later).short) == 1
        assert "have no line, and the service states no size" in (world.reasons()[batch_id] or "")
    assert set(world.ingest(THIRD).outcomes) == {"parsed", "missing"}


def test_a_content_that_is_gone_is_gone_whatever_the_look_up_says(world: World) -> None:
    world.faults({"kind": "status", "operation": "download_file", "status": 404})
    world.send()
    assert world.ingest().outcomes == {"artifact_unavailable": 2}


def test_a_file_named_late_is_waited_for_and_nothing_is_bought_again(world: World) -> None:
    hour = timedelta(hours=1).total_seconds()
    world.faults(
        {"kind": "late_output_file", "seconds": hour, "match": {"nth": 1}},
        {"kind": "late_output_file", "match": {"nth": 2}},
    )
    first, second = world.send(batches=2)
    assert world.ingest(timedelta(0)).short == [first, second]
    assert world.ingest(timedelta(0)).waiting == 2
    for later in (FIRST, SECOND):
        assert len(world.ingest(later).short) == 2
    world.pass_time(timedelta(hours=2))
    assert world.ingest(THIRD).outcomes == {"parsed": 2, "missing": 2}
    assert world.outcomes(second) == ["missing", "missing"]
    # The service says that it answered them: they fail.
    assert [row.processing_status for row in world.requests()].count("PENDING_BATCHING") == 0


def test_an_empty_file_is_believed_after_an_hour_and_bought_again_never(world: World) -> None:
    world.faults({"kind": "empty_body", "sized": True})
    (batch_id,) = world.send()
    for later in (FIRST, SECOND):
        assert world.ingest(later).short == [batch_id]
    assert world.ingest(THIRD).outcomes == {"missing": 2}
    assert {row.processing_status for row in world.requests()} == {"PROCESSING_FAILED"}


def test_waiting_for_whole_files_is_said_everywhere(world: World) -> None:
    world.faults({"kind": "html_page"})
    first, second = world.send(batches=2)
    for _ in range(3):
        report = world.ingest(timedelta(0))
    assert (report.short, report.waiting) == ([], 2)
    document = ingest_document(report)
    assert (document["waiting"], document["batches"], document["lateAnswers"]) == (2, 0, 0)
    assert document["nextLookAt"] == report.next_look_at.isoformat() if report.next_look_at else False
    shown = list_batches(world.engine, endpoint=world.context.endpoint)["batches"]
    assert {each["id"] for each in shown} == {str(first), str(second)}
    for each in shown:
        assert "the next look is at" in each["standsStillBecause"] and "--accept-files" in each["standsStillBecause"]
    told = [each["message"] for each in report_status(world.engine, world.context.settings, KINDS)["obstacles"]]
    assert any(each.startswith("2 batches wait for whole files; the next look is at ") for each in told)
    assert not any("not ingested" in each for each in told)


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        ({"kind": "other_size", "bytes": 0}, {"parsed": 3}),
        ({"kind": "html_page"}, {"artifact_unavailable": 3}),
        ({"kind": "late_output_file"}, {"artifact_unavailable": 3}),
        ({"kind": "status", "operation": "download_file", "status": 500}, {"artifact_unavailable": 3}),
        ({"kind": "status", "operation": "download_file", "status": 403}, {"artifact_unavailable": 3}),
    ],
)
def test_an_operator_takes_files_as_they_are(world: World, fault: dict[str, Any], outcomes: dict[str, int]) -> None:
    world.faults(fault)
    (batch_id,) = world.send(3)
    try:
        assert world.ingest().short == [batch_id]
    except ServiceError:
        assert fault["kind"] == "status"
    report = accept_files(at(world.context, FIRST), str(batch_id))
    assert (report.batches, report.outcomes) == ([batch_id], outcomes)
    # Nothing of it waits to be bought again.
    assert "PENDING_BATCHING" not in {row.processing_status for row in world.requests()}
    with pytest.raises(UsageError, match="is settled"):
        accept_files(world.context, str(batch_id))


def _settled_without_files(world: World, *, requests: int = 1, **fault: Any) -> Any:
    """A batch that was settled before its file showed what it shows from then on."""
    world.faults({"kind": "late_output_file", "seconds": LASTS.total_seconds()} | fault)
    (batch_id,) = world.send(requests)
    for later in (FIRST, SECOND, THIRD):
        world.ingest(later)
    assert world.outcomes(batch_id) == ["missing"] * requests
    world.faults()
    world.pass_time(LASTS + timedelta(hours=1))
    return batch_id


def _leave(_world: World) -> None:
    """The request has failed, since the service says that it answered it."""


def _requeue(world: World) -> None:
    ids = [str(row.id) for row in world.requests()]
    assert requeue_requests(world.engine, KINDS, request_ids=ids, dry_run=False)["requeuedCount"] == len(ids)


def _send_again(world: World) -> None:
    _requeue(world)
    submit_pending(world.context, ignore_minimum=True)


def _answer_again(world: World) -> None:
    _send_again(world)
    for _ in range(8):
        if not poll_batches(world.context).open:
            break
    assert world.ingest(LASTS).outcomes == {"parsed": 1}


def _change_the_chat(world: World) -> None:
    """The transcript changed: what showed late answers another question."""
    from sqlalchemy import update

    from livedash_pipeline.base.store.tables import sessions

    _requeue(world)
    with world.engine.begin() as connection:
        connection.execute(update(sessions).values(transcript_hash="another"))
        connection.execute(update(ai_processing_requests).values(transcript_hash="another"))


STATES: list[tuple[Callable[[World], None], str, bool]] = [
    # what happens before the file shows, the request's state afterwards, whether it took the late answer
    (_leave, "PROCESSING_COMPLETE", True),
    (_requeue, "PROCESSING_COMPLETE", True),
    (_send_again, "BATCHING_IN_PROGRESS", False),
    (_answer_again, "PROCESSING_COMPLETE", False),
    (_change_the_chat, "PENDING_BATCHING", False),
]


@pytest.mark.parametrize(("meanwhile", "status", "taken"), STATES)
def test_a_late_answer_is_taken_in_whatever_happened_meanwhile(
    world: World, meanwhile: Callable[[World], None], status: str, taken: bool
) -> None:
    batch_id = _settled_without_files(world)
    meanwhile(world)
    before = world.requests()
    for turn in range(2):
        report = ingest_again(at(world.context, LASTS), str(batch_id))
        # The second time the ledger has it already.
        assert (report.outcomes, report.late) == (({"parsed": 1}, int(taken)) if turn == 0 else ({}, 0))
    (row,) = world.requests()
    assert row.processing_status == status
    assert (row.raw_answer is None) is taken
    assert row.parsed_answer is not None if status == "PROCESSING_COMPLETE" else row.parsed_answer is None
    if not taken:
        assert (row.batch_id, row.attempts, row.updated_at) == (
            before[0].batch_id,
            before[0].attempts,
            before[0].updated_at,
        )
    # What was written stays, and the money is a row of its own.
    assert world.outcomes(batch_id) == ["missing"]
    with world.engine.connect() as connection:
        attempts = ai_request_attempts.c
        (late,) = connection.execute(select(ai_request_attempts).where(attempts.is_late))
    assert (late.batch_id, late.outcome) == (batch_id, "parsed") and late.total_cost_eur > 0


def test_what_takes_a_late_answer_is_not_bought_again(world: World) -> None:
    batch_id = _settled_without_files(world)
    _requeue(world)
    ingest_again(at(world.context, LASTS), str(batch_id))
    assert submit_pending(world.context, ignore_minimum=True).submitted == []


def test_a_batch_sent_again_settles_as_usual_beside_its_late_answer(world: World) -> None:
    batch_id = _settled_without_files(world)
    _send_again(world)
    ingest_again(at(world.context, LASTS), str(batch_id))
    for _ in range(8):
        if not poll_batches(world.context).open:
            break
    assert world.ingest(LASTS).outcomes == {"parsed": 1}
    (row,) = world.requests()
    assert row.processing_status == "PROCESSING_COMPLETE" and row.raw_answer is not None


def test_a_late_answer_that_is_of_no_use_is_not_bought_again(world: World) -> None:
    world.faults({"kind": "refusal"}, {"kind": "late_output_file", "seconds": LASTS.total_seconds()})
    (batch_id,) = world.send(1)
    for later in (FIRST, SECOND, THIRD):
        world.ingest(later)
    _requeue(world)
    world.faults()
    world.pass_time(LASTS + timedelta(hours=1))
    report = ingest_again(at(world.context, LASTS), str(batch_id))
    assert (report.outcomes, report.late) == ({"refused": 1}, 0)
    (row,) = world.requests()
    assert (row.processing_status, row.error_code) == ("PROCESSING_FAILED", "refused")
    assert submit_pending(world.context, ignore_minimum=True).submitted == []


def test_taking_in_again_says_what_it_cannot_do(world: World) -> None:
    world.faults({"kind": "html_page", "match": {"nth": 1}})
    (batch_id,) = world.send(1)
    with pytest.raises(UsageError, match="not settled yet"):
        ingest_again(world.context, str(batch_id))
    with pytest.raises(UsageError, match="There is no batch 'batch_none'"):
        ingest_again(world.context, "batch_none")
    accept_files(at(world.context, FIRST), str(batch_id))
    world.faults({"kind": "status", "operation": "download_file", "status": 404})
    with pytest.raises(LivedashError, match="no result file"):
        ingest_again(at(world.context, LASTS), str(batch_id))


def test_a_late_file_frees_the_money_that_was_set_aside(world: World) -> None:
    from livedash_pipeline.ledger.store.admission.committed import committed_eur

    world.faults({"kind": "html_page", "seconds": LASTS.total_seconds()})
    (batch_id,) = world.send(1)
    accept_files(at(world.context, FIRST), str(batch_id))

    def committed() -> Any:
        with world.engine.begin() as connection:
            start = database_now(connection) - timedelta(days=70)
            return committed_eur(connection, world.company.id, since=start)

    set_aside = committed()
    world.pass_time(LASTS + timedelta(hours=1))
    ingest_again(at(world.context, LASTS), str(batch_id))
    # The batch states what its lines cost together: no more was set aside, and the late line takes its place.
    assert 0 < committed() == set_aside
