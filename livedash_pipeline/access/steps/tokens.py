"""Makes, lists, revokes and recognises tokens, and writes and reads the audit log, for commands and HTTP.

Both answer with these documents. Checks the arguments, so that callers need not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.access.rules.tokens import (
    SCOPES,
    Caller,
    Role,
    earlier_end,
    exceeding_scopes,
    hash_token,
    make_token,
    token_prefix,
    unknown_scopes,
)
from livedash_pipeline.access.store import tokens as access
from livedash_pipeline.access.store.tokens import LAST_USE_PRECISION, AuditEntry, ListedEntry, ListedToken
from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store.companies import get_company, optional_company_id
from livedash_pipeline.base.store.connect import autocommitted, database_now, in_transaction
from livedash_pipeline.errors import UsageError

COMMAND_LINE = "command line"
OUTCOMES = ("done", "refused", "failed")
_LONGEST_NAME = 200
_LONGEST_DAYS = 3650


@dataclass(frozen=True)
class Identity:
    """The caller of a presented token, and why the token is not valid (`has expired`); an unknown token has no caller."""

    caller: Caller | None
    refusal: str | None


def identify(engine: Engine, key: bytes, token: str) -> Identity:
    """Finds the caller of a token at this moment, and notes the token's use."""
    hashed = hash_token(token, key)
    with autocommitted(engine) as connection:
        known = access.find_token(connection, hashed)
        if known is None:
            return Identity(None, "is not known")
        now = database_now(connection)
        refusal = known.state.refusal(now)
        if refusal is None and (known.last_used_at is None or known.last_used_at < now - LAST_USE_PRECISION):
            access.note_use(connection, known.caller.token_id, now=now)
    return Identity(known.caller, refusal)


def create_token(
    engine: Engine,
    key: bytes,
    *,
    name: str,
    secret: bytes,
    company: str | None = None,
    scopes: Sequence[str] = (),
    days: int | None = None,
    maker: Caller | None = None,
) -> Document:
    """Makes a token: a company's with a company, a platform administrator's without.

    Somebody at the console gives no right that they do not have, and for no longer than they have it.

    Args:
        engine: Our database.
        key: The key under which tokens are hashed.
        name: Who will use it, and for what.
        secret: 32 random bytes.
        company: Slug of the one company that it sees and changes.
        scopes: Its rights; none means all of its role.
        days: Days until it expires; None for never.
        maker: Who makes it, where the caller writes the audit log; None for the command line, whose line is written here.

    Raises:
        UsageError: A value is not allowed.
    """
    role = Role.PLATFORM_ADMIN if company is None else Role.COMPANY
    _check_token(name, role, scopes, days)
    given = list(dict.fromkeys(scopes)) or list(SCOPES[role])
    if maker is not None:
        _check_maker(maker, given, role)
    token = make_token(secret)

    def work(connection: Connection) -> ListedToken:
        now = database_now(connection)
        company_id = None if company is None else get_company(connection, company).id
        made = access.insert_token(
            connection,
            name=name.strip(),
            role=role,
            company_id=company_id,
            scopes=given,
            token_hash=hash_token(token, key),
            prefix=token_prefix(token),
            expires_at=earlier_end(None if days is None else now + timedelta(days=days), _end_of(connection, maker)),
            now=now,
        )
        if maker is None:
            detail = {"token": made.prefix, "role": role.value, "scopes": made.scopes}
            entry = AuditEntry("token create", "done", COMMAND_LINE, made.id, company_id, detail=detail)
            access.write_audit(connection, entry, now=now)
        return made

    return {"ok": True, "token": token_document(in_transaction(engine, work)), "secret": token}


def _check_maker(maker: Caller, scopes: Sequence[str], role: Role) -> None:
    exceeding = exceeding_scopes(maker.scopes, scopes, role)
    if exceeding and exceeding[0] in maker.scopes:
        raise UsageError(
            f"With {exceeding[0]} a company's token sees the chat batches of everybody, and you see your own alone.",
            remedy="Leave it out, or make the token with `livedash token create` at the server.",
        )
    if exceeding:
        raise UsageError(
            f"You do not have the right {exceeding[0]} yourself, and so cannot give it.",
            remedy="Leave it out, or make the token with `livedash token create` at the server.",
        )


def _end_of(connection: Connection, maker: Caller | None) -> datetime | None:
    """When the maker's own token ends; None for never."""
    return None if maker is None else access.list_tokens(connection, token_ids=[maker.token_id])[0].expires_at


