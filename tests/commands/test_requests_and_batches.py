"""What commands say about requests, batches and sessions, and putting failed requests back."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Engine, update

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, sessions
from livedash_pipeline.commands.reports import stage_line
from livedash_pipeline.ledger.steps.batches.request_documents import request_document
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_document
from livedash_pipeline.ledger.store.admission.holds import learn_limit
from livedash_pipeline.ledger.store.batches.request_history import RequestRow
from tests.commands.conftest import Run, document_of
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.imported import add_request
from tests.support.rows import CHAT, insert_sessions

COUNTS = ("requeuedCount", "notFoundCount", "notFailedCount")


def _requests(engine: Engine, company: Company, *statuses: str) -> list[uuid.UUID]:
    """A request per status, each about a session of its own, ready to be claimed if it is pending."""
    made = []
    with engine.begin() as connection:
        for session_id, status in zip(
            insert_sessions(connection, company, [CHAT] * len(statuses)), statuses, strict=True
        ):
            request_id = add_request(connection, company, session_id, status)
            values = {"prompt_version": prompt_version(), "token_estimate": 1000, "max_output_tokens": 1000}
            current = sessions.c.transcript_hash
            table = ai_processing_requests
            connection.execute(
                update(table)
                .where(table.c.id == request_id, sessions.c.id == table.c.session_id)
                .values(transcript_hash=current, **values)
            )
            made.append(request_id)
    return made


def test_summary_counts_requests_per_status(livedash: Run, engine: Engine, company: Company) -> None:
    _requests(engine, company, "PENDING_BATCHING", "PROCESSING_FAILED", "PROCESSING_FAILED")
    result = livedash("summary", "--company", "acme", "--json")
    assert document_of(result) == {
        "ok": True,
        "summary": {
            "pending_batching": 1,
            "batching_in_progress": 0,
            "processing_complete": 0,
            "processing_failed": 2,
        },
    }


def test_a_request_that_is_about_no_session_has_none() -> None:
    row = RequestRow(
        *(
            uuid.uuid4(),
            None,
            RequestStatus.PENDING_BATCHING,
            uuid.uuid4(),
            "gpt-5-mini",
            None,
            0,
            None,
            None,
            NOW,
            None,
        ),
        *("chat_turn", "1", 10, 10, 0, NOW),
    )
    assert request_document(row)["sessionId"] is None


def test_requests_are_found_by_filters(livedash: Run, engine: Engine, company: Company) -> None:
    made = _requests(engine, company, *["PROCESSING_FAILED"] * 3)
    with engine.begin() as connection:
        table = ai_processing_requests
        connection.execute(update(table).values(completed_at=table.c.requested_at))
        connection.execute(update(table).where(table.c.id == made[0]).values(model="gpt-4o", error_code="refused"))
    line = ("requests", "--status", "processing_failed")
    found = document_of(livedash(*line, "--error-code", "REFUSED", "--model", "gpt-4o", "--json"))
    assert [row["id"] for row in found["requests"]] == [str(made[0])]
    assert (found["requests"][0]["company"], found["lookedThrough"], found["nextCursor"]) == ("acme", None, None)
    first = document_of(livedash(*line, "--older-than", "0", "--limit", "2", "--json"))
    rest = document_of(livedash(*line, "--older-than", "0", "--limit", "2", "--cursor", first["nextCursor"], "--json"))
    assert [row["id"] for row in first["requests"] + rest["requests"]] == [str(one) for one in reversed(made)]
    assert "--older-than 0" in livedash(*line, "--older-than", "0", "--limit", "2").stdout
    assert "No request is like this" in livedash(*line, "--model", "none such").stdout


def test_batches_are_found_by_filters(livedash: Run, engine: Engine, company: Company) -> None:
    open_one = insert_batch(engine, company, "batch_1", status="IN_PROGRESS")
    insert_batch(engine, company, "batch_2", status="PROCESSED", processed_at=NOW, model="other")
    for line in (("--open",), ("--status", "In_Progress"), ("--model", "m", "--company", "acme")):
        found = document_of(livedash("batches", *line, "--json"))
        assert [row["id"] for row in found["batches"]] == [str(open_one)]
        assert found["lookedThrough"] is None
    assert "No batch is like this" in livedash("batches", "--model", "none such").stdout
    insert_batch(engine, company, "batch_3")
    assert (
        "More: livedash batches --open --company acme"
        in livedash(*("batches", "--open", "--company", "acme", "--limit", "1")).stdout
    )


def test_requests_are_listed_page_by_page(livedash: Run, engine: Engine, company: Company) -> None:
    made = _requests(engine, company, *["PROCESSING_FAILED"] * 3)
    line = ("requests", "--status", "processing_FAILED", "--limit", "2", "--json")
    first = document_of(livedash(*line))
    assert [row["id"] for row in first["requests"]] == [str(one) for one in made[:2]]
    rest = document_of(livedash(*line, "--cursor", first["nextCursor"]))
    assert [row["id"] for row in rest["requests"]] == [str(made[2])]
    assert rest["nextCursor"] is None
    shown = livedash("requests", "--status", "processing_failed", "--company", company.slug, "--limit", "2").stdout
    assert f"More: livedash requests --status processing_failed --company {company.slug} --cursor " in shown


def test_requeue_counts_every_id_once(livedash: Run, engine: Engine, company: Company) -> None:
    failed, pending = _requests(engine, company, "PROCESSING_FAILED", "PENDING_BATCHING")
    ids = (str(failed), str(failed), str(pending), str(uuid.uuid4()), "no-id")
    counted = document_of(livedash("requeue", *ids, "--dry-run", "--json"))
    assert [counted[name] for name in COUNTS] == [1, 2, 1]
    assert counted["dryRun"] is True
    done = document_of(livedash("requeue", *ids, "--json"))
    assert [done[name] for name in COUNTS] == [1, 2, 1]
    assert "dryRun" not in done
    again = document_of(livedash("requeue", *ids, "--json"))
    assert [again[name] for name in COUNTS] == [0, 2, 2]


def test_a_filter_only_counts_unless_told_otherwise(livedash: Run, engine: Engine, company: Company) -> None:
    _requests(engine, company, "PROCESSING_FAILED", "PROCESSING_FAILED")
    shown = livedash("requeue", "--company", "acme")
    assert "2 would be put back" in shown.stdout
    assert "--no-dry-run" in shown.stdout
    done = document_of(livedash("requeue", "--company", "acme", "--no-dry-run", "--json"))
    assert done["requeuedCount"] == 2


def test_requeue_of_nothing_is_done_and_counts_nothing(livedash: Run) -> None:
    result = livedash("requeue", "--json")
    assert result.exit_code == 0
    assert document_of(result) == {"ok": True, **dict.fromkeys(COUNTS, 0)}
    assert "Name requests by id" in livedash("requeue").stdout
    assert "Name requests by id" not in livedash("requeue", "--error-code", "truncated").stdout, "that is a name"


def test_reread_counts_first_and_show_text_shows_what_is_kept(livedash: Run, engine: Engine, company: Company) -> None:
    (failed,) = _requests(engine, company, "PROCESSING_FAILED")
    with engine.begin() as connection:
        values = {"error_code": "invalid_output", "raw_answer": '{"choices": []}'}
        connection.execute(update(ai_processing_requests).values(**values))
    shown = livedash("reread", "--company", "acme")
    assert "1 kept answers read: 0 would be accepted, 1 still refused." in " ".join(shown.stdout.split())
    done = document_of(livedash("reread", "--outcome", "Invalid_Output", "--no-dry-run", "--json"))
    assert (done["readCount"], done["stillRefusedCount"], "dryRun" in done) == (1, 1, False)
    assert livedash("reread", "--outcome", "parsed").exit_code == 2
    assert '{"choices": []}' not in livedash("request", str(failed)).stdout
    assert 'rawAnswer: {"choices": []}' in livedash("request", str(failed), "--show-text").stdout
    texts = document_of(livedash("request", str(failed), "--show-text", "--json"))["texts"]
    assert texts == {"rawAnswer": '{"choices": []}', "parsedAnswer": None}


def test_batches_are_listed_newest_first_page_by_page(livedash: Run, engine: Engine, company: Company) -> None:
    _requests(engine, company, *["BATCHING_IN_PROGRESS"] * 3)
    with engine.begin() as connection:
        ids = list(connection.scalars(ai_batch_requests.select().order_by(ai_batch_requests.c.id)))
        # Two of the same moment; ids do not follow time where rows came from elsewhere.
        for index, moment in enumerate((NOW + timedelta(hours=1), NOW, NOW)):
            connection.execute(
                update(ai_batch_requests).where(ai_batch_requests.c.id == ids[index]).values(created_at=moment)
            )
    expected = [str(ids[0]), str(ids[2]), str(ids[1])]
    whole = document_of(livedash("batches", "--json"))
    assert [row["id"] for row in whole["batches"]] == expected
    assert list(whole["batches"][0])[:11] == [
        "id", "openaiBatchId", "company", "model", "status", "openaiStatus", "requests", "createdAt", "processedAt",
        "errorCode", "errorMessage",
    ]  # fmt: skip
    first = document_of(livedash("batches", "--limit", "2", "--json"))
    rest = document_of(livedash("batches", "--limit", "2", "--cursor", first["nextCursor"], "--json"))
    assert [row["id"] for row in first["batches"] + rest["batches"]] == expected
    assert rest["nextCursor"] is None
    shown = livedash("batches", "--company", company.slug, "--limit", "2").stdout
    assert f"More: livedash batches --company {company.slug} --cursor " in shown
    other = livedash("batches", "--company", "acme", "--cursor", first["nextCursor"])
    assert other.exit_code == 2


def test_status_has_a_line_per_stage(livedash: Run, engine: Engine, company: Company) -> None:
    _requests(engine, company, "PENDING_BATCHING", "PENDING_BATCHING")
    lines = livedash("status", "--company", "acme").stdout.splitlines()
    assert lines[0] == "2 sessions"
    assert "SESSION_CREATION: 2 completed" in lines
    assert "AI_ANALYSIS: 2 pending" in lines
    assert document_of(livedash("status", "--json"))["stages"]["ai_analysis"]["pending"] == 2


def test_a_stage_reads_as_a_sentence_without_zeros() -> None:
    counts = {"pending": 93, "in_progress": 1, "completed": 1600, "failed": 0, "skipped": 0}
    assert stage_line(counts) == "1,600 completed, 1 in progress, 93 pending"
    assert stage_line(dict.fromkeys(counts, 0)) == "nothing"


def test_a_dry_run_says_what_would_go_out_without_a_key_and_changes_nothing(
    livedash: Run, engine: Engine, company: Company
) -> None:
    _requests(engine, company, "PENDING_BATCHING", "PENDING_BATCHING")
    before = livedash("summary", "--json").stdout
    document = document_of(livedash("submit", "--dry-run", "--json"))
    keys = list(submit_document(SubmitReport()))
    assert list(document) == [*keys, "tokens", "dryRun"]
    assert (document["batches"], document["requests"], document["tokens"]) == (1, 2, 2000)
    assert Decimal(document["estimatedCostEur"]) > 0
    assert livedash("summary", "--json").stdout == before
    assert document_of(livedash("batches", "--json"))["batches"] == []


def test_a_dry_run_stops_where_tokens_end_and_refuses_a_cap_that_pays_for_nothing(
    livedash: Run, engine: Engine, company: Company
) -> None:
    _requests(engine, company, *["PENDING_BATCHING"] * 3)
    few = document_of(livedash("submit", "--dry-run", "--json", LIVEDASH_ENQUEUED_TOKENS="2500"))
    assert (few["requests"], few["tokens"]) == (2, 2000)
    assert "1 of 3 requests of acme" in few["held"][0]
    refused = livedash("submit", "--dry-run", "--json", LIVEDASH_MONTHLY_CAP_EUR="0.000001")
    assert refused.exit_code == 2
    assert "LIVEDASH_MONTHLY_CAP_EUR is 0.000001" in document_of(refused)["error"]["message"]
    with engine.begin() as connection:
        learn_limit(connection, "api.openai.com/v1", "gpt-5-mini", limit=1000, now=NOW)
    assert document_of(livedash("submit", "--dry-run", "--json"))["requests"] == 1


def test_a_dry_run_with_a_cap_and_no_price_says_why_nothing_goes_out(
    livedash: Run, engine: Engine, company: Company
) -> None:
    _requests(engine, company, "PENDING_BATCHING")
    with engine.begin() as connection:
        connection.execute(update(ai_processing_requests).values(model="unpriced"))
    unpriced = document_of(livedash("submit", "--dry-run", "--json"))
    assert (unpriced["requests"], unpriced["estimatedCostEur"]) == (1, None)
    shown = livedash("submit", "--dry-run", LIVEDASH_MONTHLY_CAP_EUR="10").stdout
    assert "Nothing would be sent." in shown
    assert "spending cap" in shown
