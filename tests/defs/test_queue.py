"""The queue, decided by Dagster's own daemon with the limits of `dagster.yaml`: nothing waits behind imports."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from sqlalchemy import event, make_url
from sqlalchemy.pool import Pool

from livedash_pipeline.defs import dagster_storage
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.names import TAG_WORK
from livedash_pipeline.paths import shipped
from livedash_pipeline.settings import Settings

IN_PROGRESS = dg.DagsterRunStatus.STARTED


@pytest.fixture
def instance(empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance as deployments have it."""
    shutil.copy(shipped("dagster.yaml"), tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    url = make_url(empty_database_url).set(drivername="postgresql+psycopg2")
    monkeypatch.setenv("LIVEDASH_DAGSTER_URL", url.render_as_string(hide_password=False))
    with dg.DagsterInstance.get() as instance:
        yield instance
    if event.contains(Pool, "connect", dagster_storage.set_up):
        event.remove(Pool, "connect", dagster_storage.set_up)


def _queue(
    instance: dg.DagsterInstance, job_name: str, runs: int, status: dg.DagsterRunStatus = dg.DagsterRunStatus.QUEUED
) -> None:
    """Runs with the tags that the daemon gives them."""
    definitions = build_defs(Settings(), database_url=lambda: "postgresql://nobody@127.0.0.1:9/x", environ={})
    job = definitions.resolve_job_def(job_name)
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("livedash_pipeline"), "__repository__"), job_name
    )
    for _ in range(runs):
        instance.create_run_for_job(job, status=status, tags=dict(job.run_tags), remote_job_origin=origin)


def _launched(instance: dg.DagsterInstance) -> Counter[str]:
    """The jobs of the runs that the daemon would launch now."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    runs = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)
    return Counter(run.job_name for run in runs)


def test_a_submit_is_launched_though_more_imports_wait_than_there_are_places(instance: dg.DagsterInstance) -> None:
    for job in ("import_sessions", "import_companies", "take_submissions", "process_chat_batch"):
        _queue(instance, job, 12)
    _queue(instance, "submit_batches", 1)
    _queue(instance, "summary", 1)
    launched = _launched(instance)
    assert launched["submit_batches"] == launched["summary"] == 1
    assert launched["import_sessions"] + launched["import_companies"] == 3
    assert (launched["take_submissions"], launched["process_chat_batch"]) == (1, 2)


def test_a_submit_is_launched_while_imports_have_all_their_places(instance: dg.DagsterInstance) -> None:
    _queue(instance, "import_sessions", 3, IN_PROGRESS)
    _queue(instance, "process_chat_batch", 2, IN_PROGRESS)
    _queue(instance, "take_submissions", 1, IN_PROGRESS)
    for job in ("import_companies", "process_chat_batch", "take_submissions", "ingest_results"):
        _queue(instance, job, 1)
    assert _launched(instance) == {"ingest_results": 1}


def test_the_limits_together_leave_a_place_for_everything_else() -> None:
    runs = yaml.safe_load(shipped("dagster.yaml").read_text())["concurrency"]["runs"]
    limits = runs["tag_concurrency_limits"]
    assert sum(each["limit"] for each in limits) <= runs["max_concurrent_runs"] - 2
    assert {each["value"] for each in limits if each["key"] == TAG_WORK} == {"import", "submissions", "chats"}
