"""What 2,000 companies cost Dagster: each sensor's tick, the daemon's first tick of all of them, and what a pass writes.

On an instance as `dagster.yaml` makes it, with Postgres as its storage. A pass is a run of `import_companies`; one over companies
without news is what most passes are. Add a sensor to `_TICKS`, with what it has to look at in `_fill`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import Pool

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs import dagster_storage
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.paths import shipped
from livedash_pipeline.settings import Settings, isolated_settings
from tests.benchmarks.figures import Figure
from tests.benchmarks.servers import batch_api
from tests.benchmarks.site import Site, Stopwatch, make_company, peak_mb, require, settle_down
from tests.e2e.programs import clean_environ
from tests.support.csv_rows import csv_line

_COMPANIES = 2_000
_SESSIONS_EACH = 50
_TICKS = (
    "company_partition_sensor",
    "company_csv_sensor",
    "submission_sensor",
    "pending_request_sensor",
    "open_batch_sensor",
    "webhook_sensor",
    "chat_batch_sensor",
    "run_failure_sensor",
    "red_check_sensor",
)
TICK_GOAL = 2.0
"""Seconds of a tick."""
# However many companies have something to do: those that are due share runs (`defs.sensors`).
_MOST_RUNS = 50
_FIRST_TICK_GOAL = 15.0
_DAY_GOAL_MB = 50.0
_PATIENCE = 600.0
_HEALTH_CHECKS_A_DAY = 48


def measure(site: Site, size: int) -> list[Figure]:
    """As many companies as the goal speaks of, or one for each fifty sessions if those are fewer."""
    count = min(max(size // _SESSIONS_EACH, 2), _COMPANIES)
    with batch_api(site, speed=0.001) as server, dagster_database(site) as (url, engine):
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench", livedash_home=site.scratch)
        make_companies(site, count)
        with dagster_instance(site, url) as instance:
            world = World("sensors", site, settings, instance, engine)
            figures = [*world.passes(size, count)]
            world.fill(count)
            figures += world.ticks(size, count)
        # A daemon takes longer to start than all the rest with a few companies.
        if site.apart:
            figures.append(_first_tick(site, settings, engine, url, size, count))
    return figures


@dataclass(frozen=True)
class World:
    """What ticks and passes work on; `bench` begins the names of their figures."""

    bench: str
    site: Site
    settings: Settings
    instance: dg.DagsterInstance
    storage: Engine

    @cached_property
    def defs(self) -> dg.Definitions:
        return build_defs(self.settings, database_url=lambda: self.site.url, environ={})

    def passes(self, size: int, count: int) -> Iterator[Figure]:
        """The first import of all, and one that finds nothing new; seconds of it, and what it writes."""
        defs = self.defs
        for name in ("first pass", "unchanged pass"):
            before, watch = self._bytes(), Stopwatch()
            with watch.running():
                config = {"ops": {"import_companies": {"config": {"all_companies": True}}}, "loggers": _QUIET}
                result = defs.resolve_job_def("import_companies").execute_in_process(
                    instance=self.instance, run_config=config
                )
            document = result.output_for_node("import_companies")
            require(document["ok"] and len(document["companies"]) == count, str(document)[:300])
            written = (self._bytes() - before) / 1e6
            yield Figure(f"{self.bench}: {name}", size, count, watch.seconds, watch.peak_mb, unit="s")
            yield Figure(
                f"{self.bench}: {name}, written", size, count, watch.seconds, watch.peak_mb, value=written, unit="MB"
            )
        before = self._bytes()
        defs.resolve_job_def("health_checks").execute_in_process(
            instance=self.instance, run_config={"loggers": _QUIET}, raise_on_error=False
        )
        checked = (self._bytes() - before) / 1e6
        day = written * 86_400 / self.settings.livedash_import_interval + checked * _HEALTH_CHECKS_A_DAY
        yield Figure(
            f"{self.bench}: unchanged day",
            size,
            count,
            watch.seconds,
            watch.peak_mb,
            value=day,
            unit="MB",
            goal=_DAY_GOAL_MB,
        )

    def _bytes(self) -> int:
        with self.storage.connect() as connection:
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())

    def fill(self, count: int) -> None:
        """Something to do for every company, whatever a sensor looks at."""
        with self.site.engine.begin() as connection:
            for statement in (_DUE, _SUBMISSIONS, _SUBMISSION_STAGES, _BATCHES, _CHAT_BATCHES, _CHATS):
                connection.execute(text(statement), {"endpoint": self._endpoint, "count": count})
        settle_down(self.site)

    @property
    def _endpoint(self) -> str:
        from livedash_pipeline.base.rules.endpoints import endpoint_of

        return endpoint_of(self.settings.openai_base_url)

    def ticks(self, size: int, count: int) -> Iterator[Figure]:
        """Seconds of a tick of each sensor, as the daemon evaluates it; not the first one, which loads what it needs."""
        for name in _TICKS:
            self.evaluate(name)
            watch = Stopwatch()
            with watch.running():
                tick = self.evaluate(name)
            runs = len(tick.run_requests or ())
            require(runs <= _MOST_RUNS, f"{runs} runs of a tick of {name}")
            yield Figure(f"{self.bench}: {name}", size, count, watch.seconds, watch.peak_mb, unit="s", goal=TICK_GOAL)

    def evaluate(self, name: str) -> Any:
        """A tick of a sensor, as the daemon evaluates it."""
        definitions = self.defs
        with (
            dg.partition_loading_context(dynamic_partitions_store=self.instance),
            dg.build_sensor_context(
                instance=self.instance, definitions=definitions, resources=dict(definitions.resources or {})
            ) as context,
        ):
            return definitions.resolve_sensor_def(name).evaluate_tick(context)


@contextmanager
def dagster_database(site: Site) -> Iterator[tuple[str, Engine]]:
    """A database for Dagster beside that of the site; removed at the end."""
    name = f"{site.engine.url.database}_dagster"
    admin = create_engine(site.engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    url = site.engine.url.set(drivername="postgresql+psycopg2", database=name)
    engine = create_engine(url)
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield url.render_as_string(hide_password=False), engine
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


@contextmanager
def dagster_instance(site: Site, url: str) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of the site, as every process of Dagster opens it."""
    home = site.scratch / "dagster"
    home.mkdir()
    shutil.copy(shipped("dagster.yaml"), home)
    before = dict(os.environ)
    os.environ.update({"LIVEDASH_DAGSTER_URL": url, "DAGSTER_HOME": str(home)})
    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    finally:
        os.environ.clear()
        os.environ.update(before)
        # For whoever else is in this process, which has instances of its own.
        if event.contains(Pool, "connect", dagster_storage.set_up):
            event.remove(Pool, "connect", dagster_storage.set_up)


