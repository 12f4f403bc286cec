"""Makes a new connection fit for work: its database's encoding, the session's settings, and what is between it and the server.

All of it costs one round trip. Which settings there are is `base.rules.database.session_settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livedash_pipeline.base.rules.database.session_settings import named_options, settings_script
from livedash_pipeline.base.store.faults import DATABASE_URL, database_of
from livedash_pipeline.base.store.poolers import refuse_moving
from livedash_pipeline.errors import DatabaseNotReadyError

POOLING = "livedash_pooling"
"""Under which the pool's record of a connection keeps its `Pooling`."""

# Somebody has set it for a role or a database. What the server's configuration or the address says stays: the one may mean that
# its disk is full, and the other is meant for us.
_ALLOW_WRITES = """
    SELECT set_config(name, 'off', false) FROM pg_settings
    WHERE name = 'default_transaction_read_only' AND source IN ('global', 'database', 'user', 'database user')
"""
# A commit that a crash of the server can undo is none: a batch could be created whose claim is gone. Stronger settings stay.
_DURABLE = """
    SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
_LOOK = "SELECT pg_backend_pid(), current_schema()"


@dataclass(frozen=True, slots=True)
class SessionWishes:
    """What connections of one address are to have.

    Attributes:
        setting: The variable with the address.
        schema: Where the tables are; None where the address does not say.
        statement_timeout: Seconds after which Postgres ends a statement; None where the address alone may say.
    """

    setting: str = DATABASE_URL
    schema: str | None = None
    statement_timeout: float | None = None

    @property
    def database(self) -> str:
        """Which database it is, as the beginning of a sentence."""
        return database_of(self.setting)

    def set_up(self, connection: Any, record: Any) -> None:
        """A listener for `connect` of SQLAlchemy's pools, for psycopg 3 and psycopg2.

        Raises:
            DatabaseNotReadyError: Encoding, schema or a pooler keep work from being done; the connection is closed.
        """
        try:
            self._refuse_other_encodings(connection)
            before = connection.autocommit
            connection.autocommit = True
            pid = self._apply(connection)
            record.info[POOLING] = refuse_moving(connection, pid, self.setting)
            connection.autocommit = before
        except BaseException:
            connection.close()
            raise

    def _refuse_other_encodings(self, connection: Any) -> None:
        """The driver knows the encoding, so that this costs no statement."""
        encoding = connection.info.parameter_status("server_encoding")
        if encoding == "UTF8":
            return
        raise DatabaseNotReadyError(
            f"{self.database} has the encoding {encoding}, and only UTF8 holds every character and checks it.",
            remedy=f"Make another one with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0` and name it in {self.setting}.",
            code="database_encoding",
        )

    def _apply(self, connection: Any) -> int:
        named = named_options(connection.info.options)
        script = settings_script(
            connection.info.server_version, named=named, schema=self.schema, statement_timeout=self.statement_timeout
        )
        with connection.cursor() as cursor:
            cursor.execute(f"{script}; {_DURABLE}; {_LOOK}")
            pid, schema = _last_row(cursor)
            if schema is None:
                raise self._no_schema()
            is_named = "default_transaction_read_only" in named
            if connection.info.parameter_status("default_transaction_read_only") == "on" and not is_named:
                cursor.execute(_ALLOW_WRITES)
        return int(pid)

    def _no_schema(self) -> DatabaseNotReadyError:
        schema = self.schema or "public"
        return DatabaseNotReadyError(
            f"{self.database} has no schema {schema!r} that this user may use.",
            remedy=f"Make it with `CREATE SCHEMA`, grant USAGE on it, or name another one in {self.setting}.",
            code="database_schema",
        )


def _last_row(cursor: Any) -> tuple[Any, ...]:
    """The row of the last of several statements: psycopg 3 stands at the first of them, psycopg2 at the last."""
    if hasattr(cursor, "pgresult"):
        while cursor.nextset():
            pass
    row: tuple[Any, ...] = cursor.fetchone()
    return row
