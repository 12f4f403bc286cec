"""Comparing two runs of one file, and a run with its file's expected answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.compare import compare_document
from livedash_pipeline.chats.steps.named import Viewer
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch

ROWS = [{"question": f"What is question {each}?", "expectedAnswer": f"It costs {each} euro."} for each in range(6)]
ALL_REASONS = {"identical", "wording", "numbers", "dates", "text", "a_missing", "b_missing", "both_missing"}


def run(engine: Engine, company: Company, answers: dict[str, str | None], rows: list[dict[str, str]] = ROWS) -> UUID:
    """A batch that was worked on; questions are answered by their numbers, None is a call that fails."""

    def on(question: str) -> CallEnd:
        answer = answers.get(question[-2], "The same.")
        return CallEnd(Outcome.INVALID_OUTPUT, http_status=200) if answer is None else answered(answer)

    context = chat_context(engine, ScriptedChats(on))
    batch_id = make_batch(context, company.slug, rows)
    process_for_duration(context, batch_id, seconds=60)
    return batch_id


def two_runs(engine: Engine, company: Company) -> tuple[UUID, UUID]:
    a = run(engine, company, {"1": "**The same!**", "2": "5 euro", "3": "On 5 May 2024.", "4": "One.", "5": None})
    return a, run(engine, company, {"2": "6 euro", "3": "On 6 May 2024.", "4": "Two."})


def test_two_runs_are_compared_row_by_row(engine: Engine, company: Company) -> None:
    a, b = two_runs(engine, company)
    document = compare_document(engine, a, b)
    assert list(document) == [
        "ok",
        "a",
        "b",
        "same",
        "changed",
        "missing",
        "reasons",
        "judgements",
        "rows",
        "nextCursor",
    ]
    assert document["judgements"] is None
    assert (document["a"], document["b"], document["nextCursor"]) == (str(a), str(b), None)
    assert (document["same"], document["changed"], document["missing"]) == (2, 3, 1)
    assert set(document["reasons"]) == ALL_REASONS
    assert {name: count for name, count in document["reasons"].items() if count} == {
        "identical": 1, "wording": 1, "numbers": 1, "dates": 1, "text": 1, "a_missing": 1,
    }  # fmt: skip
    assert document["rows"][0] == {
        "row": 2, "sourceLine": 3, "verdict": "changed", "reason": "numbers", "judgement": None,
    }  # fmt: skip
    assert [(row["row"], row["reason"]) for row in document["rows"]] == [
        (2, "numbers"), (3, "dates"), (4, "text"), (5, "a_missing"),
    ]  # fmt: skip


def test_texts_are_shown_only_if_asked_for(engine: Engine, company: Company) -> None:
    a, b = two_runs(engine, company)
    rows = compare_document(engine, b, a, show_text=True)["rows"]
    assert rows[0]["question"] == "What is question 2?"
    assert (rows[0]["answerA"], rows[0]["answerB"]) == ("6 euro", "5 euro")
    assert (rows[3]["reason"], rows[3]["answerA"], rows[3]["answerB"]) == ("b_missing", "The same.", None)
    assert "euro" not in str(compare_document(engine, a, b))


def test_pages_have_every_row_once_and_the_counts_of_all(engine: Engine, company: Company) -> None:
    a, b = two_runs(engine, company)
    whole = compare_document(engine, a, b)
    rows: list[dict[str, Any]] = []
    cursor = None
    for left in (3, 2, 1, 0):
        page = compare_document(engine, a, b, limit=1, cursor=cursor)
        assert {name: page[name] for name in ("same", "changed", "missing", "reasons")} == {
            name: whole[name] for name in ("same", "changed", "missing", "reasons")
        }
        rows += page["rows"]
        cursor = page["nextCursor"]
        assert (cursor is not None) == (left > 0)
    assert rows == whole["rows"]


def test_a_run_is_compared_with_what_its_file_expects(engine: Engine, company: Company) -> None:
    rows = [*ROWS[:3], {"question": "What is question 3?", "expectedAnswer": ""}]
    a = run(engine, company, {"0": "It costs 0 euro.", "1": "it costs 1 euro", "2": "It costs 3 euro."}, rows)
    document = compare_document(engine, a, None, show_text=True)
    assert (document["b"], document["same"], document["changed"], document["missing"]) == (None, 2, 1, 1)
    assert [(row["row"], row["reason"], row["answerB"]) for row in document["rows"]] == [
        (2, "numbers", "It costs 2 euro."),
        (3, "b_missing", None),
    ]


def test_a_batch_that_nobody_has_begun_has_no_answers(engine: Engine, company: Company) -> None:
    a = make_batch(chat_context(engine, ScriptedChats()), company.slug, 3)
    document = compare_document(engine, a, a)
    assert (document["missing"], document["reasons"]["both_missing"]) == (3, 3)


def test_a_row_that_only_one_run_has_is_missing_in_the_other(engine: Engine, company: Company) -> None:
    a, b = run(engine, company, {}), run(engine, company, {})
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM ai_request_attempts"))
        connection.execute(text("DELETE FROM ai_processing_requests"))
        connection.execute(text("DELETE FROM chat_interactions WHERE batch_id = :a AND row_index = 0"), {"a": a})
        connection.execute(text("DELETE FROM chat_interactions WHERE batch_id = :b AND row_index = 4"), {"b": b})
    rows = compare_document(engine, a, b, show_text=True)["rows"]
    assert [(row["row"], row["reason"], row["question"]) for row in rows] == [
        (0, "a_missing", "What is question 0?"),
        (4, "b_missing", "What is question 4?"),
    ]


def test_batches_of_different_files_are_refused(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    a, b = make_batch(context, company.slug, 2), make_batch(context, company.slug, 3)
    with pytest.raises(UsageError, match="not of one file") as refusal:
        compare_document(engine, a, b)
    assert refusal.value.code == "different_files"
    with engine.begin() as connection:
        connection.execute(text("UPDATE chat_batches SET file_hash = NULL"))
    with pytest.raises(UsageError, match="not of one file"):
        compare_document(engine, a, b)


def test_a_file_without_expected_answers_is_refused(engine: Engine, company: Company) -> None:
    a = make_batch(chat_context(engine, ScriptedChats()), company.slug, 2)
    with pytest.raises(UsageError, match="expected answer") as refusal:
        compare_document(engine, a, None)
    assert refusal.value.code == "no_expected_answers"


def test_unknown_and_foreign_batches_are_refused_alike(engine: Engine, company: Company) -> None:
    a = make_batch(chat_context(engine, ScriptedChats()), company.slug, ROWS)
    own, foreign, other_token = Viewer(company.id), Viewer(uuid4()), Viewer(token_id=uuid4())
    assert compare_document(engine, a, a, viewer=own)["missing"] == 6
    refused = ((a, uuid4(), own), (uuid4(), a, own), (a, a, foreign), (a, None, foreign), (a, None, other_token))
    for first, second, viewer in refused:
        with pytest.raises(UsageError, match="There is no chat batch") as refusal:
            compare_document(engine, first, second, viewer=viewer)
        assert refusal.value.code == "no_such_chat_batch"


def test_limits_and_cursors_of_other_comparisons_are_refused(engine: Engine, company: Company) -> None:
    a = make_batch(chat_context(engine, ScriptedChats()), company.slug, ROWS)
    cursor = compare_document(engine, a, a, limit=1)["nextCursor"]
    with pytest.raises(UsageError, match="not a cursor"):
        compare_document(engine, a, None, cursor=cursor)
    with pytest.raises(UsageError, match="limit is 0"):
        compare_document(engine, a, a, limit=0)
