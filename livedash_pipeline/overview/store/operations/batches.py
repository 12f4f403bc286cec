"""Reads single batches for people, in two parts: its row with what else was bought for it, and counts of its requests.

Add what one batch is shown with. `overview.store.inspections` reads a batch's row for the other shells.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, RowMapping, func, select

from livedash_pipeline.base.store.tables import ai_request_attempts, ai_surplus_batches

_attempts = ai_request_attempts.c
_surplus = ai_surplus_batches.c
_MOST_SURPLUS = 50


def surplus_of(connection: Connection, batch_id: UUID) -> Sequence[RowMapping]:
    """Returns the surplus batches of a batch, the first that was found first; fifty at most."""
    query = select(ai_surplus_batches).where(_surplus.batch_id == batch_id)
    return connection.execute(query.order_by(_surplus.found_at, _surplus.id).limit(_MOST_SURPLUS)).mappings().all()


def outcomes_of(connection: Connection, batch_id: UUID) -> tuple[dict[str | None, int], dict[str | None, int]]:
    """Returns how many of a batch's tries have each outcome, None being in flight: the tries themselves, and late answers.

    The first sum to its requests. A late answer is about a request that counts there already.
    """
    query = (
        select(_attempts.outcome, _attempts.is_late, func.count().label("tries"))
        .where(_attempts.batch_id == batch_id)
        .group_by(_attempts.outcome, _attempts.is_late)
    )
    tries: dict[str | None, int] = {}
    late: dict[str | None, int] = {}
    for row in connection.execute(query):
        (late if row.is_late else tries)[row.outcome] = row.tries
    return tries, late
