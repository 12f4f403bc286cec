"""Rules of signing in to the console: the secrets of sessions and links, when a session ends, and whether a form is ours.

Add a rule about sessions of people here. `access.rules.tokens` has the rights, which a session takes from its token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from livedash_pipeline.access.rules.tokens import SECRET_BYTES, Scope

SESSION_MARK = "lds_"
LINK_MARK = "ldl_"
# However often a session is used, its person signs in again after this long.
LONGEST_SESSION = timedelta(days=30)
# Reading it out of a log or a shell's history after this long is of no use.
LINK_LIFETIME = timedelta(hours=24)
# Writing each page view would cost an update each; this is how wrong the idle time may be.
SEEN_PRECISION = timedelta(seconds=30)
NOT_SIGNED_IN = "You are not signed in"
SIGNED_OUT = "You have signed out"
IDLE = "Nothing was done for a while"
TOO_OLD = f"You signed in more than {LONGEST_SESSION.days} days ago"
TOKEN_ENDED = "The token that you signed in with has expired or was revoked"  # noqa: S105 - a sentence
NOBODY_NAMED = "There is no valid token with the name that the proxy says"
SEVERAL_NAMED = "Several valid tokens have the name that the proxy says: all but one have to be revoked"
REASONS = frozenset({NOT_SIGNED_IN, SIGNED_OUT, IDLE, TOO_OLD, TOKEN_ENDED, NOBODY_NAMED, SEVERAL_NAMED})
"""Why nobody is signed in: all sentences that the page for signing in shows."""
_SECRET = re.compile(r"ld[sl]_[A-Za-z0-9_-]{43}")
_OUR_SITES = frozenset({"same-origin", "none"})
_LOOPBACK = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|::1", re.ASCII)
# Rights that change nothing.
_READING = frozenset(scope for scope in Scope if scope.endswith(":read") or scope is Scope.CHATS_ALL)


@dataclass(frozen=True, slots=True)
class SessionState:
    """The times that decide whether a session is still valid."""

    created_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None

    def refusal(self, now: datetime, *, idle: timedelta) -> str | None:
        """Says why nobody is signed in by this session at a moment; None if somebody is."""
        if self.ended_at is not None:
            return SIGNED_OUT
        if now - self.last_seen_at > idle:
            return IDLE
        if now - self.created_at > LONGEST_SESSION:
            return TOO_OLD
        return None


def make_secret(mark: str, random: bytes) -> str:
    """Makes the secret of a session or of a link of 32 random bytes.

    Raises:
        ValueError: The bytes are not 32.
    """
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} bytes, not of {len(random)}")
    return mark + base64.urlsafe_b64encode(random).decode().rstrip("=")


def is_secret(text: str, mark: str) -> bool:
    """Whether a text has the form of such a secret; any other text is refused without a look-up."""
    return text.startswith(mark) and _SECRET.fullmatch(text) is not None


def form_token(key: bytes, person: UUID) -> str:
    """The text that every form of a session carries: a page of another site cannot know it.

    Args:
        key: The server's key.
        person: The session; where a proxy signs people in, their token.
    """
    return hmac.new(key, b"form " + person.bytes, hashlib.sha256).hexdigest()


def same_form_token(one: str, other: str) -> bool:
    """Compares two form tokens in constant time."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


def comes_from_us(*, sec_fetch_site: str | None, origin: str | None, host: str) -> bool:
    """Whether a browser says that a form was sent from a page of ours.

    Browsers since 2023 send `Sec-Fetch-Site`, which no page can set. Where it is missing, an `Origin` must be ours; programs send
    neither, and are let through to the form token.
    """
    if sec_fetch_site is not None:
        return sec_fetch_site in _OUR_SITES
    return origin is None or _host_of(origin) == host.lower()


def is_loopback(host: str) -> bool:
    """Whether a Host header names the browser's own machine, where a cookie needs no TLS."""
    name = _host_of(f"//{host}")
    bare = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return _LOOPBACK.fullmatch(bare) is not None


def local_path(text: str, prefix: str) -> str | None:
    """A path of ours to go on to after signing in; None for anything that leads elsewhere."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    return text if plain and text.startswith(prefix) and "//" not in text.partition("?")[0] else None


def reading_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Those rights that change nothing."""
    return frozenset(scopes) & _READING


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
