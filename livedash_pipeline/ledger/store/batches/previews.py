"""Reads that foresee a claim: what it would take, what the cap keeps from it, and what a model's queue is known to hold.

Nothing is locked or changed. Add what a preview has to know. The claim itself is in `ledger.store.batches.claims`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, func, select

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_admissions, ai_processing_requests, sessions
from livedash_pipeline.ledger.rules.admission.admission import Budget, CappedRequests, PendingGroup


@dataclass(frozen=True)
class ForeseenClaim:
    """What would be claimed of one company and model, over as many batches as it takes."""

    requests: int
    body_bytes: int
    token_estimate: int
    reserved_eur: Decimal


def learned_token_limit(connection: Connection, endpoint: str, model: str) -> int | None:
    """What the service's refusals have taught about a model's queue; None where nothing."""
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
    """What claims of a group would take, within the tokens and the money that are left."""
    row = connection.execute(
        statement("ledger/preview_claim"),
        {
            "company_id": group.company_id,
            "model": group.model,
            "prompt_version": prompt_version,
            "max_bytes": max_bytes,
            "max_request_tokens": max_request_tokens,
            "max_tokens": max_tokens,
            "max_eur": budget.left,
            "max_request_eur": max_request_eur,
            "eur_per_input_token": budget.eur_per_input_token,
            "eur_per_output_token": budget.eur_per_output_token,
        },
    ).one()
    return ForeseenClaim(row.requests, int(row.body_bytes), int(row.token_estimate), Decimal(row.reserved_eur))


def capped_requests(
    connection: Connection, group: PendingGroup, *, prompt_version: str, budget: Budget, cap: Decimal
) -> CappedRequests:
    """What a claim of a group could take next, priced against a spending cap."""
    requests = ai_processing_requests.c
    price = (
        requests.token_estimate * budget.eur_per_input_token + requests.max_output_tokens * budget.eur_per_output_token
    )
    ready = (
        select(requests.id, price.label("price"))
        .join(sessions, sessions.c.id == requests.session_id)
        .where(requests.company_id == group.company_id, requests.model == group.model)
        .where(requests.processing_status == RequestStatus.PENDING_BATCHING, requests.prompt_version == prompt_version)
        .where(requests.transcript_hash == sessions.c.transcript_hash, sessions.c.stale.is_(False))
    ).cte("ready")
    first = select(ready.c.price).where(ready.c.price <= cap).order_by(ready.c.id).limit(1).scalar_subquery()
    above = ready.c.price > cap
    query = select(func.count().filter(above), func.max(ready.c.price).filter(above), first).select_from(ready)
    return CappedRequests(*connection.execute(query).one())
