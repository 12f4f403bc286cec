"""The address of an existing LiveDash database: read apart, so that no message can ever show its password.

Prisma's own parameters are understood or dropped. Connecting is the business of `livedash_database`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from livedash_pipeline.errors import UsageError

_SCHEMES = frozenset({"postgres", "postgresql"})
# Of Prisma; libpq refuses what it does not know.
_PRISMA_ONLY = frozenset(
    {
        "connection_limit",
        "pool_timeout",
        "pgbouncer",
        "socket_timeout",
        "statement_cache_size",
        "sslaccept",
        "sslidentity",
    }
)
_DEFAULT_SCHEMA = "public"


@dataclass(frozen=True)
class LivedashAddress:
    """Where a LiveDash database is.

    Attributes:
        shown: Server, port and database, for messages.
        parameters: For libpq; they hold the password.
        schema: Of Prisma's parameter `schema`.
    """

    shown: str
    parameters: dict[str, str] = field(repr=False)
    schema: str = _DEFAULT_SCHEMA


def read_address(url: str) -> LivedashAddress:
    """Reads `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=…`.

    Raises:
        UsageError: It is no address of a Postgres; the message repeats nothing of it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=False))
    except ValueError:
        raise _unreadable() from None
    # An unescaped slash, hash or question mark in a password leaves the at sign behind in what follows the host.
    strayed = "@" in parts.path + parts.query + parts.fragment
    if parts.scheme.partition("+")[0] not in _SCHEMES or strayed or "\0" in url:
        raise _unreadable()
    schema = options.pop("schema", _DEFAULT_SCHEMA)
    given = {name: value for name, value in options.items() if name not in _PRISMA_ONLY}
    named = {
        "host": unquote(parts.hostname or ""),
        "port": str(port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.lstrip("/")),
    }
    parameters = {name: value for name, value in named.items() if value} | given
    server = ":".join(filter(None, (parameters.get("host"), parameters.get("port"))))
    return LivedashAddress(f"{server}/{parameters.get('dbname', '')}", parameters, schema)


def _unreadable() -> UsageError:
    return UsageError(
        "The address of the LiveDash database cannot be read.",
        remedy="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password as %XX.",
        code="bad_source_address",
    )
