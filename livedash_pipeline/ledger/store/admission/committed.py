"""Sums what is spent and what is in flight at most; spending caps are compared with this figure.

What costs money is listed once, in the view `cost_entries`. `money.rules.caps` has the rules of caps.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, select, text

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.money.rules.caps import Cap, Room, Scope

# Held while anything is claimed under a cap of all companies together.
_LOCK_TOTAL = text("SELECT pg_advisory_xact_lock(hashtextextended('livedash spending of all companies', 0))")


def committed_eur(connection: Connection, company_id: UUID | None, *, since: datetime) -> Decimal:
    """Returns euro spent since a moment plus the most that may be in flight, of one company or of all.

    Surplus and what no line states are included. What may have been charged and has no known cost counts with the amount that
    was reserved for it.
    """
    names = {"company_id": company_id, "since": since}
    return Decimal(connection.execute(statement("ledger/sum_committed"), names).scalar_one())


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
    """Returns what is committed under each of a company's caps."""
    return [
        Room(
            cap,
            committed_eur(connection, company_id if cap.scope is Scope.COMPANY else None, since=cap.period.start(now)),
        )
        for cap in caps
    ]
