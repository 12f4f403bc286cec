"""Op jobs: launchable with an empty configuration, and the same document as output, as metadata and as a log line."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS
from livedash_pipeline.errors import LivedashError, UsageError
from tests.defs.world import SESSIONS, SLUG, World

OP_JOBS = [
    "poll_batches",
    "summary",
    "list_requests",
    "requeue",
    "reread",
    "price_backfill",
    "pipeline_status",
    "pipeline_status",
    "spend",
    "pipeline_status",
    "caps",
    "import_companies",
]


@pytest.mark.parametrize("job", OP_JOBS)
def test_an_op_job_needs_no_configuration_and_answers_three_times(analysed: World, job: str) -> None:
    result = analysed.run(job)
    document = result.output_for_node(job)
    assert document["ok"] is True
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    kept = output.metadata["report"].value
    assert isinstance(kept, dict)
    # Of a pass over all companies Dagster keeps counts besides.
    assert document.items() <= kept.items()
    assert isinstance(output.metadata["table"], dg.MarkdownMetadataValue)
    said = [
        entry.user_message
        for entry in analysed.instance.all_logs(result.run_id)
        if entry.user_message.startswith("answer ")
    ]
    assert [json.loads(line.removeprefix("answer ")) for line in said] == [kept]


def test_summary_counts_requests_of_all_or_one_company(analysed: World) -> None:
    counted = {
        "pending_batching": 0,
        "batching_in_progress": 0,
        "processing_complete": SESSIONS,
        "processing_failed": 0,
    }
    assert analysed.answer("summary") == {"ok": True, "summary": counted}
    assert analysed.answer("summary", company=SLUG) == {"ok": True, "summary": counted}


def test_pipeline_status_counts_every_status_of_every_stage(analysed: World) -> None:
    document = analysed.answer("pipeline_status", company=SLUG)
    assert document["totalSessions"] == SESSIONS
    stages = ["csv_import", "transcript_fetch", "session_creation", "ai_analysis", "question_extraction"]
    assert list(document["stages"]) == stages
    done = {"pending": 0, "in_progress": 0, "completed": SESSIONS, "failed": 0, "skipped": 0}
    assert all(document["stages"][stage] == done for stage in stages)


def test_spend_sums_what_the_answers_cost(analysed: World) -> None:
    document = analysed.answer("spend", by=["company", "outcome"], company=SLUG)
    ((usd, eur),) = analysed.sql("SELECT sum(total_cost_usd)::text, sum(total_cost_eur)::text FROM ai_request_attempts")
    (row,) = document["rows"]
    assert (row["company"], row["outcome"], row["requests"]) == (SLUG, "parsed", SESSIONS)
    assert (Decimal(row["costUsd"]), Decimal(row["costEur"])) == (Decimal(usd), Decimal(eur))
    assert analysed.answer("spend", by=[], start="2000-01-01", end="2000-01-31")["total"]["entries"] == 0


@pytest.mark.parametrize(
    ("job", "config"),
    [
        ("list_requests", {"status": "finished"}),
        ("reread", {"outcome": "parsed"}),
        ("failed_sessions", {"stage": "cleaning"}),
        ("retry_stage", {"stage": "cleaning"}),
        ("cancel_batches", {"unfinished": "gone"}),
    ],
)
def test_a_word_that_is_not_of_its_set_is_refused_before_a_run(
    analysed: World, job: str, config: dict[str, str]
) -> None:
    before = analysed.instance.get_runs_count()
    (word,) = config.values()
    with pytest.raises(dg.DagsterInvalidConfigError, match=f"not in enum type .*got {word}"):
        analysed.answer(job, **config)
    assert analysed.instance.get_runs_count() == before


def test_every_field_of_every_form_shows_with_its_default_and_description(analysed: World) -> None:
    fields = {
        f"{job.name}.{name}": field
        for job in analysed.defs.resolve_all_job_defs()
        for node in job.nodes
        if isinstance(node.definition, dg.OpDefinition) and node.definition.config_schema is not None
        for name, field in (getattr(node.definition.config_schema.config_type, "fields", None) or {}).items()
    }
    assert len(fields) > 40
    assert [name for name, field in fields.items() if not field.description] == []
    # A field whose default is null is left out of the launchpad.
    assert [name for name, field in fields.items() if not field.default_provided or field.default_value is None] == []


@pytest.mark.parametrize(
    ("job", "config", "said"),
    [
        ("requeue", {}, "fill in request_ids, or a filter"),
        (
            "requeue",
            {"company": "", "error_code": "", "older_than_hours": 0.0, "dry_run": True},
            "fill in request_ids, or a filter",
        ),
        ("requeue", {"company": SLUG}, "Fill in dry_run: false"),
        ("reread", {}, "Fill in dry_run: false"),
        ("price_backfill", {}, "Fill in dry_run: false"),
        ("retry_stage", {}, "Fill in dry_run: false"),
        ("prune", {}, "Fill in dry_run: false"),
        ("cancel_batches", {}, "fill in batch_ids"),
    ],
)
def test_a_launch_that_changed_nothing_says_what_to_fill_in(
    analysed: World, job: str, config: dict[str, object], said: str
) -> None:
    result = analysed.run(job, ops={job: config})
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    assert said in str(output.metadata["what_to_do"].value)


def test_a_filter_by_age_alone_means_what_it_says(analysed: World) -> None:
    one = (
        "UPDATE ai_processing_requests SET processing_status = :status, error_code = :code WHERE session_id = :session"
    )
    ((session,),) = analysed.sql("SELECT session_id FROM ai_processing_requests ORDER BY id LIMIT 1")
    analysed.sql(one, status="PROCESSING_FAILED", code="refused", session=session)
    alone = analysed.answer("requeue", older_than_hours=0.0)
    told = analysed.run("requeue", ops={"requeue": {"older_than_hours": 0.0, "dry_run": True}})
    form = {"request_ids": [], "company": "", "error_code": "", "older_than_hours": 0.0, "model": "", "batch": ""}
    named = analysed.run("requeue", ops={"requeue": {**form, "dry_run": False}})
    analysed.sql(one, status="PROCESSING_COMPLETE", code=None, session=session)
    # Its session is analysed, so that it stays as it is in any case; what counts is whether it was looked at.
    assert alone["dryRun"] is True
    (output,) = [event.step_output_data for event in told.all_node_events if event.is_successful_output]
    assert "Fill in dry_run: false" in str(output.metadata["what_to_do"].value)
    (output,) = [event.step_output_data for event in named.all_node_events if event.is_successful_output]
    assert "Nothing is named" in str(output.metadata["what_to_do"].value)


def test_list_requests_pages_through_all_of_them(analysed: World) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(SESSIONS):
        config = {"status": "PROCESSING_COMPLETE", "limit": 4} | ({"cursor": cursor} if cursor else {})
        document = analysed.answer("list_requests", **config)
        seen += [request["id"] for request in document["requests"]]
        cursor = document["nextCursor"]
        if cursor is None:
            break
    assert seen == [row.id for row in analysed.sql("SELECT id::text FROM ai_processing_requests ORDER BY id")]


def test_listed_requests_are_a_table_in_the_ui(analysed: World) -> None:
    result = analysed.run("list_requests", ops={"list_requests": {"status": "processing_complete", "limit": 2}})
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    lines = str(output.metadata["requests"].value).splitlines()
    assert lines[0].startswith("| id | sessionId | status | companyId | model | batchId | attempts | errorCode |")
    assert len(lines) == 4
    assert result.output_for_node("list_requests")["requests"][0]["id"] in lines[2]


@pytest.mark.parametrize(
    ("job", "config", "named"),
    [
        ("summary", {"company": "initech"}, "initech"),
        ("pipeline_status", {"company": "initech"}, "initech"),
        ("caps", {"company": "initech"}, "initech"),
        ("list_requests", {"company": "initech"}, "initech"),
        ("list_requests", {"cursor": "page-2"}, "'page-2' is not a cursor"),
        ("list_requests", {"limit": 0}, "limit is 0"),
        ("requeue", {"company": "initech"}, "initech"),
        ("requeue", {"older_than_hours": -1.0}, "older_than_hours is -1"),
        ("requeue", {"request_ids": ["x"], "error_code": "rejected"}, "Both ids and a filter"),
        ("price_backfill", {"batch": "batch_none"}, "batch_none"),
        ("price_backfill", {"batch": "b", "usd": "much"}, "much"),
        ("price_backfill", {"request": "nobody's"}, "nobody's"),
    ],
)
def test_a_wrong_argument_fails_the_run_in_one_sentence(
    analysed: World, job: str, config: dict[str, object], named: str
) -> None:
    with pytest.raises(UsageError, match=named) as raised:
        analysed.answer(job, **config)
    assert raised.value.remedy
    (run,) = analysed.instance.get_runs(limit=1)
    assert run.status is dg.DagsterRunStatus.FAILURE
    failure = [
        entry.dagster_event.step_failure_data.error
        for entry in analysed.instance.all_logs(run.run_id)
        if entry.dagster_event is not None and entry.dagster_event.is_step_failure
    ]
    assert failure[0] is not None
    assert named in str(failure[0].cause or failure[0])


def test_an_unknown_key_is_refused_before_the_run(analysed: World) -> None:
    before = len(analysed.instance.get_runs())
    with pytest.raises(dg.DagsterInvalidConfigError, match="statuss"):
        analysed.answer("list_requests", statuss="x")
    assert len(analysed.instance.get_runs()) == before


def test_requeue_puts_failed_requests_back_and_counts_the_others(world: World) -> None:
    world.run("import_sessions", SLUG)
    failed, waiting = [row.id for row in world.sql("SELECT id::text FROM ai_processing_requests ORDER BY id LIMIT 2")]
    world.sql(
        """UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'truncated',
        completed_at = requested_at WHERE id::text = :id""",
        id=failed,
    )
    assert world.answer("requeue") == {"ok": True, "requeuedCount": 0, "notFoundCount": 0, "notFailedCount": 0}
    ids = [failed, failed, waiting, str(uuid.uuid4()), "not-an-id"]
    counted = {"ok": True, "requeuedCount": 1, "notFoundCount": 2, "notFailedCount": 1}
    foreseen = world.answer("requeue", request_ids=ids, dry_run=True)
    assert {name: foreseen[name] for name in counted} == counted
    assert (foreseen["dryRun"], Decimal(foreseen["costAtMostEur"]) > 0, foreseen["outdatedCount"]) == (True, True, 0)
    filtered = {"error_code": "truncated", "company": SLUG, "older_than_hours": 0.0}
    assert world.answer("requeue", **filtered)["dryRun"] is True, "a filter only counts unless told otherwise"
    assert world.answer("requeue", request_ids=ids) == counted
    assert world.answer("summary")["summary"]["pending_batching"] == SESSIONS


def test_price_backfill_counts_first_and_then_fills_costs_in(world: World) -> None:
    ((day, rate),) = world.sql("DELETE FROM exchange_rates RETURNING rate_date, usd_eur")
    world.flow()
    ((answers,),) = world.sql("SELECT count(*) FROM ai_request_attempts WHERE total_cost_eur IS NULL")
    assert world.answer("price_backfill")["stillOpenCount"] == answers > 0
    world.sql(
        "INSERT INTO exchange_rates (rate_date, usd_eur, source, recorded_at) VALUES (:day, :rate, 'test', now())",
        day=day,
        rate=rate,
    )
    counted = world.answer("price_backfill", company=SLUG)
    assert (counted["filledCount"], counted["dryRun"]) == (answers, True)
    assert world.answer("price_backfill", dry_run=False)["filledCount"] == answers
    assert world.answer("price_backfill", dry_run=False)["filledCount"] == 0


def test_reread_counts_first_and_then_completes_requests(analysed: World) -> None:
    """Of an analysed company nothing is failed; one answer is made unreadable again."""
    analysed.sql(
        """UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'invalid_output',
        raw_answer = '[' || parsed_answer::text || ']', parsed_answer = NULL
        WHERE id = (SELECT id FROM ai_processing_requests ORDER BY id LIMIT 1)"""
    )
    analysed.sql(
        """UPDATE session_processing_status SET status = 'FAILED' WHERE stage = 'AI_ANALYSIS' AND import_id =
        (SELECT s.import_id FROM sessions s JOIN ai_processing_requests r ON r.session_id = s.id ORDER BY r.id LIMIT 1)"""
    )
    counted = {
        "ok": True,
        "readCount": 1,
        "acceptedCount": 1,
        "stillRefusedCount": 0,
        "withoutTextCount": 0,
        "outdatedCount": 0,
    }
    assert analysed.answer("reread", company=SLUG) == counted | {"dryRun": True}
    assert analysed.answer("reread", dry_run=False) == counted
    assert analysed.answer("summary")["summary"]["processing_complete"] == SESSIONS


def test_import_companies_imports_those_that_are_due_and_reports_their_assets(world: World) -> None:
    world.add_company("globex")
    world.add_company("initech")
    world.sql("UPDATE companies SET next_import_at = next_import_at + interval '1 day' WHERE slug = 'initech'")
    result = world.run("import_companies")
    document = result.output_for_node("import_companies")
    assert [(company["company"], company["new"]) for company in document["companies"]] == [
        (SLUG, SESSIONS),
        ("globex", SESSIONS),
    ]
    assert _reported(result) == {(asset, slug) for asset in IMPORT_ASSETS for slug in (SLUG, "globex")}
    assert world.answer("import_companies") == {"ok": True, "companies": []}, "nobody is due any more"
    everyone = world.answer("import_companies", all_companies=True)
    assert [company["company"] for company in everyone["companies"]] == [SLUG, "globex", "initech"]


def _reported(result: dg.ExecuteInProcessResult) -> set[tuple[str, str | None]]:
    """Assets and companies of which a run has told."""
    made = [event.materialization for event in result.all_events if event.is_step_materialization]
    return {(each.asset_key.to_user_string(), each.partition) for each in made}


def test_a_pass_tells_of_companies_with_news_alone(world: World) -> None:
    world.add_company("globex")
    world.run("import_companies")
    world.publish("globex", SESSIONS + 1)
    result = world.run("import_companies", ops={"import_companies": {"all_companies": True}})
    assert _reported(result) == {(asset, "globex") for asset in IMPORT_ASSETS}
    assert [company["unchanged"] for company in result.output_for_node("import_companies")["companies"]] == [
        SESSIONS,
        SESSIONS,
    ], "the document that a command shows has them all"
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    shown = output.metadata["report"].value
    assert isinstance(shown, dict)
    counts = {"ok": True, "imported": 2, "failed": 0, "changed": 1, "unchanged": 1, "companiesLeftOut": 0}
    assert {name: value for name, value in shown.items() if name != "companies"} == counts
    assert [company["company"] for company in shown["companies"]] == ["globex"]
    quiet = world.run("import_companies", ops={"import_companies": {"all_companies": True}})
    assert _reported(quiet) == {(asset, "globex") for asset in IMPORT_ASSETS}, "freshness goes by any company's event"
    logged = [entry.user_message for entry in world.instance.all_logs(quiet.run_id) if not entry.is_dagster_event]
    assert [line.partition(" ")[0] for line in logged] == ["answer"]


def test_a_company_whose_records_were_purged_is_told_of_again(world: World) -> None:
    world.instance.delete_run(world.run("import_companies").run_id)
    again = world.run("import_companies", ops={"import_companies": {"all_companies": True}})
    assert {(asset, SLUG) for asset in IMPORT_ASSETS} <= _reported(again)


def test_outputs_of_op_jobs_are_not_kept_as_files(world: World) -> None:
    result = world.run("summary")
    assert result.output_for_node("summary")["ok"]
    (handled,) = [event for event in result.all_events if event.event_type is dg.DagsterEventType.HANDLED_OUTPUT]
    data: Any = handled.event_specific_data
    assert data.metadata == {}, "Dagster's own tells the file's path"


def test_one_company_that_cannot_be_imported_does_not_keep_the_others_from_it(world: World) -> None:
    world.add_company("globex")
    world.sql("UPDATE companies SET csv_url = csv_url || '.gone' WHERE slug = 'acme'")
    document = world.answer("import_companies")
    assert document["ok"] is False
    gone, fine = document["companies"]
    assert (gone["company"], gone["ok"], fine["company"], fine["ok"]) == (SLUG, False, "globex", True)
    assert "404" in gone["error"]["message"] and gone["error"]["remedy"]


def test_import_companies_fails_if_none_can_be_imported(world: World) -> None:
    world.sql("UPDATE companies SET csv_url = csv_url || '.gone'")
    with pytest.raises(LivedashError, match="None of 1 companies could be imported.*404"):
        world.run("import_companies")


def test_suspended_companies_are_not_imported(world: World) -> None:
    world.sql("UPDATE companies SET status = 'SUSPENDED'")
    assert world.answer("import_companies", all_companies=True) == {"ok": True, "companies": []}


def test_poll_batches_reports_what_changed_once(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    assert world.answer("poll_batches") == {"ok": True, "open": 0, "changed": 1, "finished": 1, "pausedUntil": None}
    assert world.answer("poll_batches") == {"ok": True, "open": 0, "changed": 0, "finished": 1, "pausedUntil": None}
    world.run("ingest_results", SLUG)
    assert world.answer("poll_batches") == {"ok": True, "open": 0, "changed": 0, "finished": 0, "pausedUntil": None}
    (outcomes,) = world.sql("SELECT DISTINCT outcome FROM ai_request_attempts")
    assert outcomes.outcome == Outcome.PARSED.value
