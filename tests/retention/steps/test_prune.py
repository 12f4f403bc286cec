"""Deletion by age: each kind of text at its time, nothing that is still needed, and nothing comes back or is bought again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.store.sessions import find_due_sessions, find_session_sources
from livedash_pipeline.intake.store.transcripts import FetchResult, ImportPage, store_transcripts
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.retention.store.retention import TextCounts
from tests.support.chats import ENDED, Chats, chat_line, running_chats, word_of

TEXTS = {"transcripts", "messages", "session_imports", "sessions", "ai_processing_requests", "questions"}


@pytest.fixture
def chats(engine: Engine, context: BatchContext) -> Iterator[Chats]:
    with running_chats(engine, context) as chats:
        yield chats


@pytest.fixture
def analysed(chats: Chats) -> Chats:
    """Three chats, analysed, of a company that keeps transcripts 30, messages 60 and answers 90 days."""
    chats.set_up("anna", "bert", "carl", keep_transcripts="30", keep_messages="60", keep_answers="90")
    chats.analyse()
    assert chats.places_of(word_of("anna")) == TEXTS
    return chats


def kept(chats: Chats) -> dict[str, list[Any]]:
    """What no deletion by age may touch."""
    return {
        "attempts": chats.sql("SELECT * FROM ai_request_attempts ORDER BY id"),
        "requests": chats.sql(
            "SELECT id, processing_status, attempts, input_hash FROM ai_processing_requests ORDER BY id"
        ),
        "sessions": chats.sql("SELECT id, summary, language, category, transcript_hash FROM sessions ORDER BY id"),
        "messages": chats.sql("SELECT session_id, position, role, sent_at FROM messages ORDER BY 1, 2"),
        "transcripts": chats.sql("SELECT import_id, url, sha256, etag FROM transcripts ORDER BY 1"),
        "stages": chats.sql("SELECT * FROM session_processing_status ORDER BY import_id, stage"),
        "questions": chats.sql("SELECT * FROM session_questions ORDER BY session_id, position"),
    }


def test_each_kind_of_text_is_deleted_at_its_time_and_everything_else_stays(analysed: Chats) -> None:
    before = kept(analysed)
    for days, counts, left in (
        (29.9, TextCounts(), TEXTS),
        (30.1, TextCounts(transcripts=3), TEXTS - {"transcripts"}),
        # Two messages a chat, and the first of them as the CSV quotes it.
        (60.1, TextCounts(messages=9), {"ai_processing_requests", "questions"}),
        (90.1, TextCounts(answers=3), {"questions"}),
        (400, TextCounts(), {"questions"}),
    ):
        assert analysed.prune(days=days).companies == {"acme": counts}, days
        assert analysed.places_of(word_of("bert")) == left, days
    assert kept(analysed) == before
    assert [row.status for row in analysed.sql("SELECT status FROM transcripts")] == ["PRUNED"] * 3


def test_a_deletion_is_recorded_as_counts_once_a_company(analysed: Chats) -> None:
    analysed.prune(days=10)
    assert analysed.records() == [], "nothing was deleted"
    analysed.prune(days=400)
    assert analysed.records() == [("retention", {"transcripts": 3, "messages": 9, "answers": 3, "rejects": 0})]
    (row,) = analysed.sql(
        "SELECT companies.slug, finished_at FROM prune_runs JOIN companies ON companies.id = company_id"
    )
    assert row.slug == "acme" and row.finished_at is not None


def test_a_dry_run_counts_the_same_and_changes_nothing(analysed: Chats) -> None:
    before = {table: analysed.sql(f"SELECT * FROM {table} ORDER BY 1") for table in sorted(TEXTS)}
    foreseen = analysed.prune(days=400, dry_run=True)
    assert {table: analysed.sql(f"SELECT * FROM {table} ORDER BY 1") for table in sorted(TEXTS)} == before
    assert analysed.records() == []
    assert foreseen.companies == analysed.prune(days=400).companies == {"acme": TextCounts(3, 9, 3, 0)}


def test_companies_keep_everything_unless_they_say_otherwise_and_suspended_ones_are_pruned(analysed: Chats) -> None:
    analysed.change_company(keep_transcripts="forever", keep_messages="", keep_answers="forever")
    assert analysed.prune(days=10_000).companies == {}
    assert analysed.prune(days=10_000, company="acme").companies == {"acme": TextCounts()}
    analysed.change_company(keep_answers="0", status="suspended")
    assert analysed.prune(days=1).companies == {"acme": TextCounts(answers=3)}
    with pytest.raises(UsageError, match="nobody"):
        analysed.prune(company="nobody")


@pytest.mark.parametrize("days", [31, 61], ids=["transcripts", "messages too"])
def test_nothing_that_was_deleted_comes_back_or_is_bought_again(analysed: Chats, days: float) -> None:
    analysed.prune(days=days)
    after, bought = kept(analysed), len(analysed.sql("SELECT 1 FROM ai_batch_requests"))
    # The same row, a changed row, and another chat at another address.
    analysed.publish("bert", country="BE")
    analysed.publish("carl", said="secret-other-word", url=f"{analysed.site.url}/carl-2.txt")
    for _ in range(2):
        done = analysed.import_all()
    assert (done.imported.changed, done.imported.unchanged) == (0, 3)
    assert [analysed.fetches(name) for name in ("anna", "bert", "carl", "carl-2")] == [1, 1, 1, 0]
    assert analysed.sql("SELECT country FROM session_imports ORDER BY external_session_id") == [
        ("NL",),
        ("BE",),
        ("NL",),
    ]
    assert analysed.submit().submitted == []
    assert kept(analysed) == after
    assert len(analysed.sql("SELECT 1 FROM ai_batch_requests")) == bought
    if days > 60:
        assert analysed.places_of("secret-other-word") == set()
        assert analysed.places_of(word_of("anna")) == {"ai_processing_requests", "questions"}


def test_messages_may_go_before_transcripts_and_stay_away(analysed: Chats) -> None:
    analysed.change_company(keep_transcripts="90", keep_messages="30", keep_answers="forever")
    analysed.prune(days=31)
    after = kept(analysed)
    analysed.publish("anna", country="BE", said="secret-other-word")
    analysed.import_all()
    assert analysed.fetches("anna") == 1
    assert kept(analysed) == after
    assert analysed.places_of("secret-other-word") == set()
    # One that came after its session had lost its messages will never be read.
    analysed.sql("UPDATE transcripts SET sha256 = 'newer' WHERE import_id = :id", id=analysed.ids("bert")[0])
    assert analysed.prune(days=91).companies == {"acme": TextCounts(transcripts=3)}


def test_a_longer_retention_brings_nothing_back(analysed: Chats) -> None:
    analysed.prune(days=61)
    analysed.change_company(keep_transcripts="forever", keep_messages="forever")
    analysed.publish("anna", country="BE")
    analysed.import_all()
    assert analysed.places_of(word_of("anna")) == {"ai_processing_requests", "questions"}
    assert set(analysed.stages("anna").values()) == {"COMPLETED"}


def test_what_is_not_done_with_its_texts_keeps_them(chats: Chats) -> None:
    chats.set_up("anna", "bert", "carl", keep_transcripts="0", keep_messages="0", keep_answers="0")
    chats.import_all()
    assert chats.prune(days=400).companies == {"acme": TextCounts()}, "requests are pending"
    chats.submit()
    assert chats.prune(days=400).companies == {"acme": TextCounts()}, "requests are in flight"
    chats.ingest()
    for name, change in {
        "anna": "UPDATE sessions SET stale = true WHERE import_id = :id",
        "bert": "UPDATE session_processing_status SET status = 'PENDING' WHERE import_id = :id AND stage = 'TRANSCRIPT_FETCH'",
        "carl": "UPDATE session_processing_status SET status = 'PENDING', completed_at = NULL WHERE import_id = :id"
        " AND stage IN ('AI_ANALYSIS', 'QUESTION_EXTRACTION')",
    }.items():
        chats.sql(change, id=chats.ids(name)[0])
    assert chats.prune(days=400).companies == {"acme": TextCounts(transcripts=1)}, (
        "only carl's, who waits for his analysis"
    )
    assert chats.places_of(word_of("carl")) == TEXTS - {"transcripts"}
    assert chats.places_of(word_of("anna")) == chats.places_of(word_of("bert")) == TEXTS


def test_a_transcript_that_came_after_its_session_was_made_is_kept_until_it_is_read(analysed: Chats) -> None:
    analysed.sql("UPDATE transcripts SET sha256 = 'newer' WHERE import_id = :id", id=analysed.ids("anna")[0])
    assert analysed.prune(days=31).companies == {"acme": TextCounts(transcripts=2)}


def test_a_session_that_failed_before_is_done_with_its_texts(chats: Chats) -> None:
    chats.set_up("anna", "bert", keep_transcripts="30", keep_messages="30")
    chats.site.answers["/anna.txt"] = lambda handler: handler.reply(404)
    chats.site.answers["/bert.txt"] = lambda handler: handler.reply(200, b"secret-bert-word, and no message")
    chats.import_all()
    assert chats.stages("anna")["TRANSCRIPT_FETCH"] == chats.stages("bert")["SESSION_CREATION"] == "FAILED"
    assert chats.prune(days=31).companies == {"acme": TextCounts(transcripts=1, messages=2)}
    assert chats.places_of(word_of("anna")) == chats.places_of(word_of("bert")) == set()
    chats.publish("bert", country="BE")
    chats.import_all()
    assert chats.fetches("bert") == 1
    assert chats.sql("SELECT 1 FROM sessions") == []


def fail_requests(chats: Chats) -> None:
    """As if the model had declined."""
    chats.sql("UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'refused'")
    chats.sql("UPDATE session_processing_status SET status = 'FAILED' WHERE stage = 'AI_ANALYSIS'")


def requeue(chats: Chats) -> None:
    ids = [str(row.id) for row in chats.sql("SELECT id FROM ai_processing_requests")]
    assert requeue_requests(chats.engine, KINDS, request_ids=ids)["requeuedCount"] == len(ids)


@pytest.mark.parametrize("prompt", ["current", "older"])
def test_a_requeued_request_about_deleted_messages_fails_before_it_is_bought(analysed: Chats, prompt: str) -> None:
    fail_requests(analysed)
    analysed.prune(days=61)
    # As if the two had happened at once.
    analysed.sql("UPDATE ai_processing_requests SET processing_status = 'PENDING_BATCHING', batch_id = NULL")
    analysed.sql("UPDATE session_processing_status SET status = 'PENDING' WHERE stage = 'AI_ANALYSIS'")
    if prompt == "older":
        # As after an upgrade: the import would rewrite them, and cannot.
        analysed.sql("UPDATE ai_processing_requests SET prompt_version = 'older'")
        assert analysed.import_all().requests.rewritten == 0
    for _ in range(2):
        assert analysed.submit().submitted == []
    failed = analysed.sql("SELECT DISTINCT processing_status, error_code, batch_id IS NULL FROM ai_processing_requests")
    assert failed == [("PROCESSING_FAILED", "input_erased", True)]
    assert set(analysed.stages("anna").values()) == {"COMPLETED", "FAILED"}
    assert len(analysed.sql("SELECT 1 FROM ai_batch_requests")) == 1


def test_a_request_about_messages_that_were_deleted_by_age_is_not_requeued(analysed: Chats) -> None:
    fail_requests(analysed)
    analysed.prune(days=61)
    ids = [str(row.id) for row in analysed.sql("SELECT id FROM ai_processing_requests WHERE error_code = 'refused'")]
    assert len(ids) == 3
    before = analysed.sql("SELECT * FROM ai_processing_requests ORDER BY id")
    for options in ({"request_ids": ids}, {"error_code": "refused"}):
        for dry_run in (True, False):
            counted = requeue_requests(analysed.engine, KINDS, dry_run=dry_run, **options)
            assert [counted[f"{name}Count"] for name in ("requeued", "notFound", "notFailed")] == [0, 0, len(ids)]
    assert analysed.sql("SELECT * FROM ai_processing_requests ORDER BY id") == before


def test_a_request_is_requeued_whose_transcript_alone_was_deleted(analysed: Chats) -> None:
    fail_requests(analysed)
    analysed.sql("UPDATE transcripts SET status = 'PRUNED', content = NULL")
    requeue(analysed)
    assert [claimed.requests for claimed in analysed.submit().submitted] == [3]


def test_texts_of_old_rejects_are_deleted_with_transcripts(chats: Chats) -> None:
    chats.set_up("anna", keep_messages="0")
    chats.site.answers["/x.csv"] = lambda handler: handler.reply(200, b"bad,row\n" + _body(chats))
    chats.import_all()
    assert chats.places_of("bad,row") == {"import_rejects"}
    assert chats.prune().companies["acme"].rejects == 0
    chats.change_company(keep_transcripts="30")
    assert chats.prune().companies["acme"].rejects == 0, "the import was a moment ago"
    chats.sql("UPDATE import_runs SET started_at = started_at - interval '31 days'")
    assert chats.prune(dry_run=True).companies["acme"].rejects == chats.prune().companies["acme"].rejects == 1
    assert chats.prune().companies["acme"].rejects == 0
    (reject,) = chats.sql("SELECT raw_text, reason, line_number FROM import_rejects")
    assert reject == ("", "wrong_column_count", 1)


def _body(chats: Chats) -> bytes:
    row = chats.published["anna"]
    return chat_line("anna", row, "hello").encode()


def test_a_transcript_that_is_deleted_while_it_is_fetched_is_not_stored(analysed: Chats) -> None:
    import_id = analysed.ids("anna")[0]
    analysed.prune(days=31)
    before = kept(analysed)
    found = FetchResult(import_id, "http://x/anna.txt", "row", content=word_of("late"), sha256="s")
    with analysed.engine.begin() as connection:
        store_transcripts(connection, [found], retry_after=timedelta(hours=6), max_attempts=5, now=ENDED)
    assert analysed.places_of(word_of("late")) == set()
    assert kept(analysed) == before


@pytest.mark.parametrize("days", [31, 61], ids=["transcripts", "messages"])
def test_a_session_that_was_found_to_be_due_is_not_made_of_texts_that_are_gone(analysed: Chats, days: float) -> None:
    if days > 60:
        analysed.change_company(keep_transcripts="forever")
    analysed.prune(days=days)
    analysed.sql("UPDATE session_imports SET content_hash = 'another row'")
    import_id = analysed.ids("anna")[0]
    with analysed.engine.connect() as connection:
        owner = get_company(connection, "acme").id
        assert find_due_sessions(connection, ImportPage(owner, "", "zzz")) == []
        assert find_session_sources(connection, [import_id]) == []


def test_stages_that_a_changing_row_left_behind_are_skipped_with_the_reason(analysed: Chats) -> None:
    analysed.prune(days=31)
    analysed.sql(
        "UPDATE session_processing_status SET status = 'PENDING', completed_at = NULL WHERE stage = 'SESSION_CREATION'"
    )
    analysed.import_all()
    assert analysed.stages("anna")["SESSION_CREATION"] == "PENDING", "nothing can be derived"
    analysed.prune(days=31)
    (row,) = analysed.sql(
        "SELECT DISTINCT status, error_message FROM session_processing_status WHERE error_message <> ''"
    )
    assert row.status == "SKIPPED" and row.error_message.startswith("texts_deleted")


def test_a_killed_deletion_goes_on_where_it_stood_and_its_record_says_how_far_it_came(analysed: Chats) -> None:
    analysed.sql("ALTER TABLE transcripts ADD CONSTRAINT stop CHECK (url NOT LIKE '%carl%' OR content IS NOT NULL)")
    with pytest.raises(Exception, match="stop"):
        analysed.prune(days=31)
    assert analysed.records() == [("retention", {"transcripts": 2, "messages": 0, "answers": 0, "rejects": 0})]
    assert analysed.sql("SELECT finished_at FROM prune_runs") == [(None,)]
    analysed.sql("ALTER TABLE transcripts DROP CONSTRAINT stop")
    assert analysed.prune(days=31).companies == {"acme": TextCounts(transcripts=1)}
