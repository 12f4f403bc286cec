"""Signs people in to the console with a token or a link, recognises their sessions, and signs them out.

Every sign-in is a line of the audit log. Rights are those of the token, read anew with each page, so that revoking it ends its
sessions at once. `access.steps.tokens` makes tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.access.rules.signing_in import (
    LINK_LIFETIME,
    LINK_MARK,
    LONGEST_SESSION,
    NOBODY_NAMED,
    NOT_SIGNED_IN,
    SEEN_PRECISION,
    SESSION_MARK,
    SEVERAL_NAMED,
    TOKEN_ENDED,
    is_secret,
    make_secret,
)
from livedash_pipeline.access.rules.tokens import Caller, TokenState, hash_token, is_token
from livedash_pipeline.access.steps.tokens import COMMAND_LINE, create_token, identify
from livedash_pipeline.access.store import console_sessions as store
from livedash_pipeline.access.store import tokens as access
from livedash_pipeline.access.store.tokens import AuditEntry
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.connect import autocommitted, database_now, in_transaction
from livedash_pipeline.errors import UsageError


@dataclass(frozen=True)
class SignedIn:
    """Somebody in the console.

    Attributes:
        caller: The owner of the token that they signed in with.
        person: What their forms are bound to: the session, or the token where a proxy signs people in.
        session_id: The session; None where a proxy signs people in.
    """

    caller: Caller
    person: UUID
    session_id: UUID | None


@dataclass(frozen=True)
class NewSession:
    """A session that has just begun: its secret goes to the browser and is kept nowhere."""

    secret: str
    caller: Caller


@dataclass(frozen=True)
class Origin:
    """Where a call came from, for the audit log."""

    method: str
    path: str
    address: str
    request_id: str | None


def sign_in(engine: Engine, key: bytes, token: str, *, random: bytes, origin: Origin) -> NewSession | str:
    """Begins a session with a token; or says why not (`is not known`).

    Args:
        engine: Our database.
        key: The key under which secrets are hashed.
        token: What somebody typed.
        random: 32 random bytes.
        origin: Where the call came from.
    """
    given = token.strip()
    if not is_token(given):
        return "has not the form of a token, which begins with ldt_"
    identity = identify(engine, key, given)
    if identity.caller is None or identity.refusal is not None:
        return identity.refusal or "is not known"
    return _begin(engine, key, identity.caller, random=random, origin=origin, action="sign in")


def sign_in_by_link(engine: Engine, key: bytes, link: str, *, random: bytes, origin: Origin) -> NewSession | str:
    """Begins a session with a link, which then is used up; or says why not."""
    if not is_secret(link, LINK_MARK):
        return "has not the form of one"
    hashed = hash_token(link, key)

    def work(connection: Connection) -> Caller | str:
        now = database_now(connection)
        found = store.use_link(connection, hashed, now=now)
        if found is None:
            return "was used before, or has expired"
        caller, state = found
        refusal = state.refusal(now)
        return caller if refusal is None else f"is of a token that {refusal}"

    used = in_transaction(engine, work)
    if isinstance(used, str):
        return used
    return _begin(engine, key, used, random=random, origin=origin, action="sign in by link")


def _begin(engine: Engine, key: bytes, caller: Caller, *, random: bytes, origin: Origin, action: str) -> NewSession:
    secret = make_secret(SESSION_MARK, random)

    def work(connection: Connection) -> None:
        now = database_now(connection)
        store.delete_sessions(connection, before=now - LONGEST_SESSION)
        store.insert_session(connection, token_id=caller.token_id, session_hash=hash_token(secret, key), now=now)
        access.write_audit(connection, _entry(action, caller, origin), now=now)

    in_transaction(engine, work)
    return NewSession(secret, caller)


def find_signed_in(engine: Engine, key: bytes, secret: str, *, idle: timedelta, is_here: bool = True) -> SignedIn | str:
    """Finds who a session's cookie belongs to, and notes that they were here, if they were; or says why nobody is signed in."""
    if not is_secret(secret, SESSION_MARK):
        return NOT_SIGNED_IN
    with autocommitted(engine) as connection:
        known = store.find_session(connection, hash_token(secret, key))
        if known is None:
            return NOT_SIGNED_IN
        now = database_now(connection)
        refusal = known.state.refusal(now, idle=idle)
        token_refusal = known.token.refusal(now)
        if refusal is None and token_refusal is not None:
            refusal = TOKEN_ENDED
        if refusal is not None:
            return refusal
        if is_here and now - known.state.last_seen_at > min(SEEN_PRECISION, idle / 4):
            store.note_seen(connection, known.id, now=now)
    return SignedIn(known.caller, known.id, known.id)


