"""What commands say about single sessions: failed ones, trying them again, everything about one, and exports of all."""

from __future__ import annotations

import csv
import io
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    ai_request_attempts,
    processing_stages,
    questions,
    session_questions,
    sessions,
)
from tests.commands.conftest import Run, document_of
from tests.conftest import NOW
from tests.support.imported import add_import, add_request, set_stage
from tests.support.rows import CHAT, insert_sessions

COUNTS = ("retriedCount", "notFoundCount", "notEligibleCount")


def _sessions(engine: Engine, company: Company, *statuses: str) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Sessions whose analysis has a status: their ids and those of their imports."""
    with engine.begin() as connection:
        ids = insert_sessions(connection, company, [CHAT] * len(statuses))
        found = connection.execute(select(sessions.c.id, sessions.c.import_id).where(sessions.c.id.in_(ids))).all()
        imports = {row.id: row.import_id for row in found}
        for session_id, status in zip(ids, statuses, strict=True):
            reason = "truncated: too long" if status == "FAILED" else None
            set_stage(connection, imports[session_id], "AI_ANALYSIS", status, error_message=reason, retry_count=1)
        return [(session_id, imports[session_id]) for session_id in ids]


def _analyse(engine: Engine, session_id: uuid.UUID, company: Company, **values: Any) -> uuid.UUID:
    """A complete request with one settled try, and an analysis."""
    with engine.begin() as connection:
        request_id = add_request(connection, company, session_id, "PROCESSING_COMPLETE")
        batch_id = connection.execute(
            select(ai_processing_requests.c.batch_id).where(ai_processing_requests.c.id == request_id)
        ).scalar_one()
        connection.execute(
            insert(ai_request_attempts).values(
                request_id=request_id,
                batch_id=batch_id,
                created_at=NOW,
                settled_at=NOW,
                outcome="parsed",
                total_tokens=900,
                total_cost_eur=Decimal("0.00125"),
            )
        )
        connection.execute(update(sessions).where(sessions.c.id == session_id).values(analysed_at=NOW, **values))
        return request_id


def test_failed_sessions_are_listed_with_their_reason(livedash: Run, engine: Engine, company: Company) -> None:
    made = _sessions(engine, company, "FAILED", "FAILED", "COMPLETED")
    whole = document_of(livedash("failed", "--json"))
    assert {row["sessionId"] for row in whole["sessions"]} == {str(one) for one, _ in made[:2]}
    assert whole["sessions"][0]["errorMessage"] == "truncated: too long"
    shown = livedash("failed", "--company", "acme", "--stage", "AI_analysis", "--limit", "1", "--wide").stdout
    assert "truncated: too long" in shown
    assert "livedash failed --stage AI_analysis --company acme --cursor" in shown
    assert document_of(livedash("failed", "--stage", "csv_import", "--json"))["sessions"] == []
    assert "No session has failed." in livedash("failed", "--stage", "csv_import").stdout


def test_retry_counts_first_and_does_it_when_told(livedash: Run, engine: Engine, company: Company) -> None:
    (failed, import_id), (done, _) = _sessions(engine, company, "FAILED", "COMPLETED")
    counted = livedash("retry", "--stage", "ai_analysis", "--company", "acme")
    assert "1 session would be tried again at ai_analysis" in counted.stdout
    assert "--no-dry-run" in counted.stdout
    document = document_of(
        livedash("retry", str(failed), str(done), "no-id", str(uuid.uuid4()), "--stage", "AI_ANALYSIS", "--json")
    )
    assert [document[name] for name in COUNTS] == [1, 2, 1]
    assert "dryRun" not in document
    again = livedash("retry", str(import_id), "--stage", "ai_analysis").stdout
    assert "0 sessions will be tried again" in again
    assert "1 not eligible" in again


def test_buying_again_says_what_it_costs_first(livedash: Run, engine: Engine, company: Company) -> None:
    _sessions(engine, company, "COMPLETED", "COMPLETED")
    document = document_of(livedash("retry", "--stage", "ai_analysis", "--reanalyse", "--json"))
    assert (document["retriedCount"], document["dryRun"]) == (2, True)
    assert Decimal(document["estimatedCostEur"]) > 0
    assert "at most €" in livedash("retry", "--stage", "ai_analysis", "--reanalyse").stdout


def test_a_session_is_told_without_its_texts_unless_they_are_asked_for(
    livedash: Run, engine: Engine, company: Company
) -> None:
    ((session_id, import_id),) = _sessions(engine, company, "COMPLETED")
    request_id = _analyse(engine, session_id, company, summary="A secret summary.", sentiment="POSITIVE")
    whole = livedash("session", str(import_id), "--json")
    assert "secret" not in whole.stdout and CHAT[0].content not in whole.stdout
    session = document_of(whole)["session"]
    assert (session["sessionId"], session["importId"], session["company"]) == (str(session_id), str(import_id), "acme")
    assert (session["sentiment"], session["messages"], session["transcript"]) == ("positive", len(CHAT), None)
    assert [(stage["stage"], stage["status"]) for stage in session["stages"]][2:] == [
        ("session_creation", "completed"), ("ai_analysis", "completed"), ("question_extraction", "pending"),
    ]  # fmt: skip
    assert list(session["stages"][0]) == [
        "stage", "status", "errorMessage", "retryCount", "startedAt", "completedAt",
    ]  # fmt: skip
    (request,) = session["requests"]
    assert request["id"] == str(request_id)
    listed = document_of(livedash("requests", "--status", "processing_complete", "--json"))["requests"][0]
    assert list(request) == [*listed, "tries"]
    (tried,) = request["tries"]
    assert (tried["outcome"], tried["totalCostEur"], tried["totalTokens"]) == ("parsed", "0.00125", 900)
    texts = document_of(livedash("session", str(session_id), "--show-text", "--json"))["session"]["texts"]
    assert texts["summary"] == "A secret summary."
    assert [message["text"] for message in texts["messages"]] == [message.content for message in CHAT]
    # The same try as the request tells it alone.
    assert request["tries"] == document_of(livedash("request", str(request_id), "--json"))["attempts"]
    drawn = livedash("session", str(session_id)).stdout
    assert "secret" not in drawn and "question_extraction" in drawn and "parsed" in drawn
    assert CHAT[0].content in livedash("session", str(session_id), "--show-text").stdout


def test_a_session_that_is_only_imported_is_told_too(livedash: Run, engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, None, initial_message="hello")
    session = document_of(livedash("session", str(import_id), "--json"))["session"]
    assert (session["sessionId"], session["requests"], session["messages"]) == (None, [], 0)
    assert session["stages"][0]["status"] == "pending"
    texts = document_of(livedash("session", str(import_id), "--show-text", "--json"))["session"]["texts"]
    assert (texts["initialMessage"], texts["messages"]) == ("hello", [])
    assert "Nothing has been asked about it." in livedash("session", str(import_id)).stdout


def test_a_stage_that_was_added_as_a_row_is_shown_and_retried(livedash: Run, engine: Engine, company: Company) -> None:
    ((_, import_id),) = _sessions(engine, company, "COMPLETED")
    with engine.begin() as connection:
        connection.execute(insert(processing_stages).values(name="TRANSLATION", position=9))
        set_stage(connection, import_id, "TRANSLATION", "FAILED", error_message="no dictionary")
    shown = livedash("status").stdout
    assert "TRANSLATION: 1 failed" in shown.splitlines()
    assert "livedash failed" in shown
    assert "no dictionary" in livedash("failed").stdout
    assert document_of(livedash("retry", str(import_id), "--stage", "translation", "--json"))["retriedCount"] == 1
    assert "TRANSLATION: 1 pending" in livedash("status").stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("failed", "--stage", "cleaning"), "'cleaning' is not a stage"),
        (("failed", "--limit", "0"), "limit is 0"),
        (("failed", "--cursor", "page-2"), "'page-2' is not a cursor"),
        (("failed", "--company", "initech"), "initech"),
        (("retry", "--stage", "cleaning"), "'cleaning' is not a stage"),
        (("retry", "x", "--stage", "ai_analysis", "--company", "acme"), "Both ids and a company"),
        (("retry", "--stage", "csv_import", "--reanalyse"), "csv_import cannot be analysed again"),
        (("retry",), "--stage"),
        (("session", "no-id"), "'no-id' is no id of a session"),
        (("session", "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"), "There is no session"),
        (("export", "--company", "initech"), "initech"),
        (("export", "--format", "xml"), "xml"),
        (("export", "--format", "csv", "--json"), "exclude each other"),
        (("status", "--watch", "--json"), "exclude each other"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_one_sentence(refused: Run, line: tuple[str, ...], said: str) -> None:
    result = refused(*line)
    assert result.exit_code == 2
    assert said in (result.stderr or result.stdout)


def test_an_export_is_safe_to_open_in_a_spreadsheet(livedash: Run, engine: Engine, company: Company) -> None:
    made = _sessions(engine, company, "COMPLETED", "PENDING")
    formula = '=HYPERLINK("http://example.test","naïve, \n“quoted”")'
    first, second = sorted(session_id for session_id, _ in made)
    _analyse(engine, first, company, summary=formula, category="SCHEDULE_HOURS", avg_response_time=Decimal("2.500"))
    with engine.begin() as connection:
        for position, content in enumerate(("@where?", "when?")):
            question_id = connection.execute(
                insert(questions)
                .values(company_id=company.id, content=content, created_at=NOW)
                .returning(questions.c.id)
            ).scalar_one()
            connection.execute(
                insert(session_questions).values(session_id=first, position=position, question_id=question_id)
            )
    result = livedash("export", "--company", "acme")
    rows = list(csv.DictReader(io.StringIO(result.stdout_bytes.decode("utf-8"), newline="")))
    assert [row["session_id"] for row in rows] == [str(first), str(second)]
    assert (rows[0]["company"], rows[0]["summary"], rows[0]["questions"]) == ("acme", f"'{formula}", "'@where?\nwhen?")
    assert (rows[0]["avg_response_time"], rows[0]["total_cost_eur"], rows[1]["summary"]) == ("2.5", "0.00125", "")
    assert rows[0]["start_time"] == "2025-05-01T12:00:00+00:00"
    document = json.loads(livedash("export", "--format", "json").stdout)
    assert document == document_of(livedash("export", "--json"))
    told = document["sessions"][0]
    assert (told["summary"], told["category"], told["questions"]) == (formula, "schedule_hours", ["@where?", "when?"])
    assert (told["totalCostEur"], told["analysedAt"]) == ("0.00125", "2025-05-01T12:00:00+00:00")


def test_an_export_of_nothing_has_a_header(livedash: Run, company: Company) -> None:
    assert livedash("export").stdout.splitlines()[0].startswith("company,external_session_id,session_id,")
    assert document_of(livedash("export", "--json")) == {"ok": True, "sessions": []}
