"""A worker's next question begins in the transaction that ends the one before it, and never at that one's expense."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import ProgrammingError

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.slices import StopReason
from livedash_pipeline.chats.steps.cancel import cancel
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd, end_of_failure
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, column, make_batch, states

pytest_plugins = ["tests.support.fixtures"]


def _commits(engine: Engine) -> list[None]:
    """One entry for each commit from now on."""
    seen: list[None] = []
    event.listen(engine, "commit", lambda _connection: seen.append(None))
    return seen


def test_a_question_takes_one_transaction_more(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    few, many = (make_batch(context, company.slug, number) for number in (5, 25))
    seen = _commits(engine)
    process_for_duration(context, few, seconds=300, workers=1)
    after_few = len(seen)
    process_for_duration(context, many, seconds=300, workers=1)
    assert len(seen) - 2 * after_few == 20


def test_turns_and_short_questions_follow_as_well(engine: Engine, company: Company) -> None:
    chats = ScriptedChats()
    context = chat_context(engine, chats)
    rows = [
        {"chatId": "a", "question": "What is one?"},
        {"chatId": "b", "question": "?"},
        {"chatId": "c", "question": "!"},
        {"chatId": "c", "question": "What is two?"},
        {"chatId": "c", "question": "What is three?"},
        {"chatId": "d", "question": "What is four?"},
    ]
    batch_id = make_batch(context, company.slug, rows)
    process_for_duration(context, batch_id, seconds=300, workers=1)
    assert column(engine, batch_id, "outcome_code") == ["answered", "too_short", "too_short", *["answered"] * 3]
    assert chats.questions == ["What is one?", "What is two?", "What is three?", "What is four?"]
    assert [message["role"] for message in chats.sent[2]["messages"]] == ["system", "user", "assistant", "user"]


def test_an_answer_is_kept_when_the_next_question_cannot_begin(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 2)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'no second question'; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON ai_processing_requests FOR EACH ROW"
                " WHEN (NEW.input_hash IS NOT NULL) EXECUTE FUNCTION refuse()"
            )
        )
        connection.execute(text("ALTER TABLE ai_processing_requests DISABLE TRIGGER refuse"))

    def answer(_question: str) -> CallEnd:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE ai_processing_requests ENABLE TRIGGER refuse"))
        return answered()

    broken = chat_context(engine, ScriptedChats(answer))
    with pytest.raises(ProgrammingError, match="no second question"):
        process_for_duration(broken, batch_id, seconds=300, workers=1)
    assert column(engine, batch_id, "answer") == ["An answer.", None]
    with engine.connect() as connection:
        outcomes = connection.execute(text("SELECT outcome FROM ai_request_attempts")).scalars().all()
    assert outcomes == ["parsed"]


def test_nothing_follows_after_a_cancel(engine: Engine, company: Company) -> None:
    def answer(_question: str) -> CallEnd:
        cancel(context, batch_id, by="a person")
        return answered()

    context = chat_context(engine, ScriptedChats(answer))
    batch_id = make_batch(context, company.slug, 3)
    assert process_for_duration(context, batch_id, seconds=300, workers=1).stop is StopReason.CANCELLED
    assert states(engine, batch_id) == {"CANCELLED": 2, "COMPLETED": 1}


def test_nothing_follows_a_refusal_that_concerns_every_question(engine: Engine, company: Company) -> None:
    wrong_key = end_of_failure(ApiFailure(FailureKind.BAD_KEY, 401, None, "It failed."))
    chats = ScriptedChats(lambda question: wrong_key if "question 1?" in question else answered())
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 4)
    assert process_for_duration(context, batch_id, seconds=300, workers=1).stop is StopReason.HELD
    assert len(chats.sent) == 2
    assert states(engine, batch_id) == {"COMPLETED": 1, "PENDING": 3}


def test_a_cap_that_is_reached_puts_the_next_question_back(engine: Engine, company: Company) -> None:
    first = chat_context(engine, ScriptedChats())
    process_for_duration(first, make_batch(first, company.slug, 1), seconds=300)
    with engine.connect() as connection:
        spent, reserved = connection.execute(text("SELECT total_cost_eur, reserved_eur FROM ai_request_attempts")).one()
    chats = ScriptedChats()
    context = chat_context(engine, chats, livedash_monthly_cap_eur=str(spent + reserved))
    batch_id = make_batch(context, company.slug, 3)
    report = process_for_duration(context, batch_id, seconds=300, workers=1)
    assert (report.processed, report.stop) == (1, StopReason.HELD)
    assert "of its monthly spending cap" in str(report.reason)
    assert states(engine, batch_id) == {"COMPLETED": 1, "PENDING": 2}
    assert column(engine, batch_id, "attempts", "chats")[1:] == [0, 0]


def test_a_provider_with_a_pace_or_a_search_begins_each_question_by_itself(
    engine: Engine, company: Company, tmp_path: Path
) -> None:
    providers = tmp_path / "providers.toml"
    providers.write_text(
        '[providers.paced]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "gpt-5-mini"\nrequests_per_minute = 60000\n'
        'api_key_env = "OPENAI_API_KEY"\n',
        encoding="utf-8",
    )
    context = chat_context(engine, ScriptedChats(), livedash_chat_providers=providers)
    for fields in ({"ai_provider": "paced"}, {"search_provider": "postgres"}):
        batch_id = make_batch(context, company.slug, 3, **fields)
        seen = _commits(engine)
        assert process_for_duration(context, batch_id, seconds=300, workers=1).processed == 3
        assert len(seen) >= 9
