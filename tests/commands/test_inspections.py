"""What commands say about one request, one batch and rejected records: what HTTP says, and nobody's data unasked."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from livedash_pipeline.base.rules.cursors import make_cursor
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts, import_rejects, import_runs
from livedash_pipeline.overview.steps.inspections import describe_batch, describe_request, list_rejects
from tests.commands.conftest import Run, document_of
from tests.conftest import NOW
from tests.support.imported import add_request
from tests.support.rows import CHAT, insert_company, insert_sessions

SECRET = "x1,Jane Roe of 12 Elm Street"


def _tried(engine: Engine, company: Company) -> tuple[uuid.UUID, uuid.UUID]:
    """A failed request and the batch that it was in, which the service calls `batch_1`.

    It has a try that was paid, and one without a batch, of a system that was taken over.
    """
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        request_id = add_request(connection, company, session_id, "PROCESSING_FAILED")
        batch_id = connection.execute(select(ai_batch_requests.c.id)).scalar_one()
        connection.execute(ai_batch_requests.update().values(remote_batch_id="batch_1", lines_failed=1))
        ended = {"outcome": "truncated", "finish_reason": "length"}
        paid = {"batch_id": batch_id, "total_tokens": 900, "total_cost_eur": Decimal("0.0025"), **ended}
        old = {"legacy_id": "old-1", "outcome": "transient", "http_status": 503, "error_message": "overloaded"}
        for hour, made in enumerate((paid, old)):
            at = NOW + timedelta(hours=hour)
            connection.execute(
                insert(ai_request_attempts).values(request_id=request_id, created_at=at, settled_at=at, **made)
            )
        return request_id, batch_id


def _undated(document: dict[str, Any]) -> dict[str, Any]:
    """A batch without what changes from second to second."""
    return document | {"batch": document["batch"] | {"ageSeconds": None, "secondsInStatus": None}}


def _reject(engine: Engine, company: Company, *lines: int) -> None:
    """Rejected records of one import, with ids in the order of their lines."""
    with engine.begin() as connection:
        run = {"company_id": company.id, "source_url": "acme.csv", "started_at": NOW}
        run_id = connection.execute(insert(import_runs).values(**run).returning(import_runs.c.id)).scalar_one()
        for line in lines:
            values = {"id": uuid.UUID(int=line), "company_id": company.id, "import_run_id": run_id}
            told = {"line_number": line, "raw_text": SECRET, "reason": "bad_start_time", "detail": "'30.02.2025'"}
            connection.execute(insert(import_rejects).values(**values, **told))


def test_a_request_is_told_with_its_tries_as_http_tells_it(livedash: Run, engine: Engine, company: Company) -> None:
    request_id, batch_id = _tried(engine, company)
    document = document_of(livedash("request", f" {request_id}", "--json"))
    assert document == describe_request(engine, str(request_id))
    listed = document_of(livedash("requests", "--status", "processing_failed", "--json"))["requests"][0]
    told = document["request"]
    assert {name: told[name] for name in listed} == listed
    assert list(told)[: len(listed)] == list(listed)
    assert [(one["outcome"], one["totalCostEur"]) for one in document["attempts"]] == [
        ("truncated", "0.0025"), ("transient", None),
    ]  # fmt: skip
    drawn = livedash("request", str(request_id), "--wide").stdout
    for said in ("processing_failed", "promptVersion", "truncated", "length", "batch_1", "503", "overloaded", "0.0025"):
        assert said in drawn
    assert str(batch_id) in drawn


def test_a_request_without_a_try_is_told_too(livedash: Run, engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        request_id = add_request(connection, company, session_id, "PENDING_BATCHING")
    assert document_of(livedash("request", str(request_id), "--json"))["attempts"] == []
    assert "It has not been sent yet." in livedash("request", str(request_id)).stdout


def test_a_batch_is_told_by_either_id_as_http_tells_it(livedash: Run, engine: Engine, company: Company) -> None:
    _, batch_id = _tried(engine, company)
    document = document_of(livedash("batch", "batch_1", "--json"))
    assert _undated(document) == _undated(document_of(livedash("batch", str(batch_id), "--json")))
    told, again = document["batch"], describe_batch(engine, "batch_1")
    assert again is not None
    assert list(told) == list(again["batch"])
    listed = document_of(livedash("batches", "--json"))["batches"][0]
    assert list(told)[: len(listed)] == list(listed)
    assert (told["outcomes"]["truncated"], told["lines"]["failed"], told["totalCostEur"]) == (1, 1, "0.0025")
    lines = {tuple(line.split()) for line in livedash("batch", "batch_1").stdout.splitlines()}
    assert {("outcomes.truncated", "1"), ("lines.failed", "1"), ("totalCostEur", "0.0025")} <= lines


def test_rejects_are_told_without_the_records_unless_they_are_asked_for(
    livedash: Run, engine: Engine, company: Company
) -> None:
    _reject(engine, company, 1, 2, 3)
    first = document_of(livedash("rejects", "--limit", "2", "--company", "acme", "--json"))
    assert [(row["lineNumber"], row["reason"], row["detail"]) for row in first["rejects"]] == [
        (line, "bad_start_time", "'30.02.2025'") for line in (3, 2)
    ]
    rest = document_of(livedash("rejects", "--company", "acme", "--cursor", first["nextCursor"], "--json"))
    assert [row["lineNumber"] for row in rest["rejects"]] == [1]
    assert rest["nextCursor"] is None
    drawn = livedash("rejects", "--limit", "1", "--company", "acme").stdout
    assert "bad_start_time" in drawn
    assert "More: livedash rejects --company acme --cursor" in drawn
    assert "Jane" not in drawn + str(first) + str(rest)
    asked = document_of(livedash("rejects", "--show-text", "--json"))
    assert asked == list_rejects(engine, show_text=True)
    assert {row["rawText"] for row in asked["rejects"]} == {SECRET}
    assert SECRET in livedash("rejects", "--show-text").stdout


def test_rejects_are_those_of_one_company_where_it_is_named(livedash: Run, engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, slug="globex")
    _reject(engine, company, 1)
    _reject(engine, other, 7)
    assert [row["company"] for row in document_of(livedash("rejects", "--json"))["rejects"]] == ["globex", "acme"]
    assert [
        row["lineNumber"] for row in document_of(livedash("rejects", "--company", "globex", "--json"))["rejects"]
    ] == [7]
    some = document_of(livedash("rejects", "--company", "acme", "--json"))["rejects"][0]
    for line in (("--reason", some["reason"].upper()), ("--import-run", some["importRunId"])):
        found = document_of(livedash("rejects", "--company", "acme", *line, "--json"))
        assert some["id"] in [row["id"] for row in found["rejects"]]
        assert all("rawText" not in row for row in found["rejects"])
        assert "livedash company" in livedash("rejects", "--company", "acme", *line).stdout
    assert "No record was rejected." in livedash("rejects", "--company", "globex", "--cursor", _end(livedash)).stdout


def _end(livedash: Run) -> str:
    """A cursor after the last reject of globex."""
    (row,) = document_of(livedash("rejects", "--company", "globex", "--json"))["rejects"]
    return make_cursor(uuid.UUID(row["id"]), {"list": "rejects", "company": "globex"})


def test_the_next_page_is_named_with_the_filter_of_this_one(livedash: Run, engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        for session_id in insert_sessions(connection, company, [CHAT] * 2):
            add_request(connection, company, session_id, "PROCESSING_FAILED")
    for line in (
        ("requests", "--status", "processing_failed", "--company", "acme"),
        ("batches", "--company", "acme"),
    ):
        shown = livedash(*line, "--limit", "1").stdout.splitlines()[-1]
        command = shown.removeprefix("More: livedash ").split()
        following = document_of(livedash(*command, "--json"))
        assert [following["ok"], len(following[line[0]]), following["nextCursor"]] == [True, 1, None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("request", "no-id"), "There is no request 'no-id'"),
        (("request", "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"), "livedash requests"),
        (("batch", "batch_0"), "There is no batch 'batch_0'"),
        (("batch", "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"), "livedash batches"),
        (("rejects", "--company", "initech"), "initech"),
        (("rejects", "--limit", "0"), "limit is 0"),
        (("rejects", "--cursor", "page-2"), "'page-2' is not a cursor"),
    ],
)
def test_what_does_not_exist_ends_with_2_and_one_sentence(refused: Run, line: tuple[str, ...], said: str) -> None:
    result = refused(*line)
    assert result.exit_code == 2
    assert said in result.stderr
