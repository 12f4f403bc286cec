"""Submitted sessions are stored once, whatever is sent, and become sessions on the way of all others."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text, update

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    companies,
    messages,
    session_imports,
    session_processing_status,
    sessions,
    transcripts,
)
from livedash_pipeline.intake.steps.derive_sessions import DeriveReport, derive_sessions
from livedash_pipeline.submissions.rules.json_items import ArraySplitter, LineSplitter
from livedash_pipeline.submissions.steps.take_submissions import (
    InactiveCompanyError,
    RefusedBatch,
    find_items,
    take_batch,
)
from livedash_pipeline.submissions.store.submissions import WaitingCompany, companies_with_submissions
from tests.conftest import NOW
from tests.support.imported import (
    add_import,
    claim,
    count,
    make_company,
    rows_of,
    session_of,
    set_stage,
    stage_of,
    store_text,
)
from tests.support.submitted import outcomes, stages_by_id, submission, submit, submit_raw


def ask(engine: Engine) -> None:
    with engine.connect() as connection:
        company = get_company(connection, "acme")
    build_requests(engine, company, default_model="gpt-5-mini", count_tokens=len, clock=lambda _: NOW)


def derive(engine: Engine) -> DeriveReport:
    with engine.connect() as connection:
        company = get_company(connection, "acme")
    return derive_sessions(engine, company, clock=lambda _: NOW)


def waiting(engine: Engine) -> list[WaitingCompany]:
    with engine.connect() as connection:
        return companies_with_submissions(connection)


def import_id(engine: Engine, name: str = "chat-1") -> UUID:
    (row,) = rows_of(engine, session_imports, external_session_id=name)
    found: UUID = row["id"]
    return found


def test_a_submitted_session_is_stored_with_its_messages_and_its_stages(engine: Engine) -> None:
    company = make_company(engine)
    report = submit(engine, company, submission(country="Nederland", language="nl", ip="192.0.2.1"))
    assert report.document() == {
        "ok": True,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
        "items": [{"index": 0, "externalId": "chat-1", "outcome": "created", "code": None, "flags": [], "errors": []}],
    }
    (row,) = rows_of(engine, session_imports)
    assert (row["source"], row["country"], row["language_code"], row["ip_address"]) == ("api", "NL", "nl", "192.0.2.1")
    assert row["start_time"] == NOW - timedelta(hours=2)
    assert stages_by_id(engine)["chat-1"] == {
        "AI_ANALYSIS": "PENDING",
        "CSV_IMPORT": "COMPLETED",
        "SESSION_CREATION": "PENDING",
        "TRANSCRIPT_FETCH": "COMPLETED",
    }


def test_a_submitted_session_is_derived_and_asked_about_like_any_other(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission(texts=["hello", "hi", "bye"]))
    assert derive(engine) == DeriveReport(created=1, messages=3)
    ask(engine)
    session = session_of(engine, import_id(engine))
    assert (session["messages_sent"], session["initial_msg"], session["duration_seconds"]) == (2, "hello", 60)
    said = [(row["role"], row["content"], row["sent_at"].second) for row in rows_of(engine, messages)]
    assert said == [("user", "hello", 0), ("assistant", "hi", 1), ("user", "bye", 2)]
    assert count(engine, ai_processing_requests) == 1
    assert waiting(engine) == []


def test_the_same_session_again_changes_nothing(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission("a"), submission("b"))
    derive(engine)
    before = rows_of(engine, session_imports), rows_of(engine, session_processing_status), rows_of(engine, transcripts)
    report = submit(engine, company, submission("b"), submission("a"), clock=lambda _: NOW + timedelta(days=1))
    assert outcomes(report) == ["unchanged", "unchanged"]
    assert before == (
        rows_of(engine, session_imports),
        rows_of(engine, session_processing_status),
        rows_of(engine, transcripts),
    )


def test_other_messages_after_the_analysis_are_a_new_input(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission())
    derive(engine)
    with engine.begin() as connection:
        for stage in ("AI_ANALYSIS", "QUESTION_EXTRACTION"):
            set_stage(connection, import_id(engine), stage, "COMPLETED")
    assert outcomes(submit(engine, company, submission(texts=["hello", "hi", "and?"]))) == ["updated"]
    assert derive(engine) == DeriveReport(updated=1, messages=3)
    assert stage_of(engine, import_id(engine), "AI_ANALYSIS")["status"] == "PENDING"
    assert waiting(engine) == [WaitingCompany("acme", 1)]
    ask(engine)
    assert waiting(engine) == []


def test_other_fields_alone_do_not_buy_an_analysis_again(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission())
    derive(engine)
    with engine.begin() as connection:
        set_stage(connection, import_id(engine), "AI_ANALYSIS", "COMPLETED")
    assert outcomes(submit(engine, company, submission(country="BE"))) == ["updated"]
    assert derive(engine) == DeriveReport(updated=1)
    assert stage_of(engine, import_id(engine), "AI_ANALYSIS")["status"] == "COMPLETED"
    assert session_of(engine, import_id(engine))["country"] == "BE"


def test_a_session_in_flight_waits_for_its_settlement_and_is_then_derived(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission())
    derive(engine)
    ask(engine)
    (request,) = rows_of(engine, ai_processing_requests)
    with engine.begin() as connection:
        claim(connection, company, request["id"])
    assert outcomes(submit(engine, company, submission(texts=["something else"]))) == ["updated"]
    assert waiting(engine) == [], "nothing can be done for it now"
    assert derive(engine) == DeriveReport(deferred=1)
    session = session_of(engine, import_id(engine))
    assert session["stale"]
    assert [row["content"] for row in rows_of(engine, messages)] == ["hello", "hi"]
    with engine.begin() as connection:
        table = ai_processing_requests
        connection.execute(update(table).values(processing_status="PROCESSING_FAILED", batch_id=None))
    assert waiting(engine) == [WaitingCompany("acme", 1)]
    assert derive(engine) == DeriveReport(updated=1, messages=1)
    assert [row["content"] for row in rows_of(engine, messages)] == ["something else"]


def test_bad_items_are_rejected_with_pointers_and_good_ones_are_stored(engine: Engine) -> None:
    company = make_company(engine)
    body = b'[%s, {"a": }, %s, 7, %s]' % (
        json.dumps(submission("a")).encode(),
        json.dumps(submission("b", startTime="yesterday")).encode(),
        json.dumps(submission("c")).encode(),
    )
    report = submit_raw(engine, company, body)
    assert not isinstance(report, RefusedBatch)
    assert outcomes(report) == ["created", "malformed", "invalid", "invalid", "created"]
    document = report.document()
    assert (document["created"], document["rejected"]) == (2, 3)
    assert document["items"][2]["externalId"] == "b"
    assert [error["pointer"] for error in document["items"][2]["errors"]] == ["/startTime"]
    assert set(stages_by_id(engine)) == {"a", "c"}


def test_of_an_id_that_is_there_twice_the_last_good_one_counts_also_across_chunks(engine: Engine) -> None:
    company = make_company(engine)
    batch = [submission("a", ["1"]), submission("b"), submission("a", ["2"]), submission("a", ["3"], ip="no")]
    for chunk_items in (1, 1000):
        report = submit(engine, company, *batch, chunk_items=chunk_items)
        assert outcomes(report)[0] == "duplicate_id"
        assert outcomes(report)[3] == "invalid"
    derive(engine)
    assert [
        row["content"] for row in rows_of(engine, messages, session_id=session_of(engine, import_id(engine, "a"))["id"])
    ] == ["2"]


def test_chunks_are_committed_one_by_one_and_a_repeat_finishes_the_batch(engine: Engine) -> None:
    company = make_company(engine)
    batch = [submission(f"chat-{n}") for n in range(7)]
    calls = 0

    def dies_in_the_third(_: object) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return NOW

    with pytest.raises(KeyboardInterrupt):
        submit(engine, company, *batch, chunk_items=2, clock=dies_in_the_third)
    assert count(engine, session_imports) == 4
    report = submit(engine, company, *batch, chunk_items=2)
    assert outcomes(report) == ["created"] * 3 + ["unchanged"] * 4
    assert count(engine, session_imports) == 7
    assert derive(engine).created == 7


def test_the_bytes_of_a_chunk_are_bounded(engine: Engine) -> None:
    company = make_company(engine)
    times: list[object] = []

    def clock(connection: object) -> datetime:
        times.append(connection)
        return NOW

    batch = [submission(f"chat-{n}", ["x" * 5000]) for n in range(5)]
    submit(engine, company, *batch, chunk_bytes=11_000, clock=clock)
    assert len(times) == 3


@pytest.mark.parametrize("erased", [True, False])
def test_what_was_deleted_does_not_come_back(engine: Engine, erased: bool) -> None:
    company = make_company(engine)
    submit(engine, company, submission("a"), submission("b"))
    derive(engine)
    with engine.begin() as connection:
        if erased:
            connection.execute(update(session_imports).values(erased_at=NOW))
        else:
            connection.execute(update(transcripts).values(status="PRUNED", content=None))
    report = submit(engine, company, submission("a", ["again"]), submission("b"), submission("c"))
    # The same session again is told as unchanged, unless it must not be known any more.
    expected = ["erased", "erased", "created"] if erased else ["texts_deleted", "unchanged", "created"]
    assert outcomes(report) == expected
    assert report.document()["items"][0]["errors"][0]["pointer"] == "/externalId"
    assert {row["content"] for row in rows_of(engine, messages)} == {"hello", "hi"}


def test_messages_that_were_deleted_by_age_do_not_come_back(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission())
    derive(engine)
    with engine.begin() as connection:
        connection.execute(update(messages).values(content=None))
    assert outcomes(submit(engine, company, submission(texts=["again"]))) == ["texts_deleted"]


def test_a_session_of_the_csv_is_taken_over_and_keeps_its_analysis_if_its_messages_are_the_same(engine: Engine) -> None:
    company = make_company(engine)
    known = add_import(engine, company, "http://127.0.0.1:9/a.txt", name="chat-1", messages_sent=9, category="leave")
    store_text(engine, known, "[01.05.2025 12:00:00] User: hello\n[01.05.2025 12:00:01] Assistant: hi\n")
    derive(engine)
    with engine.begin() as connection:
        set_stage(connection, known, "AI_ANALYSIS", "COMPLETED")
    assert outcomes(submit(engine, company, submission())) == ["updated"]
    assert derive(engine) == DeriveReport(updated=1)
    assert import_id(engine) == known
    (row,) = rows_of(engine, session_imports)
    assert (row["source"], row["full_transcript_url"], row["messages_sent"]) == ("api", None, None)
    assert stage_of(engine, known, "AI_ANALYSIS")["status"] == "COMPLETED"


def test_ids_of_two_companies_are_two_sessions(engine: Engine) -> None:
    company = make_company(engine)
    with engine.begin() as connection:
        connection.execute(
            companies.insert().values(slug="other", name="Other", csv_url="x", created_at=NOW, updated_at=NOW)
        )
        other = get_company(connection, "other")
    assert outcomes(submit(engine, company, submission())) == ["created"]
    assert outcomes(submit(engine, other, submission())) == ["created"]
    assert waiting(engine) == [WaitingCompany("acme", 1), WaitingCompany("other", 1)]


def test_nothing_is_taken_in_for_a_company_that_is_not_worked_for(engine: Engine) -> None:
    company = make_company(engine, status=CompanyStatus.SUSPENDED)
    with pytest.raises(InactiveCompanyError, match="acme is suspended"):
        submit(engine, company, submission())
    assert count(engine, session_imports) == 0


def test_sessions_of_an_idle_company_are_not_waited_for(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission())
    with engine.begin() as connection:
        connection.execute(update(companies).values(status=CompanyStatus.SUSPENDED))
    assert waiting(engine) == []


def test_sessions_of_a_csv_are_none_of_the_sensors_business(engine: Engine) -> None:
    company = make_company(engine)
    known = add_import(engine, company, None)
    with engine.begin() as connection:
        set_stage(connection, known, "TRANSCRIPT_FETCH", "SKIPPED")
        set_stage(connection, known, "SESSION_CREATION", "PENDING")
    assert waiting(engine) == []


def test_a_run_that_ended_before_it_asked_is_made_up_for(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission("a"), submission("b"))
    assert waiting(engine) == [WaitingCompany("acme", 2)]
    derive(engine)
    assert waiting(engine) == [WaitingCompany("acme", 2)]
    ask(engine)
    assert waiting(engine) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"),
        (b"[{}", "malformed"),
        (b"{}", "malformed"),
        (b"[] trailing", "malformed"),
        (b"[]", "empty"),
        (b"[" + b"1," * 10_000 + b"1]", "too_many"),
    ],
)
def test_a_body_without_an_outline_is_refused_as_a_whole(engine: Engine, body: bytes, reason: str) -> None:
    company = make_company(engine)
    refused = submit_raw(engine, company, body)
    assert isinstance(refused, RefusedBatch)
    assert refused.reason == reason


def test_nothing_of_a_body_is_stored_that_ends_early(engine: Engine) -> None:
    company = make_company(engine)
    body = json.dumps([submission(f"chat-{n}") for n in range(5)]).encode()[:-1]
    assert isinstance(submit_raw(engine, company, body, chunk_items=1), RefusedBatch)
    assert count(engine, session_imports) == 0


def test_lines_are_taken_like_an_array(engine: Engine) -> None:
    company = make_company(engine)
    lines = "\n".join(json.dumps(submission(f"chat-{n}")) for n in range(3)) + "\nnonsense\n"
    report = take_batch(engine, company, io.BytesIO(lines.encode()), LineSplitter())
    assert not isinstance(report, RefusedBatch)
    assert outcomes(report) == ["created"] * 3 + ["malformed"]


def test_an_item_that_is_too_large_is_rejected_alone(engine: Engine) -> None:
    company = make_company(engine)
    huge = submission("huge", ["x" * 99_000] * 21)
    assert outcomes(submit(engine, company, submission("a"), huge)) == ["created", "too_large"]


def test_items_are_found_without_reading_on_after_too_many() -> None:
    body = io.BytesIO(b"[" + b"1," * 200_000)
    assert isinstance(find_items(body, ArraySplitter()), RefusedBatch)
    assert body.tell() < 100_000


def test_text_that_postgres_cannot_hold_is_stored_replaced(engine: Engine) -> None:
    company = make_company(engine)
    report = submit(engine, company, submission(texts=["a\u0000b\ud800"], country="N\u0000"))
    assert report.document()["items"][0]["flags"] == ["characters_replaced", "country_unknown"]
    derive(engine)
    assert [row["content"] for row in rows_of(engine, messages)] == ["a\ufffdb\ufffd"]
    (row,) = rows_of(engine, transcripts)
    assert row["replaced_characters"]


def test_a_later_import_of_the_csv_leaves_submitted_sessions_alone(engine: Engine) -> None:
    """The statement of the import's merge, on a stage as an import makes it."""
    from livedash_pipeline.intake.store import imports

    company = make_company(engine)
    submit(engine, company, submission())
    with engine.begin() as connection:
        run_id = imports.start_run(connection, company, dagster_run_id=None, now=NOW)
        imports.create_scratch(connection)
        connection.execute(
            text("""
                INSERT INTO scratch_imports (line_number, line_count, external_session_id, start_time_raw, end_time_raw,
                    start_epoch, end_epoch, content_hash) VALUES (1, 1, 'chat-1', 'x', 'y', 0, 0, 'of the csv')
            """)
        )
        merged = imports.merge(connection, company.id, run_id, NOW)
    assert (merged.new, merged.changed) == (0, 0)
    (row,) = rows_of(engine, session_imports)
    assert row["source"] == "api"


def test_a_session_without_a_word_is_derived_and_not_asked_about(engine: Engine) -> None:
    company = make_company(engine)
    submit(engine, company, submission(texts=["  "]))
    assert derive(engine) == DeriveReport(created=1)
    ask(engine)
    assert stage_of(engine, import_id(engine), "AI_ANALYSIS")["status"] == "SKIPPED"
    assert waiting(engine) == []
    assert count(engine, sessions) == 1
