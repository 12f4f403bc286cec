"""Prepares unclaimed requests for a claim: ends those that can no longer be asked, and rewrites outdated ones.

Add conditions that a request has to meet directly before its claim. Only `analysis.steps.build_requests` makes new requests.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.batches.request_kind import RequestKind
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


def drop_lost_inputs(context: BatchContext, kind: RequestKind, company_id: UUID, company: str) -> None:
    """Ends requests whose input was deleted, or has become outdated, since they were built."""

    def work(connection: Connection) -> tuple[int, int]:
        return kind.drop_lost_inputs(connection, company_id, now=context.now(connection))

    deleted, outdated = in_transaction(context.engine, work)
    if deleted or outdated:
        log.warning("inputs lost", company=company, deleted=deleted, outdated=outdated)


def use_kept_answers(context: BatchContext, kind: RequestKind, company_id: UUID, company: str) -> None:
    """Completes requests whose answer was paid for and can be read, so that it is not bought again."""
    taken = kind.take_kept_answers(context.engine, company_id)
    if taken:
        log.info("kept answers used", company=company, requests=taken)


def bring_up_to_date(context: BatchContext, kind: RequestKind, company: Company) -> None:
    """Gives a company's unclaimed requests its present model and prompt."""
    # First, since the rewrite would take a subject whose input was deleted for one that never had any.
    drop_lost_inputs(context, kind, company.id, company.slug)
    kind.bring_up_to_date(
        context.engine,
        company,
        default_model=context.settings.openai_model,
        count_tokens=context.count_tokens,
        clock=context.now,
    )
