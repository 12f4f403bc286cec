"""Erasure on request: every word of the sessions that are named, in every state, for good, and without losing what was paid."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.intake.store.transcripts import FetchResult, store_transcripts
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.sources.csv_site import plain
from tests.support.batch_service import BatchService, refused
from tests.support.chats import ENDED, Chats, running_chats, word_of
from tests.support.csv_rows import csv_line
from tests.support.races import race

SKIPPED = "erased on request"


@pytest.fixture
def chats(engine: Engine, context: BatchContext) -> Iterator[Chats]:
    """Two chats of a company that keeps everything, with the local server as the service."""
    with running_chats(engine, context) as chats:
        chats.set_up("anna", "bert")
        yield chats


def erase(chats: Chats, *names: str, **request: Any) -> Any:
    return chats.prune(company="acme", external_ids=names, **request)


def assert_forgotten(chats: Chats, name: str, *, but: str = "bert") -> None:
    """No column holds a word of one chat, its address or the person's, and another is as it was."""
    assert (
        chats.places_of(word_of(name)) == chats.places_of(f"ip-of-{name}") == chats.places_of(f"/{name}.txt") == set()
    )
    assert "messages" in chats.places_of(word_of(but))
    assert "session_imports" in chats.places_of(f"ip-of-{but}")


def test_an_analysed_session_is_forgotten_and_its_costs_stay(chats: Chats) -> None:
    chats.analyse()
    ledger = chats.sql("SELECT * FROM ai_request_attempts ORDER BY id")
    report = erase(chats, "anna")
    assert (report.sessions, report.in_flight, report.not_found) == (1, 0, 0)
    assert_forgotten(chats, "anna")
    assert set(chats.stages("anna").values()) == {"COMPLETED"}
    assert chats.sql("SELECT * FROM ai_request_attempts ORDER BY id") == ledger
    request = chats.request_of("anna")
    assert (request.processing_status, request.raw_answer, request.parsed_answer) == ("PROCESSING_COMPLETE", None, None)
    session = chats.sql("SELECT * FROM sessions WHERE id = :id", id=chats.ids("anna")[1])[0]
    assert (session.summary, session.language, session.category is not None) == (None, "en", True)
    assert chats.sql("SELECT content FROM questions") == [(f"Where is {word_of('bert')}?",)]
    assert chats.records() == [
        (
            "erasure",
            {
                "sessions": 1,
                "inFlight": 0,
                "transcripts": 1,
                "messages": 3,
                "answers": 1,
                "questions": 1,
                "rejects": 0,
            },
        )
    ]


def test_what_could_not_be_read_of_a_row_is_forgotten_with_it(chats: Chats) -> None:
    chats.publish("anna", tokens=f"{word_of('anna')} writes")
    chats.import_all()
    assert "session_imports" in chats.places_of(f"{word_of('anna')} writes")
    erase(chats, "anna")
    assert_forgotten(chats, "anna")


def test_what_a_source_says_about_an_erased_session_is_not_taken_in_again(chats: Chats) -> None:
    chats.analyse()
    erase(chats, "anna")
    after = chats.sql("SELECT * FROM session_imports WHERE id = :id", id=chats.ids("anna")[0])
    for columns in ({}, {"country": "BE"}, {"said": word_of("anna") + "-again"}):
        chats.publish("anna", **columns)
        done = chats.import_all()
        assert (done.imported.rows, done.imported.changed, done.imported.unchanged) == (2, 0, 2)
        assert chats.submit().submitted == []
    assert chats.fetches("anna") == 1
    assert chats.sql("SELECT * FROM session_imports WHERE id = :id", id=chats.ids("anna")[0]) == after
    assert_forgotten(chats, "anna")


