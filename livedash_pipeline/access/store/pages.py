"""Pages of tokens and of the audit log for people, out of a bounded number of rows, however many there are.

Add a filter of these pages here. `access.store.tokens` reads and writes the rows themselves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, not_, or_

from livedash_pipeline.access.store.tokens import listed_audit, listed_tokens
from livedash_pipeline.base.store.looking import Condition, Looked, look_through
from livedash_pipeline.base.store.tables import api_tokens, audit_log


def look_at_tokens(
    connection: Connection,
    *,
    limit: int,
    now: datetime,
    after_id: UUID | None = None,
    company: str | None = None,
    is_valid: bool | None = None,
) -> Looked:
    """A page of tokens, newest first, of a company (a slug) or in a state; its rows have the fields of `ListedToken`."""
    query = listed_tokens().order_by(api_tokens.c.id.desc())
    if after_id is not None:
        query = query.where(api_tokens.c.id < after_id)
    conditions: list[Condition] = []
    if company is not None:
        conditions.append(lambda row: row.company == company)
    if is_valid is not None:
        conditions.append(lambda row: _is_valid(row, now) if is_valid else not_(_is_valid(row, now)))
    return look_through(connection, query, conditions, limit=limit, order=lambda row: [row.id.desc()])


def look_at_audit(
    connection: Connection,
    *,
    limit: int,
    after_id: UUID | None = None,
    company_id: UUID | None = None,
    outcome: str | None = None,
    action: str | None = None,
    actor: str | None = None,
) -> Looked:
    """A page of the audit log, newest first; its rows have the fields of `ListedEntry`.

    An index has those of a company; other filters look through a bounded number of lines, as `base.store.looking` says.
    """
    query = listed_audit(after_id)
    if company_id is not None:
        query = query.where(audit_log.c.company_id == company_id)
    conditions = [
        _equals(name, value)
        for name, value in (("outcome", outcome), ("action", action), ("actor", actor))
        if value is not None
    ]
    return look_through(connection, query, conditions, limit=limit, order=lambda row: [row.at.desc(), row.id.desc()])


def _equals(name: str, value: str) -> Condition:
    return lambda row: getattr(row, name) == value


def _is_valid(row: Any, now: datetime) -> ColumnElement[bool]:
    return and_(
        or_(row.revoked_at.is_(None), row.revoked_at > now), or_(row.expires_at.is_(None), row.expires_at > now)
    )
