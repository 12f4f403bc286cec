"""What the address of a database may say beyond what its driver knows: several hosts, a schema, and parameters of Prisma.

Add a parameter that other programs write into an address to one of the lists. Which addresses are wrong is for the driver to
say; `base.rules.database_faults` has the words for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

SCHEMA = "schema"
"""Prisma's parameter for the schema that the tables are in."""

_WITHOUT_MEANING = frozenset(
    {"connection_limit", "pgbouncer", "pool_timeout", "socket_timeout", "statement_cache_size"}
)
# To leave these out would trust certificates that the address does not trust.
_WITHOUT_EQUAL = frozenset({"sslaccept", "sslidentity"})
# Scheme, user and password, hosts, the rest. An at sign in a password has to be escaped, and often is not: the last one counts.
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)((?:[^/?#]*@)?)([^/?#@]*)(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?")
_DEFAULT_PORT = "5432"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What follows the question mark of an address.

    Attributes:
        given: What the driver is given.
        schema: Where the tables are; None where the address does not say.
        ignored: Parameters of Prisma that mean nothing here, in alphabetical order.
        refused: Those that cannot be left out and that the driver does not know.
    """

    given: Mapping[str, str | tuple[str, ...]]
    schema: str | None = None
    ignored: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """All that no driver knows."""
        return (*([] if self.schema is None else [SCHEMA]), *self.ignored, *self.refused)


def read_parameters(query: Mapping[str, str | tuple[str, ...]]) -> Parameters:
    """Sorts the parameters of an address by who understands them."""
    schema = query.get(SCHEMA)
    if isinstance(schema, tuple):
        schema = schema[-1]
    return Parameters(
        {
            name: value
            for name, value in query.items()
            if name not in _WITHOUT_MEANING | _WITHOUT_EQUAL and name != SCHEMA
        },
        schema or None,
        tuple(sorted(_WITHOUT_MEANING & set(query))),
        tuple(sorted(_WITHOUT_EQUAL & set(query))),
    )


def ignored_words(names: Iterable[str]) -> str:
    """A sentence about parameters that are left out, such as Prisma's."""
    return f"DATABASE_URL has {', '.join(names)}, which other programs read and livedash does not."


def with_hosts_apart(url: str) -> str:
    """The address with several hosts, such as `a:5432,b`, moved to its parameters, where SQLAlchemy looks for them.

    An address with one host, or one that cannot be read, is returned as it is.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None or "," not in parts[3]:
        return url
    scheme, user, hosts, rest = parts.groups()
    read = [_HOST.fullmatch(host) for host in hosts.split(",")]
    if not all(found is not None and found[1] for found in read):
        return url
    names = ",".join(found[1].strip("[]") for found in read if found is not None)
    ports = ",".join(found[2] or _DEFAULT_PORT for found in read if found is not None)
    path, mark, query = rest.partition("?")
    several = f"host={quote(names, safe=',:')}&port={ports}"
    return f"{scheme}{user}{path or '/'}?{several}{'&' if mark and query else ''}{query}"
