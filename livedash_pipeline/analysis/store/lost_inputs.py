"""Pending requests that must not be asked, since the messages that they name are gone or old: they end before anything is bought.

Add a way in which an input can be lost. Requests that no batch can hold are `ledger.store.batches.claims.fail_oversized`, and
those whose session has no message at all `ledger.store.batches.requests.close_requests_without_messages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.analysis.store.answers import fail_stages
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.ledger.store.batches.requests import fail_pending

INPUT_ERASED = "The messages that it would ask about were deleted, by age or on request."
INPUT_OUTDATED = "A stage before the analysis has failed since; a new request is made once that is over."
INPUT_CHANGED = "The messages of the session are not those that the request names, and nothing newer takes their place."


def fail_deleted_inputs(connection: Connection, company_id: UUID, *, now: datetime) -> int:
    """Fails a company's pending requests about messages that were deleted (`input_erased`); returns how many."""
    found = connection.execute(statement("analysis/find_requests_without_texts"), {"company_id": company_id})
    return _fail(connection, dict.fromkeys(found.scalars(), INPUT_ERASED), "input_erased", now)


def fail_changed_inputs(
    connection: Connection, request_ids: Sequence[UUID], *, prompt_version: str, now: datetime
) -> int:
    """Fails those of some requests whose input cannot be rebuilt and would be claimed again as it is (`input_changed`)."""
    values = {"request_ids": list(request_ids), "prompt_version": prompt_version}
    found = connection.execute(statement("analysis/find_requests_to_give_up"), values)
    return _fail(connection, dict.fromkeys(found.scalars(), INPUT_CHANGED), "input_changed", now)


def withdraw_outdated(connection: Connection, company_id: UUID, *, most: int | None = None, now: datetime) -> int:
    """Ends a company's unclaimed requests about sessions behind a stage that failed (`input_outdated`); returns how many.

    Their analysis stays PENDING, and gets a new request later. Without `most` it is all of them.
    """
    values = {"company_id": company_id, "most": most, "reason": INPUT_OUTDATED, "now": now}
    return len(connection.execute(statement("analysis/withdraw_requests"), values).all())


def _fail(connection: Connection, reasons: Mapping[UUID, str], code: str, now: datetime) -> int:
    failed = fail_pending(connection, reasons, code, now=now)
    fail_stages(connection, failed, now=now)
    return len(failed)
