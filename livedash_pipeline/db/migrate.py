"""Brings a database to this version's schema and says where it stands.

Migrations themselves live in `sql/migrations/versions`; how one is written is told in `sql/migrations/README.md`.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.db.connect import check_reachable
from livedash_pipeline.errors import DatabaseNotReadyError
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
            _refuse_newer(before)
            with engine.connect() as connection:
                command.upgrade(alembic_config(connection), "head")
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _UPGRADE_LOCK})
            guard.commit()
    return before, head_revision()


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    """The newest revision this program knows."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise FileNotFoundError("sql/migrations holds no revision; install livedash_pipeline again.")
    return head


def check_current(engine: Engine) -> None:
    """Raises DatabaseNotReadyError unless the database is reachable and at this program's revision."""
    check_reachable(engine)
    revision = current_revision(engine)
    _refuse_newer(revision)
    if revision != head_revision():
        raise DatabaseNotReadyError(
            f"The database is at revision {revision or 'none'}, and this program needs {head_revision()}.",
            remedy="Run `livedash db upgrade`.",
        )


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseNotReadyError(
            f"The database is at revision {revision}, which this version of livedash_pipeline does not know.",
            remedy="Install the newer version that migrated it.",
        )
