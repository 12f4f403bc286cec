"""What routes work with: settings, the database, limits, metrics. One per process, made by `api.app.create_app`.

Add what several routes need and a test replaces. A request's own things (its caller, its audit entry) are in `api.guard`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock, Semaphore
from typing import cast

from fastapi import Request
from sqlalchemy import Engine

from livedash_pipeline.api.http.kept import KeptAnswers
from livedash_pipeline.api.http.limits import TokenBuckets
from livedash_pipeline.api.http.looks import RecentLooks
from livedash_pipeline.api.http.recent import RecentAnswers
from livedash_pipeline.api.metrics import Metrics
from livedash_pipeline.services.openai.webhooks import WebhookReader
from livedash_pipeline.settings import Settings

# Refused calls are written to the audit log, so a flood of them is met without the database: 429 and no line. No setting lifts
# this, since the log could then be filled by anybody without a token.
_REFUSALS_A_SECOND = 0.5
_REFUSALS_AT_ONCE = 30
# Each holds a thread for as long as it lasts, and its workers take turns at the connections; others are left to the sensor.
_SLICES_AT_ONCE = 2
# A file of 50 MB takes seconds of a core and a multiple of its size in memory.
_UPLOADS_AT_ONCE = 2


@dataclass(frozen=True)
class Services:
    """What routes work with.

    Attributes:
        settings: All settings.
        engine: Our database, with a bounded pool and a time-out for statements.
        token_key: Under which tokens are hashed.
        metrics: What `/metrics` shows.
        webhooks: Verifies webhooks; None without OPENAI_WEBHOOK_SECRET.
        monotonic: The clock of limits and of answers that are kept for a moment.
        per_token: Requests of one token.
        per_address: Requests from one address.
        refusals: Calls from one address that were refused for want of a token or a right.
        recent: Answers that are kept for a moment.
        looks: Who has just looked at which texts.
        environ: Where the keys of chat providers are, by the names of their variables.
        slices: Slices of chat batches that this process works on at once.
        uploads: Files of questions that this process reads at once.
        reconciling: Held while a reconcile runs in this process.
        kept: Answers for pages, which are computed beside them.
        patient: Our database for that, with a time-out for statements that gives them minutes.
        now: The time of day, for "3 minutes ago".
    """

    settings: Settings
    engine: Engine
    token_key: bytes
    metrics: Metrics
    webhooks: WebhookReader | None
    monotonic: Callable[[], float]
    per_token: TokenBuckets
    per_address: TokenBuckets
    refusals: TokenBuckets
    recent: RecentAnswers
    looks: RecentLooks
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    slices: Semaphore = field(default_factory=lambda: Semaphore(_SLICES_AT_ONCE))
    uploads: Semaphore = field(default_factory=lambda: Semaphore(_UPLOADS_AT_ONCE))
    reconciling: Lock = field(default_factory=Lock)
    kept: KeptAnswers = field(default_factory=KeptAnswers)
    patient: Engine = field(repr=False, kw_only=True)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def make_services(
    settings: Settings,
    engine: Engine,
    *,
    token_key: bytes,
    metrics: Metrics,
    webhooks: WebhookReader | None,
    monotonic: Callable[[], float] = time.monotonic,
    environ: Mapping[str, str] | None = None,
    patient: Engine | None = None,
) -> Services:
    """Services with the limits of the settings."""
    per_token, per_address = settings.livedash_token_rate, settings.livedash_address_rate
    return Services(
        settings,
        engine,
        token_key,
        metrics,
        webhooks,
        monotonic,
        per_token=TokenBuckets(per_token, 2 * per_token, clock=monotonic),
        per_address=TokenBuckets(per_address, 2 * per_address, clock=monotonic),
        refusals=TokenBuckets(_REFUSALS_A_SECOND, _REFUSALS_AT_ONCE, clock=monotonic),
        recent=RecentAnswers(monotonic),
        looks=RecentLooks(monotonic),
        environ=environ or {},
        patient=patient or engine,
    )


def services_of(request: Request) -> Services:
    """The services of the application that a request came to."""
    return cast(Services, request.app.state.services)