def test_a_session_in_flight_is_settled_without_its_answer_and_its_neighbour_with_it(chats: Chats) -> None:
    chats.import_all()
    chats.submit()
    report = erase(chats, "anna")
    assert (report.sessions, report.in_flight) == (1, 1)
    assert chats.request_of("anna").processing_status == "BATCHING_IN_PROGRESS"
    assert chats.stages("anna")["AI_ANALYSIS"] == chats.stages("anna")["QUESTION_EXTRACTION"] == "SKIPPED"
    assert chats.sql("SELECT input_file_id, processed_at FROM ai_batch_requests")[0].processed_at is None
    assert chats.ingest().outcomes == {"parsed": 2}
    assert_forgotten(chats, "anna")
    request = chats.request_of("anna")
    assert (request.processing_status, request.attempts, request.parsed_answer) == ("PROCESSING_COMPLETE", 1, None)
    attempts = chats.sql("SELECT outcome, total_tokens > 0, total_cost_eur > 0 FROM ai_request_attempts")
    assert attempts == [("parsed", True, True)] * 2
    assert set(chats.stages("bert").values()) == {"COMPLETED"}
    assert chats.stages("anna")["AI_ANALYSIS"] == "SKIPPED"
    assert list(chats.context.spool_dir.iterdir()) == [], "neither the input file nor the results are left on disk"
    chats.import_all()
    assert chats.submit().submitted == []
    # The service still has the input file; it goes as every file of a settled batch goes.
    late = replace(chats.context, now=lambda connection: database_now(connection) + timedelta(days=4))
    assert reconcile_batches(late).files_removed >= 1
    assert list(chats.context.gateway.list_files()) == []


def test_a_pending_request_fails_before_it_is_bought_and_is_not_requeued(chats: Chats) -> None:
    chats.import_all()
    assert erase(chats, "anna").in_flight == 0
    request = chats.request_of("anna")
    assert (request.processing_status, request.error_code) == ("PROCESSING_FAILED", "erased")
    assert [batch.requests for batch in chats.submit().submitted] == [1]
    assert chats.ingest().outcomes == {"parsed": 1}
    for dry_run in (True, False):
        counted = requeue_requests(chats.engine, KINDS, request_ids=[str(request.id)], dry_run=dry_run)
        assert [counted[f"{name}Count"] for name in ("requeued", "notFound", "notFailed")] == [0, 0, 1]
    assert chats.submit().submitted == []
    assert chats.request_of("anna") == request
    (stage,) = chats.sql(
        "SELECT status, error_message FROM session_processing_status WHERE import_id = :id AND stage = 'AI_ANALYSIS'",
        id=chats.ids("anna")[0],
    )
    assert stage == ("SKIPPED", SKIPPED)
    assert_forgotten(chats, "anna")


def test_a_session_that_was_not_derived_yet_stays_as_it_is(chats: Chats) -> None:
    chats.site.answers["/anna.txt"] = plain(b"", 404)
    chats.import_all()
    assert chats.stages("anna")["TRANSCRIPT_FETCH"] == "FAILED"
    erase(chats, "anna")
    chats.publish("anna", country="BE")
    chats.sql("UPDATE transcripts SET next_attempt_at = now() - interval '1 day' WHERE status <> 'FETCHED'")
    chats.import_all()
    assert chats.fetches("anna") == 1
    assert set(chats.stages("anna").values()) == {"COMPLETED", "SKIPPED"}
    assert chats.ids("anna")[1] is None
    assert_forgotten(chats, "anna")


def test_a_session_without_a_transcript_is_not_made_of_its_row_again(chats: Chats) -> None:
    chats.publish("anna", url="")
    assert chats.import_all().transcripts.skipped == 1
    erase(chats, "anna")
    chats.publish("anna", country="BE")
    chats.sql("UPDATE session_processing_status SET status = 'PENDING' WHERE import_id = :id", id=chats.ids("anna")[0])
    assert chats.import_all().sessions.updated == 0
    assert_forgotten(chats, "anna")


