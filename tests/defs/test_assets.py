"""Assets and their jobs: what each leaves in the tables, and what it tells Dagster about it."""

from __future__ import annotations

import math
import os
import re
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.analysis.steps.import_company import IMPORT_STEPS
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.errors import SettingsError, SourceError, UsageError
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.services.errors import ServiceError
from tests.defs.world import SESSIONS, SLUG, World

IMPORTED = [asset for step in IMPORT_STEPS for asset in step.assets]
TABLES = {asset.name: asset.table for asset in IMPORTED} | {
    "submitted_batches": "ai_batch_requests",
    "ingested_results": "ai_request_attempts",
    "session_questions": "session_questions",
    "chat_batches": "chat_batches",
    "chat_results": "chat_interactions",
}
AT_ONCE = {"submitted_batches": {"ignore_minimum": True}}


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    made = [event.materialization for event in result.get_asset_materialization_events()]
    return {
        each.asset_key.to_user_string(): {key: value.value for key, value in each.metadata.items()} for each in made
    }


def _rows(world: World, table: str) -> int:
    ((rows,),) = world.sql(f"SELECT count(*) FROM {table}")
    return int(rows)


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_an_import_that_finds_nothing_new_tells_the_rows_of_its_tables(world: World) -> None:
    for job in ("import_sessions", "import_companies"):
        for _ in range(2):
            if job == "import_sessions":
                found = _metadata(world.run(job, SLUG))
            else:
                found = _metadata(world.run(job, ops={job: {"all_companies": True}}))
        counts = {asset: metadata["dagster/partition_row_count"] for asset, metadata in found.items()}
        assert counts == {asset: _rows(world, table) for asset, table in TABLES.items() if asset in counts}
        assert (found["session_imports"]["new"], found["session_imports"]["unchanged"]) == (0, SESSIONS)
        assert (found["messages"]["written"], found["pending_ai_requests"]["created"]) == (0, 0)
        assert found["pending_ai_requests"]["waiting"] == SESSIONS


def test_two_companies_each_tell_their_own_rows(world: World) -> None:
    world.add_company("globex")
    world.publish("globex", SESSIONS - 2)
    result = world.run("import_companies", ops={"import_companies": {"all_companies": True}})
    told = {
        (str(made.partition), made.asset_key.to_user_string()): made.metadata["dagster/partition_row_count"].value
        for made in (event.materialization for event in result.get_asset_materialization_events())
    }
    for company, sessions in ((SLUG, SESSIONS), ("globex", SESSIONS - 2)):
        assert {told[company, asset.name] for asset in IMPORTED if asset.name != "messages"} == {sessions}
        ((messages,),) = world.sql(
            "SELECT count(*) FROM messages JOIN sessions ON sessions.id = session_id"
            " JOIN companies ON companies.id = company_id WHERE slug = :slug",
            slug=company,
        )
        assert told[company, "messages"] == messages


def test_an_asset_and_the_job_for_all_companies_tell_the_same_keys(world: World) -> None:
    alone = _metadata(world.run("import_sessions", SLUG))
    together = _metadata(world.run("import_companies", ops={"import_companies": {"all_companies": True}}))
    assert {asset: set(metadata) for asset, metadata in alone.items()} == {
        asset: set(metadata) for asset, metadata in together.items()
    }


def test_figures_are_numbers_that_plots_draw(world: World) -> None:
    world.run("import_sessions", SLUG)
    results = [world.run("import_sessions", SLUG), world.run("submit_batches", ops=AT_ONCE)]
    world.answer("poll_batches")
    results += [world.run("ingest_results", SLUG), world.run("ingest_results", SLUG)]
    for result in results:
        for event in result.get_asset_materialization_events():
            for key, value in event.materialization.metadata.items():
                if isinstance(value, dg.TextMetadataValue):
                    assert not re.fullmatch(r"-?[\d.]+|nan|inf", str(value.text), flags=re.IGNORECASE), key
                elif isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue):
                    assert value.value is not None and math.isfinite(value.value), key
                elif isinstance(value, dg.MarkdownMetadataValue):
                    assert "| 0 |" not in str(value.md_str), key


def test_import_sessions_takes_a_company_from_its_csv_to_its_requests(world: World) -> None:
    result = world.run("import_sessions", SLUG)
    found = _metadata(result)
    assert list(found) == [asset.name for asset in IMPORTED]
    assert {event.materialization.partition for event in result.get_asset_materialization_events()} == {SLUG}
    assert found["session_imports"]["report"] == {
        "ok": True,
        "company": SLUG,
        "rows": SESSIONS,
        "new": SESSIONS,
        "changed": 0,
        "unchanged": 0,
        "rejected": 0,
        "unread": 0,
        "files": [],
        "filesLeftOut": 0,
    }
    ((messages,),) = world.sql("SELECT count(*) FROM messages")
    counts = {asset: metadata["dagster/partition_row_count"] for asset, metadata in found.items()}
    assert counts == dict.fromkeys(counts, SESSIONS) | {"messages": messages}
    assert found["transcripts"]["fetched"] == SESSIONS
    assert (found["sessions"]["created"], found["messages"]["written"]) == (SESSIONS, messages)
    assert found["pending_ai_requests"]["created"] == found["pending_ai_requests"]["waiting"] == SESSIONS
    assert found["session_imports"]["import_run"] == str(world.sql("SELECT id FROM import_runs")[0].id)
    assert _checks(result) == {"every_csv_row_is_accounted_for": True, "no_stage_is_stuck": True}


