"""Sessions of people in the console, and links that sign in once.

Add reads and writes of `console_sessions` and `console_links`. Callers pass hashes; a secret itself never reaches the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from livedash_pipeline.access.rules.signing_in import SessionState
from livedash_pipeline.access.rules.tokens import Caller, Role, TokenState, same_hash
from livedash_pipeline.base.store.tables import api_tokens, companies, console_links, console_sessions

_sessions = console_sessions.c
_links = console_links.c
_tokens = api_tokens.c


@dataclass(frozen=True)
class KnownSession:
    """A session that a browser presented, with the owner of its token and the times that decide whether it is valid."""

    id: UUID
    caller: Caller
    token: TokenState
    state: SessionState


def insert_session(connection: Connection, *, token_id: UUID, session_hash: str, now: datetime) -> UUID:
    """Stores a session's hash."""
    made: UUID = connection.execute(
        insert(console_sessions)
        .values(token_id=token_id, session_hash=session_hash, created_at=now, last_seen_at=now)
        .returning(_sessions.id)
    ).scalar_one()
    return made


def find_session(connection: Connection, session_hash: str) -> KnownSession | None:
    """Finds the session with a hash, whatever its state; None if there is none."""
    query = (
        select(
            _sessions.id.label("session_id"),
            _sessions.session_hash,
            _sessions.created_at,
            _sessions.last_seen_at,
            _sessions.ended_at,
            *_owner(),
        )
        .join(api_tokens, _tokens.id == _sessions.token_id)
        .outerjoin(companies, companies.c.id == _tokens.company_id)
        .where(_sessions.session_hash == session_hash)
    )
    row = connection.execute(query).one_or_none()
    if row is None or not same_hash(row.session_hash, session_hash):
        return None
    state = SessionState(row.created_at, row.last_seen_at, row.ended_at)
    return KnownSession(row.session_id, _caller(row), TokenState(row.expires_at, row.revoked_at), state)


def find_named(connection: Connection, name: str) -> list[tuple[Caller, TokenState]]:
    """The owners of all tokens with a name: whom a proxy may mean by it."""
    query = select(*_owner()).outerjoin(companies, companies.c.id == _tokens.company_id).where(_tokens.name == name)
    return [(_caller(row), TokenState(row.expires_at, row.revoked_at)) for row in connection.execute(query)]


def note_seen(connection: Connection, session_id: UUID, *, now: datetime) -> None:
    """Notes that somebody was here."""
    connection.execute(
        update(console_sessions)
        .where(_sessions.id == session_id, _sessions.last_seen_at < now)
        .values(last_seen_at=now)
    )


def end_session(connection: Connection, session_id: UUID, *, now: datetime) -> None:
    """Ends a session."""
    connection.execute(
        update(console_sessions).where(_sessions.id == session_id, _sessions.ended_at.is_(None)).values(ended_at=now)
    )


def delete_sessions(connection: Connection, *, before: datetime) -> None:
    """Deletes sessions that were last seen before a moment, and links that expired before it."""
    connection.execute(delete(console_sessions).where(_sessions.last_seen_at < before))
    connection.execute(delete(console_links).where(_links.expires_at < before))


def insert_link(connection: Connection, *, token_id: UUID, link_hash: str, now: datetime, expires_at: datetime) -> None:
    """Stores the hash of a link."""
    values = {"token_id": token_id, "link_hash": link_hash, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(console_links).values(**values))


def use_link(connection: Connection, link_hash: str, *, now: datetime) -> tuple[Caller, TokenState] | None:
    """Uses a link up; None if there is none, or it was used or has expired."""
    used = (
        update(console_links)
        .where(_links.link_hash == link_hash, _links.used_at.is_(None), _links.expires_at > now)
        .values(used_at=now)
        .returning(_links.token_id)
    )
    token_id = connection.execute(used).scalar_one_or_none()
    if token_id is None:
        return None
    query = select(*_owner()).outerjoin(companies, companies.c.id == _tokens.company_id).where(_tokens.id == token_id)
    row = connection.execute(query).one()
    return _caller(row), TokenState(row.expires_at, row.revoked_at)


def _owner() -> tuple[ColumnElement[Any], ...]:
    return (
        _tokens.id,
        _tokens.name,
        _tokens.role,
        _tokens.scopes,
        _tokens.company_id,
        _tokens.expires_at,
        _tokens.revoked_at,
        companies.c.slug,
    )


def _caller(row: Row[Any]) -> Caller:
    return Caller(row.id, row.name, Role(row.role), frozenset(row.scopes), row.company_id, row.slug)
