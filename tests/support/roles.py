"""Roles of the server and what they are set to, for tests that connect as somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

# Each would change a value, a meaning or an end if it counted. The times are milliseconds.
HOSTILE: Mapping[str, str] = {
    "DateStyle": "SQL, DMY",
    "TimeZone": "Asia/Kathmandu",
    "IntervalStyle": "iso_8601",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "40",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "20",
    "idle_session_timeout": "20",
    "transaction_timeout": "50",
    "search_path": "elsewhere",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "default_text_search_config": "pg_catalog.german",
    "jit": "on",
    "jit_above_cost": "0",
    "row_security": "off",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
}


@contextmanager
def role(url: str, name: str, settings: Mapping[str, str], *, rights: str = "SUPERUSER") -> Iterator[str]:
    """The address of the same database for a role of its own, which is dropped afterwards."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE ROLE "{name}" LOGIN {rights}'))
        try:
            for setting, value in settings.items():
                connection.execute(text(f"ALTER ROLE \"{name}\" SET {setting} = '{value}'"))
            yield make_url(url).set(username=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f'DROP OWNED BY "{name}"'))
            connection.execute(text(f'DROP ROLE "{name}"'))
    admin.dispose()
