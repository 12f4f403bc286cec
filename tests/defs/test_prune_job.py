"""Deleting through Dagster: the job, its form, the nightly schedule, and records of runs that ended long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from livedash_pipeline.defs.jobs.prune import prune_schedule
from livedash_pipeline.defs.names import Names
from livedash_pipeline.defs.run_records import delete_old_runs
from livedash_pipeline.errors import UsageError
from livedash_pipeline.settings import Settings
from tests.defs.world import SESSIONS, SLUG, World


@dg.op
def nothing() -> None:
    """Something for a run to do."""


@dg.job
def idle() -> None:
    """A run to record."""
    nothing()


NOTHING = {"sessions": 0, "inFlight": 0, "notFound": 0, "archived": []}


def keep(world: World, days: int | None) -> None:
    """How long the company keeps its messages."""
    world.sql("UPDATE companies SET message_retention_days = :days", days=days)


def words(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM messages WHERE content IS NOT NULL")[0][0])


def test_the_job_only_counts_until_it_is_told_to_delete(world: World) -> None:
    world.flow()
    keep(world, 0)
    before = words(world)
    foreseen = world.answer("prune")
    assert words(world) == before > 0
    document = world.answer("prune", dry_run=False)
    assert words(world) == 0
    (counts,) = document["companies"]
    assert counts["company"] == SLUG
    assert (counts["transcripts"], counts["answers"], counts["rejects"]) == (0, 0, 0)
    assert counts["messages"] >= before
    assert foreseen == document | {"dryRun": True}
    records = {"dagsterRuns": 0, "auditEntries": 0}
    assert document == {"ok": True, "dryRun": False, "companies": [counts], "erased": NOTHING} | records
    assert world.sql("SELECT kind, (counts ->> 'messages')::int FROM prune_runs") == [("retention", counts["messages"])]
    world.run("import_sessions", SLUG)
    assert world.answer("summary")["summary"]["pending_batching"] == 0


def test_sessions_are_erased_through_the_form(world: World) -> None:
    world.run("import_sessions", SLUG)
    (row,) = world.sql("SELECT external_session_id FROM session_imports ORDER BY id LIMIT 1")
    names = [row.external_session_id, "nobody"]
    document = world.answer("prune", company=SLUG, external_ids=names, dry_run=False)
    assert document["erased"] == {"sessions": 1, "inFlight": 0, "notFound": 1, "archived": []}
    summary = world.answer("summary")["summary"]
    assert (summary["pending_batching"], summary["processing_failed"]) == (SESSIONS - 1, 1)


def test_what_cannot_be_asked_for_fails_the_run_with_the_sentence(analysed: World) -> None:
    with pytest.raises(UsageError, match="6 days is no age"):
        analysed.answer("prune", dagster_older_than_days=6)
    with pytest.raises(UsageError, match="within one company only"):
        analysed.answer("prune", external_ids=["a"])


def test_deleting_is_scheduled_every_night_and_is_no_dry_run(analysed: World) -> None:
    (schedule,) = [found for found in analysed.defs.schedules or [] if found.name == "nightly_prune_schedule"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.job_name, schedule.default_status) == ("prune", dg.DefaultScheduleStatus.RUNNING)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("47 3 * * *", "UTC")
    with dg.build_schedule_context(instance=analysed.instance) as context:
        tick = analysed.defs.resolve_schedule_def("nightly_prune_schedule").evaluate_tick(context)
    (request,) = tick.run_requests or []
    assert request.run_config["ops"]["prune"]["config"] == {"dry_run": False, "dagster_older_than_days": 30}
    before = words(analysed)
    result = analysed.defs.resolve_job_def("prune").execute_in_process(
        instance=analysed.instance, run_config=request.run_config
    )
    document = result.output_for_node("prune")
    assert (document["dryRun"], document["companies"]) == (False, [])
    assert words(analysed) == before, "a company keeps everything unless it says otherwise"


@pytest.mark.parametrize(("days", "asked"), [(0, {}), (7, {"dagster_older_than_days": 7})])
def test_the_setting_says_how_long_records_of_runs_are_kept(days: int, asked: dict[str, int]) -> None:
    schedule = prune_schedule(Settings(livedash_run_record_days=days), Names())
    with dg.build_schedule_context() as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_config["ops"]["prune"]["config"] == {"dry_run": False, **asked}


def test_no_shorter_time_can_be_set_than_the_job_allows() -> None:
    with pytest.raises(ValueError, match="must be 0 or at least 7 days"):
        Settings(livedash_run_record_days=6)


def test_logs_of_a_deleted_run_go_with_it(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = idle.execute_in_process(instance=instance, tags=dict(Names().run_tags))
        kept = tmp_path / "storage" / run.run_id
        (kept / "compute_logs").mkdir(parents=True, exist_ok=True)
        assert delete_old_runs(instance, Names(), datetime.now(UTC) + timedelta(days=8), 7, False) == 1
        assert not kept.exists()


def test_records_of_runs_are_deleted_by_the_job_and_their_number_is_kept(world: World) -> None:
    old = world.run("summary").run_id
    going = world.run("summary").run_id
    age_run(world, old, days=40)
    age_run(world, going, days=40, status="STARTED")
    assert world.answer("prune", dagster_older_than_days=30)["dagsterRuns"] == 1
    assert world.instance.get_run_by_id(old) is not None
    assert world.answer("prune", dagster_older_than_days=30, dry_run=False)["dagsterRuns"] == 1
    assert world.instance.get_run_by_id(old) is None
    assert world.instance.all_logs(old) == []
    assert world.instance.get_run_by_id(going) is not None
    assert world.sql("SELECT kind, counts, company_id FROM prune_runs") == [("dagster", {"dagsterRuns": 1}, None)]


def test_audit_entries_are_deleted_by_the_job_and_their_number_is_kept(world: World) -> None:
    for age in (40, 20):
        at = datetime.now(UTC) - timedelta(days=age)
        world.sql("INSERT INTO audit_log (at, actor, action, outcome) VALUES (:at, 'x', 'read', 'refused')", at=at)
    assert world.answer("prune", audit_older_than_days=30)["auditEntries"] == 1
    assert world.sql("SELECT count(*) FROM audit_log") == [(2,)]
    assert world.answer("prune", audit_older_than_days=30, dry_run=False)["auditEntries"] == 1
    assert world.sql("SELECT count(*) FROM audit_log") == [(1,)]
    assert world.sql("SELECT kind, counts, company_id FROM prune_runs") == [("audit", {"auditEntries": 1}, None)]


def age_run(world: World, run_id: str, *, days: int, status: str | None = None) -> None:
    """As if a run had been made and had ended so long ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    values = {"then": then.replace(tzinfo=None), "end": then.timestamp(), "status": status, "id": run_id}
    with world.instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(
            text(
                "UPDATE runs SET create_timestamp = :then, start_time = :end, end_time = :end,"
                " status = coalesce(:status, status) WHERE run_id = :id"
            ),
            values,
        )


def test_only_runs_that_ended_long_ago_go_a_page_at_a_time(world: World) -> None:
    runs = [world.run("summary").run_id for _ in range(5)]
    for run_id in runs:
        age_run(world, run_id, days=40)
    with world.instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        lately = datetime.now(UTC).timestamp()
        connection.execute(text("UPDATE runs SET end_time = :end WHERE run_id = :id"), {"end": lately, "id": runs[2]})
    now = datetime.now(UTC)
    assert delete_old_runs(world.instance, Names(), now, 30, True, batch_size=2) == 4
    assert delete_old_runs(world.instance, Names(), now, 30, False, batch_size=2) == 4
    assert [run.run_id for run in world.instance.get_runs()] == [runs[2]], "it began long ago and ended lately"
    assert delete_old_runs(world.instance, Names(), now, 30, False, batch_size=2) == 0