def test_a_fetch_under_way_meets_the_erasure(chats: Chats) -> None:
    chats.publish("carl")
    chats.site.answers["/anna.txt"] = plain(b"", 404)
    chats.import_all()
    chats.sql("DELETE FROM transcripts WHERE import_id = :id", id=chats.ids("anna")[0])
    erase(chats, "anna")
    found = FetchResult(chats.ids("anna")[0], "http://x/anna.txt", "row", content=word_of("anna"), sha256="s")
    with chats.engine.begin() as connection:
        store_transcripts(connection, [found], retry_after=timedelta(hours=6), max_attempts=5, now=ENDED)
    assert_forgotten(chats, "anna", but="carl")
    assert chats.stages("anna")["TRANSCRIPT_FETCH"] == "SKIPPED"


def test_an_erasure_waits_for_a_fetch_that_writes(chats: Chats) -> None:
    chats.publish("carl")
    chats.site.answers["/anna.txt"] = plain(b"", 404)
    chats.import_all()
    import_id = chats.ids("anna")[0]
    chats.sql("DELETE FROM transcripts WHERE import_id = :id", id=import_id)
    found = FetchResult(import_id, "http://x/anna.txt", "row", content=word_of("anna"), sha256="s")
    with race(chats.engine) as other:
        with chats.engine.begin() as connection:
            store_transcripts(connection, [found], retry_after=timedelta(hours=6), max_attempts=5, now=ENDED)
            erasing = other.begin(lambda: erase(chats, "anna"))
            assert not erasing.done()
        erasing.result()
    assert_forgotten(chats, "anna", but="carl")


def test_what_quotes_a_transcripts_address_goes_in_every_state(chats: Chats) -> None:
    chats.site.answers["/anna.txt"] = plain(b"", 404)
    chats.import_all()
    url = f"{chats.site.url}/anna.txt"
    assert {"transcripts", "session_imports", "session_processing_status"} <= chats.places_of("/anna.txt")
    chats.sql(
        "INSERT INTO import_rejects (company_id, import_run_id, line_number, raw_text, reason, detail)"
        " SELECT company_id, id, position, raw_text, 'columns', 'd' FROM import_runs, (VALUES (8, CAST(:own AS text)),"
        " (9, :other)) AS given (position, raw_text) WHERE rows > 0",
        own=f',01.05.2025,"{url}",x',
        other=f",01.05.2025,{url}.old,kept",
    )
    chats.sql("UPDATE transcripts SET etag = '/anna.txt', error_message = '/anna.txt' WHERE url = :url", url=url)
    assert erase(chats, "anna").companies["acme"].rejects == 1
    assert chats.sql("SELECT raw_text, detail FROM import_rejects ORDER BY line_number") == [
        ("", None),
        (f",01.05.2025,{url}.old,kept", "d"),
    ]
    chats.sql("DELETE FROM import_rejects")
    assert_forgotten(chats, "anna")


def test_a_transcript_that_was_deleted_by_age_loses_its_address_as_well(chats: Chats) -> None:
    chats.analyse()
    chats.change_company(keep_transcripts="1")
    chats.prune(days=2, company="acme")
    assert "transcripts" in chats.places_of("/anna.txt")
    before = chats.stages("anna")
    erase(chats, "anna")
    assert_forgotten(chats, "anna")
    assert chats.stages("anna") == before == dict.fromkeys(before, "COMPLETED")


@pytest.mark.parametrize("by", ["session", "import"])
def test_sessions_are_named_by_their_id_or_that_of_their_import(chats: Chats, by: str) -> None:
    chats.import_all()
    import_id, session_id = chats.ids("anna")
    named = str(session_id if by == "session" else import_id)
    report = chats.prune(session_ids=(named, named.upper(), str(uuid.uuid4()), "no id"))
    assert (report.sessions, report.not_found) == (1, 2)
    assert_forgotten(chats, "anna")


def test_a_person_is_named_by_the_address(chats: Chats) -> None:
    chats.publish("anna", "carl", ip="2001:DB8::7")
    chats.analyse()
    report = chats.prune(company="acme", ip_address=" 2001:db8::7 ")
    assert (report.sessions, report.not_found) == (2, 0)
    assert_forgotten(chats, "anna")
    assert chats.places_of("2001:") == chats.places_of(word_of("carl")) == set()
    again = chats.prune(company="acme", ip_address="2001:db8::7")
    assert (again.sessions, again.not_found) == (0, 1)


