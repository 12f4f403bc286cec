"""Asset checks, both ways: green after a good run, and red with a number, a sample and a remedy once a rule is broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from tests.defs.world import SLUG, World


def evaluate(world: World) -> dict[str, dg.AssetCheckEvaluation]:
    """All checks, without the assets that they are about."""
    job = dg.define_asset_job("all_checks", selection=dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions.merge(world.defs, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("all_checks").execute_in_process(instance=world.instance)
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


@contextmanager
def broken(world: World, breaks: str, mends: str) -> Iterator[None]:
    world.sql(breaks)
    try:
        yield
    finally:
        world.sql(mends)


def assert_only_red(world: World, name: str, sample: str, remedy: str) -> None:
    found = evaluate(world)
    assert {check for check, evaluation in found.items() if not evaluation.passed} == {name}
    metadata = found[name].metadata
    count = metadata["count"].value
    assert isinstance(count, int) and count > 0
    assert sample in str(metadata["sample"].value)
    assert remedy in str(metadata["remedy"].value)


def test_all_checks_are_green_after_a_good_flow(analysed: World) -> None:
    found = evaluate(analysed)
    assert found.keys() == CHECKS_BY_NAME.keys()
    assert all(evaluation.passed for evaluation in found.values())
    assert all(evaluation.metadata["count"].value == 0 for evaluation in found.values())
    assert all("sample" not in evaluation.metadata for evaluation in found.values())
    assert found["every_csv_row_is_accounted_for"].metadata["imports"].value == 1


@pytest.mark.parametrize("column", ["rows_new", "rows_rejected"])
def test_rows_that_are_not_accounted_for_are_red(analysed: World, column: str) -> None:
    with broken(
        analysed, f"UPDATE import_runs SET {column} = {column} + 1", f"UPDATE import_runs SET {column} = {column} - 1"
    ):
        assert_only_red(analysed, "every_csv_row_is_accounted_for", SLUG, "livedash import --company SLUG")


def test_rejects_that_are_counted_and_not_kept_are_red(analysed: World) -> None:
    change = "UPDATE import_runs SET rows = rows {0} 1, rows_rejected = rows_rejected {0} 1"
    with broken(analysed, change.format("+"), change.format("-")):
        assert_only_red(analysed, "every_csv_row_is_accounted_for", SLUG, "livedash import")


def test_a_request_that_its_settled_batch_left_behind_is_red(analysed: World) -> None:
    ((request_id,),) = analysed.sql("SELECT min(id::text) FROM ai_processing_requests")
    change = (
        "UPDATE ai_processing_requests SET processing_status = '{}', completed_at = {} WHERE id = '" + request_id + "'"
    )
    ((done,),) = analysed.sql(
        "SELECT completed_at::text FROM ai_processing_requests WHERE id::text = :id", id=request_id
    )
    with broken(
        analysed,
        change.format("BATCHING_IN_PROGRESS", "NULL"),
        change.format("PROCESSING_COMPLETE", f"'{done}'"),
    ):
        assert_only_red(analysed, "every_submitted_request_has_one_outcome", request_id, "livedash requeue ID")


def test_counts_that_differ_from_the_services_are_red(analysed: World) -> None:
    change = "UPDATE ai_batch_requests SET reported_completed = reported_completed {} 1"
    ((batch_id,),) = analysed.sql("SELECT id::text FROM ai_batch_requests")
    with broken(analysed, change.format("+"), change.format("-")):
        assert_only_red(analysed, "service_counts_agree", batch_id, "outcomes")


def test_tokens_that_differ_from_the_batchs_usage_are_red(analysed: World) -> None:
    change = "UPDATE ai_batch_requests SET lines_output_tokens = lines_output_tokens {} 1"
    with broken(analysed, change.format("+"), change.format("-")):
        assert_only_red(analysed, "cost_agrees_with_batch_usage", "tokens differ", "the service's own bill")


def test_an_answer_without_a_cost_is_red(world: World) -> None:
    world.sql("DELETE FROM exchange_rates")
    world.flow()
    assert_only_red(world, "no_cost_is_unknown", "no_rate", "livedash price backfill")


def test_a_stage_that_began_long_ago_is_red_unless_a_request_is_open(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    world.sql(
        "UPDATE session_processing_status SET started_at = started_at - interval '2 days' WHERE stage = 'AI_ANALYSIS'"
    )
    assert evaluate(world)["no_stage_is_stuck"].passed
    world.sql("UPDATE session_processing_status SET status = 'IN_PROGRESS' WHERE stage = 'TRANSCRIPT_FETCH'")
    assert evaluate(world)["no_stage_is_stuck"].passed, "a request of the session is open"
    world.sql("UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', completed_at = requested_at")
    found = evaluate(world)["no_stage_is_stuck"]
    assert not found.passed
    assert "AI_ANALYSIS" in str(found.metadata["sample"].value)
    assert "The next import frees them" in str(found.metadata["remedy"].value)
    world.change(livedash_stuck_after=10 * 86_400)
    assert evaluate(world)["no_stage_is_stuck"].passed, "the limit is a setting"
