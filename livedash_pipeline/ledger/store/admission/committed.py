"""Sums what is spent and what is in flight at most; spending caps are compared with this figure.

What counts is listed by `find_committed_sums`, for everybody who is asked. `money.rules.caps` has the rules of caps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, select, text

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.money.rules.caps import Cap, Room, Scope

# Held while anything is claimed under a cap of all companies together.
_LOCK_TOTAL = text("SELECT pg_advisory_xact_lock(hashtextextended('livedash spending of all companies', 0))")


@dataclass(frozen=True, slots=True)
class _Committed:
    """Euro that are committed since two moments, the earlier one first."""

    company: tuple[Decimal, Decimal]
    total: tuple[Decimal, Decimal]


def committed_eur(connection: Connection, company_id: UUID | None, *, since: datetime) -> Decimal:
    """Returns euro spent since a moment plus the most that may be in flight, of one company or of all.

    Surplus and what no line states are included. What may have been charged and has no known cost counts with the amount that
    was reserved for it.
    """
    sums = _committed(connection, company_id, of_all=company_id is None, since=since, later=since)
    return (sums.total if company_id is None else sums.company)[0]


def _committed(
    connection: Connection, company_id: UUID | None, *, of_all: bool, since: datetime, later: datetime
) -> _Committed:
    names = {"company_id": company_id, "of_all": of_all, "since": since, "later": later}
    row = connection.execute(statement("ledger/sum_committed"), names).one()
    return _Committed((row.company_eur, row.company_later_eur), (row.total_eur, row.total_later_eur))


def lock_spending(connection: Connection, company_id: UUID, caps: tuple[Cap, ...]) -> None:
    """Makes other claims under the same caps wait until this transaction ends.

    The company comes before all companies, in every transaction, so that two never wait for each other.
    """
    scopes = {cap.scope for cap in caps}
    if Scope.COMPANY in scopes:
        connection.execute(select(companies.c.id).where(companies.c.id == company_id).with_for_update(key_share=True))
    if Scope.TOTAL in scopes:
        connection.execute(_LOCK_TOTAL)


def rooms_under(connection: Connection, company_id: UUID, caps: tuple[Cap, ...], *, now: datetime) -> list[Room]:
    """Returns what is committed under each of a company's caps.

    One scan for all of them: it reads a month where there is a monthly cap, and all companies where a cap counts them together.
    """
    if not caps:
        return []
    starts = [cap.period.start(now) for cap in caps]
    since, later = min(starts), max(starts)
    of_all = any(cap.scope is Scope.TOTAL for cap in caps)
    sums = _committed(connection, company_id, of_all=of_all, since=since, later=later)

    def committed(cap: Cap) -> Decimal:
        either = sums.total if cap.scope is Scope.TOTAL else sums.company
        return either[0] if cap.period.start(now) == since else either[1]

    return [Room(cap, committed(cap)) for cap in caps]
