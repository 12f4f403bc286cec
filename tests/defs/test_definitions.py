"""What is deployed: it loads anywhere, under the names that users' scripts rely on, and explains its configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.overview.steps.checks import CHECKS
from livedash_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
ASSETS = {
    "company_csv",
    "session_imports",
    "transcripts",
    "sessions",
    "messages",
    "pending_ai_requests",
    "submitted_batches",
    "openai_batches",
    "ingested_results",
    "session_questions",
    "spend",
    "chat_batches",
    "chat_results",
}
ASSET_JOBS = {
    "import_sessions": {"session_imports", "transcripts", "sessions", "messages", "pending_ai_requests"},
    "submit_batches": {"submitted_batches"},
    "observe_batches": {"openai_batches"},
    "ingest_results": {"ingested_results", "session_questions", "spend"},
    "take_submissions": {"sessions", "messages", "pending_ai_requests"},
}
OP_JOBS = {
    "import_companies",
    "poll_batches",
    "summary",
    "list_requests",
    "requeue",
    "reread",
    "price_backfill",
    "cancel_batches",
    "reconcile_batches",
    "pipeline_status",
    "spend",
    "caps",
    "failed_sessions",
    "retry_stage",
    "prune",
    "archive",
    "import_livedash",
    "create_chat_batch",
    "process_chat_batch",
    "cancel_chat_batch",
}
SENSORS = {
    "company_partition_sensor",
    "company_csv_sensor",
    "pending_request_sensor",
    "open_batch_sensor",
    "webhook_sensor",
    "submission_sensor",
    "chat_batch_sensor",
    "run_failure_sensor",
    "red_check_sensor",
}


def _no_database() -> str:
    raise AssertionError("definitions must load without a database")


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(Settings(), database_url=_no_database, environ={})


@pytest.fixture(scope="module")
def jobs(defs: dg.Definitions) -> dict[str, dg.JobDefinition]:
    return {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}


def test_definitions_load_with_an_empty_environment_and_touch_nothing(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from livedash_pipeline.definitions import defs\n"
        "import dagster as dg\n"
        "loaded = defs()\n"
        "dg.Definitions.validate_loadable(loaded)\n"
        "print(json.dumps(sorted(job.name for job in loaded.resolve_all_job_defs())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {*ASSET_JOBS, *OP_JOBS} <= set(json.loads(done.stdout))
    assert list(tmp_path.iterdir()) == [], "loading has left something behind"


def test_assets_are_those_of_the_design_and_no_other_is_external(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == ASSETS
    assert {key.to_user_string() for key in graph.external_asset_keys} == {"company_csv", "openai_batches"}


def test_assets_follow_each_other_in_the_order_of_the_flow(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "chat_batches": set(),
        "chat_results": {"chat_batches"},
        "company_csv": set(),
        "session_imports": {"company_csv"},
        "transcripts": {"session_imports"},
        "sessions": {"transcripts"},
        "messages": {"transcripts"},
        "pending_ai_requests": {"sessions", "messages"},
        "submitted_batches": {"pending_ai_requests"},
        "openai_batches": {"submitted_batches"},
        "ingested_results": {"openai_batches"},
        "session_questions": {"openai_batches"},
        "spend": {"ingested_results"},
    }


def test_jobs_are_those_of_the_design(jobs: dict[str, dg.JobDefinition]) -> None:
    assert jobs.keys() == {*ASSET_JOBS, *OP_JOBS, "health_checks"}
    for name, assets in ASSET_JOBS.items():
        selected = {key.to_user_string() for key in jobs[name].asset_layer.selected_asset_keys}
        assert selected == assets, name
    for name in jobs.keys() - ASSET_JOBS.keys() - {"health_checks"}:
        assert [node.name for node in jobs[name].nodes] == [name], "an op job has one op, named as it"
    assert all(job.description for job in jobs.values())


def test_asset_jobs_bring_the_checks_of_their_assets(jobs: dict[str, dg.JobDefinition]) -> None:
    for name, assets in ASSET_JOBS.items():
        wanted = {check.name for check in CHECKS if check.after_its_asset and check.asset in assets}
        assert {key.name for key in jobs[name].asset_layer.asset_graph.asset_check_keys} == wanted, name
    every = {key.name for key in jobs["health_checks"].asset_layer.asset_graph.asset_check_keys}
    assert every == {check.name for check in CHECKS}


def test_assets_that_every_import_makes_anew_have_a_freshness_policy(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    policies = {key.to_user_string(): graph.get(key).freshness_policy for key in graph.get_all_asset_keys()}
    fresh = {name: policy for name, policy in policies.items() if policy is not None}
    assert set(fresh) == set(IMPORT_ASSETS)
    hours = {"warn_window": timedelta(hours=1), "fail_window": timedelta(hours=6)}
    assert set(fresh.values()) == {dg.FreshnessPolicy.time_window(**hours)}


def test_checks_of_health_run_every_half_hour(defs: dg.Definitions) -> None:
    (schedule,) = [each for each in defs.schedules or [] if each.name == "health_checks_schedule"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.job_name, schedule.cron_schedule) == ("health_checks", "*/30 * * * *")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_asset_jobs_are_partitioned_by_company_except_the_one_for_all(jobs: dict[str, dg.JobDefinition]) -> None:
    names = {
        name: job.partitions_def.name
        for name, job in jobs.items()
        if isinstance(job.partitions_def, dg.DynamicPartitionsDefinition)
    }
    assert names == {"import_sessions": "company", "ingest_results": "company", "take_submissions": "company"}


def test_sensors_schedules_checks_and_resources_have_the_names_of_the_design(defs: dg.Definitions) -> None:
    assert {sensor.name for sensor in defs.sensors or []} == SENSORS
    checks = {(key.asset_key.to_user_string(), key.name) for key in defs.resolve_asset_graph().asset_check_keys}
    assert checks == {(check.asset, check.name) for check in CHECKS}
    assert set(defs.resources or {}) == {"postgres", "openai_batch", "http_source"}
    assert {schedule.name for schedule in defs.schedules or []} == {
        "nightly_reconcile_schedule",
        "nightly_prune_schedule",
        "health_checks_schedule",
    }


def test_only_what_calls_the_api_takes_a_slot_of_its_pool(jobs: dict[str, dg.JobDefinition]) -> None:
    pools = {
        node.definition.name: sorted(node.definition.pools)
        for job in jobs.values()
        for node in job.nodes
        if isinstance(node.definition, dg.OpDefinition) and node.definition.pools
    }
    assert {*pools} >= {
        "submitted_batches",
        "ingested_results_and_questions",
        "poll_batches",
        "cancel_batches",
        "reconcile_batches",
    }
    assert {pool for names in pools.values() for pool in names} == {"openai_api"}
    assert not {"summary", "list_requests", "requeue", "pipeline_status", "import_companies"} & pools.keys()


def test_imports_may_run_for_six_hours(jobs: dict[str, dg.JobDefinition]) -> None:
    tags = {
        name: job.run_tags.get("dagster/max_runtime") or job.tags.get("dagster/max_runtime")
        for name, job in jobs.items()
    }
    assert {name for name, tag in tags.items() if tag == "21600"} == {
        "take_submissions",
        "import_sessions",
        "import_companies",
        "prune",
        "archive",
        "import_livedash",
    }


def _fields(jobs: dict[str, dg.JobDefinition]) -> Iterator[tuple[str, Any]]:
    for job in jobs.values():
        for node in job.nodes:
            schema = node.definition.config_schema
            config: Any = schema.config_type if schema is not None else None
            if config is not None and config.kind.name in {"STRICT_SHAPE", "PERMISSIVE_SHAPE"}:
                for name, field in config.fields.items():
                    yield f"{job.name}.{name}", field


def test_every_field_of_a_form_has_a_description_and_a_default(jobs: dict[str, dg.JobDefinition]) -> None:
    fields = dict(_fields(jobs))
    assert {
        "list_requests.status",
        "list_requests.limit",
        "list_requests.cursor",
        "list_requests.company",
        "requeue.request_ids",
        "requeue.company",
        "requeue.error_code",
        "requeue.older_than_hours",
        "requeue.model",
        "requeue.batch",
        "requeue.dry_run",
        "reread.company",
        "reread.outcome",
        "reread.dry_run",
        "price_backfill.batch",
        "price_backfill.usd",
        "price_backfill.dry_run",
        "summary.company",
        "pipeline_status.company",
        "spend.by",
        "spend.start",
        "spend.end",
        "spend.company",
        "import_companies.all_companies",
        "submit_batches.company",
    } <= fields.keys()
    for name, field in fields.items():
        assert field.description and field.description.strip().endswith("."), name
        assert not field.is_required, name


def test_the_two_workspaces_name_the_same_location() -> None:
    import tomllib

    import yaml

    from livedash_pipeline.runtime import dagster_home

    (written,) = yaml.safe_load(dagster_home._WORKSPACE)["load_from"]
    (shipped,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    for named in (written["python_module"], shipped["python_module"]):
        assert named["module_name"] == project["code_location_target_module"]
        assert named["location_name"] == project["code_location_name"]
        assert named["attribute"] == "defs"