def test_names_of_a_source_count_in_their_own_company_only(chats: Chats) -> None:
    chats.import_all()
    with chats.engine.begin() as connection:
        add_company(connection, "other", CompanyChanges(csv_url="x.csv"), now=database_now(connection))
    report = chats.prune(company="other", external_ids=("anna",), session_ids=(str(chats.ids("bert")[1]),))
    assert (report.sessions, report.not_found) == (0, 2)
    assert "messages" in chats.places_of(word_of("anna"))
    assert chats.records() == []
    with pytest.raises(UsageError, match="company"):
        chats.prune(external_ids=("anna",))


def test_a_dry_run_says_what_would_be_erased_and_changes_nothing(chats: Chats) -> None:
    chats.analyse()
    foreseen = erase(chats, "anna", "nobody", dry_run=True)
    assert (foreseen.sessions, foreseen.not_found) == (1, 1)
    assert "messages" in chats.places_of(word_of("anna"))
    assert chats.records() == []
    assert foreseen.companies == erase(chats, "anna").companies


def test_erasing_again_finds_nothing_more(chats: Chats) -> None:
    chats.analyse()
    erase(chats, "anna")
    before = chats.sql("SELECT erased_at FROM session_imports WHERE erased_at IS NOT NULL")
    again = erase(chats, "anna")
    assert (again.sessions, set(vars_of(again.companies["acme"]))) == (1, {0})
    assert chats.sql("SELECT erased_at FROM session_imports WHERE erased_at IS NOT NULL") == before


def vars_of(counts: Any) -> list[int]:
    return [counts.transcripts, counts.messages, counts.answers, counts.rejects]


def test_a_question_that_others_asked_as_well_stays(chats: Chats) -> None:
    chats.publish("anna", "bert", said="the canteen")
    chats.analyse()
    erase(chats, "anna")
    assert chats.sql("SELECT content FROM questions") == [("Where is the canteen?",)]
    assert chats.sql("SELECT session_id FROM session_questions") == [(chats.ids("bert")[1],)]


def test_rejected_records_of_the_session_lose_their_text(chats: Chats) -> None:
    name = "5e2c0a44-6c1d-4a53-9a0e-3c6f0f4b7d10"
    lines = [
        f"{name},too,few",
        f'"{name}",too,few',
        f"broken,{name}.txt,x",
        f"{name}0,another,id",
        "17,a short,id",
        '"17",x,y',
        "1,17,not an id",
        "x,10.0.0.17,an address",
        "x,110.0.0.17,another",
    ]
    body = "\n".join(lines).encode() + b"\n"
    rows = [csv_line(f"ok-{number}").encode() for number in range(50)]
    chats.site.answers["/x.csv"] = plain(body + b"".join(rows))
    chats.import_all()
    report = chats.prune(company="acme", external_ids=(name, "17"), ip_address="10.0.0.17")
    left = [row.raw_text.strip() for row in chats.sql("SELECT raw_text FROM import_rejects ORDER BY line_number")]
    assert left == ["", "", "", lines[3], "", "", lines[6], "", lines[8]]
    assert (report.companies["acme"].rejects, report.sessions, report.not_found) == (6, 0, 3)
    assert [kind for kind, _ in chats.records()] == ["erasure"]


# Batches that have not reached the service, and those that end without an answer.


@pytest.fixture
def scripted_chats(engine: Engine, scripted: BatchContext) -> Iterator[Chats]:
    """The same with a service in memory, whose faults can be scripted."""
    with running_chats(engine, scripted) as chats:
        chats.set_up("anna", "bert")
        chats.import_all()
        yield chats


class KilledError(Exception):
    """Nothing in the program catches it."""


def die(_: httpx2.Request) -> httpx2.Response:
    raise KilledError