def test_an_import_again_changes_nothing(world: World) -> None:
    world.run("import_sessions", SLUG)
    found = _metadata(world.run("import_sessions", SLUG))
    assert found["pending_ai_requests"]["created"] == 0
    assert world.sql("SELECT count(*) FROM ai_processing_requests") == [(SESSIONS,)]


def test_an_import_that_brings_nothing_keeps_its_assets_fresh(world: World) -> None:
    graph = world.defs.resolve_asset_graph()
    watched = [key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy is not None]
    assert watched
    world.run("import_sessions", SLUG)
    again = world.run("import_sessions", SLUG)
    # A policy asks for the asset's newest materialization, whichever partition it is of.
    for key in watched:
        newest = world.instance.get_latest_materialization_event(key)
        assert newest is not None and newest.run_id == again.run_id, key


def test_submit_batches_sends_what_waits_and_says_what_it_may_cost(world: World) -> None:
    world.run("import_sessions", SLUG)
    nothing = _metadata(world.run("submit_batches"))["submitted_batches"]
    assert (nothing["dagster/row_count"], nothing["batches"], nothing["requests"]) == (0, 0, 0)
    assert "batches_sent" not in nothing
    metadata = _metadata(world.run("submit_batches", ops=AT_ONCE))["submitted_batches"]
    assert (metadata["dagster/row_count"], metadata["batches"], metadata["requests"]) == (1, 1, SESSIONS)
    report = metadata["report"]
    assert isinstance(report, dict)
    assert (report["batches"], report["requests"], report["awaitingRecovery"]) == (1, SESSIONS, 0)
    cost = metadata["estimated_cost_eur"]
    assert isinstance(cost, float) and cost == float(report["estimatedCostEur"]) > 0
    ((row,),) = [world.sql("SELECT openai_batch_id FROM ai_batch_requests")[0]]
    assert str(row) in str(metadata["batches_sent"])
    assert metadata["holds"] == 0 and "held" not in metadata
    again = _metadata(world.run("submit_batches"))["submitted_batches"]
    assert (again["dagster/row_count"], again["batches"]) == (1, 0)


def test_submit_batches_of_one_company_leaves_the_others_waiting(world: World) -> None:
    world.add_company("globex")
    for slug in (SLUG, "globex"):
        world.run("import_sessions", slug)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True, "company": "globex"}})
    sent = world.sql("SELECT slug FROM ai_batch_requests AS b JOIN companies AS c ON c.id = b.company_id")
    assert sent == [("globex",)]


def test_ingest_results_accepts_files_and_takes_them_in_again(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops=AT_ONCE)
    world.answer("poll_batches")
    ((name,),) = world.sql("SELECT openai_batch_id FROM ai_batch_requests")
    step = "ingested_results_and_questions"
    refused = '[{"kind": "status", "operation": "download_file", "status": 403}]'
    world.service.service.install_faults(parse_script(refused))
    with pytest.raises(ServiceError):
        world.run("ingest_results", SLUG)
    accepted = world.run("ingest_results", SLUG, ops={step: {"accept_files": name}})
    report: Any = _metadata(accepted)["ingested_results"]["report"]
    assert (report["batches"], report["outcomes"]["artifact_unavailable"]) == (1, SESSIONS)
    world.service.service.install_faults(parse_script("[]"), replace=True)
    again = world.run("ingest_results", SLUG, ops={step: {"again": name}})
    report = _metadata(again)["ingested_results"]["report"]
    assert (report["outcomes"]["parsed"], report["lateAnswers"]) == (SESSIONS, SESSIONS)
    assert world.sql("SELECT count(*) FROM sessions WHERE analysed_at IS NOT NULL") == [(SESSIONS,)]
    assert set(_checks(again).values()) == {True}
    world.add_company("globex")
    with pytest.raises(UsageError, match="is of acme, and this run is of globex"):
        world.run("ingest_results", "globex", ops={step: {"again": name}})


