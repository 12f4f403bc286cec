"""A model judges answers that differ: once a pair, through the ledger's batches, priced and counted like every purchase."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company, add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.rules.judging import content_hash
from livedash_pipeline.chats.steps.compare import compare_document
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.judging.ask_for import ask_for_judgements
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.errors import UsageError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch

pytest_plugins = ["tests.support.fixtures"]

MODEL = "gpt-5-mini"
ROWS = [{"question": f"What is question {each}?", "expectedAnswer": "Never."} for each in range(5)]
ONE = ["Open on Monday.", "Open on Monday.", "Open on Monday.", "Open on Monday.", "Ask at the desk."]
TWO = ["Open on Monday!", "On Monday open.", "Open on Monday and Friday.", "Closed for good.", "On Monday, ask."]
# By the stand-in's words: the first is the same by rules alone, and nobody asks about it.
SAID = ["same", "undecided", "different", "different"]


def _run(engine: Engine, company: Company, answers: list[str]) -> UUID:
    context = chat_context(engine, ScriptedChats(lambda question: answered(answers[int(question[-2])])))
    batch_id = make_batch(context, company.slug, ROWS)
    process_for_duration(context, batch_id, seconds=60)
    return batch_id


@pytest.fixture
def chats(context: BatchContext) -> ChatContext:
    """Chat batches beside the ledger's steps, with the same server."""
    return ChatContext(context.engine, context.settings, {})


@pytest.fixture
def runs(engine: Engine, company: Company) -> tuple[UUID, UUID]:
    """Two runs of one file, four of whose answers differ."""
    return _run(engine, company, ONE), _run(engine, company, TWO)


def _round(context: BatchContext) -> int:
    """Everything that the ledger does; returns how many batches were sent."""
    sent = len(submit_pending(context, ignore_minimum=True).submitted)
    for _ in range(3):
        poll_batches(context)
    ingest_finished(context)
    return sent


def _said(document: Mapping[str, Any]) -> list[str | None]:
    return [row["judgement"] for row in document["rows"]]


def test_each_pair_that_differs_is_judged_once(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext, runs: tuple[UUID, UUID]
) -> None:
    foreseen = ask_for_judgements(chats, *runs, model=MODEL, dry_run=True)
    assert (foreseen["pairs"], foreseen["requested"], foreseen["known"], foreseen["dryRun"]) == (4, 4, 0, True)
    assert _round(context) == 0
    asked = ask_for_judgements(chats, *runs, model=MODEL)
    assert asked == {**foreseen, "dryRun": False}
    assert compare_document(engine, *runs, judge=MODEL)["judgements"]["waiting"] == 4
    assert _round(context) == 1
    document = compare_document(engine, *runs, judge=MODEL)
    assert _said(document) == SAID
    judgements = document["judgements"]
    counts = {name: judgements[name] for name in ("same", "different", "undecided", "waiting", "failed", "notJudged")}
    assert counts == {"same": 1, "different": 2, "undecided": 1, "waiting": 0, "failed": 0, "notJudged": 0}
    with engine.connect() as connection:
        spent = connection.execute(
            text(
                "SELECT sum(total_cost_eur) FROM ai_request_attempts JOIN ai_processing_requests AS requests"
                " ON requests.id = request_id WHERE processing_type = 'chat_judgement'"
            )
        ).scalar_one()
    assert 0 < float(judgements["costEur"]) == float(spent) < float(foreseen["costEurAtMost"])
    # In either order, by anybody, and in another run with the same words: nothing is asked twice.
    again = _run(engine, company, TWO)
    for pair in (runs, runs[::-1], (runs[0], again)):
        assert ask_for_judgements(chats, *pair, model=MODEL)["requested"] == 0
        assert _said(compare_document(engine, *pair, judge=MODEL)) == SAID
    assert _round(context) == 0


def test_another_judge_is_another_purchase(context: BatchContext, chats: ChatContext, runs: tuple[UUID, UUID]) -> None:
    ask_for_judgements(chats, *runs, model=MODEL)
    _round(context)
    assert compare_document(chats.engine, *runs, judge="gpt-5")["judgements"]["notJudged"] == 4
    assert ask_for_judgements(chats, *runs, model="gpt-5")["requested"] == 4
    _round(context)
    assert _said(compare_document(chats.engine, *runs, judge="gpt-5")) == SAID


