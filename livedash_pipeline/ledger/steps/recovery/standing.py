"""Counts subjects, requests and batches by where they stand, for the reasons why nothing is sent.

Add a count when `ledger.rules.admission.nothing_sent` judges one more. Nothing is locked or changed.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.ledger.rules.admission.nothing_sent import Standing
from livedash_pipeline.ledger.store.batches import claims, obstacles, requests
from livedash_pipeline.ledger.store.batches.request_kind import Kinds


def read_standing(
    connection: Connection, kinds: Kinds, *, endpoint: str, company_id: UUID | None, now: datetime
) -> Standing:
    """Returns the counts over all companies, or of one; batches are those of the endpoint, except for `elsewhere`."""
    counts = requests.count_by_status(connection, company_id)
    awaiting, looked_for_from = claims.awaiting_recovery(connection, endpoint, company_id)
    unprocessed = obstacles.unprocessed_batches(connection, company_id, now=now)
    here = next((group for group in unprocessed if group.endpoint == endpoint), None)
    return Standing(
        subjects=[kind.count_subjects(connection, company_id) for kind in kinds.values()],
        pending=counts[RequestStatus.PENDING_BATCHING],
        idle=[(each.company, each.status, each.requests) for each in obstacles.idle_companies(connection, company_id)],
        at_service=here.live_requests if here else 0,
        elsewhere=sum(group.batches for group in unprocessed if group.endpoint != endpoint),
        ended=here.ended if here else 0,
        waiting=here.waiting if here else 0,
        next_look_at=here.next_look_at if here else None,
        awaiting=awaiting,
        looked_for_from=looked_for_from,
        failed=counts[RequestStatus.PROCESSING_FAILED],
    )