def test_a_claimed_batch_that_was_not_uploaded_lets_go_of_an_erased_session(
    scripted_chats: Chats, service: BatchService
) -> None:
    chats = scripted_chats
    service.on["upload"] = die
    with pytest.raises(KilledError):
        chats.submit()
    service.on.clear()
    assert erase(chats, "anna").in_flight == 1
    late = replace(chats.context, now=lambda connection: database_now(connection) + timedelta(seconds=901))
    chats.context = late
    chats.submit()
    assert chats.request_of("anna").error_code == "erased"
    assert chats.stages("anna")["AI_ANALYSIS"] == "SKIPPED"
    chats.submit()
    assert [len(service.requests_of(name)) for name in service.batches] == [1]
    assert chats.request_of("bert").processing_status == "BATCHING_IN_PROGRESS"
    assert_forgotten(chats, "anna")


def test_an_error_that_quotes_an_erased_chat_leaves_the_ledger(scripted_chats: Chats, service: BatchService) -> None:
    chats = scripted_chats
    (batch,) = chats.submit().submitted
    name = batch.remote_batch_id or ""
    for chat in ("anna", "bert"):
        assert str(chats.request_of(chat).id) in service.requests_of(name)
    lines = [
        refused(str(chats.request_of(chat).id), 400, "bad", f"Cannot read: {word_of(chat)}")
        for chat in ("anna", "bert")
    ]
    service.end(name, error=lines)
    poll_batches(chats.context)
    chats.ingest()
    assert "ai_request_attempts" in chats.places_of(word_of("anna"))
    columns = "request_id, outcome, error_code, http_status, total_cost_eur, settled_at"
    ledger = chats.sql(f"SELECT {columns} FROM ai_request_attempts ORDER BY id")
    erase(chats, "anna")
    assert_forgotten(chats, "anna")
    assert "ai_request_attempts" in chats.places_of(word_of("bert"))
    assert chats.sql(f"SELECT {columns} FROM ai_request_attempts ORDER BY id") == ledger


@pytest.mark.parametrize("choice", ["expired", "cancelled"])
def test_a_batch_that_ends_without_an_answer_does_not_ask_about_an_erased_session_again(
    scripted_chats: Chats, service: BatchService, choice: str
) -> None:
    chats = scripted_chats
    (batch,) = chats.submit().submitted
    erase(chats, "anna")
    service.end(batch.remote_batch_id or "", choice, request_counts={"total": 2, "completed": 0, "failed": 0})
    poll_batches(chats.context)
    chats.ingest()
    assert (chats.request_of("anna").processing_status, chats.request_of("anna").error_code) == (
        "PROCESSING_FAILED",
        "erased",
    )
    assert chats.request_of("bert").processing_status == "PENDING_BATCHING"
    assert chats.stages("anna")["AI_ANALYSIS"] == "SKIPPED"
    assert [sent.requests for sent in chats.submit().submitted] == [1]


def test_a_request_whose_messages_contradict_its_hash_is_given_up_and_keeps_no_other_waiting(
    scripted_chats: Chats, service: BatchService
) -> None:
    chats = scripted_chats
    chats.sql("UPDATE messages SET content = 'Something else' WHERE session_id = :id", id=chats.ids("anna")[1])
    with pytest.raises(LivedashError) as caught:
        chats.submit()
    assert caught.value.code == "input_changed"
    assert chats.request_of("anna").error_code == "input_changed"
    assert chats.stages("anna")["AI_ANALYSIS"] == "FAILED"
    assert [sent.requests for sent in chats.submit().submitted] == [1]
    assert "create" in service.calls


def test_a_requeued_request_of_another_prompt_is_not_given_up(scripted_chats: Chats, service: BatchService) -> None:
    """What is released by a recovery is rewritten, and asked in the same submit."""
    chats = scripted_chats
    service.on["upload"] = die
    with pytest.raises(KilledError):
        chats.submit()
    service.on.clear()
    chats.sql("UPDATE ai_processing_requests SET prompt_version = 'older', input_hash = 'of the older prompt'")
    chats.context = replace(chats.context, now=lambda connection: database_now(connection) + timedelta(seconds=901))
    assert [sent.requests for sent in chats.submit().submitted] == [2]
    assert {chats.request_of(name).prompt_version for name in ("anna", "bert")} == {prompt_version()}
