"""The context of the steps around the Batch API: database, endpoint, settings, a place for files, and clocks.

Add everything that a test or a simulation replaces.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.endpoints import endpoint_of, key_fingerprint
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.service.gateway import BatchGateway, Promises
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.settings import Settings


@dataclass(frozen=True)
class BatchContext:
    """Everything that the steps `submit`, `poll` and `ingest` work with.

    Attributes:
        engine: Our database.
        gateway: The Batch API.
        kinds: The kinds of request.
        settings: All settings.
        run_id: Dagster's run, kept with the rows that it writes.
        now: The clock; in production the database's.
        spool_dir: The directory of input and result files under way.
        count_tokens: The tokenizer, for requests that are rewritten before they are claimed.
        new_nonce: Makes the name of one create, which nobody can guess.
        sleep: Waits so many seconds between the looks that follow a create without an answer.
    """

    engine: Engine
    gateway: BatchGateway
    kinds: Kinds
    settings: Settings
    run_id: str | None = None
    now: Callable[[Connection], datetime] = database_now
    spool_dir: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    count_tokens: Callable[[str], int] = count_tokens
    new_nonce: Callable[[], str] = lambda: uuid4().hex
    sleep: Callable[[float], None] = time.sleep

    @property
    def endpoint(self) -> str:
        """Host and path of the service, as batches record it."""
        return self.gateway.endpoint

    @property
    def key_fingerprint(self) -> str:
        """Names the API key without giving it away."""
        return key_fingerprint(require_api_key(self.settings))


def require_api_key(settings: Settings) -> str:
    """The API key.

    Raises:
        SettingsError: There is none.
    """
    if not settings.openai_api_key:
        raise SettingsError(
            "OPENAI_API_KEY is not set.",
            remedy="Set it to a key of the service at OPENAI_BASE_URL; for development start `livedash batch-api`.",
        )
    return settings.openai_api_key


def require_recoverable(promises: Promises, endpoint: str) -> None:
    """Refuses a service that could make a batch which this program can neither find nor rule out.

    Raises:
        SettingsError: The service is such a one; the message says what it promises and what is needed.
    """
    if not promises.can_be_recovered:
        raise SettingsError(
            f"{endpoint} finds a lost batch by its {promises.identity} and fences a late create by its {promises.fence}; this "
            "program needs a tag that the listing shows, and the input file as the fence.",
            remedy="Set OPENAI_BASE_URL to a service that speaks OpenAI's Batch API.",
        )


def configured_endpoint(settings: Settings) -> str:
    """Returns host and path of the service that the settings name."""
    return endpoint_of(settings.openai_base_url)
