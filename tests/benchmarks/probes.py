"""What is asked of a large database: every read that should not take longer because there is more to read.

Add a read that somebody waits for. A probe is called in a transaction that is rolled back; `bench_large` times it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.rules.admission.admission import Budget
from livedash_pipeline.ledger.rules.admission.limits import MAX_FILE_BYTES
from livedash_pipeline.ledger.store.admission.committed import rooms_under
from livedash_pipeline.ledger.store.batches import listing, request_history
from livedash_pipeline.ledger.store.batches.claims import ClaimLimits, claim_batch, pending_groups
from livedash_pipeline.ledger.store.batches.requests import count_by_status
from livedash_pipeline.ledger.store.costs.entries import batch_costs
from livedash_pipeline.money.rules.caps import Cap, Period, Scope
from livedash_pipeline.overview.rules import spend as spend_rules
from livedash_pipeline.overview.rules.results import Period as ResultPeriod
from livedash_pipeline.overview.rules.spend import Days, Dimension
from livedash_pipeline.overview.steps.checks import CHECKS
from livedash_pipeline.overview.store import company_pages, results, row_counts, spend, spending
from livedash_pipeline.settings import Settings
from tests.benchmarks.data import BATCH, MODEL
from tests.benchmarks.site import require

PAGE = 100
_CAPS = tuple(
    Cap(scope, period, Decimal(10**6), "bench") for scope in (Scope.COMPANY, Scope.TOTAL) for period in Period
)
# Places all over the list, found once: what is timed is the page.
_PLACES = text("""
    SELECT id FROM ai_processing_requests TABLESAMPLE SYSTEM (1) WHERE processing_status = :status LIMIT 50
""")


@dataclass(frozen=True)
class Probe:
    """A read, and its name in the table."""

    name: str
    ask: Callable[[Connection], object]


def probes(connection: Connection, company: Company) -> list[Probe]:
    """All of them; places of pages are drawn now."""
    now, settings = database_now(connection), Settings()
    return [
        *_of_requests(connection, company),
        Probe("status", lambda connection: stages.pipeline_status(connection)),
        Probe("status of a company", lambda connection: stages.pipeline_status(connection, company.id)),
        Probe("all sessions done", lambda connection: stages.all_sessions_settled(connection)),
        Probe("all sessions of a company done", lambda connection: stages.all_sessions_settled(connection, company.id)),
        *_of_money(company, now),
        Probe("results of a month", partial(_results, company=company, now=now)),
        Probe("sessions per company", company_pages.session_counts),
        *(
            Probe(f"rows of {table}", partial(row_counts.count_company_rows, table=table, company_id=company.id))
            for table in row_counts.COUNTED
        ),
        *(Probe(f"check {check.name}", partial(_check, look=check.look, settings=settings)) for check in CHECKS),
    ]


def _check(connection: Connection, look: Callable[[Connection, Settings], object], settings: Settings) -> object:
    return look(connection, settings)


def _of_requests(connection: Connection, company: Company) -> Iterator[Probe]:
    yield Probe("summary, counted anew", count_by_status)
    yield Probe("summary of a company, counted anew", partial(count_by_status, company_id=company.id))
    for status in (RequestStatus.PENDING_BATCHING, RequestStatus.PROCESSING_COMPLETE):
        places = list(connection.execute(_PLACES, {"status": status}).scalars())
        yield Probe(f"page of requests, {status.lower()}", partial(_page, status=status, places=places))
    yield Probe("pending groups", pending_groups)
    yield Probe("claim of a batch", partial(_claim, company=company))


def _page(connection: Connection, status: RequestStatus, places: list[UUID]) -> object:
    after = random.choice(places) if places else None
    return request_history.read_requests(connection, status=status, after_id=after, limit=PAGE)


def _claim(connection: Connection, company: Company) -> object:
    groups = [group for group in pending_groups(connection, company.id) if group.company_id == company.id]
    claim = claim_batch(
        connection,
        groups[0],
        ClaimLimits(BATCH, MAX_FILE_BYTES, None, Budget(None)),
        endpoint="bench",
        key_fingerprint="bench",
        kind=SESSION_ANALYSIS,
        lease=900,
        now=database_now(connection),
        dagster_run_id=None,
    )
    require(claim is not None, "nothing was claimed")
    return claim


def _of_money(company: Company, now: datetime) -> Iterator[Probe]:
    # Of the month before, which is over: everything since its first day counts.
    before = now - timedelta(days=now.day)
    month = Days((now - timedelta(days=30)).date(), now.date())
    always = Days((now - timedelta(days=400)).date(), now.date())
    yield Probe("caps of a claim", lambda connection: rooms_under(connection, company.id, _CAPS, now=before))
    yield Probe(
        "caps of a company alone", lambda connection: rooms_under(connection, company.id, _CAPS[:2], now=before)
    )
    yield Probe("caps", lambda connection: spending.company_spending(connection, now=before, company_id=None))
    yield Probe("spend of 30 days", partial(_spend, days=month, by=(Dimension.DAY,), now=now))
    yield Probe("spend of all time", partial(_spend, days=always, by=(Dimension.MONTH, Dimension.MODEL), now=now))
    yield Probe("billed days", lambda connection: spend.billed_days(connection, month.first, month.last))
    yield Probe("page of batches, with costs", _batches)


def _spend(connection: Connection, days: Days, by: tuple[Dimension, ...], now: datetime) -> object:
    found = spend.read_spend(connection, days, by, now=now)
    require(spend_rules.sum_of(row.spend for row in found).usd > 0, "nothing was spent")
    return found


def _batches(connection: Connection) -> object:
    page = listing.list_batches(connection, limit=50)
    costs = batch_costs(connection, [batch.id for batch in page])
    require(len(costs) > 0, f"no batch of {MODEL} has a cost")
    return costs


def _results(connection: Connection, company: Company, now: datetime) -> object:
    period = ResultPeriod((now - timedelta(days=30)).date(), now.date())
    return results.sum_period(connection, period, company_id=company.id)
