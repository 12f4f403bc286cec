"""The job that moves in from LiveDash: a dry run unless asked, and no address in its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, func, select

from livedash_pipeline.base.store.tables import sessions
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.errors import UsageError
from livedash_pipeline.settings import Settings
from tests.takeover.steps.old_system import OldSystem, old_system

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `owners` of initializer `SensorDefinition")


@pytest.fixture
def old(empty_database_url: str) -> Iterator[OldSystem]:
    """An existing LiveDash database in the state that the user describes."""
    with old_system(empty_database_url) as system:
        system.seed()
        yield system


def run(database_url: str, environ: dict[str, str], **config: Any) -> dg.ExecuteInProcessResult:
    """Runs the job on an instance of its own."""
    definitions = build_defs(Settings(), database_url=lambda: database_url, environ=environ)
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("import_livedash").execute_in_process(
            instance=instance, run_config={"ops": {"import_livedash": {"config": config}}} if config else {}
        )


def count(engine: Engine) -> int:
    """Sessions in our database."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(sessions)).scalar_one()


def test_without_configuration_the_job_only_reports(engine: Engine, database_url: str, old: OldSystem) -> None:
    result = run(database_url, {"LIVEDASH_SOURCE_URL": old.url})
    document = result.output_for_node("import_livedash")
    assert (document["ok"], document["dryRun"], document["tables"]["sessions"]["written"]) == (True, True, 109)
    assert count(engine) == 0


def test_a_variable_of_another_name_holds_the_address(engine: Engine, database_url: str, old: OldSystem) -> None:
    old.run('UPDATE "Company" SET "csvUsername" = %s, "csvPassword" = %s', "reader", "hunter2")
    result = run(database_url, {"OLD_URL": old.url}, source_url_env="OLD_URL", dry_run=False)
    document = result.output_for_node("import_livedash")
    assert document["environmentVariables"] == ["LIVEDASH_ACME_BV_CSV_PASSWORD", "LIVEDASH_ACME_BV_CSV_USERNAME"]
    assert count(engine) == 109
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    assert output.metadata["report"].value == document


def test_a_variable_that_is_not_set_is_named(database_url: str) -> None:
    with pytest.raises(UsageError, match="OLD_URL is empty"):
        run(database_url, {}, source_url_env="OLD_URL")
