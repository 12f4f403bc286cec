"""Rows about parts of the archive: which there are, which sessions they hold, and who may work on them.

Add what is to be known of a part without its files. Every function but `archive_lock` runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from livedash_pipeline.archive.rules.months import Month
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import archive_parts, archived_sessions, session_imports
from livedash_pipeline.errors import LivedashError


@dataclass(frozen=True, slots=True)
class Part:
    """A row of `archive_parts`, with the company's slug; `written_at` is None for one that was interrupted."""

    id: UUID
    company_id: UUID
    company: str
    month: date
    number: int
    path: str
    sessions: int
    bytes: int
    manifest_sha256: str | None
    started_at: datetime
    written_at: datetime | None
    texts_deleted_at: datetime | None
    restored_at: datetime | None
    holds_erased: bool

    @property
    def folder(self) -> Path:
        """Where it was written to."""
        return Path(self.path)


@contextmanager
def archive_lock(engine: Engine, company: Company) -> Iterator[None]:
    """Holds the right to write, delete or restore what the archive has of a company.

    Raises:
        LivedashError: Somebody else holds it (`archive_running`).
    """
    with engine.connect() as connection:
        # Closed for real at the end, which frees the lock whatever has happened.
        connection.detach()
        taken = connection.execute(statement("archive/take_archive_lock"), {"company_id": company.id}).scalar_one()
        connection.commit()
        if not taken:
            raise LivedashError(
                f"Another archive command works on {company.slug}.", remedy="Wait for its end.", code="archive_running"
            )
        try:
            yield
        finally:
            with suppress(DBAPIError, InvalidRequestError):
                connection.execute(statement("archive/free_archive_lock"), {"company_id": company.id})
                connection.commit()


def list_parts(
    connection: Connection,
    *,
    company_id: UUID | None = None,
    month: Month | None = None,
    part_id: UUID | None = None,
) -> list[Part]:
    """Parts, the oldest month first."""
    values = {
        "company_id": company_id,
        "month": None if month is None else month.first_day,
        "part_id": part_id,
    }
    return [Part(**row) for row in connection.execute(statement("archive/list_parts"), values).mappings()]


def next_number(connection: Connection, company_id: UUID, month: Month) -> int:
    """The number of a further part of a month."""
    parts = archive_parts.c
    most = select(func.max(parts.number)).where(parts.company_id == company_id, parts.month == month.first_day)
    return (connection.execute(most).scalar_one() or 0) + 1


def begin_part(
    connection: Connection, company_id: UUID, month: Month, number: int, folder: Path, *, now: datetime
) -> UUID:
    """Notes that somebody begins to write a part, before there is a file of it."""
    values = {
        "company_id": company_id,
        "month": month.first_day,
        "number": number,
        "path": str(folder),
        "started_at": now,
    }
    made: UUID = connection.execute(insert(archive_parts).values(values).returning(archive_parts.c.id)).scalar_one()
    return made


def finish_part(
    connection: Connection,
    part_id: UUID,
    *,
    folder: Path,
    sessions: int,
    size: int,
    manifest_sha256: str,
    now: datetime,
) -> None:
    """Notes that the manifest of a part is written."""
    connection.execute(
        update(archive_parts)
        .where(archive_parts.c.id == part_id)
        .values(
            path=str(folder),
            sessions=sessions,
            bytes=size,
            manifest_sha256=manifest_sha256,
            written_at=func.coalesce(archive_parts.c.written_at, now),
        )
    )


def drop_part(connection: Connection, part_id: UUID) -> None:
    """Forgets a part that was never finished, with what was noted of its sessions."""
    connection.execute(statement("archive/delete_archived_sessions"), {"part_id": part_id})
    connection.execute(delete(archive_parts).where(archive_parts.c.id == part_id))


def note_texts_deleted(connection: Connection, part_id: UUID, now: datetime) -> None:
    """Notes that all texts of a part that were to go are gone."""
    connection.execute(update(archive_parts).where(archive_parts.c.id == part_id).values(texts_deleted_at=now))


def note_restored(connection: Connection, part_id: UUID, now: datetime) -> None:
    """Notes that texts were put back from a part: a later deletion has to look at it again."""
    connection.execute(
        update(archive_parts).where(archive_parts.c.id == part_id).values(restored_at=now, texts_deleted_at=None)
    )


def add_sessions(connection: Connection, part_id: UUID, import_ids: Sequence[UUID]) -> None:
    """Notes which sessions a part is going to hold."""
    values = {"part_id": part_id, "import_ids": list(import_ids)}
    connection.execute(statement("archive/insert_archived_sessions"), values)


def deletable_imports(connection: Connection, part_id: UUID, import_ids: Sequence[UUID]) -> set[UUID]:
    """Of some imports, those whose texts a part holds as they were, and whose texts the archive has not deleted yet."""
    values = {"part_id": part_id, "import_ids": list(import_ids)}
    return set(connection.execute(statement("archive/find_deletable_sessions"), values).scalars())


def mark_sessions(
    connection: Connection, part_id: UUID, *, deleted: Sequence[UUID], changed: Sequence[UUID], now: datetime
) -> None:
    """Notes of which imports the texts were deleted, and which are not any more what the part says."""
    values = {"part_id": part_id, "deleted_ids": list(deleted), "changed_ids": list(changed), "now": now}
    connection.execute(statement("archive/mark_archived_sessions"), values)


def erased_imports(connection: Connection, import_ids: Sequence[UUID]) -> set[UUID]:
    """Of some imports, those that were erased on request."""
    named = session_imports.c.id.in_(import_ids)
    return set(
        connection.execute(
            select(session_imports.c.id).where(named, session_imports.c.erased_at.is_not(None))
        ).scalars()
    )


def rewrite_part(connection: Connection, part_id: UUID, erased: Sequence[UUID]) -> None:
    """Notes that a part no longer holds some sessions; one that is erased meanwhile is noted by its own erasure."""
    held = archived_sessions.c
    connection.execute(delete(archived_sessions).where(held.part_id == part_id, held.import_id.in_(erased)))
    left = (
        select(held.import_id)
        .join(session_imports, session_imports.c.id == held.import_id)
        .where(held.part_id == part_id, session_imports.c.erased_at.is_not(None))
    )
    connection.execute(update(archive_parts).where(archive_parts.c.id == part_id).values(holds_erased=left.exists()))


def forget_deletions(connection: Connection, part_id: UUID, import_ids: Sequence[UUID]) -> None:
    """Notes that the texts of some imports are back."""
    values = {"part_id": part_id, "import_ids": list(import_ids)}
    connection.execute(statement("archive/forget_deletions"), values)
