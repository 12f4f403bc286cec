"""Taking results in: every submitted id ends in one outcome, once, and answers reach their sessions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from threading import Barrier, Thread
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import Connection, Engine, select, text, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_model_pricing,
    ai_processing_requests,
    ai_request_attempts,
    questions,
    session_questions,
    sessions,
)
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import IngestReport, ingest_batch
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.ledger.store.results import settlement
from tests.support.batch_round import Begin, Round, batch_row
from tests.support.batch_service import BatchService, analysis, answered, not_run, refused
from tests.support.races import deadlocks
from tests.support.rows import insert_company, insert_requests, rows_of, session_values, stage_counts


def test_every_kind_of_line_ends_in_its_outcome(begin: Begin) -> None:
    going = begin(12)
    ids = going.ids
    session = going.service.sessions_of(going.name)
    output = [
        going.answer(ids[0]),
        answered(ids[1], None, refusal_text="I cannot help with that."),
        answered(ids[2], '{"language": "e', finish_reason="length"),
        answered(ids[3], "no json"),
        answered(ids[4], analysis(session[ids[5]])),
        answered(ids[5], None),
    ]
    error = [
        refused(ids[6], 400, "context_length_exceeded", "Too long."),
        refused(ids[7], 500),
        refused(ids[8], 429, "rate_limit_exceeded"),
        {"id": "r", "custom_id": ids[9], "response": {"status_code": 0, "request_id": "", "body": {}}, "error": None},
        not_run(ids[10]),
    ]
    report = going.end(output=output, error=error).ingest()
    assert list(going.outcomes().values()) == [
        "parsed",
        "refused",
        "truncated",
        "invalid_output",
        "invalid_output",
        "invalid_output",
        "rejected",
        "transient",
        "transient",
        "transient",
        "not_run",
        "missing",
    ]
    assert report.outcomes == Counter(going.outcomes().values())
    rows = going.requests()
    assert [row.processing_status.rpartition("_")[2] for row in rows] == [
        "COMPLETE",
        *["FAILED"] * 6,
        *["BATCHING"] * 5,
    ]
    assert [row.attempts for row in rows] == [1] * 10 + [0, 1]
    assert [row.releases for row in rows] == [0] * 10 + [1, 0]
    assert [row.error_code for row in rows] == [None, *list(going.outcomes().values())[1:]]
    assert [row.raw_answer for row in rows[:4]] == [None, "I cannot help with that.", '{"language": "e', "no json"]
    assert rows[6].error_message == "Too long."
    assert rows[4].error_message == "session_id is another session's"
    with going.engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"COMPLETED": 1, "FAILED": 6, "PENDING": 5}
        assert stage_counts(connection, "QUESTION_EXTRACTION") == {"COMPLETED": 1, "PENDING": 11}
    batch = batch_row(going.engine)
    assert (batch.status, batch.lines_succeeded, batch.lines_failed) == ("PROCESSED", 6, 5)
    assert batch.processed_at is not None
    assert list(going.context.spool_dir.iterdir()) == []


def test_the_answer_is_written_to_its_session(begin: Begin) -> None:
    going = begin()
    (request_id,) = going.ids
    line = going.answer(request_id, language="NL", questions=["One?", "Two?", "one?"], escalated=True)
    going.end(output=[line]).ingest()
    (request,) = going.requests()
    assert request.answer_flags == ["duplicate_questions", "letter_case"]
    with going.engine.connect() as connection:
        session = session_values(connection, request.session_id)
        asked = connection.execute(
            select(questions.c.content)
            .join(session_questions, session_questions.c.question_id == questions.c.id)
            .order_by(session_questions.c.position)
        ).scalars()
        assert list(asked) == ["One?", "Two?"]
    assert (session["language"], session["escalated"], session["forwarded_hr"]) == ("nl", True, False)
    assert session["summary"] == "The user asked for the roster and was told."
    assert session["analysed_at"] is not None


def test_what_is_not_ours_is_counted_and_changes_nothing(begin: Begin) -> None:
    going = begin(3)
    first, second, third = going.ids
    good = going.answer(first)
    output = [
        good,
        going.answer(first, summary="Another answer to the same request."),
        {**going.answer(second), "custom_id": "11111111-1111-7111-8111-111111111111"},
        {**going.answer(second), "custom_id": "not an id"},
        {**going.answer(second), "custom_id": None},
        b'{"broken": ',
        b"[7]",
        going.answer(second),
    ]
    report = going.end(output=output, error=[refused(first, 500), refused(second, 500)]).ingest()
    assert going.outcomes() == {first: "parsed", second: "parsed", third: "missing"}
    assert (report.unknown_lines, report.repeated, report.unreadable) == (3, 3, 2)
    with going.engine.connect() as connection:
        assert session_values(connection, going.requests()[0].session_id)["summary"] == analysis("")["summary"]


def test_ingesting_twice_changes_nothing(begin: Begin) -> None:
    going = begin(2)
    going.end(output=[going.answer(going.ids[0])], error=[refused(going.ids[1], 400)])
    assert len(going.ingest().batches) == 1
    before = [rows_of(going.engine, table) for table in (ai_batch_requests, ai_processing_requests, sessions)]
    calls = len(going.service.calls)
    assert going.ingest() == IngestReport()
    assert not ingest_batch(going.context, batch_row(going.engine).id, IngestReport())
    assert len(going.service.calls) == calls
    assert [rows_of(going.engine, table) for table in (ai_batch_requests, ai_processing_requests, sessions)] == before


def test_two_ingesters_at_once_settle_once(begin: Begin) -> None:
    going = begin(20)
    going.end(output=[going.answer(each) for each in going.ids])
    together = Barrier(2)
    content = f"file-output-{going.name}"

    def download(request: httpx2.Request) -> httpx2.Response:
        together.wait()
        return httpx2.Response(200, content=going.service.files[content])

    going.service.on["content"] = download
    reports: list[IngestReport] = []
    ingesters = [Thread(target=lambda: reports.append(going.ingest())) for _ in range(2)]
    for ingester in ingesters:
        ingester.start()
    for ingester in ingesters:
        ingester.join()
    assert sorted(len(report.batches) for report in reports) == [0, 1]
    assert {row.attempts for row in going.requests()} == {1}
    assert list(going.context.spool_dir.iterdir()) == []


def test_a_batch_that_goes_on_is_not_taken_in(begin: Begin) -> None:
    going = begin()
    assert not ingest_batch(going.context, batch_row(going.engine).id, IngestReport())
    assert going.outcomes() == dict.fromkeys(going.ids)


def test_text_that_postgres_refuses_is_replaced_and_flagged(begin: Begin) -> None:
    going = begin(3)
    first, second, third = going.ids
    odd = "a NUL \x00 and a half \ud800"
    output = [
        going.answer(first, summary=odd, questions=[odd]),
        answered(second, odd, finish_reason=odd, service_tier=odd, system_fingerprint=odd) | {"error": None},
    ]
    output[1]["response"]["request_id"] = odd
    output[1]["response"]["body"]["model"] = odd
    report = going.end(output=output, error=[refused(third, 400, odd, odd)]).ingest()
    assert report.outcomes == {"parsed": 1, "invalid_output": 1, "rejected": 1}
    stored = going.requests()
    shown = "a NUL \ufffd and a half \ufffd"
    assert stored[0].answer_flags == ["replaced_characters"]
    assert stored[1].raw_answer == shown
    with going.engine.connect() as connection:
        assert session_values(connection, stored[0].session_id)["summary"] == shown
    attempts = {str(row.request_id): row for row in rows_of(going.engine, ai_request_attempts)}
    assert {attempts[second].finish_reason, attempts[second].model, attempts[second].openai_request_id} == {shown}
    assert (attempts[third].error_code, attempts[third].error_message) == (shown, shown)


def test_lines_are_cut_at_line_feeds_only(begin: Begin) -> None:
    going = begin()
    (request_id,) = going.ids
    summary = "Lines \u2028 and \u2029 and \u0085 in one answer"
    content = analysis(going.service.sessions_of(going.name)[request_id], summary=summary)
    line = json.dumps(answered(request_id, json.dumps(content, ensure_ascii=False)), ensure_ascii=False).encode()
    assert len(line.decode().splitlines()) == 4
    assert going.end(output=[line]).ingest().outcomes == {"parsed": 1}
    with going.engine.connect() as connection:
        assert session_values(connection, going.requests()[0].session_id)["summary"] == summary


@pytest.mark.parametrize(("word", "code"), [("expired", "batch_expired"), ("cancelled", "batch_cancelled")])
def test_partial_results_of_a_batch_that_ended_early_are_kept(begin: Begin, word: str, code: str) -> None:
    going = begin(3)
    first, second, third = going.ids
    going.end(word, output=[going.answer(first)], error=[not_run(second, code), not_run(third, code)]).ingest()
    assert going.outcomes() == {first: "parsed", second: "not_run", third: "not_run"}
    rows = going.requests()
    assert [(row.attempts, row.releases) for row in rows] == [(1, 0), (0, 1), (0, 1)]
    batch = batch_row(going.engine)
    assert batch.status == ("FAILED" if word == "expired" else "CANCELLED")
    assert batch.processed_at is not None and batch.lines_failed == 2


@pytest.mark.parametrize("word", ["expired", "cancelled", "canceled"])
def test_a_batch_that_ended_early_without_files_did_not_run(begin: Begin, word: str) -> None:
    going = begin(2).end(word, request_counts={"total": 2, "completed": 0, "failed": 0})
    assert going.ingest().outcomes == {"not_run": 2}
    assert [(row.attempts, row.releases) for row in going.requests()] == [(0, 1), (0, 1)]
    assert "files" not in going.service.calls


def test_released_requests_go_out_again_until_their_allowance_is_used_up(begin: Begin) -> None:
    going = begin()
    for attempt in (1, 2, 3):
        going.end(error=[refused(going.ids[0], 500)]).ingest()
        (row,) = going.requests()
        assert row.attempts == attempt
        if attempt < 3:
            assert row.processing_status == "PENDING_BATCHING"
            (batch,) = submit_pending(going.context, ignore_minimum=True).submitted
            going = replace(going, name=batch.remote_batch_id or "")
    assert (row.processing_status, row.error_code) == ("PROCESSING_FAILED", "transient")
    assert [row.outcome for row in rows_of(going.engine, ai_request_attempts)] == ["transient"] * 3


@pytest.mark.parametrize(("choice", "status"), [("failed", "PROCESSING_FAILED"), ("pending", "PENDING_BATCHING")])
def test_the_callers_choice_is_applied_when_a_cancelled_batch_is_settled(
    begin: Begin, choice: str, status: str
) -> None:
    going = begin(2)
    with going.engine.begin() as connection:
        wish = {"cancel_requested_at": ai_batch_requests.c.created_at, "cancel_unfinished": choice}
        connection.execute(update(ai_batch_requests).values(wish))
    first, second = going.ids
    going.end("cancelled", output=[going.answer(first)], error=[not_run(second, "batch_cancelled")]).ingest()
    assert [row.processing_status for row in going.requests()] == ["PROCESSING_COMPLETE", status]
    with going.engine.connect() as connection:
        expected = {"COMPLETED": 1, "FAILED" if choice == "failed" else "PENDING": 1}
        assert stage_counts(connection, "AI_ANALYSIS") == expected


def test_each_answer_has_its_cost_and_the_report_their_sum(begin: Begin) -> None:
    going = begin(3)
    first, second, third = going.ids
    output = [
        going.answer(first),
        answered(second, "no json", tokens=(2000, 300)),
    ]
    report = going.end(output=output, error=[refused(third, 400)]).ingest()
    attempts = {str(row.request_id): row for row in rows_of(going.engine, ai_request_attempts)}
    with going.engine.connect() as connection:
        wanted = ai_model_pricing.c.id == attempts[first].pricing_id
        price = connection.execute(select(ai_model_pricing).where(wanted)).one()
    for name, given, made in ((first, 1000, 100), (second, 2000, 300)):
        dollars = (given * price.batch_input_usd + made * price.batch_output_usd) / 1_000_000
        assert attempts[name].total_cost_usd == dollars
        assert (attempts[name].usd_eur, attempts[name].total_cost_eur) == (Decimal("0.9"), dollars * Decimal("0.9"))
    assert (attempts[third].total_cost_eur, attempts[third].pricing_id) == (None, None)
    assert report.cost_eur == attempts[first].total_cost_eur + attempts[second].total_cost_eur


def test_without_a_price_the_cost_is_unknown_and_the_answer_taken(begin: Begin) -> None:
    going = begin()
    with going.engine.begin() as connection:
        connection.execute(ai_model_pricing.delete())
    report = going.end(output=[going.answer(going.ids[0])]).ingest()
    assert (report.outcomes, report.cost_eur) == ({"parsed": 1}, None)
    (attempt,) = rows_of(going.engine, ai_request_attempts)
    assert (attempt.total_cost_usd, attempt.prompt_tokens) == (None, 1000)


# --- sessions that changed meanwhile, questions, deadlocks ---


def test_an_answer_about_messages_that_changed_is_kept_and_not_written(begin: Begin) -> None:
    going = begin()
    with going.engine.begin() as connection:
        connection.execute(update(sessions).values(transcript_hash="other messages"))
    going.end(output=[going.answer(going.ids[0])]).ingest()
    (request,) = going.requests()
    assert request.processing_status == "PROCESSING_COMPLETE" and request.parsed_answer is not None
    with going.engine.connect() as connection:
        assert session_values(connection, request.session_id)["summary"] is None
        assert stage_counts(connection, "AI_ANALYSIS") == {"PENDING": 1}


def test_questions_are_kept_once_per_company(begin: Begin, engine: Engine) -> None:
    with engine.begin() as connection:
        other_company = insert_company(connection, "other")
    going = begin(3)
    other = begin(1, other_company)
    for each in (going, other):
        each.end(output=[each.answer(name, questions=["Where?", f"And {name}?"]) for name in each.ids])
    report = going.ingest()
    with engine.connect() as connection:
        rows = connection.execute(select(questions.c.company_id, questions.c.content)).all()
        links = len(connection.execute(select(session_questions)).all())
    assert Counter(row.content for row in rows)["Where?"] == 2
    assert (len(rows), links, report.details["questions"]) == (2 + 4, 8, 8)


def ended(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService, slugs: int
) -> Iterator[Round]:
    """Batches of one company that have ended, each with many questions of which all are shared."""
    for place in range(slugs):
        with engine.begin() as connection:
            insert_requests(connection, company, 30)
        (batch,) = submit_pending(scripted, ignore_minimum=True).submitted
        going = Round(engine, scripted, service, batch.remote_batch_id or "")
        order = range(100) if place % 2 else range(99, -1, -1)
        asked = [f"Question {number}?" for number in order]
        lines = [going.answer(name, questions=asked[n * 3 : n * 3 + 5]) for n, name in enumerate(going.ids)]
        service.end(going.name, output=lines)
        yield going
    poll_batches(scripted)


def test_batches_with_opposite_orders_of_questions_do_not_deadlock(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService
) -> None:
    list(ended(engine, company, scripted, service, 2))
    ids = [row.id for row in rows_of(engine, ai_batch_requests)]
    together = Barrier(2)
    taken: list[UUID] = []

    def take_in(batch_id: UUID) -> None:
        together.wait()
        if ingest_batch(scripted, batch_id, IngestReport()):
            taken.append(batch_id)

    before = deadlocks(engine)
    workers = [Thread(target=take_in, args=(batch_id,)) for batch_id in ids]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == ids
    assert {row.status for row in rows_of(engine, ai_batch_requests)} == {"PROCESSED"}
    assert deadlocks(engine) == before


def test_a_transaction_that_was_the_victim_of_a_deadlock_is_run_again(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_company(connection, "other")
    together, tries = Barrier(2), Counter[str]()

    def rename(slugs: tuple[str, str]) -> None:
        def work(connection: Connection) -> None:
            tries[slugs[0]] += 1
            for place, slug in enumerate(slugs):
                connection.execute(text("UPDATE companies SET name = name || '!' WHERE slug = :slug"), {"slug": slug})
                if place == 0 and tries[slugs[0]] == 1:
                    together.wait()

        in_transaction(engine, work)

    workers = [Thread(target=rename, args=(slugs,)) for slugs in (("acme", "other"), ("other", "acme"))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(tries.values()) == 3
    with engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM companies ORDER BY slug")).scalars().all()
    assert names == ["Acme!!", "Other!!"]


def test_settlement_and_derivation_lock_sessions_before_requests(begin: Begin) -> None:
    """A derivation that holds a session is waited for without holding its request, which it will want next."""
    going = begin()
    going.end(output=[going.answer(going.ids[0])])
    batch_id = batch_row(going.engine).id
    with going.engine.begin() as deriving:
        deriving.execute(select(sessions.c.id).with_for_update())
        with going.engine.begin() as settling:
            settling.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(Exception, match="lock timeout"):
                settlement.lock_batch(settling, batch_id, KINDS)
            free = deriving.execute(select(ai_processing_requests.c.id).with_for_update(nowait=True)).all()
            settling.rollback()
        assert len(free) == 1


def test_a_batch_of_the_same_name_elsewhere_is_not_taken_in(begin: Begin) -> None:
    going = begin()
    going.end(output=[going.answer(going.ids[0])])
    with going.engine.begin() as connection:
        connection.execute(update(ai_batch_requests).values(endpoint="other/v1"))
    assert going.ingest() == IngestReport()
