"""Batches of the old system, moved in from its documents: what becomes of them, again and again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.slices import StopReason
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.documents import list_document, show_document
from livedash_pipeline.chats.steps.moving_in import move_in
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.steps.results import FORMATS, open_results
from livedash_pipeline.errors import UsageError
from tests.chats.rules.documents.exported import lines, oid
from tests.support.chat_rounds import ScriptedChats, chat_context, column, states
from tests.support.rows import insert_company

Write = Callable[..., Path]
T = "2024-07-01T10:00:0"

BATCH: dict[str, Any] = {
    "_id": oid(1),
    "name": "Été 2024",
    "aiProvider": "azure",
    "searchProvider": "google",
    "pageLanguage": "fr",
    "applyOverrides": True,
    "uploader": "anna@example.com",
    "createdAt": {"$date": f"{T}0Z"},
    "status": "processed",
    "totalItems": 4,
    "chats": [oid(2), oid(3), oid(4), oid(5)],
}
CHATS: list[dict[str, Any]] = [
    {"_id": oid(number), "chatId": f"c-{number}", "interactions": [oid(each) for each in items]}
    for number, items in ((2, (11, 12)), (3, (13,)), (4, (14,)), (5, (15,)))
]
TURNS: list[dict[str, Any]] = [
    {
        "_id": oid(11),
        "question": "=First?",
        "answer": "Yes.",
        "citations": ["https://a.example"],
        "model": "gpt-4o",
        "inputTokens": 12,
        "outputTokens": 3,
        "startedAt": {"$date": f"{T}1Z"},
        "completedAt": {"$date": f"{T}4Z"},
        "department": "HR",
    },
    {"_id": oid(12), "question": "Second?", "answer": "No.", "completedAt": {"$date": f"{T}9Z"}, "score": 2},
    {"_id": oid(13), "question": "Third?", "status": "failed", "error": "timeout", "department": "IT"},
    {"_id": oid(14), "question": "Fourth?", "status": "blocked", "error": "guardrail"},
    {"_id": oid(15), "question": "Fifth?", "status": "pending"},
]
COUNTS = ("batches", "chats", "turns", "finished", "failed", "skipped", "cancelled", "alreadyThere")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes documents to a file of their own."""

    def write_lines(*documents: Any, name: str = "export.json") -> Path:
        path = tmp_path / name
        path.write_bytes(lines(*documents))
        return path

    return write_lines


def counts(document: Document) -> list[int]:
    return [document[name] for name in COUNTS]


def batch_ids(engine: Engine) -> list[UUID]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM chat_batches ORDER BY id")).scalars())


def codes(document: Document) -> list[str]:
    return [problem["code"] for problem in document["problems"]]


def move(engine: Engine, company: Company, *files: Path, **given: Any) -> Document:
    return move_in(engine, company.slug, files, **({"dry_run": False} | given))


def test_a_batch_is_moved_with_all_that_it_leads_to(engine: Engine, company: Company, write: Write) -> None:
    files = (write(*TURNS, name="i.json"), write(BATCH, name="b.json"), write(*CHATS, name="c.json"))
    document = move(engine, company, *files)
    assert (document["ok"], document["dryRun"], document["problems"], document["problemCount"]) == (True, False, [], 0)
    assert counts(document) == [1, 4, 5, 1, 1, 1, 1, 0]
    (batch_id,) = batch_ids(engine)
    assert states(engine, batch_id) == {"COMPLETED": 1, "FAILED": 1, "SKIPPED": 1, "CANCELLED": 1}
    assert column(engine, batch_id, "outcome_code") == [
        "answered", "answered", "imported_failure", "refused", "cancelled",
    ]  # fmt: skip
    assert column(engine, batch_id, "answer") == ["Yes.", "No.", None, None, None]
    assert column(engine, batch_id, "error_message") == [None, None, "timeout", "guardrail", None]
    assert column(engine, batch_id, "error_message", "chats") == [None, "timeout", None, None]
    assert column(engine, batch_id, "cells") == [["HR"], ["", "2"], ["IT"], [], []]
    assert column(engine, batch_id, "legacy_id") == [f"{number:024x}" for number in range(11, 16)]
    assert column(engine, batch_id, "source_chat_id", "chats") == ["c-2", "c-3", "c-4", "c-5"]
    assert column(engine, batch_id, "input_tokens") == [12, None, None, None, None]
    assert column(engine, batch_id, "applied_overrides") == [True, True, False, False, False]
    assert column(engine, batch_id, "cost_eur") == [None] * 5


