"""Jobs about stages: launchable with an empty configuration, the same documents as the commands, and nothing done by a count."""

from __future__ import annotations

import json
import uuid
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.steps.stages import failed_sessions, retry_stage
from tests.defs.world import SESSIONS, SLUG, World

COUNTS = ("retriedCount", "notFoundCount", "notEligibleCount")


def _fail(world: World, stage: str, count: int = 1) -> list[str]:
    """Fails a stage of some sessions; returns their imports' ids."""
    rows = world.sql(
        """UPDATE session_processing_status SET status = 'FAILED', error_message = 'broken' WHERE (import_id, stage) IN (
        SELECT import_id, stage FROM session_processing_status WHERE stage = :stage ORDER BY import_id LIMIT :count)
        RETURNING import_id::text""",
        stage=stage,
        count=count,
    )
    return sorted(row.import_id for row in rows)


@pytest.mark.parametrize("job", ["failed_sessions", "retry_stage"])
def test_a_stage_job_needs_no_configuration_and_answers_three_times(analysed: World, job: str) -> None:
    result = analysed.run(job)
    document = result.output_for_node(job)
    assert document["ok"] is True
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    assert output.metadata["report"].value == document
    assert isinstance(output.metadata["table"], dg.MarkdownMetadataValue)
    logs = [entry.user_message for entry in analysed.instance.all_logs(result.run_id)]
    said = [line.removeprefix("answer ") for line in logs if line.startswith("answer ")]
    assert [json.loads(line) for line in said] == [document]


def test_the_launchpad_describes_every_field(analysed: World) -> None:
    for job in ("failed_sessions", "retry_stage"):
        node = analysed.defs.resolve_job_def(job).nodes[0].definition
        assert isinstance(node, dg.OpDefinition)
        schema: Any = node.config_schema.as_field()
        fields = schema.config_type.fields
        assert all(field.description and not field.is_required for field in fields.values()), job


def test_failed_sessions_are_those_of_the_command(world: World) -> None:
    world.run("import_sessions", SLUG)
    failed = _fail(world, "SESSION_CREATION", 3)
    document = world.answer("failed_sessions", stage="session_creation", company=SLUG, limit=2)
    assert [row["importId"] for row in document["sessions"]] == failed[:2]
    assert document == failed_sessions(world.engine, stage="SESSION_CREATION", company=SLUG, limit=2)
    rest = world.answer(
        "failed_sessions", stage="session_creation", company=SLUG, limit=2, cursor=document["nextCursor"]
    )
    assert [row["importId"] for row in rest["sessions"]] == failed[2:]
    assert rest["nextCursor"] is None


def test_a_retry_counts_first_and_the_next_import_takes_it_up(world: World) -> None:
    world.run("import_sessions", SLUG)
    failed = _fail(world, "TRANSCRIPT_FETCH", 2)
    counted = world.answer("retry_stage", stage="transcript_fetch")
    assert counted == {"ok": True, "retriedCount": 2, "notFoundCount": 0, "notEligibleCount": 0, "dryRun": True}
    assert counted == retry_stage(world.engine, world.settings, stage="transcript_fetch")
    ids = [failed[0], failed[0], "no-id", str(uuid.uuid4())]
    done = world.answer("retry_stage", stage="TRANSCRIPT_FETCH", session_ids=ids)
    assert done == {"ok": True, "retriedCount": 1, "notFoundCount": 2, "notEligibleCount": 0}
    world.run("import_sessions", SLUG)
    still = world.answer("failed_sessions")["sessions"]
    assert [row["importId"] for row in still] == failed[1:]


def test_buying_again_is_counted_with_its_cost_unless_told(analysed: World) -> None:
    document = analysed.answer("retry_stage", reanalyse=True, company=SLUG)
    assert (document["retriedCount"], document["dryRun"]) == (SESSIONS, True)
    assert float(document["estimatedCostEur"]) > 0
    assert analysed.answer("pipeline_status")["stages"]["ai_analysis"]["completed"] == SESSIONS


def test_the_status_job_says_what_stands_in_the_way(world: World) -> None:
    world.run("import_sessions", SLUG)
    assert world.answer("pipeline_status")["obstacles"] == []
    world.change(batch_creation_enabled=False)
    (obstacle,) = world.answer("pipeline_status")["obstacles"]
    assert obstacle["message"].startswith("BATCH_CREATION_ENABLED is false")
    assert obstacle["remedy"]


def test_an_import_frees_stuck_stages_and_goes_on_with_them(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.sql("UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', completed_at = requested_at")
    world.sql(
        """INSERT INTO session_processing_status (import_id, stage, status, started_at)
        SELECT import_id, 'AI_ANALYSIS', 'IN_PROGRESS', :long_ago FROM sessions""",
        long_ago="2025-05-01 12:00:00+00",
    )
    world.run("import_sessions", SLUG)
    (analysis,) = world.sql(
        "SELECT status, retry_count, count(*) FROM session_processing_status WHERE stage = 'AI_ANALYSIS' GROUP BY 1, 2"
    )
    assert tuple(analysis) == ("PENDING", 1, SESSIONS)
    assert world.answer("summary")["summary"]["pending_batching"] == SESSIONS


@pytest.mark.parametrize(
    ("job", "config", "named"),
    [
        ("failed_sessions", {"company": "initech"}, "initech"),
        ("failed_sessions", {"cursor": "page-2"}, "'page-2' is not a cursor"),
        ("failed_sessions", {"limit": 1001}, "limit is 1001"),
        ("retry_stage", {"company": "initech"}, "initech"),
        ("retry_stage", {"company": SLUG, "session_ids": ["x"]}, "Both ids and a company"),
        ("retry_stage", {"stage": "csv_import", "reanalyse": True}, "csv_import cannot be analysed again"),
    ],
)
def test_a_wrong_argument_fails_the_run_in_one_sentence(
    analysed: World, job: str, config: dict[str, object], named: str
) -> None:
    with pytest.raises(UsageError, match=named) as raised:
        analysed.answer(job, **config)
    assert raised.value.remedy
