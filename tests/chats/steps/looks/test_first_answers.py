"""The first answers of a batch, bounded; and the template, which can be uploaded as it is."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.intake.conversations import group_chats
from livedash_pipeline.chats.rules.intake.example import EXAMPLE_COLUMNS, EXAMPLE_ROWS
from livedash_pipeline.chats.rules.intake.read import read_chat_file
from livedash_pipeline.chats.steps.files.template_file import template_file
from livedash_pipeline.chats.steps.looks.first_answers import first_answers_document
from livedash_pipeline.chats.steps.named import Viewer
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.steps.results import FORMATS, Format
from livedash_pipeline.chats.steps.trial import try_first
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch

pytest_plugins = ["tests.support.fixtures"]


def test_answers_come_in_the_order_of_the_file_while_the_batch_is_asked(engine: Engine, company: Company) -> None:
    def on(question: str) -> CallEnd:
        if "question 1?" in question:
            return CallEnd(Outcome.REFUSED, http_status=200)
        return answered("x" * 5_000 if "question 0?" in question else f"About {question}")

    context = chat_context(engine, ScriptedChats(on))
    batch_id = make_batch(context, company.slug, 20)
    assert first_answers_document(engine, batch_id)["answers"] == []
    try_first(context, batch_id, items=4)
    process_for_duration(context, batch_id, seconds=60)
    shown = first_answers_document(engine, batch_id)
    assert [row["row"] for row in shown["answers"]] == [0, 2, 3]
    assert shown["answers"][0]["answer"].endswith("[cut from 5,000 characters]")
    assert (shown["answers"][1]["question"], shown["isOver"]) == ("What is question 2?", True)
    assert len(first_answers_document(engine, batch_id, most=1)["answers"]) == 1


@pytest.mark.parametrize("most", [0, 51])
def test_answers_are_bounded(engine: Engine, company: Company, most: int) -> None:
    batch_id = make_batch(chat_context(engine, ScriptedChats()), company.slug, 1)
    with pytest.raises(UsageError, match="at once"):
        first_answers_document(engine, batch_id, most=most)


def test_answers_of_others_do_not_exist(engine: Engine, company: Company) -> None:
    batch_id = make_batch(chat_context(engine, ScriptedChats()), company.slug, 1)
    with pytest.raises(UsageError, match="no chat batch"):
        first_answers_document(engine, batch_id, viewer=Viewer(company_id=batch_id))


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_template_is_a_file_that_can_be_used(file_format: Format) -> None:
    file = read_chat_file(template_file(file_format), f"questions.{file_format}")
    assert file.columns == EXAMPLE_COLUMNS
    assert [row.cells for row in file.rows] == list(EXAMPLE_ROWS)
    assert [len(chat) for chat in group_chats(file.rows)] == [2]
    assert file.question_column, file.chat_id_column
    assert all((file.chat_id_column, file.url_column, file.context_column, file.reference_column))
    assert {note.code for note in file.notes} == set()
