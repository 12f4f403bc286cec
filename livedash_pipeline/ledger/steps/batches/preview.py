"""Foresees what a submit would send and cost, without a key, a call, a lock or a change.

It goes through the groups in the order in which a submit takes turns; each group takes its share from what is left. Where several
groups of many batches share a token limit, a submit may divide it differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.admission.admission import PendingGroup
from livedash_pipeline.ledger.rules.admission.limits import MAX_FILE_BYTES, MAX_LINES, MAX_REQUEST_TOKENS
from livedash_pipeline.ledger.rules.admission.nothing_sent import Standing, why_nothing_is_sent
from livedash_pipeline.ledger.steps.admission.spending import (
    binding_caps,
    cap_reasons,
    foreseen_budget,
    purchases_to_come,
    require_payable,
)
from livedash_pipeline.ledger.steps.recovery.standing import read_standing
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.batches.previews import ForeseenClaim, foresee_claim, learned_token_limit
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.money.rules.caps import largest_purchase
from livedash_pipeline.money.rules.pricing import known_sum
from livedash_pipeline.settings import Settings


@dataclass
class _Preview:
    """A preview under way: the rest of shared limits, and the claims and reasons so far."""

    connection: Connection
    settings: Settings
    kinds: Kinds
    endpoint: str
    now: datetime
    free: dict[str, int | None] = field(default_factory=dict)
    spent: dict[UUID, Decimal] = field(default_factory=dict)
    claims: list[ForeseenClaim] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def preview_submit(
    engine: Engine,
    settings: Settings,
    kinds: Kinds,
    *,
    endpoint: str,
    key_fingerprint: str | None = None,
    company_id: UUID | None = None,
    unhold: bool = False,
) -> Document:
    """Returns the document that a submit by hand would give now, with tokens and the reasons for what is held back.

    Args:
        engine: Our database.
        settings: Limits, cap and fallback rate.
        kinds: The kinds of request.
        endpoint: The service that it would go to.
        key_fingerprint: The key; without one, holds that end with a change of key do not count.
        company_id: Only this company's requests.
        unhold: As if all holds of the endpoint had ended.

    Raises:
        SettingsError: The spending cap is below the price of one request.
    """
    with engine.connect() as connection:
        preview = _Preview(connection, settings, kinds, endpoint, database_now(connection))
        groups = claims.pending_groups(connection, company_id)
        require_payable(
            connection, settings, purchases_to_come(connection, settings, kinds, groups, company_id), now=preview.now
        )
        in_force = [] if unhold else _holds(preview, key_fingerprint or "")
        preview.held += map(str, in_force)
        for group in _free_of(in_force, admission.take_turns(groups)):
            _foresee(preview, group)
        standing = read_standing(connection, kinds, endpoint=endpoint, company_id=company_id, now=preview.now)
        awaiting = claims.awaiting_recovery(connection, endpoint)
        connection.rollback()
    return _document(preview, standing, awaiting)


def _holds(preview: _Preview, fingerprint: str) -> list[holds.Hold]:
    return holds.holds_in_force(preview.connection, preview.endpoint, key_fingerprint=fingerprint, now=preview.now)


def _free_of(in_force: Iterable[holds.Hold], groups: Iterable[PendingGroup]) -> list[PendingGroup]:
    held_models = {hold.model for hold in in_force}
    return [group for group in groups if not held_models & {None, group.model}]


def _foresee(preview: _Preview, group: PendingGroup) -> None:
    settings = preview.settings
    caps = binding_caps(preview.connection, settings, group.company_id)
    budget = foreseen_budget(preview.connection, settings, group, now=preview.now, caps=caps, taken=preview.spent)
    if budget is None:
        preview.held.append(admission.unpriced_reason(group))
        return
    free = _free_tokens(preview, group.model)
    longest = settings.enqueued_token_limit(group.model) or MAX_REQUEST_TOKENS
    claim = foresee_claim(
        preview.connection,
        group,
        prompt_version=preview.kinds[group.processing_type].version(),
        max_bytes=MAX_FILE_BYTES,
        max_request_tokens=min(MAX_REQUEST_TOKENS, longest),
        max_tokens=free,
        max_request_eur=largest_purchase(caps),
        budget=budget,
    )
    preview.held += cap_reasons(preview.connection, preview.kinds[group.processing_type], group, budget, caps)
    if claim.requests < group.requests:
        preview.held.append(
            f"{group.requests - claim.requests} of {group.requests} requests of {group.company} for {group.model} stay: "
            "they exceed the tokens or the money that is left, are too long, or wait for their current transcript"
        )
    if claim.requests:
        preview.claims.append(claim)
        preview.free[group.model] = None if free is None else free - claim.token_estimate
        taken = preview.spent.get(group.company_id, Decimal(0))
        preview.spent[group.company_id] = taken + (claim.reserved_eur or Decimal(0))


def _free_tokens(preview: _Preview, model: str) -> int | None:
    if model not in preview.free:
        preview.free[model] = admission.free_tokens(
            preview.settings.enqueued_token_limit(model),
            learned_token_limit(preview.connection, preview.endpoint, model),
            claims.enqueued_tokens(preview.connection, preview.endpoint, model),
        )
    return preview.free[model]


def _document(preview: _Preview, standing: Standing, awaiting: tuple[int, datetime | None]) -> Document:
    reserved = [claim.reserved_eur for claim in preview.claims]
    return {
        "ok": True,
        "batches": sum(map(_batches_of, preview.claims)),
        "requests": sum(claim.requests for claim in preview.claims),
        "estimatedCostEur": money(known_sum(reserved)),
        "recovered": 0,
        "awaitingRecovery": awaiting[0],
        "nextRecoveryAt": moment(awaiting[1]),
        "unansweredBatches": 0,
        "unansweredRequests": 0,
        "held": preview.held,
        "why": [] if preview.claims or preview.held else why_nothing_is_sent(standing),
        "tokens": sum(claim.token_estimate for claim in preview.claims),
        "dryRun": True,
    }


def _batches_of(claim: ForeseenClaim) -> int:
    return max(-(-claim.requests // MAX_LINES), -(-claim.body_bytes // MAX_FILE_BYTES))
