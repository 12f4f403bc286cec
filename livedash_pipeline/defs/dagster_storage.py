"""Dagster's storage in Postgres, on connections that are set up as ours are: `dagster.yaml` names it in place of Dagster's own.

Every process of Dagster reads that file, also those that load no code of ours, and finds its storage here. What a connection
is set to is `base.store.session_setup`; what Dagster stores is Dagster's own.
"""

from __future__ import annotations

from typing import Any

from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Pool, event, make_url

from livedash_pipeline.base.store.faults import DAGSTER_URL
from livedash_pipeline.base.store.session_setup import SessionWishes

_WISHES = SessionWishes(setting=DAGSTER_URL)
# Name and user of the databases that are Dagster's: a program of somebody else's in the same process has connections as well.
_DATABASES: set[tuple[str | None, str | None]] = set()


class SettledPostgresStorage(DagsterPostgresStorage):
    """Dagster's own storage; connections that it makes go by no setting of its role or database."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        """The storage of an instance, as Dagster asks for it.

        Raises:
            DatabaseNotReadyError: The database's encoding or a pooler keep work from being done.
        """
        url = make_url(config_value["postgres_url"])
        _DATABASES.add((url.database, url.username))
        # Dagster makes engines of its own, and makes them anew for the webserver. Of their pools this is the one thing in common.
        if not event.contains(Pool, "connect", set_up):
            event.listen(Pool, "connect", set_up)
        return super().from_config_value(inst_data, config_value)


def set_up(connection: Any, record: Any) -> None:
    """A listener for `connect` that passes over all connections but Dagster's; ours are on psycopg 3, with one of their own."""
    if type(connection).__module__.partition(".")[0] != "psycopg2":
        return
    if (connection.info.dbname, connection.info.user) in _DATABASES or (connection.info.dbname, None) in _DATABASES:
        _WISHES.set_up(connection, record)
