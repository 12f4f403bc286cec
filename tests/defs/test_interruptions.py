"""What people do to runs under way: terminate one, or delete the partition that it works on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import dagster as dg
import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.names import PARTITIONS
from livedash_pipeline.defs.resources import OpenAIBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from tests.defs.world import SESSIONS, SLUG, World
from tests.sources.csv_site import Handler, Site, plain, running_site
from tests.support.csv_rows import csv_line


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def _publish(world: World, site: Site, meanwhile: Callable[[], None]) -> None:
    """The company's CSV, while which is sent something happens."""

    def answer(handler: Handler) -> None:
        meanwhile()
        plain(csv_line("a").encode())(handler)

    site.answers["/x.csv"] = answer
    with world.engine.begin() as connection:
        changes = CompanyChanges(csv_url=f"{site.url}/x.csv")
        update_company(connection, SLUG, changes, now=database_now(connection))


@pytest.mark.parametrize("job", ["import_sessions", "import_companies"])
def test_an_import_that_a_person_terminates_is_no_failure_of_its_source(world: World, site: Site, job: str) -> None:
    def terminate() -> None:
        """As the UI does it: the request is noted, and the process of the run, which waits for the source, gets a signal."""
        (run,) = world.instance.get_runs()
        world.instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)
        site.over.wait(5)

    _publish(world, site, terminate)
    before = world.sql("SELECT next_import_at, import_failures, updated_at FROM companies")
    result = world.run(job, SLUG if job == "import_sessions" else None, raise_on_error=False)
    assert not result.success
    assert world.sql("SELECT status, error_code FROM import_runs") == [("FAILED", "interrupted")]
    assert world.sql("SELECT next_import_at, import_failures, updated_at FROM companies") == before
    (run,) = world.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.CANCELED
    _publish(world, site, lambda: None)
    assert [request.partition_key for request in world.tick("company_csv_sensor").run_requests] == [SLUG], "still due"
    checked = world.run("health_checks", raise_on_error=False)
    red = {each.check_name for each in checked.get_asset_check_evaluations() if not each.passed}
    assert "imports_run_on_time" not in red


@pytest.mark.parametrize("job", ["import_sessions", "import_companies"])
def test_deleting_a_partition_fails_no_import_under_way(world: World, site: Site, job: str) -> None:
    _publish(world, site, lambda: world.instance.delete_dynamic_partition(PARTITIONS, SLUG))
    result = world.run(job, SLUG if job == "import_sessions" else None)
    assert result.success
    assert world.sql("SELECT count(*) FROM sessions") == [(1,)]
    assert world.answer("summary")["summary"]["processing_failed"] == 0


class ServiceOfADeletedPartition(OpenAIBatch):
    """Whoever asks for the service has his partition deleted."""

    def __init__(self, world: World) -> None:
        super().__init__(world.settings)
        self._world = world

    def context(self, engine: Engine, run_id: str | None) -> AbstractContextManager[BatchContext]:
        self._world.instance.delete_dynamic_partition(PARTITIONS, SLUG)
        return super().context(engine, run_id)


def test_deleting_a_partition_fails_no_ingest_under_way(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    world.answer("poll_batches")
    definitions = build_defs(
        world.settings,
        database_url=lambda: world.database_url,
        environ={},
        resources={"openai_batch": ServiceOfADeletedPartition(world)},
    )
    job = definitions.resolve_job_def("ingest_results")
    assert job.execute_in_process(instance=world.instance, partition_key=SLUG).success
    assert world.answer("summary")["summary"]["processing_complete"] == SESSIONS
