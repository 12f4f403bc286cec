"""What waits when the model or the prompt changes is bought with the new one, without an import in between."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, text, update

from livedash_pipeline.analysis.rules.prompt import input_hash, prompt_version
from livedash_pipeline.analysis.steps.build_requests import build_requests, rewrite_requests
from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, companies, sessions
from livedash_pipeline.intake.rules.messages import transcript_hash
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.preview import preview_submit
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.tokens import count_tokens
from tests.support.batch_service import BatchService, refusal
from tests.support.rows import CHAT, insert_company, insert_requests, insert_sessions, rows_of

OLD, NEW = "gpt-5-mini", "gpt-4o-mini"


def submit(context: BatchContext, **options: Any) -> SubmitReport:
    return submit_pending(context, ignore_minimum=True, **options)


def set_model(engine: Engine, company: Company, model: str) -> None:
    """What `company set --model` does."""
    with engine.begin() as connection:
        update_company(connection, company.slug, CompanyChanges(model=model), now=database_now(connection))


def with_settings(context: BatchContext, **changes: Any) -> BatchContext:
    return replace(context, settings=context.settings.model_copy(update=changes))


def bodies(service: BatchService, batch: str) -> list[dict[str, Any]]:
    content = service.files[service.batches[batch]["input_file_id"]]
    return [json.loads(line)["body"] for line in content.splitlines()]


def waiting(engine: Engine, company: Company, count: int = 1, **values: Any) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, count, **values)


def test_requests_that_wait_go_out_with_the_companys_new_model(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService
) -> None:
    waiting(engine, company, 3)
    set_model(engine, company, NEW)
    report = submit(scripted)
    assert [(batch.model, batch.requests) for batch in report.submitted] == [(NEW, 3)]
    assert {(body["model"], body["max_tokens"]) for body in bodies(service, "batch_0")} == {(NEW, 1000)}
    for row in rows_of(engine, ai_processing_requests):
        assert (row.model, row.max_output_tokens) == (NEW, 1000)
        assert row.input_hash == input_hash(transcript_hash(CHAT), prompt_version(), NEW)


def test_requests_that_wait_go_out_with_the_new_default_model_save_those_of_companies_with_their_own(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    with engine.begin() as connection:
        own = insert_company(connection, "own")
    set_model(engine, own, OLD)
    waiting(engine, company)
    waiting(engine, own)
    report = submit(with_settings(scripted, openai_model=NEW))
    assert {batch.company: batch.model for batch in report.submitted} == {"acme": NEW, "own": OLD}


def test_requests_of_an_earlier_prompt_go_out_with_the_present_one(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    waiting(engine, company, prompt_version="an older prompt")
    assert [batch.requests for batch in submit(scripted).submitted] == [1]
    assert rows_of(engine, ai_processing_requests)[0].prompt_version == prompt_version()


def test_a_submit_of_one_company_rewrites_only_its_requests_and_none_of_a_company_that_does_not_work(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    with engine.begin() as connection:
        other, idle = insert_company(connection, "other"), insert_company(connection, "idle")
    for each in (company, other, idle):
        waiting(engine, each)
    with engine.begin() as connection:
        connection.execute(update(companies).where(companies.c.id == idle.id).values(status="SUSPENDED"))
    changed = with_settings(scripted, openai_model=NEW)

    def models() -> dict[Any, str]:
        return {row.company_id: row.model for row in rows_of(engine, ai_processing_requests)}

    submit(changed, company_id=company.id)
    assert models() == {company.id: NEW, other.id: OLD, idle.id: OLD}
    submit(changed)
    assert models() == {company.id: NEW, other.id: NEW, idle.id: OLD}


def test_claimed_requests_keep_the_model_that_they_were_bought_with(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    waiting(engine, company)
    submit(scripted)
    set_model(engine, company, NEW)
    assert submit(scripted).submitted == []
    assert rows_of(engine, ai_processing_requests)[0].model == OLD


def test_a_submit_with_nothing_to_rewrite_commits_and_measures_no_more_than_an_idle_one(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    measured: list[str] = []
    commits: list[Connection] = []

    def count(data: str) -> int:
        measured.append(data)
        return count_tokens(data)

    watched = replace(scripted, count_tokens=count)

    def commits_of_a_submit() -> int:
        commits.clear()
        # Too few and too new to be due, so that what is counted is only what comes before the first claim.
        assert submit_pending(with_settings(watched, livedash_max_wait=10**9)).submitted == []
        return len(commits)

    def note(connection: Connection) -> None:
        commits.append(connection)

    event.listen(engine, "commit", note)
    try:
        idle = commits_of_a_submit()
        waiting(engine, company)
        set_model(engine, company, OLD)
        assert commits_of_a_submit() == idle > 0
        assert measured == []
        set_model(engine, company, NEW)
        assert commits_of_a_submit() > idle
        assert measured != []
    finally:
        event.remove(engine, "commit", note)


def test_after_an_unknown_model_the_requests_go_out_with_another_though_nothing_can_be_imported(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService
) -> None:
    set_model(engine, company, "gpt-typo")
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
        connection.execute(update(companies).values(csv_url="http://127.0.0.1:9/gone.csv"))
    build_requests(engine, company, default_model="gpt-typo", count_tokens=count_tokens)
    # The route for models does not exist here, so that only the batch itself can tell.
    service.on["model"] = refusal(405)
    submit(scripted)
    errors = {"data": [{"code": "model_not_found", "message": "The model gpt-typo does not exist.", "line": None}]}
    service.end("batch_0", "failed", errors=errors)
    poll_batches(scripted)
    ingest_finished(scripted)
    assert submit(scripted).submitted == []
    (request,) = rows_of(engine, ai_processing_requests)
    assert (request.model, request.processing_status) == ("gpt-typo", "PENDING_BATCHING")
    set_model(engine, company, OLD)
    report = submit(scripted, unhold=True)
    assert [(batch.model, batch.requests) for batch in report.submitted] == [(OLD, 1)]
    assert [body["model"] for body in bodies(service, "batch_1")] == [OLD]
    assert [row.model for row in rows_of(engine, ai_batch_requests)] == ["gpt-typo", OLD]


def test_a_model_that_the_service_does_not_know_is_asked_about_no_more_once_it_is_changed(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService
) -> None:
    waiting(engine, company, model="gpt-typo")
    set_model(engine, company, "gpt-typo")
    service.on["model"] = lambda request: (
        refusal(404, "model_not_found") if request.url.path.endswith("gpt-typo") else service.proceed(request)
    )
    with pytest.raises(ServiceError, match="gpt-typo"):
        submit(scripted)
    set_model(engine, company, OLD)
    assert [batch.model for batch in submit(scripted).submitted] == [OLD]


def test_what_lost_its_messages_is_not_taken_for_a_session_without_any(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    waiting(engine, company)
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET content = NULL"))
        connection.execute(
            text(
                "INSERT INTO prune_runs (company_id, kind, counts, started_at)"
                " VALUES (:company_id, 'retention', '{}', :now)"
            ),
            {"company_id": company.id, "now": database_now(connection)},
        )
    set_model(engine, company, NEW)
    assert submit(scripted).submitted == []
    assert [row.error_code for row in rows_of(engine, ai_processing_requests)] == ["input_erased"]


def test_a_cap_is_measured_by_the_model_that_is_taken_instead(
    engine: Engine, company: Company, scripted: BatchContext
) -> None:
    waiting(engine, company)
    capped = with_settings(scripted, livedash_monthly_cap_eur=Decimal("0.003"))
    set_model(engine, company, NEW)
    assert preview_submit(engine, capped.settings, KINDS, endpoint=capped.endpoint)["requests"] == 0
    assert [batch.model for batch in submit(capped).submitted] == [NEW]


def test_the_preview_of_a_submit_rewrites_nothing(engine: Engine, company: Company, scripted: BatchContext) -> None:
    waiting(engine, company)
    set_model(engine, company, NEW)
    before = rows_of(engine, ai_processing_requests)
    assert preview_submit(engine, scripted.settings, KINDS, endpoint=scripted.endpoint)["requests"] == 1
    assert rows_of(engine, ai_processing_requests) == before


def test_rewriting_makes_no_requests_and_leaves_sessions_that_are_being_derived(
    engine: Engine, company: Company
) -> None:
    waiting(engine, company, 2)
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
        first = connection.execute(select(sessions.c.id).order_by(sessions.c.id)).scalars().first()
        connection.execute(update(sessions).where(sessions.c.id == first).values(stale=True))
    report = rewrite_requests(engine, company, default_model=NEW, count_tokens=count_tokens, chunk_size=1)
    assert (report.rewritten, report.created) == (1, 0)
    assert sorted(row.model for row in rows_of(engine, ai_processing_requests)) == [NEW, OLD]
