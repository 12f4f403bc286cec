"""Finds requests by what they have in common, newest first and a page at a time, and counts them as far as that is quick.

Add a filter's condition to `_conditions`, or to `_of_index` where an index answers it. `ledger.store.batches.request_history`
reads single requests, and lists in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, true, tuple_

from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus
from livedash_pipeline.base.store.looking import MOST_LOOKED, Condition, Looked, look_through
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts, companies
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter

MOST_OF_BATCH = 10_000
"""Requests of a batch that a page looks through: each is found by itself, which takes twice as long as in a row."""

_requests = ai_processing_requests.c
_attempts = ai_request_attempts.c
_SHOWN = (
    _requests.id,
    _requests.session_id,
    _requests.processing_type,
    _requests.processing_status,
    _requests.company_id,
    _requests.model,
    _requests.batch_id,
    _requests.attempts,
    _requests.error_code,
    _requests.error_message,
    _requests.requested_at,
    _requests.completed_at,
    _requests.updated_at,
)


def find_requests(
    connection: Connection,
    wanted: RequestFilter,
    *,
    limit: int,
    before_id: UUID | None = None,
    most: int = MOST_LOOKED,
) -> Looked:
    """Returns a page of requests by descending id, each with the columns that lists show.

    Args:
        connection: Our database.
        wanted: What they have in common; without a status it names a batch.
        limit: Requests of a page.
        before_id: Where the page before ended.
        most: Requests that are looked through for what no index answers.

    Raises:
        ValueError: Neither a status nor a batch is named.
    """
    looked = most if wanted.batch_id is None else min(most, MOST_OF_BATCH)
    ordered = _ordered(wanted, before_id)
    return look_through(
        connection, ordered, _conditions(wanted), limit=limit, most=looked, order=lambda rows: [rows.id.desc()]
    )


def count_requests(connection: Connection, wanted: RequestFilter, *, most: int) -> tuple[int, bool]:
    """Counts the requests of a filter, and says whether these are all.

    At most `most` are counted, and where no index answers, `MOST_LOOKED` are looked through.
    """
    ordered, conditions = _ordered(wanted, None), _conditions(wanted)
    within = ordered.limit(MOST_LOOKED + 1 if conditions else most + 1).subquery("looked")
    passing = and_(true(), *(condition(within.c) for condition in conditions))
    query = select(func.count(), func.count().filter(passing)).select_from(within)
    looked, found = connection.execute(query).one()
    return min(found, most), looked <= (MOST_LOOKED if conditions else most) and found <= most


def request_ids(connection: Connection, wanted: RequestFilter) -> list[UUID]:
    """Returns the ids of all requests of a filter, however many; for changes, not for pages."""
    within = _ordered(wanted, None, whole=True).subquery("wanted")
    query = select(within.c.id).where(*(condition(within.c) for condition in _conditions(wanted))).order_by(within.c.id)
    return list(connection.execute(query).scalars())


def company_slugs(connection: Connection, company_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Returns the slugs of some companies."""
    query = select(companies.c.id, companies.c.slug).where(companies.c.id.in_(set(company_ids)))
    return {row.id: row.slug for row in connection.execute(query)}


def _ordered(wanted: RequestFilter, before_id: UUID | None, *, whole: bool = False) -> Select[Any]:
    if wanted.batch_id is not None:
        return _of_batch(wanted, wanted.batch_id, before_id, None if whole else MOST_LOOKED + 1)
    if wanted.status is None:
        raise ValueError("requests of every status are listed of one batch only")
    query = select(*_SHOWN)
    if wanted.company_id is not None:
        query = query.where(_requests.company_id == wanted.company_id)
    if _by_error_code(wanted):
        # A word in the statement, since the index is limited to it.
        failed = _requests.processing_status == literal(RequestStatus.PROCESSING_FAILED.value, literal_execute=True)
        query = query.where(failed, func.lower(_requests.error_code) == func.lower(wanted.error_code))
        if before_id is not None:
            query = query.where(_requests.id < before_id)
        return query.order_by(_requests.id.desc())
    return _from_place(query, wanted.status, before_id)


def _from_place(query: Select[Any], status: RequestStatus, before_id: UUID | None) -> Select[Any]:
    """A status as a range of one value, as in `request_history`: the planner then reads by the status's index alone."""
    if before_id is None:
        begins = _requests.processing_status <= status
    else:
        begins = tuple_(_requests.processing_status, _requests.id) < tuple_(literal(status), literal(before_id))
    listed = query.where(begins, _requests.processing_status >= status)
    return listed.order_by(_requests.processing_status.desc(), _requests.id.desc())


def _of_batch(wanted: RequestFilter, batch_id: UUID, before_id: UUID | None, most: int | None) -> Select[Any]:
    """The requests that were tried in a batch, at most as many as a batch has; those in it now have their try already."""
    which = ~_attempts.is_late if wanted.outcome is None else _attempts.outcome == wanted.outcome.value
    tries = select(_attempts.request_id).where(_attempts.batch_id == batch_id, which)
    if before_id is not None:
        tries = tries.where(_attempts.request_id < before_id)
    # Sorted and cut before requests are read: 50,000 of them take longer than a page may.
    few = tries.distinct().order_by(_attempts.request_id.desc()).limit(most).subquery("tries")
    return select(*_SHOWN).join(few, few.c.request_id == _requests.id).order_by(few.c.request_id.desc())


def _by_error_code(wanted: RequestFilter) -> bool:
    """Whether the index of failed requests by their code answers."""
    is_failed = wanted.status is RequestStatus.PROCESSING_FAILED
    return wanted.error_code is not None and is_failed and wanted.company_id is None and wanted.batch_id is None


def _conditions(wanted: RequestFilter) -> list[Condition]:
    """What no index answers."""
    found: list[Condition] = []
    if wanted.status is not None and wanted.batch_id is not None:
        found.append(lambda rows: rows.processing_status == wanted.status)
    if wanted.company_id is not None and wanted.batch_id is not None:
        found.append(lambda rows: rows.company_id == wanted.company_id)
    if wanted.error_code is not None and not _by_error_code(wanted):
        found.append(lambda rows: func.lower(rows.error_code) == func.lower(wanted.error_code))
    if wanted.model is not None:
        found.append(lambda rows: rows.model == wanted.model)
    if wanted.before is not None:
        found.append(lambda rows: _older(rows, wanted))
    return found


def _older(rows: Any, wanted: RequestFilter) -> ColumnElement[bool]:
    if wanted.status is not None:
        column: ColumnElement[Any] = rows.updated_at if wanted.is_open else rows.completed_at
        return column < wanted.before
    is_open = rows.processing_status.in_(OPEN_REQUESTS)
    return or_(and_(is_open, rows.updated_at < wanted.before), and_(~is_open, rows.completed_at < wanted.before))