def test_ingest_results_takes_in_what_has_finished(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops=AT_ONCE)
    assert world.answer("poll_batches") == {"ok": True, "open": 0, "changed": 1, "finished": 1, "pausedUntil": None}
    result = world.run("ingest_results", SLUG)
    found = _metadata(result)
    assert list(found) == ["ingested_results", "session_questions", "spend"]
    metadata = found["ingested_results"]
    assert metadata["report"] == {
        "ok": True,
        "batches": 1,
        "outcomes": {outcome.value: SESSIONS if outcome is Outcome.PARSED else 0 for outcome in Outcome},
        "waiting": 0,
        "nextLookAt": None,
        "lateAnswers": 0,
        "pausedUntil": None,
    }
    assert metadata["dagster/partition_row_count"] == _rows(world, "ai_request_attempts") == SESSIONS
    assert (metadata["parsed"], metadata["not_parsed"], metadata["batches"], metadata["waiting"]) == (SESSIONS, 0, 1, 0)
    assert not [key for key in metadata if key.startswith("outcome_")]
    numbers = {
        *("cost_usd", "cost_eur", "saved_usd", "wasted_usd", "retried_usd", "surplus_usd", "unattributed_usd"),
        *("paid_requests", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "open_entries"),
    }
    # The batch is all that the company has spent.
    assert found["spend"] == {name: metadata[name] for name in numbers}
    assert all(isinstance(value, int | float) for value in found["spend"].values())
    assert found["spend"]["paid_requests"] == SESSIONS
    assert float(str(metadata["saved_usd"])) == pytest.approx(float(str(metadata["cost_usd"]))), "batches cost half"
    ((questions,),) = world.sql("SELECT count(*) FROM session_questions")
    assert found["session_questions"]["dagster/partition_row_count"] == questions > 0
    assert found["session_questions"]["written"] == questions
    for asset, images in (("ingested_results", 3), ("session_questions", 1)):
        charts = str(found[asset]["charts"])
        assert charts.count("](data:image/svg+xml;base64,") == images
        assert "results" not in found[asset], "no setting says where the console is"
    assert _checks(result) == {
        "every_submitted_request_has_one_outcome": True,
        "service_counts_agree": True,
        "cost_agrees_with_batch_usage": True,
        "no_cost_is_unknown": True,
    }


def test_nothing_to_ingest_is_a_run_with_zeros_that_tells_the_rows_there_are(world: World) -> None:
    found = _metadata(world.run("ingest_results", SLUG))
    assert found["ingested_results"]["dagster/partition_row_count"] == 0
    world.flow()
    found = _metadata(world.run("ingest_results", SLUG))
    metadata = found["ingested_results"]
    assert metadata["dagster/partition_row_count"] == SESSIONS
    assert (metadata["parsed"], metadata["batches"], metadata["cost_eur"]) == (0, 0, 0)
    assert not {"lines", "batches_settled"} & metadata.keys()
    questions = found["session_questions"]
    assert questions["dagster/partition_row_count"] == _rows(world, "session_questions") > 0 == questions["written"]


def test_single_assets_materialize_by_themselves(world: World) -> None:
    definitions = world.defs
    assets = list(definitions.assets or [])
    selected = ["session_imports", "transcripts"]
    result = dg.materialize(
        [asset for asset in assets if isinstance(asset, dg.AssetsDefinition)],
        instance=world.instance,
        selection=selected,
        partition_key=SLUG,
        resources=dict(definitions.resources or {}),
    )
    assert result.success
    assert world.sql("SELECT count(*) FROM transcripts WHERE status = 'FETCHED'") == [(SESSIONS,)]
    assert world.sql("SELECT count(*) FROM sessions") == [(0,)]


def test_a_partition_without_a_company_is_named_in_the_error(world: World) -> None:
    world.instance.add_dynamic_partitions("company", ["initech"])
    with pytest.raises(UsageError, match="initech"):
        world.run("import_sessions", "initech")
    with pytest.raises(UsageError, match="initech"):
        world.run("ingest_results", "initech")
    with pytest.raises(UsageError, match="initech"):
        world.run("submit_batches", ops={"submitted_batches": {"company": "initech"}})


def test_a_csv_that_is_not_there_fails_the_run_and_leaves_the_later_assets_alone(world: World) -> None:
    world.sql("UPDATE companies SET csv_url = csv_url || '.gone'")
    with pytest.raises(SourceError, match="404"):
        world.run("import_sessions", SLUG)
    assert world.sql("SELECT status FROM import_runs") == [("FAILED",)]
    (run,) = world.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_without_a_key_nothing_is_claimed(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.change(openai_api_key=None)
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        world.run("submit_batches", ops=AT_ONCE)
    assert world.sql("SELECT DISTINCT processing_status FROM ai_processing_requests") == [("PENDING_BATCHING",)]


def test_a_model_that_does_not_exist_fails_the_run_with_the_services_message(world: World) -> None:
    world.change(openai_model="no-such-model")
    world.run("import_sessions", SLUG)
    with pytest.raises(ServiceError, match="no-such-model"):
        world.run("submit_batches", ops=AT_ONCE)
    assert world.sql("SELECT count(*) FROM ai_batch_requests") == [(0,)]


def test_runs_say_in_the_database_which_process_they_are_and_not_in_tags(world: World) -> None:
    world.run("import_sessions", SLUG)
    (run,) = world.instance.get_runs()
    assert run.tags["dagster/max_runtime"] == "21600"
    assert not {"livedash/run", "livedash/host", "livedash/pid", "livedash/process_started"} & run.tags.keys()
    rows = world.sql("SELECT run_id, job, pid, given_up_at FROM run_heartbeats")
    assert rows == [(run.run_id, "import_sessions", os.getpid(), None)]
