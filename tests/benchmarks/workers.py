"""Workers that share one database: each makes the same step at the same moment, in a process of its own.

`python -m tests.benchmarks.workers TASK` is one worker: it says "ready", waits for a line, makes its step and prints its report
as JSON. In tests of the benches they are threads. Add a step to `STEPS`; who measures is `bench_workers`.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Barrier

from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company, due_companies, list_companies
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportRules
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.logs import configure_logging
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from livedash_pipeline.sources.csv_source import CsvSource
from tests.benchmarks.site import Site, peak_mb
from tests.e2e.programs import clean_environ


@dataclass(frozen=True)
class Task:
    """What a worker is given: its step, where it works, and its number among the workers."""

    step: str
    database: str
    endpoint: str
    scratch: str
    number: int


@dataclass
class Report:
    """What a worker did: rows that it made, sent or settled, and the batches or companies that they are of."""

    rows: int = 0
    names: list[str] = field(default_factory=list)
    peak_mb: float = 0.0


@dataclass(frozen=True)
class Together:
    """What all workers did, and the seconds from their common start to the end of the last one."""

    seconds: float
    reports: Sequence[Report]

    @property
    def rows(self) -> int:
        """Of all workers."""
        return sum(report.rows for report in self.reports)

    @property
    def names(self) -> list[str]:
        """Of all workers; a name that is here twice was worked on twice."""
        return [name for report in self.reports for name in report.names]

    @property
    def peak_mb(self) -> float:
        """Of the largest worker."""
        return max(report.peak_mb for report in self.reports)


def work_together(site: Site, step: str, endpoint: str, workers: int) -> Together:
    """The step, made by so many workers at once."""
    tasks = [Task(step, site.url, endpoint, str(site.scratch), number) for number in range(workers)]
    return _in_processes(tasks) if site.apart else _in_threads(tasks)


def _in_processes(tasks: Sequence[Task]) -> Together:
    with ExitStack() as stack:
        processes = [stack.enter_context(_started(task)) for task in tasks]
        for process in processes:
            stack.callback(process.terminate)
            if not process.stdout or process.stdout.readline().strip() != "ready":
                raise RuntimeError("a worker did not start")
        begun = time.perf_counter()
        for process in processes:
            if process.stdin:
                process.stdin.write("go\n")
                process.stdin.flush()
        said = [process.stdout.readline() if process.stdout else "" for process in processes]
        seconds = time.perf_counter() - begun
        return Together(seconds, [Report(**json.loads(line)) for line in said])


def _started(task: Task) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.workers", json.dumps(asdict(task))]
    return subprocess.Popen(
        command, env=clean_environ(Path(task.scratch)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _in_threads(tasks: Sequence[Task]) -> Together:
    barrier = Barrier(len(tasks))
    begun = time.perf_counter()
    with ThreadPoolExecutor(len(tasks)) as pool:
        reports = list(pool.map(lambda task: work(task, barrier.wait), tasks))
    return Together(time.perf_counter() - begun, reports)


def work(task: Task, when_ready: Callable[[], object]) -> Report:
    """Makes the step of a task once everybody is ready."""
    scratch = Path(task.scratch) / f"worker-{task.number}"
    scratch.mkdir(exist_ok=True)
    settings = isolated_settings({}, openai_base_url=task.endpoint, openai_api_key="bench")
    engine = make_engine(task.database)
    try:
        with connect(task.endpoint, "bench") as gateway:
            context = BatchContext(engine, gateway, KINDS, settings, spool_dir=scratch)
            engine.connect().close()
            when_ready()
            report = STEPS[task.step](context, task.number)
    finally:
        engine.dispose()
    report.peak_mb = peak_mb()
    return report


def _submit(context: BatchContext, number: int) -> Report:
    """A submit for all companies."""
    sent = submit_pending(context, ignore_minimum=True).submitted
    return Report(sum(batch.requests for batch in sent), [str(batch.batch_id) for batch in sent])


def _ingest(context: BatchContext, number: int) -> Report:
    """An ingest company by company, as sensors ask for it; each worker begins with another one."""
    report = Report()
    with context.engine.connect() as connection:
        companies = list_companies(connection)
    for company in [*companies[number:], *companies[:number]]:
        done = ingest_finished(context, company_id=company.id)
        report.rows += done.outcomes["parsed"]
        report.names += map(str, done.batches)
    return report


def _import(context: BatchContext, number: int) -> Report:
    """Imports of companies that are due, one after the other, until none is that nobody imports."""
    report, busy = Report(), set[str]()
    while (company := _next_due(context.engine, busy)) is not None:
        try:
            done = import_company(context.engine, company, source=CsvSource({}, context.spool_dir), rules=ImportRules())
        except LivedashError as error:
            if error.code != "import_running":
                raise
            busy.add(company.slug)
        else:
            report.rows += done.new
            report.names += [company.slug] if done.new else []
    return report


def _next_due(engine: Engine, busy: set[str]) -> Company | None:
    with engine.connect() as connection:
        due = due_companies(connection, database_now(connection))
    return next((company for company in due if company.slug not in busy), None)


STEPS: dict[str, Callable[[BatchContext, int], Report]] = {"import": _import, "submit": _submit, "ingest": _ingest}


def main() -> None:
    """One worker."""
    configure_logging("text", logging.ERROR)

    def wait() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()

    report = work(Task(**json.loads(sys.argv[1])), wait)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")


if __name__ == "__main__":
    main()
