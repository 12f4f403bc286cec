"""What is confirmed of a batch is done once, and nothing else is done in its place."""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.asking_again import Way, have_asked
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.ledger.rules.calls.call_ends import end_of_failure
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from tests.support.chat_rounds import ScriptedChats, chat_context, make_batch, states

pytest_plugins = ["tests.support.fixtures"]


def test_a_resume_that_is_sent_twice_asks_nothing_that_has_failed_since(engine: Engine, company: Company) -> None:
    chats = ScriptedChats(on=lambda _: end_of_failure(ApiFailure(FailureKind.REFUSED, 400, None, "It failed.")))
    context = chat_context(engine, chats)
    batch_id = make_batch(context, company.slug, 12)
    assert have_asked(context, batch_id, Way.TRY) == 10
    process_for_duration(context, batch_id, seconds=60)
    assert have_asked(context, batch_id, Way.RESUME) == 2
    process_for_duration(context, batch_id, seconds=60)
    assert states(engine, batch_id) == {"FAILED": 12}
    asked = len(chats.sent)
    assert have_asked(context, batch_id, Way.RESUME) == 0
    process_for_duration(context, batch_id, seconds=60)
    assert len(chats.sent) == asked
    assert have_asked(context, batch_id, Way.FAILED) == 12