def _check_token(name: str, role: Role, scopes: Sequence[str], days: int | None) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r} is no name of a token.", remedy="Say in a few words who will use it.")
    unknown = unknown_scopes(role, scopes)
    if unknown:
        allowed = ", ".join(SCOPES[role])
        raise UsageError(f"{unknown[0]!r} is no scope of the role {role.value}.", remedy=f"Use some of {allowed}.")
    if days is not None and not 1 <= days <= _LONGEST_DAYS:
        raise UsageError(f"{days} days cannot be.", remedy=f"Use 1 to {_LONGEST_DAYS}.")


def list_tokens(engine: Engine) -> Document:
    """All tokens, revoked and expired ones included."""
    with engine.connect() as connection:
        return {"ok": True, "tokens": [token_document(token) for token in access.list_tokens(connection)]}


def show_token(engine: Engine, token_id: UUID) -> Document:
    """One token.

    Raises:
        UsageError: There is none.
    """
    with engine.connect() as connection:
        found = access.list_tokens(connection, token_ids=[token_id])
    if not found:
        raise UsageError(f"There is no token {token_id}.", remedy="Give an id that `livedash token list` shows.")
    return {"ok": True, "token": token_document(found[0])}


def revoke_token(engine: Engine, name: str, *, maker: Caller | None = None) -> Document:
    """Ends a token at once, named by its id or by the beginning that lists show; the caller of a page writes the audit log.

    Raises:
        UsageError: There is none, or several begin so.
    """

    def work(connection: Connection) -> tuple[bool, ListedToken]:
        found = access.find_token_ids(connection, name) if name.isprintable() else []
        if len(found) != 1:
            how = f"{len(found)} tokens begin with {name!r}" if found else f"There is no token {name!r}"
            raise UsageError(f"{how}.", remedy="Give an id that `livedash token list` shows.")
        now = database_now(connection)
        revoked = access.revoke_token(connection, found[0], now=now)
        (token,) = access.list_tokens(connection, token_ids=found)
        if revoked and maker is None:
            entry = AuditEntry("token revoke", "done", COMMAND_LINE, token.id, detail={"token": token.prefix})
            access.write_audit(connection, entry, now=now)
        return revoked, token

    revoked, token = in_transaction(engine, work)
    return {"ok": True, "revoked": revoked, "token": token_document(token)}


def token_document(token: ListedToken) -> Document:
    """The document of a listed token."""
    return {
        "id": str(token.id),
        "name": token.name,
        "role": token.role,
        "company": token.company,
        "scopes": list(token.scopes),
        "prefix": token.prefix,
        "createdAt": moment(token.created_at),
        "expiresAt": moment(token.expires_at),
        "revokedAt": moment(token.revoked_at),
        "lastUsedAt": moment(token.last_used_at),
    }


def record(engine: Engine, entry: AuditEntry) -> UUID:
    """Adds a line to the audit log, in a transaction of its own."""
    with engine.begin() as connection:
        return access.write_audit(connection, entry, now=database_now(connection))


def begin_change(engine: Engine, entry: AuditEntry) -> UUID:
    """Adds the line of a change before the change is made: if the process dies meanwhile, the line says `begun`."""
    begun = {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__}
    return record(engine, AuditEntry(**(begun | {"outcome": "failed", "detail": {"begun": True}})))


def finish_change(engine: Engine, entry_id: UUID, *, outcome: str, status: int, detail: Mapping[str, Any]) -> None:
    """Writes how the change ended."""
    with engine.begin() as connection:
        access.finish_audit(connection, entry_id, outcome=outcome, status=status, detail=detail)


def list_audit(
    engine: Engine,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    company: str | None = None,
    outcome: str | None = None,
    action: str | None = None,
) -> Document:
    """One page of the audit log, newest first.

    Raises:
        UsageError: An argument names nothing that exists, or a cursor of another query.
    """
    if outcome is not None and outcome not in OUTCOMES:
        raise UsageError(f"{outcome!r} is no outcome.", remedy=f"Use one of {', '.join(OUTCOMES)}.")
    filters = {"list": "audit", "company": company, "outcome": outcome, "action": action}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        found = access.list_audit(
            connection, limit=limit + 1, after_id=after, company_id=company_id, outcome=outcome, action=action
        )
    page, following = cut_page(found, limit, lambda row: make_cursor(row.id, filters))
    return {"ok": True, "entries": [audit_document(entry) for entry in page], "nextCursor": following}


def audit_document(entry: ListedEntry) -> Document:
    """The document of a line of the audit log."""
    return {
        "id": str(entry.id),
        "at": moment(entry.at),
        "actor": entry.actor,
        "token": entry.token,
        "company": entry.company,
        "action": entry.action,
        "outcome": entry.outcome,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "address": entry.address,
        "requestId": entry.request_id,
        "detail": entry.detail,
    }