def find_by_name(engine: Engine, name: str) -> SignedIn | str:
    """Finds who a proxy names: the owner of the one valid token of that name; or says why nobody is signed in."""
    with autocommitted(engine) as connection:
        now = database_now(connection)
        found = store.find_named(connection, name) if name.isprintable() else []
    valid = [caller for caller, state in found if state.refusal(now) is None]
    if not valid:
        return NOBODY_NAMED
    if len(valid) > 1:
        # Whoever may make tokens chooses their names, so none of them may come to stand for somebody else's.
        return SEVERAL_NAMED
    return SignedIn(valid[0], valid[0].token_id, None)


def sign_out(engine: Engine, who: SignedIn) -> None:
    """Ends a session. Where a proxy signs people in there is none to end."""
    if who.session_id is not None:
        with engine.begin() as connection:
            store.end_session(connection, who.session_id, now=database_now(connection))


def make_link(engine: Engine, key: bytes, name: str, *, random: bytes) -> Document:
    """Makes a link that signs in once with the rights of a token, named by its id or by the beginning that lists show.

    Raises:
        UsageError: There is no such token, several begin so, or it is not valid any more.
    """

    def work(connection: Connection) -> Document:
        found = access.find_token_ids(connection, name) if name.isprintable() else []
        if len(found) != 1:
            how = f"{len(found)} tokens begin with {name!r}" if found else f"There is no token {name!r}"
            raise UsageError(f"{how}.", remedy="Give an id that `livedash token list` shows.")
        (token,) = access.list_tokens(connection, token_ids=found)
        now = database_now(connection)
        refusal = TokenState(token.expires_at, token.revoked_at).refusal(now)
        if refusal is not None:
            raise UsageError(f"The token {token.prefix} {refusal}.", remedy="Make another: livedash token create.")
        return _link(connection, key, found[0], random=random, now=now)

    return in_transaction(engine, work)


def make_own_link(engine: Engine, key: bytes, *, name: str, days: int, random: Callable[[], bytes]) -> Document:
    """Makes a platform administrator's token that nobody is shown, and a link that signs in with it once."""
    token = create_token(engine, key, name=name, secret=random(), days=days)["token"]
    return make_link(engine, key, token["id"], random=random())


def _link(connection: Connection, key: bytes, token_id: UUID, *, random: bytes, now: datetime) -> Document:
    secret = make_secret(LINK_MARK, random)
    expires_at = now + LINK_LIFETIME
    store.insert_link(connection, token_id=token_id, link_hash=hash_token(secret, key), now=now, expires_at=expires_at)
    entry = AuditEntry("token link", "done", COMMAND_LINE, token_id)
    access.write_audit(connection, entry, now=now)
    return {"ok": True, "link": f"/console/sign-in?link={secret}", "expiresAt": moment(expires_at)}


def _entry(action: str, caller: Caller, origin: Origin) -> AuditEntry:
    return AuditEntry(
        action,
        "done",
        caller.name,
        caller.token_id,
        caller.company_id,
        origin.method,
        origin.path,
        303,
        origin.address,
        origin.request_id,
    )
