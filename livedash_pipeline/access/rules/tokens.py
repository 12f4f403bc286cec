"""Roles, scopes, and the form of API tokens: who may do what over HTTP.

A token is random text that is shown once; the database stores its keyed hash. Add a scope where a kind of route needs a right of
its own. `access.store.tokens` stores and finds tokens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """The purpose of a token: to operate the whole pipeline, or to handle one company's own sessions."""

    PLATFORM_ADMIN = "platform_admin"
    COMPANY = "company"


class Scope(StrEnum):
    """A right of a token within its role."""

    ADMIN_READ = "admin:read"
    ADMIN_WRITE = "admin:write"
    METRICS_READ = "metrics:read"
    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    SESSIONS_ERASE = "sessions:erase"
    RESULTS_READ = "results:read"
    SPEND_READ = "spend:read"
    CHATS_READ = "chats:read"
    CHATS_WRITE = "chats:write"
    CHATS_ALL = "chats:all"
    TEXTS_READ = "texts:read"


SCOPES: dict[Role, tuple[Scope, ...]] = {
    Role.PLATFORM_ADMIN: (
        Scope.ADMIN_READ,
        Scope.ADMIN_WRITE,
        Scope.METRICS_READ,
        Scope.CHATS_READ,
        Scope.CHATS_WRITE,
        # Chat batches of all uploaders; without it a platform administrator's token sees only its own.
        Scope.CHATS_ALL,
        # What people and models wrote: chats, rejected records, raw answers. The console shows them, and writes down to whom.
        Scope.TEXTS_READ,
    ),
    Role.COMPANY: (
        Scope.SESSIONS_READ,
        Scope.SESSIONS_WRITE,
        Scope.SESSIONS_ERASE,
        Scope.RESULTS_READ,
        Scope.SPEND_READ,
        Scope.CHATS_READ,
        Scope.CHATS_WRITE,
        Scope.TEXTS_READ,
    ),
}
"""Scopes of each role; a token that is made without any gets all of them."""

# What operators may do with everything of a company includes what the company may.
_INCLUDED_IN: dict[Scope, Scope] = {
    Scope.SESSIONS_READ: Scope.ADMIN_READ,
    Scope.RESULTS_READ: Scope.ADMIN_READ,
    Scope.SPEND_READ: Scope.ADMIN_READ,
    Scope.SESSIONS_WRITE: Scope.ADMIN_WRITE,
    Scope.SESSIONS_ERASE: Scope.ADMIN_WRITE,
}

# The mark lets people and scanners of repositories recognise a leaked token.
TOKEN_MARK = "ldt_"  # noqa: S105 - the beginning that all tokens share, no secret
SECRET_BYTES = 32
# Mark and eight characters of 43: enough to recognise a token in a list, and 210 bits short of the rest.
PREFIX_LENGTH = len(TOKEN_MARK) + 8
_TOKEN = re.compile(rf"{TOKEN_MARK}[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of the token that a request carries.

    Attributes:
        token_id: The token's row.
        name: The name that its maker gave it.
        role: Its purpose.
        scopes: Its rights.
        company_id: The one company that a company's token sees and changes; None for other tokens.
        company: That company's slug.
    """

    token_id: UUID
    name: str
    role: Role
    scopes: frozenset[str]
    company_id: UUID | None
    company: str | None

    @property
    def may_see_questions(self) -> bool:
        """Whether what people asked may stand beside sums of sessions that the caller may see.

        A company's own questions are a part of its results; for operators they are what people wrote.
        """
        return self.role is Role.COMPANY or Scope.TEXTS_READ in self.scopes


@dataclass(frozen=True, slots=True)
class TokenState:
    """The times that decide whether a known token is still valid."""

    expires_at: datetime | None
    revoked_at: datetime | None

    def refusal(self, now: datetime) -> str | None:
        """Says why the token is not valid at a moment; None if it is."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "has expired"
        return None


def make_token(secret: bytes) -> str:
    """Makes a token of 32 random bytes.

    Raises:
        ValueError: The bytes are not 32.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a token is made of {SECRET_BYTES} bytes, not of {len(secret)}")
    return TOKEN_MARK + base64.urlsafe_b64encode(secret).decode().rstrip("=")


def is_token(text: str) -> bool:
    """Whether a text has a token's form; any other text is refused without a look-up."""
    return _TOKEN.fullmatch(text) is not None


def token_prefix(token: str) -> str:
    """The beginning by which people recognise a token."""
    return token[:PREFIX_LENGTH]


def hash_token(token: str, key: bytes) -> str:
    """Returns HMAC-SHA256 under the server's key, in hex: a copy of the database alone neither holds tokens nor tests guesses."""
    return hmac.new(key, token.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def same_hash(one: str, other: str) -> bool:
    """Compares two hashes in constant time."""
    return hmac.compare_digest(one, other)


def read_bearer(header: str | None) -> str | None:
    """Reads the token of an `Authorization` header; None where there is none."""
    scheme, _, credentials = (header or "").strip().partition(" ")
    token = credentials.strip()
    return token if scheme.lower() == "bearer" and is_token(token) else None


def exceeding_scopes(held: Iterable[str], scopes: Iterable[str], role: Role | None = None) -> list[str]:
    """Returns those scopes that an operator with the held ones may give to nobody, or to no token of a role.

    A right can be given by who has it. Rights over a company's own things are included in those over everything: reading
    in `admin:read`, and changing in `admin:write`. A company's token sees the chat batches of all that upload for the company,
    which only operators with `chats:all` do; and results hold what people asked, which operators see with `texts:read`.
    """
    own = frozenset(held)
    needs_texts = Scope.TEXTS_READ not in own
    if role is Role.COMPANY and Scope.CHATS_ALL not in own:
        own -= {Scope.CHATS_READ, Scope.CHATS_WRITE}
    return [
        scope
        for scope in scopes
        if (scope not in own and _INCLUDED_IN.get(Scope(scope), scope) not in own)
        or (needs_texts and scope == Scope.RESULTS_READ)
    ]


def earlier_end(one: datetime | None, other: datetime | None) -> datetime | None:
    """Returns the earlier of two ends; None is never."""
    return min((end for end in (one, other) if end is not None), default=None)


def unknown_scopes(role: Role, scopes: Iterable[str]) -> list[str]:
    """Returns those of the given scopes that the role does not have."""
    return [scope for scope in scopes if scope not in SCOPES[role]]
