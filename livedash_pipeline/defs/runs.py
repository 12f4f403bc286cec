"""Runs jobs in the foreground, recorded as Dagster runs: how the command line drives the flow without a daemon.

The answer is the job's document, wherever the job keeps it: an op job's output, or the report of an asset.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol

import dagster as dg

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.instances import opened_instance
from livedash_pipeline.defs.names import TAG_COMPANY, Names
from livedash_pipeline.defs.reporting import REPORT_KEY
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.dead_runs import report_dead_runs
from livedash_pipeline.defs.running.identity import beating_run
from livedash_pipeline.defs.running.slots import slot_of_job
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
from livedash_pipeline.ledger.store.results.observations import finished_groups, waiting_for_files
from livedash_pipeline.logs import get_logger
from livedash_pipeline.settings import Settings, merged_environ

log = get_logger(__name__)

# Seconds between two looks for runs that live no more.
_LOOK_FOR_DEAD_RUNS = 10.0
# The step whose configuration and report are the job's.
_STEP = {
    "import_sessions": "session_imports",
    "submit_batches": "submitted_batches",
    "ingest_results": "ingested_results_and_questions",
}


class Environment(Protocol):
    """What a foreground run needs to know of its machine; `runtime.environment` prepares one."""

    @property
    def settings(self) -> Settings:
        """All settings."""

    @property
    def database_url(self) -> str:
        """Our own tables."""

    @property
    def dagster_url(self) -> str | None:
        """Dagster's storage, where our dagster.yaml finds it."""

    def export_to(self, environ: MutableMapping[str, str]) -> None:
        """Sets the variables by which Dagster finds its storage."""


@contextmanager
def open_instance(environment: Environment) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of the environment; runs that live no more are reported first."""
    settings = environment.settings
    environment.export_to(os.environ)
    with opened_instance(settings.dagster_directory, is_ours=environment.dagster_url is not None) as instance:
        _reporting(environment, instance)()
        yield instance


def _postgres(environment: Environment) -> Postgres:
    return Postgres(lambda: environment.database_url)


def _reporting(environment: Environment, instance: dg.DagsterInstance) -> Callable[[], None]:
    """A look for runs that live no more."""

    def look() -> None:
        report_dead_runs(instance, _postgres(environment))

    return look


def run_in_foreground(
    environment: Environment,
    job_name: str,
    *,
    partition: str | None = None,
    op_config: Mapping[str, Any] | None = None,
) -> Document:
    """Runs a job to its end and returns its document.

    Args:
        environment: A prepared environment.
        job_name: One of the jobs.
        partition: Slug of a company, for jobs with partitions.
        op_config: Configuration of the job's (main) step.

    Raises:
        LivedashError: The run failed; the error is the step's.
    """
    with open_instance(environment) as instance:
        return _run(environment, instance, job_name, partition, op_config)


def evaluate_checks(environment: Environment) -> None:
    """Evaluates every check once, as `health_checks_schedule` has it done every half hour."""
    with open_instance(environment) as instance:
        _execute(environment, instance, "health_checks", None, None)


def ingest_all(environment: Environment) -> Document:
    """Ingests all finished batches, one run per company, and returns the sum of the documents."""
    endpoint = configured_endpoint(environment.settings)
    engine = make_engine(environment.database_url)
    try:
        with engine.connect() as connection:
            groups = finished_groups(connection, endpoint, now=database_now(connection))
        outcomes: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
        batches = 0
        paused: list[str] = []
        with open_instance(environment) as instance:
            for group in groups:
                document = _run(environment, instance, "ingest_results", group.company, None)
                outcomes.update(document["outcomes"])
                batches += document["batches"]
                paused += [document["pausedUntil"]] if document["pausedUntil"] else []
        with engine.connect() as connection:
            waiting = waiting_for_files(connection, endpoint, now=database_now(connection))
    finally:
        engine.dispose()
    return {
        "ok": True,
        "batches": batches,
        "outcomes": dict(outcomes),
        "waiting": waiting.batches,
        "nextLookAt": moment(waiting.next_at),
        "lateAnswers": 0,
        "pausedUntil": max(paused, default=None),
    }


def _run(
    environment: Environment,
    instance: dg.DagsterInstance,
    job_name: str,
    partition: str | None,
    op_config: Mapping[str, Any] | None,
) -> Document:
    result = _execute(environment, instance, job_name, partition, op_config)
    step = _step(Names.of(environment.settings), job_name)
    return _report(result, step) if job_name in _STEP else dict(result.output_for_node(step))


def _execute(
    environment: Environment,
    instance: dg.DagsterInstance,
    job_name: str,
    partition: str | None,
    op_config: Mapping[str, Any] | None,
) -> dg.ExecuteInProcessResult:
    defs = build_defs(
        environment.settings,
        database_url=lambda: environment.database_url,
        environ=merged_environ(os.environ),
    )
    names = Names.of(environment.settings)
    job = defs.resolve_job_def(names.name(job_name))
    run_id = str(uuid.uuid4())
    tags = {}
    if partition is not None:
        tags[TAG_COMPANY] = partition
        instance.add_dynamic_partitions(names.partitions_name, [partition])
    # Dagster's own console lines say nothing that the structured log does not.
    run_config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if op_config:
        run_config["ops"] = {_step(names, job_name): {"config": dict(op_config)}}
    look = _reporting(environment, instance)
    try:
        with (
            beating_run(_postgres(environment), run_id, job.name),
            slot_of_job(instance, job, run_id, look=look),
            _dead_runs_reported(look),
        ):
            return job.execute_in_process(
                instance=instance, run_id=run_id, partition_key=partition, run_config=run_config, tags=tags
            )
    except dg.DagsterInvalidConfigError as error:
        raise LivedashError(
            f"The configuration of {job_name} is not valid: {error.errors[0].message}",
            remedy="Compare it with the job's form in the Dagster UI.",
            code="bad_config",
        ) from None


def _step(names: Names, job_name: str) -> str:
    return names.name(_STEP.get(job_name, job_name))


@contextmanager
def _dead_runs_reported(look: Callable[[], None]) -> Iterator[None]:
    """Looks for dead runs again and again meanwhile: a later step may wait for the pool slot of one that is killed only now."""
    over = threading.Event()

    def look_again() -> None:
        while not over.wait(_LOOK_FOR_DEAD_RUNS):
            try:
                look()
            except Exception:  # noqa: BLE001 - the run itself meets the same database, and its error is the one to show
                log.warning("dead runs not looked for")

    thread = threading.Thread(target=look_again, name="dead-runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _report(result: dg.ExecuteInProcessResult, step: str) -> Document:
    for event in result.asset_materializations_for_node(step):
        if REPORT_KEY in event.metadata:
            value = event.metadata[REPORT_KEY].value
            if isinstance(value, dict):
                return dict(value)
    raise LivedashError(f"The run of {step} left no report.", remedy="Open the run in the Dagster UI.")
