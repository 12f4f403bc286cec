"""Which revision of the schema a database is at, and which this program needs, without loading Alembic.

Every process asks this when it starts, and Alembic takes a quarter of a second to load. A revision is named as its file; a test
compares with what Alembic reads. `base.store.migrate` runs what is missing.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.connect import check_reachable
from livedash_pipeline.errors import DatabaseNotReadyError
from livedash_pipeline.paths import shipped

_ELSEWHERE = text("""
    SELECT pg_namespace.nspname
    FROM pg_class AS tables
    INNER JOIN pg_class AS revisions ON revisions.relnamespace = tables.relnamespace
    INNER JOIN pg_namespace ON pg_namespace.oid = tables.relnamespace
    WHERE tables.relname = 'ai_request_attempts' AND revisions.relname = 'alembic_version'
    ORDER BY pg_namespace.nspname
    LIMIT 1
""")


@cache
def known_revisions() -> tuple[str, ...]:
    """All revisions of this program, oldest first.

    Raises:
        FileNotFoundError: The package was installed without them.
    """
    files = (shipped("sql") / "migrations" / "versions").glob("[0-9]*.py")
    revisions = tuple(sorted(file.stem for file in files))
    if not revisions:
        raise FileNotFoundError("sql/migrations holds no revision; install livedash_pipeline again.")
    return revisions


def head_revision() -> str:
    """The newest revision this program knows."""
    return known_revisions()[-1]


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None for an empty database."""
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def refuse_misplaced(engine: Engine) -> None:
    """Raises DatabaseNotReadyError where our tables are in another schema than the address says.

    Asked of a database that seems empty: a second set of tables would hide what is in the first.
    """
    with engine.connect() as connection:
        schema = connection.execute(_ELSEWHERE).scalar_one_or_none()
    if schema is not None:
        raise DatabaseNotReadyError(
            f"The tables of livedash are in the schema {schema!r}, which DATABASE_URL does not name.",
            remedy=f"Add `schema={quote(schema)}` to the parameters of DATABASE_URL, behind its question mark.",
            code="database_schema",
        )


def check_current(engine: Engine) -> None:
    """Raises DatabaseNotReadyError unless the database is reachable and at this program's revision."""
    check_reachable(engine)
    revision = current_revision(engine)
    refuse_newer(revision)
    if revision is None:
        refuse_misplaced(engine)
    if revision != head_revision():
        raise DatabaseNotReadyError(
            f"The database is at revision {revision or 'none'}, and this program needs {head_revision()}.",
            remedy="Run `livedash db upgrade`.",
        )


def refuse_newer(revision: str | None) -> None:
    """Raises DatabaseNotReadyError for a revision that this program does not know."""
    if revision is not None and revision not in known_revisions():
        raise DatabaseNotReadyError(
            f"The database is at revision {revision}, which this version of livedash_pipeline does not know.",
            remedy="Install the newer version that migrated it.",
        )
