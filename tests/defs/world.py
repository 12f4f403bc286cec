"""A company's source, a Batch API and a database, around the real definitions: what tests of Dagster's parts run in.

Jobs run in this process on an ephemeral instance; sensors are evaluated as the daemon evaluates them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.names import PARTITIONS
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.sample_data.files import GeneratedSource
from livedash_pipeline.local.sample_data.generate import SampleCompany
from livedash_pipeline.local.sample_data.source_server import RunningSource, running_source
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.settings import Settings
from tests.conftest import kept_engine
from tests.support.prices import have_prices

SLUG = "acme"
SESSIONS = 6


@dataclass
class World:
    """Everything that a job or a sensor touches."""

    engine: Engine
    database_url: str
    source: RunningSource
    service: RunningServer
    settings: Settings
    instance: dg.DagsterInstance

    _built: tuple[Settings, dg.Definitions] | None = None

    @property
    def defs(self) -> dg.Definitions:
        """The definitions with the present settings; a process builds them once, and so does a world until they change."""
        if self._built is None or self._built[0] is not self.settings:
            built = build_defs(self.settings, database_url=lambda: self.database_url, environ={})
            self._built = (self.settings, built)
        return self._built[1]

    def change(self, **settings: Any) -> None:
        """Other settings from now on."""
        self.settings = self.settings.model_copy(update=settings)

    def add_company(self, slug: str) -> None:
        """A company that publishes a few sessions."""
        self.publish(slug, SESSIONS)
        with self.engine.begin() as connection:
            changes = CompanyChanges(csv_url=self.source.csv_url(slug), time_zone="Europe/Berlin")
            add_company(connection, slug, changes, now=database_now(connection))
        self.instance.add_dynamic_partitions(PARTITIONS, [slug])

    def publish(self, slug: str, sessions: int) -> None:
        """The first so many sessions of a company become its CSV."""
        company = SampleCompany(slug, slug, "Europe/Berlin", (("en", 1),))
        self.source.publish(GeneratedSource(company, sessions, seed=1))

    def run(
        self, job: str, partition: str | None = None, *, ops: Mapping[str, Any] | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Runs a job to its end."""
        run_config = {"ops": {step: {"config": config} for step, config in (ops or {}).items()}}
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=partition, run_config=run_config, **options
        )

    def answer(self, job: str, **config: Any) -> dict[str, Any]:
        """The document of an op job."""
        document: dict[str, Any] = self.run(job, ops={job: config} if config else None).output_for_node(job)
        return document

    def tick(self, sensor: str, cursor: str | None = None) -> Any:
        """Evaluates a sensor as the daemon does."""
        definitions = self.defs
        with (
            dg.partition_loading_context(dynamic_partitions_store=self.instance),
            dg.build_sensor_context(
                instance=self.instance,
                cursor=cursor,
                definitions=definitions,
                resources=dict(definitions.resources or {}),
            ) as context,
        ):
            return definitions.resolve_sensor_def(sensor).evaluate_tick(context)

    def follow(self, requests: Any, job: str = "") -> list[dg.ExecuteInProcessResult]:
        """Runs what a sensor asked for; `job` is the sensor's own, where it has one only."""
        return [
            self.run(request.job_name or job, request.partition_key, tags=dict(request.tags), raise_on_error=False)
            for request in requests
        ]

    def flow(self) -> None:
        """The company's sessions, analysed."""
        self.run("import_sessions", SLUG)
        self.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
        for _ in range(6):
            if not self.answer("poll_batches")["open"]:
                break
        self.run("ingest_results", SLUG)

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Runs one statement; returns the rows it has."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []


@contextmanager
def made_world(database_url: str, directory: Path) -> Iterator[World]:
    """A world with one company that publishes a few sessions, on a migrated database."""
    with (
        kept_engine(database_url) as engine,
        running_source() as source,
        running_server(directory / "batch-api", speed=0, api_keys=["test-key"]) as service,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        settings = Settings(openai_base_url=service.base_url, openai_api_key="test-key", livedash_home=directory)
        world = World(engine, database_url, source, service, settings, instance)
        with engine.begin() as connection:
            now = database_now(connection)
            have_prices(connection, now=now)
            set_rate(connection, now.date(), Decimal("0.9"), "test", now)
        world.add_company(SLUG)
        yield world
