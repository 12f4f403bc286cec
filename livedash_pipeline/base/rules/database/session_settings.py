"""What every connection to a database is set to, so that settings of the role, the database or the server do not matter.

Add a setting that changes what a statement means, what a value looks like, or whether a transaction may take its time. Left
out is what changes only how fast an answer comes (`work_mem`), save for one that makes answers a hundred times slower, or what no
statement here depends on (`default_text_search_config`: each names its own).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # What a literal means, and what a value looks like on its way to us.
        "standard_conforming_strings": "on",
        "client_encoding": "UTF8",
        "DateStyle": "ISO, MDY",
        "IntervalStyle": "postgres",
        "TimeZone": "UTC",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "array_nulls": "on",
        "transform_null_equals": "off",
        "row_security": "on",
        # What a transaction sees: each statement looks anew, and a conflict of two waits instead of failing.
        "default_transaction_isolation": "read committed",
        "default_transaction_deferrable": "off",
        # Settling a large batch takes as long as it takes.
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
        # Where the server can compile plans, as Debian's can, it does so for long seconds before it looks up a few rows: a claim
        # that finds nothing took 6.2 s, and 24 ms without.
        "jit": "off",
    }
)
"""Name and value of every setting, as `SET` takes them."""

LINK_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # A host that loses its power or its link says nothing. As Postgres ships, the session of such a client keeps its locks
        # for a quarter of an hour where an answer is under way, and for two hours where none is; so it is asked after half a
        # minute, and given up after about a minute, before its run is. On a Unix socket these have no meaning and read as 0.
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "4",
        "tcp_user_timeout": "70000",
    }
)
"""How soon the server notices that a client is gone for good, in the same form: seconds, and the last one in milliseconds."""

_SINCE = {"transaction_timeout": 170000}
_NAMED = re.compile(r"(?:^|(?<!\\)\s)(?:-c\s*|--)([A-Za-z_][\w.-]*)\s*=")


def named_options(options: str) -> frozenset[str]:
    """The settings, in lower case, that libpq's `options` give a connection: `-c lock_timeout=50 --search-path=x`.

    Whoever writes an address says what its connections are to have, so these are left as they are.
    """
    return frozenset(name.lower().replace("-", "_") for name in _NAMED.findall(options))


def settings_script(
    server_version: int, *, named: Collection[str], schema: str | None = None, statement_timeout: float | None = None
) -> str:
    """Statements, separated by semicolons, that set a new connection.

    Args:
        server_version: As libpq tells it, such as 180004.
        named: Settings that the address gives, in lower case.
        schema: Where the tables are; without it `public`, unless `named` says so.
        statement_timeout: Seconds after which Postgres ends a statement, whatever `named` says; None for no end.
    """
    wanted = [
        (name, _literal(value))
        for name, value in (*SETTINGS.items(), *LINK_SETTINGS.items())
        if name.lower() not in named and server_version >= _SINCE.get(name, 0)
    ]
    if schema is not None or "search_path" not in named:
        # As a name and not as a text: before standard_conforming_strings is on, a text may read backslashes.
        wanted.append(("search_path", '"' + (schema or "public").replace('"', '""') + '"'))
    if statement_timeout is not None:
        wanted.append(("statement_timeout", str(round(statement_timeout * 1000))))
    return "; ".join(f"SET {name} = {value}" for name, value in wanted)


def _literal(value: str) -> str:
    return f"'{value}'"
