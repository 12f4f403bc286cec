"""Tokens and the audit log: who may call, and what was changed or refused.

Add reads and writes of `api_tokens` and `audit_log`. Callers pass hashes; a token itself never reaches the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, insert, or_, select, tuple_, update

from livedash_pipeline.access.rules.tokens import Caller, Role, TokenState, same_hash
from livedash_pipeline.base.store.tables import api_tokens, audit_log, companies

_tokens = api_tokens.c
_audit = audit_log.c
# Only people read the time of last use, so writing it more often is not worth its cost.
LAST_USE_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True)
class ListedToken:
    """A token as it is listed; `company` is a slug."""

    id: UUID
    name: str
    role: str
    company: str | None
    scopes: list[str]
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class KnownToken:
    """A token that somebody presented, and the times that decide whether it is valid."""

    caller: Caller
    state: TokenState
    last_used_at: datetime | None


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        action: What was tried, such as `requeue`.
        outcome: `done`, `refused` or `failed`.
        actor: A token's name, or a word such as `anonymous` or `command line`.
        token_id: The token, where there is one.
        company_id: The company in question, where there is one.
        method: HTTP method.
        path: Path without query.
        status: HTTP status; None while it is not known.
        address: Where the call came from.
        request_id: Of the call.
        detail: Counts and ids.
    """

    action: str
    outcome: str
    actor: str
    token_id: UUID | None = None
    company_id: UUID | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    address: str | None = None
    request_id: str | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ListedEntry:
    """A line of the audit log as it is listed; `company` is a slug, `token` a token's beginning."""

    id: UUID
    at: datetime
    actor: str
    token: str | None
    company: str | None
    action: str
    outcome: str
    method: str | None
    path: str | None
    status: int | None
    address: str | None
    request_id: str | None
    detail: dict[str, Any]


def insert_token(
    connection: Connection,
    *,
    name: str,
    role: Role,
    company_id: UUID | None,
    scopes: Sequence[str],
    token_hash: str,
    prefix: str,
    expires_at: datetime | None,
    now: datetime,
) -> ListedToken:
    """Stores a token's hash."""
    token_id = connection.execute(
        insert(api_tokens)
        .values(
            name=name,
            role=role,
            company_id=company_id,
            scopes=list(scopes),
            token_hash=token_hash,
            prefix=prefix,
            created_at=now,
            expires_at=expires_at,
        )
        .returning(_tokens.id)
    ).scalar_one()
    return list_tokens(connection, token_ids=[token_id])[0]


def list_tokens(connection: Connection, *, token_ids: Sequence[UUID] | None = None) -> list[ListedToken]:
    """All tokens, or some of them, oldest first."""
    query = listed_tokens().order_by(_tokens.id)
    if token_ids is not None:
        query = query.where(_tokens.id.in_(token_ids))
    return [ListedToken(**row) for row in connection.execute(query).mappings()]


def listed_tokens() -> Select[Any]:
    """The query of all tokens, in no order; its rows have the fields of `ListedToken`."""
    return select(
        _tokens.id,
        _tokens.name,
        _tokens.role,
        companies.c.slug.label("company"),
        _tokens.scopes,
        _tokens.prefix,
        _tokens.created_at,
        _tokens.expires_at,
        _tokens.revoked_at,
        _tokens.last_used_at,
    ).outerjoin(companies, companies.c.id == _tokens.company_id)


def find_token(connection: Connection, token_hash: str) -> KnownToken | None:
    """Finds the token with a hash, whatever its state; None if there is none."""
    query = (
        select(
            _tokens.id,
            _tokens.name,
            _tokens.role,
            _tokens.scopes,
            _tokens.company_id,
            _tokens.token_hash,
            _tokens.expires_at,
            _tokens.revoked_at,
            _tokens.last_used_at,
            companies.c.slug,
        )
        .outerjoin(companies, companies.c.id == _tokens.company_id)
        .where(_tokens.token_hash == token_hash)
    )
    row = connection.execute(query).one_or_none()
    if row is None or not same_hash(row.token_hash, token_hash):
        return None
    caller = Caller(row.id, row.name, Role(row.role), frozenset(row.scopes), row.company_id, row.slug)
    return KnownToken(caller, TokenState(row.expires_at, row.revoked_at), row.last_used_at)


def note_use(connection: Connection, token_id: UUID, *, now: datetime) -> None:
    """Notes when a token was used, to the minute."""
    stale = or_(_tokens.last_used_at.is_(None), _tokens.last_used_at < now - LAST_USE_PRECISION)
    connection.execute(update(api_tokens).where(_tokens.id == token_id, stale).values(last_used_at=now))


def find_token_ids(connection: Connection, name: str) -> list[UUID]:
    """Finds tokens that a person names by id or by the beginning of the token."""
    try:
        condition = _tokens.id == UUID(name)
    except ValueError:
        condition = _tokens.prefix == name
    return list(connection.scalars(select(_tokens.id).where(condition).order_by(_tokens.id)))


def revoke_token(connection: Connection, token_id: UUID, *, now: datetime) -> bool:
    """Ends a token; False if it was revoked before."""
    ended = update(api_tokens).where(_tokens.id == token_id, _tokens.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(ended).rowcount == 1


def write_audit(connection: Connection, entry: AuditEntry, *, now: datetime) -> UUID:
    """Adds a line to the audit log and returns its id."""
    values = {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__}
    added: UUID = connection.execute(
        insert(audit_log).values(**(values | {"at": now, "detail": dict(entry.detail or {})})).returning(_audit.id)
    ).scalar_one()
    return added


def finish_audit(
    connection: Connection, entry_id: UUID, *, outcome: str, status: int, detail: Mapping[str, Any]
) -> None:
    """Writes the end of a call whose line was added before the call was carried out."""
    connection.execute(
        update(audit_log).where(_audit.id == entry_id).values(outcome=outcome, status=status, detail=dict(detail))
    )


def list_audit(
    connection: Connection,
    *,
    limit: int,
    after_id: UUID | None = None,
    company_id: UUID | None = None,
    outcome: str | None = None,
    action: str | None = None,
) -> list[ListedEntry]:
    """Lists the audit log, newest first; only lines older than a given one."""
    query = listed_audit(after_id).limit(limit)
    for column, value in ((_audit.company_id, company_id), (_audit.outcome, outcome), (_audit.action, action)):
        if value is not None:
            query = query.where(column == value)
    return [ListedEntry(**row) for row in connection.execute(query).mappings()]


def listed_audit(after_id: UUID | None) -> Select[Any]:
    """The query of the audit log, newest first, after a line; its rows have the fields of `ListedEntry`."""
    query = (
        select(
            _audit.id,
            _audit.at,
            _audit.actor,
            _tokens.prefix.label("token"),
            companies.c.slug.label("company"),
            _audit.action,
            _audit.outcome,
            _audit.method,
            _audit.path,
            _audit.status,
            _audit.address,
            _audit.request_id,
            _audit.detail,
        )
        .outerjoin(companies, companies.c.id == _audit.company_id)
        .outerjoin(api_tokens, _tokens.id == _audit.token_id)
        .order_by(_audit.at.desc(), _audit.id.desc())
    )
    if after_id is not None:
        last = audit_log.alias("last").c
        position = select(last.at, last.id).where(last.id == after_id).scalar_subquery()
        query = query.where(tuple_(_audit.at, _audit.id) < position)
    return query
