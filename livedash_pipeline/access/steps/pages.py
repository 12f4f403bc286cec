"""Pages of tokens and of the audit log, as documents for the console.

Add a page of access here. What a token and a line of the log look like is decided in `access.steps.tokens`.
"""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_pipeline.access.steps.tokens import audit_document, token_document
from livedash_pipeline.access.store import pages
from livedash_pipeline.access.store.tokens import ListedEntry, ListedToken
from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now


def page_tokens(
    engine: Engine,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    company: str | None = None,
    is_valid: bool | None = None,
) -> Document:
    """One page of the tokens, newest first: of a company, or those that are valid, or those that are not any more.

    `lookedThrough` says how many were looked through where that ended the page before it was full.

    Raises:
        UsageError: A cursor of another query.
    """
    valid = None if is_valid is None else str(is_valid)
    filters = {"list": "tokens", "company": company, "valid": valid}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        found = pages.look_at_tokens(
            connection,
            limit=limit,
            now=database_now(connection),
            after_id=after,
            company=company,
            is_valid=is_valid,
        )
    return {
        "ok": True,
        "tokens": [token_document(ListedToken(**row._mapping)) for row in found.rows],
        "nextCursor": None if found.follows is None else make_cursor(found.follows.id, filters),
        "lookedThrough": found.looked,
    }


def page_audit(
    engine: Engine,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    company: str | None = None,
    outcome: str | None = None,
    action: str | None = None,
    actor: str | None = None,
) -> Document:
    """One page of the audit log as `list_audit` gives it, out of a bounded number of its lines.

    `lookedThrough` says how many were looked through where that ended the page before it was full.

    Raises:
        UsageError: An argument names nothing that exists, or a cursor of another query.
    """
    filters = {"list": "audit page", "company": company, "outcome": outcome, "action": action, "actor": actor}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        found = pages.look_at_audit(
            connection,
            limit=limit,
            after_id=after,
            company_id=company_id,
            outcome=outcome,
            action=action,
            actor=actor,
        )
    return {
        "ok": True,
        "entries": [audit_document(ListedEntry(**row._mapping)) for row in found.rows],
        "nextCursor": None if found.follows is None else make_cursor(found.follows.id, filters),
        "lookedThrough": found.looked,
    }
