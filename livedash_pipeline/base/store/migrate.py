"""Brings a database to this version's schema.

Migrations themselves live in `sql/migrations/versions`; how one is written is told in `sql/migrations/README.md`.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.store.connect import check_reachable
from livedash_pipeline.base.store.revisions import current_revision, head_revision, refuse_misplaced, refuse_newer
from livedash_pipeline.paths import shipped

# Any number will do, as long as every version of this program uses the same one.
_UPGRADE_LOCK = 5_263_111_973


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file: the script directory and, where given, an open connection."""
    config = Config()
    config.set_main_option("script_location", str(shipped("sql") / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Runs the missing migrations, alone among all processes, and returns the revisions before and after.

    Raises:
        DatabaseNotReadyError: The database is unreachable or newer than this program.
    """
    check_reachable(engine)
    with engine.connect() as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _UPGRADE_LOCK})
        guard.commit()
        try:
            before = current_revision(engine)
            refuse_newer(before)
            if before is None:
                refuse_misplaced(engine)
            with engine.connect() as connection:
                command.upgrade(alembic_config(connection), "head")
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _UPGRADE_LOCK})
            guard.commit()
    return before, head_revision()
