"""Facts about a whole database, such as the kind of endpoint that it belongs to.

Add a fact that has to be the same for everybody who uses the database.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.tables import database_properties
from livedash_pipeline.errors import SettingsError

_ENDPOINT_KIND = "endpoint_kind"


def read_property(connection: Connection, name: str) -> str | None:
    """The value of a fact; None if it was never recorded."""
    query = select(database_properties.c.value).where(database_properties.c.name == name)
    return connection.execute(query).scalar_one_or_none()


def record_property(connection: Connection, name: str, value: str, *, now: datetime) -> str:
    """Records a fact unless it is recorded already, and returns what then stands."""
    connection.execute(
        insert(database_properties).values(name=name, value=value, recorded_at=now).on_conflict_do_nothing()
    )
    return read_property(connection, name) or value


def store_property(connection: Connection, name: str, value: str, *, now: datetime) -> None:
    """Records a fact in place of what was recorded before."""
    row = {"value": value, "recorded_at": now}
    statement = insert(database_properties).values(name=name, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def require_endpoint_kind(connection: Connection, *, stand_in: bool, now: datetime) -> None:
    """A database belongs to a stand-in or to a real service, as its first submit records; the other kind is refused.

    Raises:
        SettingsError: A stand-in would answer for real sessions, or a real service would be paid for made-up ones.
    """
    kind = "stand-in" if stand_in else "real"
    recorded = record_property(connection, _ENDPOINT_KIND, kind, now=now)
    if recorded != kind:
        raise SettingsError(
            f"OPENAI_BASE_URL is a {kind} endpoint, and this database belongs to a {recorded} one.",
            remedy="Use another database (DATABASE_URL or LIVEDASH_HOME) for this endpoint.",
        )