def test_a_moved_batch_is_listed_shown_and_written(engine: Engine, company: Company, write: Write) -> None:
    move(engine, company, write(BATCH, *CHATS, *TURNS))
    (row,) = list_document(engine)["batches"]
    assert {name: row[name] for name in ("name", "status", "model", "aiProvider", "costEur", "percent", "uploader")} == {
        "name": "Été 2024", "status": "cancelled", "model": "gpt-4o", "aiProvider": "azure", "costEur": "0",
        "percent": 100, "uploader": "anna@example.com",
    }  # fmt: skip
    assert datetime.fromisoformat(row["createdAt"]) == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert datetime.fromisoformat(row["startedAt"]) == datetime(2024, 7, 1, 10, 0, 1, tzinfo=UTC)
    shown = show_document(engine, UUID(row["id"]))["batch"]
    assert shown["columns"] == ["department", "score"]
    assert shown["configuration"]["endpoint"] == "imported.invalid/v1"
    output = io.BytesIO()
    with open_results(engine, UUID(row["id"])) as results:
        results.write(output, file_format="json")
    written = json.loads(output.getvalue())
    (first, *_, last) = written["rows"]
    assert (first["question"], first["answer"], first["citations"]) == ("=First?", "Yes.", ["https://a.example"])
    assert (first["original"]["department"], first["costEur"], first["searchProvider"]) == ("HR", None, "google")
    assert (last["status"], last["outcomeCode"]) == ("cancelled", "cancelled")
    for file_format in FORMATS:
        with open_results(engine, UUID(row["id"])) as results:
            results.write(io.BytesIO(), file_format=file_format)


def test_a_dry_run_reports_the_same_and_keeps_nothing(engine: Engine, company: Company, write: Write) -> None:
    again = BATCH | {"_id": oid(20), "chats": [oid(2)]}
    file = write(BATCH, again, *CHATS, *TURNS)
    tried = move(engine, company, file, dry_run=True)
    assert (tried["dryRun"], batch_ids(engine)) == (True, [])
    done = move(engine, company, file)
    assert tried | {"dryRun": False} == done
    assert codes(done) == ["shared_chats", "repeated_interactions"]


def test_what_is_there_already_is_left_as_it_is(engine: Engine, company: Company, write: Write) -> None:
    move(engine, company, write(BATCH, *CHATS, *TURNS))
    changed = write(BATCH | {"name": "Other"}, *CHATS, *(turn | {"answer": "Changed."} for turn in TURNS))
    for dry_run in (True, False):
        assert counts(move(engine, company, changed, dry_run=dry_run)) == [0, 0, 0, 0, 0, 0, 0, 1]
    (batch_id,) = batch_ids(engine)
    assert column(engine, batch_id, "answer")[0] == "Yes."
    more = write(BATCH, BATCH | {"_id": oid(30), "chats": [CHATS[3] | {"_id": oid(31)}]}, *CHATS, *TURNS)
    assert counts(move(engine, company, more))[::7] == [1, 1]


def test_a_batch_of_another_company_stays_there(engine: Engine, company: Company, write: Write) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
    file = write(BATCH, *CHATS, *TURNS)
    move(engine, company, file)
    document = move(engine, other, file)
    assert (counts(document)[::7], codes(document)) == ([0, 1], ["other_company"])
    assert (document["problems"][0]["file"], document["problems"][0]["line"]) == (str(file), 1)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT company_id FROM chat_batches")).scalars().all() == [company.id]


def test_a_chat_of_two_batches_is_in_both(engine: Engine, company: Company, write: Write) -> None:
    file = write(BATCH, *CHATS, *TURNS)
    move(engine, company, file)
    later = write(BATCH | {"_id": oid(40), "chats": [oid(2), oid(3)]}, *CHATS, *TURNS)
    document = move(engine, company, later)
    assert codes(document) == ["shared_chats", "repeated_interactions"]
    assert "2 chats" in document["problems"][0]["message"]
    second = batch_ids(engine)[1]
    assert column(engine, second, "answer") == ["Yes.", "No.", None]
    assert column(engine, second, "legacy_id") == [None] * 3


def test_two_imports_at_once_move_every_batch_once(engine: Engine, company: Company, write: Write) -> None:
    item = {"question": "Really?", "answer": "Yes."}
    file = write(*({"_id": oid(number), "name": "x", "entries": [item]} for number in range(1, 21)))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: counts(move(engine, company, file)), range(2)))
    assert (sum(each[0] for each in both), sum(each[7] for each in both)) == (20, 20)
    assert len(batch_ids(engine)) == 20


