"""The resources of assets, jobs and sensors: the database, the Batch API, and the sources.

Each is a plain object that opens nothing until it is used, so that definitions load without a database, a key or a network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import dagster as dg
from sqlalchemy import Engine

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.revisions import check_current
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.service_context import service_context
from livedash_pipeline.settings import Settings


class Postgres:
    """Our database. It finds its address at the first use, since the embedded server may have to be started."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    @contextmanager
    def engine(self, *, statement_timeout: float | None = None, answer_timeout: int | None = None) -> Iterator[Engine]:
        """An engine on the migrated database, closed afterwards.

        Args:
            statement_timeout: Seconds after which Postgres ends a statement; None for none.
            answer_timeout: Seconds after which a server that does not answer is given up; None for the usual ones.

        Raises:
            DatabaseNotReadyError: Unreachable, not migrated, or newer than this program.
        """
        engine = make_engine(self._address(), statement_timeout=statement_timeout, answer_timeout=answer_timeout)
        try:
            check_current(engine)
            yield engine
        finally:
            engine.dispose()


class OpenAIBatch:
    """The Batch API that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def endpoint(self) -> str:
        """Host and path, as batches record it."""
        return endpoint_of(self.settings.openai_base_url)

    def context(self, engine: Engine, run_id: str | None) -> AbstractContextManager[BatchContext]:
        """Opens everything that submit, poll and ingest need, with a spool directory of its own.

        Raises:
            SettingsError: There is no API key.
        """
        return service_context(engine, self.settings, KINDS, run_id)


@contextmanager
def batch_run(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, postgres: Postgres, openai_batch: OpenAIBatch
) -> Iterator[BatchContext]:
    """What a run around the Batch API works with, once the run has said which process it is."""
    with (
        identified_run(context, postgres) as run_id,
        postgres.engine() as engine,
        openai_batch.context(engine, run_id) as batch_context,
    ):
        yield batch_context


class HttpSource:
    """Where CSVs and transcripts are fetched: the environment holds the credentials that companies name."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self.settings = settings
        self.environ = environ
