"""Writes one part of the archive: its row first, then its files, then its manifest, then its row again.

Add nothing that chooses sessions: `archive.steps.create` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.archive.rules.manifest import ArchivedCompany, Versions, new_manifest
from livedash_pipeline.archive.rules.months import Month
from livedash_pipeline.archive.rules.settled import groups_of
from livedash_pipeline.archive.store import folders, parts
from livedash_pipeline.archive.store.parquet import PartWriter, load_pyarrow
from livedash_pipeline.archive.store.sessions import MonthSession, read_group
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.base.store.revisions import head_revision
from livedash_pipeline.errors import LivedashError, StorageError

Clock = Callable[[Connection], datetime]

# Sessions of a page, which is one transaction, and so at most of a row group: 8 MB of usual chats.
PAGE_SIZE = 2000
# Texts of a row group in bytes: what is held in memory, several times over.
GROUP_BYTES = 16 << 20
# A part that large has some gigabytes; the next one begins, so that what is kept of row groups stays small.
PART_SESSIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done at a time: sessions of a page and of a part, and bytes of texts in a row group."""

    page: int = PAGE_SIZE
    group_bytes: int = GROUP_BYTES
    part: int = PART_SESSIONS


@dataclass
class WrittenPart:
    """A part that is being written; nobody is told of it before its manifest is there."""

    engine: Engine
    company: Company
    month: Month
    version: str
    clock: Clock
    id: UUID
    number: int
    folder: Path
    started_at: datetime
    writer: PartWriter
    sessions: int = 0

    def add(self, connection: Connection, chosen: Sequence[MonthSession], sizes: Sizes) -> None:
        """Writes some sessions as the connection sees them, one row group after another."""
        for group in groups_of(chosen, most_sessions=sizes.page, most_bytes=sizes.group_bytes):
            self.writer.add(read_group(connection, [session.session_id for session in group]))
            self.sessions += len(group)

    def finish(self, left: dict[str, int]) -> int:
        """Ends the files, writes the manifest, and returns the size of the files in bytes; `left` is told in the manifest."""
        files = self.writer.finish()
        manifest = new_manifest(
            part=self.id,
            number=self.number,
            company=ArchivedCompany(id=self.company.id, slug=self.company.slug),
            month=self.month,
            created_at=self.started_at,
            versions=Versions(livedash=self.version, pyarrow=load_pyarrow().__version__, database=head_revision()),
            left=left,
            files=files,
        )
        sha256 = folders.write_manifest(self.folder, manifest)

        def work(connection: Connection) -> None:
            parts.finish_part(
                connection,
                self.id,
                folder=self.folder,
                sessions=manifest.sessions,
                size=manifest.bytes,
                manifest_sha256=sha256,
                now=self.clock(connection),
            )

        in_transaction(self.engine, work)
        return manifest.bytes

    def give_up(self) -> None:
        """Removes the files, which may fill the disk; the next run removes what is noted of them."""
        with suppress(Exception):
            self.writer.stop()
        with suppress(LivedashError):
            folders.remove_part(self.folder)


def begin(engine: Engine, company: Company, month: Month, *, root: Path, version: str, clock: Clock) -> WrittenPart:
    """Notes a further part of a month, and makes its folder.

    Raises:
        StorageError: The folder cannot be made, or is there already.
    """

    def work(connection: Connection) -> tuple[UUID, int, Path, datetime]:
        now = clock(connection)
        number = parts.next_number(connection, company.id, month)
        folder = folders.part_folder(root, company.slug, month, number)
        return parts.begin_part(connection, company.id, month, number, folder, now=now), number, folder, now

    part_id, number, folder, now = in_transaction(engine, work)
    if folder.exists():
        in_transaction(engine, partial(parts.drop_part, part_id=part_id))
        raise StorageError(
            f"{folder} is there already, and this database knows no such part.",
            remedy="Name another directory with --to.",
        )
    return WrittenPart(engine, company, month, version, clock, part_id, number, folder, now, PartWriter(folder))
