"""Opens everything that a call of the Batch API needs, for shells that bring their own database; makes no call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.steps.batches.context import (
    BatchContext,
    configured_endpoint,
    require_api_key,
    require_recoverable,
)
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.scratch import scratch_directory
from livedash_pipeline.settings import Settings


@contextmanager
def service_context(
    engine: Engine, settings: Settings, kinds: Kinds, run_id: str | None = None
) -> Iterator[BatchContext]:
    """Opens a gateway and a spool directory; both are gone after the `with` block.

    Args:
        engine: Our database.
        settings: The service's address and key.
        kinds: The kinds of request.
        run_id: Dagster's run, kept with the rows that it writes.

    Raises:
        SettingsError: There is no API key, or the service promises too little.
    """
    # The SDK takes half a second to load, and most processes that load this never call the service.
    from livedash_pipeline.services.openai.gateway import connect

    key = require_api_key(settings)
    noted = pausing(engine, configured_endpoint(settings))
    with (
        scratch_directory("spool") as spool,
        connect(settings.openai_base_url, key, on_failure=noted) as gateway,
    ):
        require_recoverable(gateway.promises, gateway.endpoint)
        yield BatchContext(engine, gateway, kinds, settings, run_id, spool_dir=spool)
