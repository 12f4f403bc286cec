"""The spending caps that companies have of their own."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, select

from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.money.rules.caps import CompanyCaps


def company_caps(connection: Connection, company_id: UUID) -> CompanyCaps:
    """Returns a company's own caps; None where it has none."""
    query = select(companies.c.monthly_cap_eur, companies.c.daily_cap_eur).where(companies.c.id == company_id)
    row = connection.execute(query).one()
    return CompanyCaps(row.monthly_cap_eur, row.daily_cap_eur)
