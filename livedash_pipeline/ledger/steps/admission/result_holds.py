"""Places holds at a settlement, where the service refused a whole batch or its lines for a cause that concerns others too.

Add a refusal that keeps others waiting. The rules are in `ledger.rules.admission.admission` and
`ledger.rules.admission.shared_refusal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.admission.admission import HoldRule
from livedash_pipeline.ledger.rules.admission.shared_refusal import Refusals, describe_shared, shared_refusal
from livedash_pipeline.ledger.rules.results.judgement import validation_verdict
from livedash_pipeline.ledger.rules.results.result_lines import hold_code
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import FailureKind, ValidationClass, classify_validation
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.results import finished
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

_VALIDATION_HOLDS = {
    ValidationClass.TOKEN_LIMIT: admission.TOKEN_LIMIT_HOLD,
    ValidationClass.MODEL: admission.hold_rule(FailureKind.MODEL_NOT_FOUND),
    ValidationClass.BILLING: admission.hold_rule(FailureKind.BILLING),
}


def hold_after(
    context: BatchContext,
    connection: Connection,
    batch: BatchToIngest,
    hold_codes: Mapping[FailureKind, str],
    *,
    now: datetime,
) -> None:
    """Holds what the service has just refused, for the key that made the batch."""
    causes = [(admission.hold_rule(kind), str(kind), message) for kind, message in hold_codes.items()]
    if batch.end is EndWord.FAILED:
        causes += _validation_causes(batch)
    for rule, reason, message in causes:
        if rule is admission.TOKEN_LIMIT_HOLD:
            limit = admission.learned_limit(message, batch.token_estimate)
            holds.lock_admission(connection, context.endpoint, batch.model, now=now)
            holds.learn_limit(connection, context.endpoint, batch.model, limit=limit, now=now)
        holds.place_hold(
            connection,
            endpoint=context.endpoint,
            model=batch.model,
            rule=rule,
            reason=reason,
            message=message[:500],
            key_fingerprint=batch.key_fingerprint,
            now=now,
        )


def _validation_causes(batch: BatchToIngest) -> list[tuple[HoldRule, str, str]]:
    """The hold that a failed validation asks for, with the words of the deciding entry."""
    verdict = validation_verdict(batch.errors)
    rule = _VALIDATION_HOLDS.get(verdict)
    if rule is None:
        return []
    error = next(error for error in batch.errors if classify_validation(error) is verdict)
    code = error.code or verdict.value
    if verdict is ValidationClass.BILLING:
        rule = admission.hold_rule(hold_code(code) or FailureKind.BILLING)
    return [(rule, code, error.message or f"Batch {batch.remote_batch_id} was refused.")]


def release_shared_refusal(connection: Connection, requests: int) -> Refusals | None:
    """Turns staged refusals into uncounted releases where one cause refused nearly the whole batch; returns that cause.

    Such a cause, for example a parameter that the model does not take, is not the fault of any request.
    """
    found = shared_refusal(requests, finished.scratch_refusals(connection))
    if found is not None:
        finished.release_refused(connection, found.said)
    return found


def hold_refused_model(
    context: BatchContext, connection: Connection, batch: BatchToIngest, found: Refusals | None, *, now: datetime
) -> None:
    """Holds the model until a person has set what the service refuses."""
    if found is None:
        return
    message = describe_shared(found, batch.request_count, batch.model)
    log.error("batch refused for one cause", batch_id=str(batch.id), model=batch.model, code=found.code)
    holds.place_hold(
        connection,
        endpoint=context.endpoint,
        model=batch.model,
        rule=admission.hold_rule(FailureKind.MODEL_NOT_FOUND),
        reason=found.code or "refused",
        message=message,
        key_fingerprint=batch.key_fingerprint,
        now=now,
    )
