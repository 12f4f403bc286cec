"""Figures of the pipeline for monitoring: requests, batches, waiting time and money.

Add a figure that monitoring should record over time. `ledger.steps.batches.requests` answers people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.states import BatchStatus, RequestStatus
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.store.batches import listing, requests
from livedash_pipeline.overview.store.spending import company_spending


@dataclass(frozen=True)
class Money:
    """Euro of a company: spent since the month began (UTC), reserved for what has an unknown cost, and for what is under way."""

    spent: Decimal
    unknown: Decimal
    in_flight: Decimal


@dataclass(frozen=True)
class PipelineFigures:
    """The figures of the pipeline at one moment.

    Attributes:
        requests: Requests per status, zero included.
        batches: Batches per status, zero included.
        oldest_pending_seconds: How long the longest-waiting request has waited; 0 without any.
        money: Per company's slug; companies without any are absent.
    """

    requests: Mapping[RequestStatus, int]
    batches: Mapping[BatchStatus, int]
    oldest_pending_seconds: float
    money: Mapping[str, Money]


def read_figures(engine: Engine) -> PipelineFigures:
    """Reads the figures at this moment, over all companies."""
    with engine.connect() as connection:
        now = database_now(connection)
        oldest = requests.oldest_pending(connection)
        return PipelineFigures(
            requests.count_by_status(connection),
            listing.count_by_status(connection),
            0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
            money_of_month(connection, now),
        )


def money_of_month(connection: Connection, now: datetime) -> Mapping[str, Money]:
    """Returns the money of each company in the month (UTC) of a moment; companies without any are absent."""
    found = company_spending(connection, now=now, company_id=None)
    return {
        each.company: Money(each.month.known, each.month.open, each.month.in_flight)
        for each in found
        if each.has_entries
    }
