"""Our definitions in a project that has names like ours, and an executor, jobs and sensors of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.names import Names
from livedash_pipeline.defs.parts import Part, is_our_run
from livedash_pipeline.defs.run_records import delete_old_runs
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.settings import Settings
from tests.defs.world import SESSIONS, SLUG, World

PREFIXES: dict[str, Any] = {"key_prefix": "livedash", "name_prefix": "livedash_", "group_prefix": "livedash_"}
NAMES = Names(("livedash",), "livedash_", "livedash_")


class TheirDatabase(dg.ConfigurableResource[Any]):
    """A resource of the project's own, under a key that we have as well."""

    address: str = "theirs"


@dg.asset
def sessions(postgres: TheirDatabase) -> dg.MaterializeResult[None]:
    """An asset under a name that we have as well."""
    return dg.MaterializeResult(metadata={"address": postgres.address})


@dg.op
def summary(postgres: TheirDatabase) -> str:
    """An op and a job of the same name, which we have as well."""
    return postgres.address


their_summary = dg.GraphDefinition(name="their_summary_graph", node_defs=[summary]).to_job(name="summary")


@dg.run_failure_sensor(name="run_failure_sensor")
def their_sensor(context: dg.RunFailureSensorContext) -> None:
    """A sensor under a name that we have as well."""


def theirs() -> dg.Definitions:
    return dg.Definitions(
        assets=[sessions],
        jobs=[their_summary],
        sensors=[their_sensor],
        resources={"postgres": TheirDatabase()},
        executor=dg.multiprocess_executor,
    )


@pytest.fixture
def merged(world: World) -> dg.Definitions:
    ours = build_defs(world.settings, database_url=lambda: world.database_url, environ={}, **PREFIXES)
    return dg.Definitions.merge(theirs(), ours)


def run(world: World, merged: dg.Definitions, job: str, **options: Any) -> dg.ExecuteInProcessResult:
    return merged.resolve_job_def(job).execute_in_process(instance=world.instance, **options)


def test_the_whole_flow_runs_beside_definitions_of_the_same_names(world: World, merged: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(merged)
    world.instance.add_dynamic_partitions("livedash_company", [SLUG])
    run(world, merged, "livedash_import_sessions", partition_key=SLUG)
    run(
        world,
        merged,
        "livedash_submit_batches",
        run_config={"ops": {"livedash_submitted_batches": {"config": {"ignore_minimum": True}}}},
    )
    while run(world, merged, "livedash_poll_batches").output_for_node("livedash_poll_batches")["open"]:
        pass
    run(world, merged, "livedash_ingest_results", partition_key=SLUG)
    counted = run(world, merged, "livedash_summary").output_for_node("livedash_summary")["summary"]
    assert (counted["processing_complete"], counted["processing_failed"]) == (SESSIONS, 0)
    for name in ("sessions", "submitted_batches", "ingested_results", "spend"):
        event = world.instance.get_latest_materialization_event(dg.AssetKey(["livedash", name]))
        assert event is not None, name
        assert world.instance.get_latest_materialization_event(dg.AssetKey([name])) is None

    assert run(world, merged, "summary").output_for_node("summary") == "theirs"


def test_many_companies_in_one_run_report_under_the_project_s_keys(world: World, merged: dg.Definitions) -> None:
    run(world, merged, "livedash_import_companies")
    assert world.instance.get_dynamic_partitions("livedash_company") == [SLUG]
    event = world.instance.get_latest_materialization_event(dg.AssetKey(["livedash", "sessions"]))
    assert event is not None


def test_every_name_of_ours_has_its_prefix_and_nobody_s_executor_changes(merged: dg.Definitions) -> None:
    ours = build_defs(Settings(), database_url=lambda: "never", environ={}, **PREFIXES)
    graph = ours.resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"livedash"}
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == {"livedash_import", "livedash_sessions", "livedash_analysis", "livedash_chats"}
    named = [*(ours.jobs or []), *(ours.sensors or []), *(ours.schedules or [])]
    assert [each.name for each in named if not each.name.startswith("livedash_")] == []
    assert {*(ours.resources or {})} == {"livedash_postgres", "livedash_openai_batch", "livedash_http_source"}
    jobs = [job for job in ours.resolve_all_job_defs() if not job.name.startswith("__")]
    nodes = [node.definition for job in jobs for node in job.nodes]
    for node in nodes:
        assert isinstance(node, dg.OpDefinition | dg.AssetsDefinition) and node.pools <= {"livedash_openai_api"}
    assert {job.executor_def.name for job in jobs} == {"livedash_in_process"}
    assert ours.executor is None
    assert merged.resolve_job_def("summary").executor_def.name == "multiprocess"


def test_their_checks_and_assets_are_not_ours_to_run(merged: dg.Definitions) -> None:
    @dg.asset_check(asset=sessions)
    def their_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    both = dg.Definitions.merge(merged, dg.Definitions(asset_checks=[their_check]))
    keys = both.resolve_job_def("livedash_health_checks").asset_layer.asset_graph.asset_check_keys
    assert keys and {key.asset_key.path[0] for key in keys} == {"livedash"}


def test_records_of_their_runs_are_never_deleted(world: World, merged: dg.Definitions) -> None:
    run(world, merged, "summary")
    theirs_made = dg.materialize([sessions], resources={"postgres": TheirDatabase()}, instance=world.instance)
    run(world, merged, "livedash_summary")
    other = build_defs(world.settings, database_url=lambda: world.database_url, environ={})
    other.resolve_job_def("summary").execute_in_process(instance=world.instance)
    with world.engine.connect() as connection:
        later = database_now(connection) + timedelta(days=60)
    assert delete_old_runs(world.instance, NAMES, later, 30, False) == 1
    left = {(run.job_name, is_our_run(run, Names())) for run in world.instance.get_runs()}
    assert left == {("summary", False), ("summary", True), (theirs_made.dagster_run.job_name, False)}


def test_a_run_of_assets_is_ours_where_all_that_it_makes_is(world: World) -> None:
    def made(*keys: dg.AssetKey) -> bool:
        run = dg.DagsterRun(job_name="__ASSET_JOB", asset_selection=frozenset(keys))
        return is_our_run(run, NAMES)

    assert made(NAMES.key("sessions"))
    assert not made(dg.AssetKey("sessions"))
    assert not made(NAMES.key("sessions"), dg.AssetKey("sessions"))
    assert not made()


@pytest.mark.parametrize("part", list(Part))
def test_each_part_loads_alone(part: Part) -> None:
    needed = {Part.SUBMISSIONS: [Part.IMPORT]}.get(part, [])
    defs = build_defs(Settings(), database_url=lambda: "never", environ={}, include=[part, *needed])
    dg.Definitions.validate_loadable(defs)
    assert defs.jobs


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"key_prefix": ["a b"]}, "key_prefix is 'a b'"),
        ({"name_prefix": "a-"}, "name_prefix is 'a-'"),
        ({"group_prefix": "a."}, "group_prefix is 'a.'"),
        ({"include": ["chat"]}, "include names 'chat'"),
        ({"include": ["submissions"]}, "submissions without import"),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        build_defs(Settings(), database_url=lambda: "never", environ={}, **given)


def test_the_settings_give_the_prefixes_that_nobody_gives() -> None:
    settings = Settings(livedash_key_prefix="a/b", livedash_name_prefix="x_", livedash_group_prefix="y_")
    assert Names.of(settings) == Names(("a", "b"), "x_", "y_")
    assert Names.of(settings, key_prefix="", name_prefix="", group_prefix="") == Names()
