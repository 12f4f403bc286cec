"""Foresees a claim: what it would take, what the spending cap keeps from it, and how much a model's queue takes.

Locks and changes nothing. Add what a preview has to know. `ledger.store.batches.claims` makes the claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, select

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_admissions
from livedash_pipeline.ledger.rules.admission.admission import Budget, CappedRequests, PendingGroup
from livedash_pipeline.ledger.store.admission.model_parameters import output_maximum
from livedash_pipeline.ledger.store.batches.claims import reservation


@dataclass(frozen=True)
class ForeseenClaim:
    """The sums of what would be claimed of one company and model, over as many batches as needed; euro None where unknown."""

    requests: int
    body_bytes: int
    token_estimate: int
    reserved_eur: Decimal | None


def learned_token_limit(connection: Connection, endpoint: str, model: str) -> int | None:
    """Returns the token limit of a model's queue that the service's refusals have shown; None without one."""
    query = select(ai_admissions.c.learned_token_limit).filter_by(endpoint=endpoint, model=model)
    limit: int | None = connection.execute(query).scalar_one_or_none()
    return limit


def foresee_claim(
    connection: Connection,
    group: PendingGroup,
    *,
    prompt_version: str,
    max_bytes: int,
    max_request_tokens: int,
    max_tokens: int | None,
    max_request_eur: Decimal | None,
    budget: Budget,
) -> ForeseenClaim:
    """Returns what claims of a group would take, within the tokens and the money that are left."""
    row = connection.execute(
        statement("ledger/preview_claim"),
        {
            "company_id": group.company_id,
            "model": group.model,
            "processing_type": group.processing_type,
            "prompt_version": prompt_version,
            "max_output_tokens": output_maximum(connection, group.model),
            "max_bytes": max_bytes,
            "max_request_tokens": max_request_tokens,
            "max_tokens": max_tokens,
            "max_eur": budget.left,
            "max_request_eur": max_request_eur,
            **reservation(budget),
        },
    ).one()
    return ForeseenClaim(
        row.requests, int(row.body_bytes), int(row.token_estimate), row.reserved_eur if row.requests else Decimal(0)
    )


def capped_requests(
    connection: Connection, group: PendingGroup, *, prompt_version: str, budget: Budget, cap: Decimal
) -> CappedRequests:
    """Prices the claimable requests of a group against a spending cap."""
    row = connection.execute(
        statement("ledger/find_capped_requests"),
        {
            "company_id": group.company_id,
            "model": group.model,
            "processing_type": group.processing_type,
            "prompt_version": prompt_version,
            "max_output_tokens": output_maximum(connection, group.model),
            **reservation(budget),
            "cap": cap,
        },
    ).one()
    return CappedRequests(row.above, row.highest, row.first_within)
