"""The spending caps and budgets that companies have of their own."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, select

from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.money.rules.caps import CompanyCaps

_COLUMNS = (companies.c.monthly_cap_eur, companies.c.daily_cap_eur, companies.c.monthly_budget_eur)


def company_caps(connection: Connection, company_id: UUID) -> CompanyCaps:
    """Returns a company's own caps and budget; None where it has none."""
    return CompanyCaps(*connection.execute(select(*_COLUMNS).where(companies.c.id == company_id)).one())


def own_caps(connection: Connection) -> dict[str, CompanyCaps]:
    """Returns the caps and budgets of all companies that have any of their own, by slug."""
    rows = connection.execute(select(companies.c.slug, *_COLUMNS).order_by(companies.c.slug))
    found = {slug: CompanyCaps(*own) for slug, *own in rows}
    return {slug: own for slug, own in found.items() if own != CompanyCaps()}
