"""What a submit does to unclaimed requests before it claims: what cannot be asked any more ends, what is outdated is rewritten.

Add what has to be true of a request directly before it is claimed. New requests are made by `analysis.steps.build_requests`
alone.
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
    # First what has lost its input, which else would count as a subject without any.
    drop_lost_inputs(context, kind, company.id, company.slug)
    kind.bring_up_to_date(
        context.engine,
        company,
        default_model=context.settings.openai_model,
        count_tokens=context.count_tokens,
        clock=context.now,
    )
