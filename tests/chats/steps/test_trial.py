"""A trial asks the first conversations of a batch and no other, and what it asked is never asked again."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.steps.trial import Trial, try_first
from livedash_pipeline.chats.store.figures import batches_with_work
from livedash_pipeline.errors import UsageError
from tests.support.chat_rounds import ScriptedChats, chat_context, column, make_batch, states

pytest_plugins = ["tests.support.fixtures"]
TURNS = [{"question": f"Question {row} of visit {row // 2}?", "chatId": f"visit {row // 2}"} for row in range(8)]


def test_the_first_are_asked_and_the_others_after_a_resume_each_once(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 25)
    foreseen = try_first(context, batch_id, dry_run=True)
    assert (foreseen.tried, foreseen.items, foreseen.set_aside, foreseen.status) == (False, 10, 15, "CREATED")
    assert foreseen.cost_eur
    assert states(engine, batch_id) == {"PENDING": 25}
    done = try_first(context, batch_id)
    assert (done.tried, done.items, done.set_aside, done.cost_eur) == (True, 10, 15, foreseen.cost_eur)
    assert states(engine, batch_id) == {"PENDING": 10, "CANCELLED": 15}
    report = process_for_duration(context, batch_id, seconds=60)
    assert (report.processed, report.remaining, report.status) == (10, 0, ChatBatchStatus.CANCELLED)
    assert sorted(chats.questions) == sorted(f"What is question {row}?" for row in range(10))
    with engine.connect() as connection:
        assert batches_with_work(connection, now=context.now(connection)) == []
    assert resume(context, batch_id).items == 15
    assert process_for_duration(context, batch_id, seconds=60).status is ChatBatchStatus.COMPLETED
    assert sorted(chats.questions) == sorted(f"What is question {row}?" for row in range(25))


def test_a_trial_of_all_is_a_start(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 3)
    assert (try_first(context, batch_id).items, try_first(context, batch_id).items) == (3, 0)
    assert process_for_duration(context, batch_id, seconds=60).status is ChatBatchStatus.COMPLETED


def test_conversations_are_tried_with_all_their_turns(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, TURNS)
    assert try_first(context, batch_id, items=1).set_aside == 3
    process_for_duration(context, batch_id, seconds=60)
    assert [code is not None for code in column(engine, batch_id, "outcome_code")] == [True] * 2 + [False] * 6


def test_a_batch_of_the_batch_api_is_tried_there(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 5, mode="batch")
    try_first(context, batch_id, items=2)
    process_for_duration(context, batch_id, seconds=1)
    assert states(engine, batch_id) == {"PROCESSING": 2, "CANCELLED": 3}


@pytest.mark.parametrize("earlier", ["started", "cancelled"])
def test_what_has_begun_is_not_tried(engine: Engine, company: Company, earlier: str) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 2)
    if earlier == "started":
        process_for_duration(context, batch_id, seconds=60)
    else:
        cancel(context, batch_id, by="test")
    before = states(engine, batch_id)
    assert try_first(context, batch_id).tried is False
    assert states(engine, batch_id) == before


def test_a_trial_is_cancelled_as_any_batch(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 6)
    try_first(context, batch_id, items=2)
    assert cancel(context, batch_id, by="test").status is ChatBatchStatus.CANCELLED
    assert resume(context, batch_id, dry_run=True).items == 6


def test_two_trials_at_once_are_one(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 40)
    done: list[Trial] = []
    threads = [threading.Thread(target=lambda: done.append(try_first(context, batch_id))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.tried for each in done) == [False, False, False, True]
    assert states(engine, batch_id) == {"PENDING": 10, "CANCELLED": 30}


@pytest.mark.parametrize("items", [0, -1, 1_001])
def test_a_trial_of_too_few_or_too_many_is_refused(engine: Engine, company: Company, items: int) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 1)
    with pytest.raises(UsageError, match="trial"):
        try_first(context, batch_id, items=items)
