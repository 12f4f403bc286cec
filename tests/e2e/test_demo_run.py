"""`livedash demo` as users run it: to its end, once more in the same place, and interrupted."""

from __future__ import annotations

import json
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.embedded_postgres.server import remove_postgres
from livedash_pipeline.local.sample_data.demo_set import demo_expectation
from livedash_pipeline.overview.steps.checks import CHECKS
from livedash_pipeline.runtime.environment import resolve_environment
from livedash_pipeline.settings import isolated_settings
from tests.e2e.programs import clean_environ, livedash
from tests.support.patience import HANGS

# Settings that would ruin the demo, if it read them.
HOSTILE_FILE = """\
DATABASE_URL=postgresql+psycopg://nobody@127.0.0.1:9/none
LIVEDASH_DAGSTER_URL=postgresql+psycopg2://nobody@127.0.0.1:9/none
OPENAI_BASE_URL=http://127.0.0.1:9/v1
BATCH_CREATION_ENABLED=false
LIVEDASH_MIN_BATCH=50000
"""
HOSTILE = {
    "OPENAI_API_KEY": "sk-of-somebody",
    "OPENAI_MODEL": "no-such-model",
    "BATCH_POLLING_ENABLED": "false",
    "LIVEDASH_MAX_WAIT": "86400",
    "LIVEDASH_MONTHLY_CAP_EUR": "0",
    "LIVEDASH_POLL_INTERVAL": "7200",
}


@pytest.fixture
def home(tmp_path: Path) -> Any:
    """A home of its own, whose database does not outlive the test, come what may."""
    yield tmp_path / "home"
    remove_postgres(tmp_path / "home")


def _demo(home: Path) -> dict[str, Any]:
    directory = home.parent
    with livedash("demo", "--json", home=home, environ=clean_environ(home, **HOSTILE), directory=directory) as program:
        assert program.finish() == 0, program.said()
        program.assert_all_gone()
        document: dict[str, Any] = json.loads(program.stdout.read_text().splitlines()[-1])
    return document


@pytest.mark.longest
@pytest.mark.timeout(HANGS)
def test_the_demo_comes_to_its_end_and_buys_nothing_when_it_is_run_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.parent / ".env").write_text(HOSTILE_FILE, encoding="utf-8")
    expected = demo_expectation()
    document = _demo(home)
    assert document["ok"] is True
    assert document["sessions"] == expected.imported == 600 - len(expected.rejects)
    assert document["rejects"] == len(expected.rejects)

    stages = document["stages"]
    assert all(sum(counts.values()) == expected.imported for counts in stages.values())
    assert all(counts["in_progress"] == 0 for counts in stages.values())
    unfetched = len(expected.missing_transcripts) + len(expected.empty_transcripts)
    silent = len(expected.without_messages)
    analysed = expected.imported - unfetched - silent
    assert stages["transcript_fetch"]["failed"] == unfetched
    # Done means: nothing is pending but what stands behind a failure.
    assert stages["ai_analysis"]["pending"] == unfetched
    assert stages["ai_analysis"]["skipped"] == silent

    requests = document["requests"]
    assert requests["pending_batching"] == requests["batching_in_progress"] == 0
    assert requests["processing_complete"] + requests["processing_failed"] == analysed
    assert requests["processing_complete"] == stages["ai_analysis"]["completed"]
    assert document["batches"] >= 3
    assert Decimal(document["costEur"]) > 0
    chats = document["chatBatches"]
    assert (chats["batches"], chats["totalItems"], chats["failedItems"]) == (3, 15, 0)
    assert (chats["processedItems"], chats["skippedItems"]) == (9, 6)
    assert Decimal(chats["costEur"]) > 0

    assert _demo(home) == document, "run again in the same place, it finds everything done"
    _assert_nothing_is_red(home, monkeypatch)


def _assert_nothing_is_red(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a first look at the Dagster UI shows: runs, ticks and switches of sensors, and checks."""
    environment = resolve_environment(isolated_settings({"LIVEDASH_HOME": str(home)}))
    for name, value in environment.exports().items():
        monkeypatch.setenv(name, value)
    checks = [dg.AssetCheckKey(dg.AssetKey(check.asset), check.name) for check in CHECKS]
    with dg.DagsterInstance.get() as instance:
        # On a machine that is too busy to launch a run in time, Dagster gives it up before its first line and launches it anew.
        runs = [record.dagster_run for record in instance.get_run_records() if record.start_time is not None]
        states = instance.all_instigator_state()
        ticks = [
            (state.instigator_name, tick.status.value)
            for state in states
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        ]
        summaries = instance.event_log_storage.get_asset_check_summary_records(checks)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}, [(run.job_name, run.status) for run in runs]
    assert {run.job_name for run in runs} >= {"import_sessions", "submit_batches", "ingest_results", "health_checks"}
    assert {status for _, status in ticks} <= {"SKIPPED", "SUCCESS"}, ticks
    assert "open_batch_sensor" in {name for name, _ in ticks}
    assert {state.status.value for state in states} == {"DECLARED_IN_CODE"}, "sensors are as the code has them"
    assert not (home / "dagster" / "switched-off.json").exists()
    # The demo's odd records are too few for a check to turn red.
    records = {key: summary.last_completed_check_execution_record for key, summary in summaries.items()}
    evaluations = {key: record.evaluation if record else None for key, record in records.items()}
    assert [key for key, found in evaluations.items() if found is None or not found.passed] == []


@pytest.mark.longest
@pytest.mark.timeout(HANGS)
def test_an_interrupted_demo_stops_all_that_it_started(home: Path) -> None:
    environ = clean_environ(home)
    with livedash("demo", "--plain", home=home, environ=environ, directory=home.parent) as program:
        # The daemon has its code server, so there are processes of processes.
        program.wait_until(lambda: any("grpc" in line for line in program.look()), "the daemon's code server is up")
        assert program.finish(signal.SIGINT) == 130, program.said()
        assert len(program.seen) >= 2
        program.assert_all_gone()
    assert "Interrupted" in program.stderr.read_text()
