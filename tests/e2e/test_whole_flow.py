"""From CSVs to analysed sessions, driven as people drive it: from Dagster's UI with its sensors, and from a shell."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.stages import count_unsettled_sessions, pipeline_status
from livedash_pipeline.defs.runs import ingest_all, run_in_foreground
from livedash_pipeline.embedded_postgres.server import remove_postgres
from livedash_pipeline.ledger.steps.batches.requests import summarise
from livedash_pipeline.ledger.store.batches.requests import count_by_status
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.local.ports import free_port
from livedash_pipeline.local.sample_data.demo_set import demo_expectation, demo_sources
from livedash_pipeline.local.sample_data.files import SampleSource
from livedash_pipeline.local.sample_data.source_server import RunningSource, running_source
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.overview.steps.stages import failed_sessions
from livedash_pipeline.overview.store.demo import read_figures
from livedash_pipeline.runtime.environment import borrowed_environment, opened_engine
from livedash_pipeline.settings import isolated_settings
from tests.e2e.programs import Program, clean_environ, livedash
from tests.support.patience import HANGS

LAUNCH = """
mutation ($partition: String!) {
  launchRun(executionParams: {
    selector: {
      repositoryLocationName: "livedash_pipeline", repositoryName: "__repository__", jobName: "import_sessions"
    }
    executionMetadata: {tags: [{key: "dagster/partition", value: $partition}]}
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
LAUNCH_OP = """
mutation ($job: String!, $config: RunConfigData!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "livedash_pipeline", repositoryName: "__repository__", jobName: $job}
    runConfigData: $config
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message }
  }
}
"""
ANSWER = """
query ($run: ID!) {
  runOrError(runId: $run) {
    ... on Run {
      status
      eventConnection {
        events {
          ... on ExecutionStepOutputEvent { metadataEntries { label ... on JsonMetadataEntry { jsonString } } }
        }
      }
    }
  }
}
"""
CHECKED = """
query ($asset: String!, $check: String!) {
  assetCheckExecutions(assetKey: {path: [$asset]}, checkName: $check, limit: 5) { status }
}
"""
RUNS = "{ runsOrError { ... on Runs { results { jobName tags { key } } } } }"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of its own, whose database does not outlive the test, come what may."""
    yield tmp_path / "home"
    remove_postgres(tmp_path / "home")


@pytest.fixture
def own_environ() -> Iterator[None]:
    """Variables that a run in the foreground sets for Dagster are taken back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def _variable(slug: str, kind: str) -> str:
    return f"TEST_{slug.upper().replace('-', '_')}_{kind}"


def _enrol(engine: Engine, source: RunningSource, samples: tuple[SampleSource, ...], *, due: bool) -> None:
    with engine.begin() as connection:
        now = database_now(connection)
        set_rate(connection, now.date(), Decimal("0.9"), "test", now)
        for sample in samples:
            company = sample.company
            protected = company.password is not None
            changes = CompanyChanges(
                csv_url=source.csv_url(company.slug),
                time_zone=company.time_zone,
                bot_names=[company.bot_name] if company.bot_name else None,
                csv_username_env=_variable(company.slug, "USER") if protected else None,
                csv_password_env=_variable(company.slug, "PASSWORD") if protected else None,
            )
            add_company(connection, company.slug, changes, now=now)
        if not due:
            connection.execute(text("UPDATE companies SET next_import_at = :now + interval '1 day'"), {"now": now})


def _credentials(samples: tuple[SampleSource, ...]) -> dict[str, str]:
    found = {}
    for sample in samples:
        if sample.company.password is not None:
            found[_variable(sample.company.slug, "USER")] = sample.company.username
            found[_variable(sample.company.slug, "PASSWORD")] = sample.company.password
    return found


def _assert_done(engine: Engine, sessions: int) -> None:
    with engine.connect() as connection:
        assert pipeline_status(connection).total_sessions == sessions
        assert count_unsettled_sessions(connection) == 0
        counts = count_by_status(connection)
        assert counts[RequestStatus.PENDING_BATCHING] == counts[RequestStatus.BATCHING_IN_PROGRESS] == 0
        assert counts[RequestStatus.PROCESSING_COMPLETE] > 0.9 * sessions
        assert read_figures(connection).cost_eur > 0


@pytest.mark.longest
@pytest.mark.timeout(HANGS)
def test_steps_in_the_foreground_bring_every_session_to_its_end(home: Path, own_environ: None) -> None:
    samples = demo_sources()
    os.environ.update(_credentials(samples))
    with ExitStack() as stack:
        source = stack.enter_context(running_source(*samples))
        service = stack.enter_context(running_server(home / "batch-api", speed=0))
        settings = isolated_settings(
            {"LIVEDASH_HOME": str(home)}, openai_base_url=service.base_url, openai_api_key="stand-in"
        )
        environment = stack.enter_context(borrowed_environment(settings))
        engine = stack.enter_context(opened_engine(environment))
        _enrol(engine, source, samples, due=True)

        imported = run_in_foreground(environment, "import_companies", op_config={"all_companies": True})
        assert imported["ok"] is True
        expected = demo_expectation()
        assert sum(company["rows"] for company in imported["companies"]) == expected.csv_records
        assert sum(company["rejected"] for company in imported["companies"]) == len(expected.rejects)
        submitted = run_in_foreground(environment, "submit_batches", op_config={"ignore_minimum": True})
        assert submitted["batches"] == 3 and Decimal(submitted["estimatedCostEur"]) > 0
        for _ in range(10):
            polled = run_in_foreground(environment, "poll_batches")
            if not polled["open"]:
                break
        assert polled["finished"] == 3
        ingested = ingest_all(environment)
        assert (ingested["batches"], sum(ingested["outcomes"].values())) == (3, submitted["requests"])
        _assert_done(engine, expected.imported)

        again = run_in_foreground(environment, "import_sessions", partition=samples[0].company.slug)
        assert (again["new"], again["changed"]) == (0, 0)
        nothing = run_in_foreground(environment, "submit_batches", op_config={"ignore_minimum": True})
        assert (nothing["batches"], nothing["estimatedCostEur"]) == (0, "0")
        assert ingest_all(environment)["batches"] == 0


def _ask(url: str, query: str, **variables: object) -> Any:
    response = httpx2.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=60, trust_env=False)
    response.raise_for_status()
    return response.json()["data"]


def _answers(url: str) -> bool:
    try:
        info = httpx2.get(f"{url}/server_info", timeout=5, trust_env=False)
    except httpx2.TransportError:
        return False
    return info.status_code == 200 and "dagster_webserver_version" in info.json()


def _launch(program: Program, url: str, partition: str) -> str:
    """Launches an import as the UI does, once the code is loaded."""
    answers: list[Any] = []

    def launched() -> bool:
        answers.append(_ask(url, LAUNCH, partition=partition)["launchRun"])
        return bool(answers[-1]["__typename"] == "LaunchRunSuccess")

    program.wait_until(launched, f"import_sessions of {partition} is launched")
    run_id: str = answers[-1]["run"]["runId"]
    return run_id


def _newest_verdict(url: str, asset: str, check: str) -> str | None:
    """How a check was last evaluated; on a slow machine another import has evaluated it once more by now."""
    verdicts = [one["status"] for one in _ask(url, CHECKED, asset=asset, check=check)["assetCheckExecutions"]]
    return verdicts[0] if verdicts else None


def _is_green(url: str, asset: str, check: str) -> bool:
    return _newest_verdict(url, asset, check) == "SUCCEEDED"


def _answer_of(program: Program, url: str, job: str, **config: object) -> Any:
    """Launches an op job as the UI and `dg launch` do; returns the document that its output shows."""
    launched = _ask(url, LAUNCH_OP, job=job, config={"ops": {job: {"config": config}}})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    program.wait_until(
        lambda: _ask(url, ANSWER, run=run_id)["runOrError"]["status"] in {"SUCCESS", "FAILURE"}, f"{job} has ended"
    )
    run = _ask(url, ANSWER, run=run_id)["runOrError"]
    assert run["status"] == "SUCCESS", program.said()
    entries = [entry for event in run["eventConnection"]["events"] for entry in event.get("metadataEntries", ())]
    (report,) = [entry["jsonString"] for entry in entries if entry["label"] == "report"]
    return json.loads(report)


def _assert_jobs_answer_as_commands_do(program: Program, url: str, engine: Engine, slug: str) -> None:
    """Jobs that an operator launches have the documents of the commands, and count before they change anything."""
    assert _answer_of(program, url, "summary", company=slug) == summarise(engine, slug)
    nobody = str(uuid.uuid4())
    counted = {"ok": True, "requeuedCount": 0, "notFoundCount": 1, "notFailedCount": 0}
    assert _answer_of(program, url, "requeue", request_ids=[nobody]) == counted
    retried = _answer_of(program, url, "retry_stage", stage="transcript_fetch", company=slug)
    assert retried == {
        "ok": True, "retriedCount": len(failed_sessions(engine, stage="transcript_fetch", company=slug)["sessions"]),
        "notFoundCount": 0, "notEligibleCount": 0, "dryRun": True,
    }  # fmt: skip


@pytest.mark.longest
@pytest.mark.timeout(HANGS)
def test_an_import_launched_in_the_ui_is_carried_to_its_end_by_the_sensors(home: Path) -> None:
    samples = demo_sources()[1:2]
    slug = samples[0].company.slug
    url = f"http://127.0.0.1:{(port := free_port())}"
    with ExitStack() as stack:
        source = stack.enter_context(running_source(*samples))
        environment = stack.enter_context(borrowed_environment(isolated_settings({"LIVEDASH_HOME": str(home)})))
        engine = stack.enter_context(opened_engine(environment))
        _enrol(engine, source, samples, due=False)
        environ = clean_environ(home, **_credentials(samples))
        program = stack.enter_context(
            livedash("dev", "--port", str(port), "--speed", "0", home=home, environ=environ, directory=home.parent)
        )
        program.wait_until(lambda: _answers(url), "the webserver answers")
        _launch(program, url, slug)

        def done() -> bool:
            with engine.connect() as connection:
                settled = count_unsettled_sessions(connection) == 0
                counts = count_by_status(connection)
            return settled and counts[RequestStatus.PROCESSING_COMPLETE] > 0

        program.wait_until(done, "every session is done")
        _assert_done(engine, 200 - sum(reject.slug == slug for reject in demo_expectation().rejects))
        checked = {"session_imports": "every_csv_row_is_accounted_for", "ingested_results": "service_counts_agree"}
        for asset, check in checked.items():
            program.wait_until(
                partial(_is_green, url, asset, check),
                f"{check} was evaluated by the run",
            )
        _assert_jobs_answer_as_commands_do(program, url, engine, slug)
        # A schedule's hour may come meanwhile, and a minute after an import a slow machine begins the next one.
        runs = [
            run["jobName"]
            for run in _ask(url, RUNS)["runsOrError"]["results"]
            if "dagster/schedule_name" not in {tag["key"] for tag in run["tags"]}
        ]
        once = ["ingest_results", "requeue", "retry_stage", "submit_batches", "summary"]
        assert sorted(run for run in runs if run != "import_sessions") == once
        assert "import_sessions" in runs
        assert program.finish(signal.SIGINT) == 130, program.said()
        engine.dispose()
    said = program.stdout.read_text()
    assert "a stand-in that answers by rules, no model" in said
    assert f"The Dagster UI is at {url}" in said
    program.assert_all_gone()