def test_expected_answers_are_judged_too(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    run = _run(engine, company, ["Never.", "never", "Not ever.", "Never ever.", "Never on Sunday."])
    assert ask_for_judgements(chats, run, None, model=MODEL)["pairs"] == 3
    _round(context)
    assert _said(compare_document(engine, run, None, judge=MODEL)) == ["different", "undecided", "undecided"]


def test_without_a_judge_nobody_is_asked_or_shown(
    engine: Engine, context: BatchContext, runs: tuple[UUID, UUID]
) -> None:
    document = compare_document(engine, *runs)
    assert (document["judgements"], _said(document)) == (None, [None] * 4)
    assert _round(context) == 0


def test_a_failed_judgement_can_be_requeued(
    engine: Engine, context: BatchContext, chats: ChatContext, runs: tuple[UUID, UUID], batch_api: RunningServer
) -> None:
    batch_api.service.install_faults(parse_script(json.dumps([{"kind": "off_schema"}])), replace=True)
    ask_for_judgements(chats, *runs, model=MODEL)
    _round(context)
    failed = compare_document(engine, *runs, judge=MODEL)["judgements"]
    assert (failed["failed"], float(failed["costEur"]) > 0) == (4, True)
    assert ask_for_judgements(chats, *runs, model=MODEL)["requested"] == 0
    batch_api.service.install_faults(parse_script("[]"), replace=True)
    assert requeue_requests(engine, KINDS, error_code="invalid_output", dry_run=False)["requeuedCount"] == 4
    assert compare_document(engine, *runs, judge=MODEL)["judgements"]["waiting"] == 4
    _round(context)
    document = compare_document(engine, *runs, judge=MODEL)
    assert _said(document) == SAID
    assert float(document["judgements"]["costEur"]) > float(failed["costEur"])


def test_a_pair_that_has_changed_is_not_bought(
    engine: Engine, context: BatchContext, chats: ChatContext, runs: tuple[UUID, UUID]
) -> None:
    ask_for_judgements(chats, *runs, model=MODEL)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE chat_interactions SET answer = 'Later.' WHERE batch_id = :id AND row_index = 3"),
            {"id": runs[1]},
        )
    _round(context)
    assert _said(compare_document(engine, *runs, judge=MODEL)) == ["same", "undecided", None, "different"]
    assert ask_for_judgements(chats, *runs, model=MODEL)["requested"] == 1
    _round(context)
    assert _said(compare_document(engine, *runs, judge=MODEL)) == SAID
    with engine.connect() as connection:
        codes = connection.execute(text("SELECT error_code FROM chat_judgements ORDER BY id")).scalars().all()
    assert codes.count("input_changed") == 1


@pytest.mark.parametrize("words", ["", "Ünïcödé 😀", "line\nline\t\\ \" ' :"])
def test_database_and_rules_name_a_pair_alike(engine: Engine, company: Company, chats: ChatContext, words: str) -> None:
    a, b = _run(engine, company, ["One." + words] * 5), _run(engine, company, ["Two." + words] * 5)
    ask_for_judgements(chats, a, b, model=MODEL)
    with engine.connect() as connection:
        names = connection.execute(text("SELECT current_hash FROM chat_judgement_subjects")).scalars().all()
    expected = {content_hash(f"What is question {each}?", "One." + words, "Two." + words) for each in range(5)}
    assert set(names) == expected


def test_batches_of_two_companies_are_not_judged(engine: Engine, chats: ChatContext, runs: tuple[UUID, UUID]) -> None:
    with engine.begin() as connection:
        other = add_company(
            connection, "other", CompanyChanges(csv_url="http://127.0.0.1:9/x.csv"), now=database_now(connection)
        )
    foreign = _run(engine, replace(other), TWO)
    with pytest.raises(UsageError, match="two companies"):
        ask_for_judgements(chats, runs[0], foreign, model=MODEL)


def test_a_cap_keeps_judgements_waiting(
    engine: Engine, context: BatchContext, chats: ChatContext, runs: tuple[UUID, UUID]
) -> None:
    capped = replace(
        context, settings=context.settings.model_copy(update={"livedash_monthly_cap_eur": Decimal("0.000001")})
    )
    ask_for_judgements(chats, *runs, model=MODEL)
    with pytest.raises(Exception, match="LIVEDASH_MONTHLY_CAP_EUR"):
        submit_pending(capped, ignore_minimum=True)
    assert compare_document(engine, *runs, judge=MODEL)["judgements"]["waiting"] == 4