def make_companies(site: Site, count: int, *, sessions: int = 1) -> None:
    """Companies with a CSV of so many sessions each, whose rows name no transcript."""
    make_company(site)
    files = site.scratch / "csv"
    files.mkdir()
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE companies SET status = 'ARCHIVED'"))
        now = database_now(connection)
        for number in range(count):
            path = files / f"{number}.csv"
            path.write_text("".join(csv_line(f"session-{number}-{place}") for place in range(sessions)))
            add_company(connection, f"company-{number:04}", CompanyChanges(csv_url=str(path)), now=now)


def _first_tick(site: Site, settings: Settings, engine: Engine, url: str, size: int, count: int) -> Figure:
    """Seconds from the daemon's start to the end of the first tick of the last sensor."""
    home = site.scratch / "dagster"
    (home / "workspace.yaml").write_text(
        "load_from:\n  - python_module:\n      module_name: livedash_pipeline.definitions\n      attribute: defs\n"
    )
    environ = clean_environ(
        site.scratch,
        DAGSTER_HOME=str(home),
        DATABASE_URL=site.url,
        LIVEDASH_DAGSTER_URL=url,
        OPENAI_BASE_URL=settings.openai_base_url,
        OPENAI_API_KEY="bench",
    )
    begun = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "livedash_pipeline.defs.daemon",
        "run",
        "--workspace",
        str(home / "workspace.yaml"),
    ]
    with (site.scratch / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environ, cwd=site.scratch, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            while _ticked(engine) < len(_TICKS):
                require(process.poll() is None, (site.scratch / "daemon.log").read_text()[-2000:])
                require(time.perf_counter() - begun < _PATIENCE, "no tick of every sensor")
                time.sleep(0.1)
            seconds = time.perf_counter() - begun
        finally:
            process.terminate()
            process.wait()
    return Figure("sensors: first ticks", size, count, seconds, peak_mb(), unit="s", goal=_FIRST_TICK_GOAL)


def _ticked(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(_TICKED)).scalar_one())


_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}
_TICKED = "SELECT count(DISTINCT selector_id) FROM job_ticks WHERE type = 'SENSOR' AND status IN ('SKIPPED', 'SUCCESS')"
_WORKING = "FROM companies WHERE status = 'ACTIVE'"
_DUE = "UPDATE companies SET next_import_at = created_at WHERE status = 'ACTIVE'"
_SUBMISSIONS = f"""
    INSERT INTO session_imports (
        company_id, external_session_id, source, start_time_raw, end_time_raw, start_time, end_time, content_hash,
        created_at, updated_at
    )
    SELECT id, 'submitted', 'api', '', '', created_at, created_at, 'x', created_at, created_at {_WORKING}
"""
_SUBMISSION_STAGES = """
    INSERT INTO session_processing_status (import_id, stage, status)
    SELECT session_imports.id, stage.name, stage.status
    FROM session_imports
    CROSS JOIN (VALUES ('TRANSCRIPT_FETCH', 'SKIPPED'), ('SESSION_CREATION', 'PENDING')) AS stage (name, status)
    WHERE session_imports.source = 'api'
"""
_BATCHES = f"""
    INSERT INTO ai_batch_requests (
        company_id, model, status, openai_status, endpoint, key_fingerprint, openai_batch_id, request_count, body_bytes,
        token_estimate, created_at, create_started_at, submitted_at, status_changed_at
    )
    SELECT
        id, 'gpt-5-mini', 'COMPLETED', 'completed', :endpoint, 'x', 'batch_' || slug, 1, 1000, 100, created_at, created_at,
        created_at, created_at
    {_WORKING}
"""
_CHAT_BATCHES = f"""
    INSERT INTO chat_batches (
        company_id, name, status, ai_provider, configuration, configuration_hash, total_items, pending_items, uploader,
        created_at, updated_at
    )
    SELECT id, slug, 'PROCESSING', 'openai', '{{}}', 'x', 1, 1, 'bench', created_at, created_at {_WORKING}
"""
_CHATS = """
    INSERT INTO chats (batch_id, item_index, source_line) SELECT id, 0, 1 FROM chat_batches
"""