def test_the_oldest_batch_is_moved_first(engine: Engine, company: Company, write: Write) -> None:
    item = {"question": "Really?", "answer": "Yes."}
    batches = [
        {"_id": oid(number), "name": year, "createdAt": {"$date": f"{year}-01-01T00:00:00Z"}, "entries": [item]}
        for number, year in enumerate(("2023", "2025", "2024"), start=1)
    ]
    move(engine, company, write(*batches, {"_id": oid(9), "name": "never", "entries": [item]}))
    assert [row["name"] for row in list_document(engine)["batches"]] == ["2025", "2024", "2023", "never"]


def test_times_that_are_missing_are_those_of_the_database(engine: Engine, company: Company, write: Write) -> None:
    edge = {"$date": {"$numberLong": "-62135596800000"}}
    items = [{"question": "Really?", "answer": "Yes.", "startedAt": edge, "completedAt": edge}]
    move(engine, company, write({"_id": oid(1), "createdAt": edge, "entries": items}))
    (row,) = list_document(engine)["batches"]
    assert (row["name"], row["startedAt"]) == (f"Batch {1:024x}", None)
    assert datetime.fromisoformat(row["endedAt"]) >= datetime.fromisoformat(row["createdAt"])


def test_an_item_that_comes_twice_is_there_twice(engine: Engine, company: Company, write: Write) -> None:
    batch = {"_id": oid(1), "name": "x", "interactions": [oid(11), oid(11)]}
    document = move(engine, company, write(batch, *TURNS))
    assert (counts(document)[:3], codes(document)) == ([1, 2, 2], ["repeated_interactions"])


def test_batches_with_nothing_in_them_are_left_out(engine: Engine, company: Company, write: Write) -> None:
    batches = [{"_id": oid(1), "name": "x", "totalItems": 0}, {"_id": oid(2), "chats": [oid(9)]}]
    document = move(engine, company, write(*batches, {"_id": oid(9), "chatId": "a", "interactions": []}))
    assert (counts(document), document["problemCount"]) == ([0] * 8, 4)
    assert codes(document) == ["empty_batch", "empty_batch", "no_items", "no_turns"]


def test_very_long_questions_and_very_many_fields_are_cut(engine: Engine, company: Company, write: Write) -> None:
    items = [{"question": "x" * 100_001, **{f"f{place}": "1" for place in range(300)}}]
    items += [{"question": "Short enough?", **{f"g{place}": "1" for place in range(300)}}]
    document = move(engine, company, write({"_id": oid(1), "entries": items}))
    assert codes(document) == ["long_questions", "too_many_columns"]
    (batch_id,) = batch_ids(engine)
    assert len(column(engine, batch_id, "question")[0]) == 100_000
    assert "x" * 100 not in json.dumps(document)


def test_of_very_many_problems_the_first_hundred_are_listed(engine: Engine, company: Company, write: Write) -> None:
    document = move(engine, company, write(*([7] * 150)))
    assert (len(document["problems"]), document["problemCount"]) == (100, 150)
    assert document["problems"][4] == {
        "file": document["problems"][0]["file"],
        "line": 5,
        "code": "not_a_document",
        "message": "This is JSON, but no document.",
    }


def test_a_moved_batch_is_never_asked_again(engine: Engine, company: Company, write: Write) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats)
    move(engine, company, write(BATCH, *CHATS, *TURNS))
    (batch_id,) = batch_ids(engine)
    for failed_too, dry_run in ((False, False), (True, False), (False, True)):
        with pytest.raises(UsageError, match="moved in from another system") as refusal:
            resume(context, batch_id, failed_too=failed_too, dry_run=dry_run)
        assert refusal.value.code == "moved_in"
    report = process_for_duration(context, batch_id, seconds=1)
    assert (report.stop, report.remaining, report.status) == (StopReason.CANCELLED, 0, ChatBatchStatus.CANCELLED)
    assert cancel(context, batch_id, by="test").already_ended
    assert (chats.sent, column(engine, batch_id, "answer")) == ([], ["Yes.", "No.", None, None, None])


@pytest.mark.parametrize("missing", ["nothing.json", "."])
def test_a_file_that_cannot_be_read_stops_everything(
    engine: Engine, company: Company, write: Write, tmp_path: Path, missing: str
) -> None:
    files = [write(BATCH, *CHATS, *TURNS), tmp_path / missing]
    with pytest.raises(UsageError, match="cannot be read") as refusal:
        move(engine, company, *files)
    assert (refusal.value.code, batch_ids(engine)) == ("unreadable_file", [])


def test_an_unknown_company_is_refused(engine: Engine, company: Company, write: Write) -> None:
    with pytest.raises(UsageError, match="no company 'initech'"):
        move_in(engine, "initech", [write(BATCH)])
    assert company.slug != "initech"
