"""Moving in from LiveDash: what is there comes, where it stood, and nothing of it is bought again."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text

from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    ai_request_attempts,
    companies,
    session_imports,
    sessions,
)
from livedash_pipeline.takeover.steps.run import import_livedash
from tests.takeover.steps.old_system import ANALYSIS, DONE, OldSystem, old_system
from tests.takeover.steps.our_side import everything, stages_of

SEED = {
    "CSV_IMPORT": {"COMPLETED": 109},
    "TRANSCRIPT_FETCH": {"COMPLETED": 109},
    "SESSION_CREATION": {"COMPLETED": 109},
    "AI_ANALYSIS": {"COMPLETED": 16, "PENDING": 93},
    "QUESTION_EXTRACTION": {"COMPLETED": 11, "PENDING": 98},
}


@pytest.mark.parametrize("branch", ["f", "m"])
def test_the_state_of_the_plan_arrives_exactly(engine: Engine, empty_database_url: str, branch: str) -> None:
    with old_system(empty_database_url, branch) as old:
        old.seed()
        document = import_livedash(engine, old.url)
    assert document["ok"], document["agree"]
    assert stages_of(engine) == SEED
    counted = {name: (row["read"], row["written"], row["skipped"]) for name, row in document["tables"].items()}
    assert counted["sessions"] == counted["sessionImports"] == (109, 109, 0)
    assert counted["messages"] == (218, 218, 0)
    assert counted["requests"] == (16, 16, 0)
    assert counted["sessionQuestions"] == (22, 22, 0)
    assert counted["questions"] == (12, 12, 0)
    assert document["companies"] == 1


def test_the_state_of_the_plan_is_worked_out_where_no_stage_was_recorded(engine: Engine, old: OldSystem) -> None:
    old.seed()
    old.run('DROP TABLE "SessionProcessingStatus"')
    assert import_livedash(engine, old.url)["ok"]
    assert stages_of(engine) == SEED


def test_a_second_run_changes_nothing(engine: Engine, old: OldSystem) -> None:
    old.seed()
    import_livedash(engine, old.url)
    before = everything(engine)
    document = import_livedash(engine, old.url)
    assert everything(engine) == before
    assert document["ok"], document["agree"]
    assert {name: row["written"] + row["updated"] for name, row in document["tables"].items()} == dict.fromkeys(
        document["tables"], 0
    )
    assert document["tables"]["messages"]["unchanged"] == 218


def test_a_run_after_new_rows_takes_only_those(engine: Engine, old: OldSystem) -> None:
    old.seed()
    import_livedash(engine, old.url)
    before = everything(engine)
    session = old.chat(old.company("Beta"), stages=DONE, analysis=ANALYSIS, questions=("New?",))
    old.request(session)
    document = import_livedash(engine, old.url)
    written = {name: row["written"] for name, row in document["tables"].items()}
    assert written == {
        "companies": 1, "sessionImports": 1, "sessions": 1, "messages": 2, "stages": 5, "questions": 1,
        "sessionQuestions": 1, "models": 0, "prices": 0, "requests": 1,
    }  # fmt: skip
    after = everything(engine)
    assert {name: set(rows) <= set(after[name]) for name, rows in before.items()} == dict.fromkeys(before, True)


def test_a_dry_run_says_the_same_and_writes_nothing(engine: Engine, old: OldSystem) -> None:
    old.seed()
    old.chat(old.company("Acme-BV"))
    before = everything(engine)
    tried = import_livedash(engine, old.url, dry_run=True)
    assert everything(engine) == before
    assert tried["dryRun"] is True
    assert tried | {"dryRun": False} == import_livedash(engine, old.url)


def test_ids_are_kept_and_others_become_uuids_that_stay_the_same(engine: Engine, old: OldSystem) -> None:
    kept = old.chat(old.company())
    made = old.chat(old.company("Beta", id="beta"), session={"id": "cuid-1"}, imported={"id": "cuid-2"})
    request = old.request(made, id="cuid-3")
    import_livedash(engine, old.url)
    with engine.connect() as connection:
        by_legacy = dict(connection.execute(select(sessions.c.legacy_id, sessions.c.id)).all())
        legacy = connection.execute(
            select(companies.c.legacy_id, session_imports.c.legacy_id, ai_processing_requests.c.legacy_id)
            .join(session_imports, session_imports.c.company_id == companies.c.id)
            .join(sessions, sessions.c.import_id == session_imports.c.id)
            .join(ai_processing_requests, ai_processing_requests.c.session_id == sessions.c.id)
        ).all()
    assert by_legacy[None] == UUID(kept)
    assert by_legacy["cuid-1"].version == 5
    assert legacy == [("beta", "cuid-2", request)]


def test_request_history_keeps_tokens_and_costs_without_a_batch(engine: Engine, old: OldSystem) -> None:
    session = old.chat(old.company(), stages=DONE, analysis=ANALYSIS, questions=("Why?",))
    old.request(session)
    old.request(session, success=False)
    assert import_livedash(engine, old.url)["ok"]
    with engine.connect() as connection:
        requests = connection.execute(
            select(ai_processing_requests).order_by(ai_processing_requests.c.processing_status)
        ).all()
        attempts = connection.execute(select(ai_request_attempts).order_by(ai_request_attempts.c.outcome)).all()
        red = connection.execute(text("SELECT count(*) FROM ai_request_attempts WHERE batch_id IS NOT NULL")).scalar()
    complete, failed = requests
    assert (complete.processing_status, failed.processing_status) == ("PROCESSING_COMPLETE", "PROCESSING_FAILED")
    assert complete.parsed_answer["questions"] == ["Why?"]
    assert (failed.error_code, failed.error_message) == ("rejected", "the answer was no JSON")
    parsed, rejected = attempts
    assert (parsed.outcome, parsed.prompt_tokens, str(parsed.total_cost_eur)) == ("parsed", 900, "0.002762500000")
    assert str(parsed.prompt_cost_usd) == "0.002250000000"
    assert (rejected.outcome, rejected.prompt_tokens, rejected.total_cost_eur) == ("rejected", None, None)
    assert red == 0


def test_credentials_are_named_and_never_copied(engine: Engine, old: OldSystem) -> None:
    old.company("Café Größe", csvUsername="reader", csvPassword="hunter2")
    old.company("Beta", csvUrl="https://bob:hunter3@chats.example.com/b.csv")
    document = import_livedash(engine, old.url)
    assert document["environmentVariables"] == [
        "LIVEDASH_BETA_CSV_PASSWORD",
        "LIVEDASH_BETA_CSV_USERNAME",
        "LIVEDASH_CAFE_GROSSE_CSV_PASSWORD",
        "LIVEDASH_CAFE_GROSSE_CSV_USERNAME",
    ]
    assert document["adjustedReasons"] == [
        {"table": "companies", "reason": "its csvUrl held credentials: they are not stored", "rows": 1}
    ]
    assert "hunter" not in repr(document) + repr(everything(engine))
    with engine.connect() as connection:
        urls = connection.execute(select(companies.c.slug, companies.c.csv_url).order_by(companies.c.slug)).all()
    assert urls == [("beta", "https://chats.example.com/b.csv"), ("cafe-grosse", "https://chats.example.com/acme.csv")]


def test_models_and_prices_come_unless_they_are_here(engine: Engine, old: OldSystem) -> None:
    model = old.add("AIModel", name="gpt-4o", provider="openai")
    for begins in ("2025-01-01", "2025-06-01"):
        old.add(
            "AIModelPricing", aiModelId=model, promptTokenCost=2.5e-06, completionTokenCost=1e-05, effectiveFrom=begins
        )
    company = old.company()
    old.add("CompanyAIModel", companyId=company, aiModelId=model, isDefault=True)
    document = import_livedash(engine, old.url)
    assert document["tables"]["models"]["written"] == 1
    assert document["tables"]["prices"]["written"] == 2
    with engine.connect() as connection:
        price = connection.execute(
            text("SELECT DISTINCT input_usd, output_usd, batch_input_usd FROM ai_model_pricing")
        ).all()
        default = connection.execute(
            text("SELECT m.name FROM company_ai_models JOIN ai_models m ON m.id = ai_model_id WHERE is_default")
        ).scalar_one()
    assert [tuple(map(str, row)) for row in price] == [("2.500000", "10.000000", "None")]
    assert default == "gpt-4o"
