"""Rewrites parts of the archive without the sessions that were erased on request since.

Add nothing that erases rows: `retention.steps.prune` does, and notes which parts hold what it has erased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.archive.rules.manifest import FILES, Manifest, new_manifest
from livedash_pipeline.archive.rules.manifest import month_of as month_of_manifest
from livedash_pipeline.archive.rules.months import month_of
from livedash_pipeline.archive.steps.look import find_parts
from livedash_pipeline.archive.steps.open import open_part
from livedash_pipeline.archive.store import folders, parts
from livedash_pipeline.archive.store.columns import COLUMNS
from livedash_pipeline.archive.store.parquet import Group, PartReader, PartWriter, load_pyarrow
from livedash_pipeline.archive.store.parts import Part
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import LivedashError, SettingsError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

Clock = Callable[[Connection], datetime]


@dataclass(frozen=True, slots=True)
class PartErasure:
    """A part that holds erased sessions: how many, where it is then, and why it was not rewritten, if so."""

    part: Part
    erased: int
    folder: Path
    fault: str | None = None


def erase(
    engine: Engine,
    *,
    company: str | None = None,
    version: str,
    dry_run: bool = True,
    clock: Clock = database_now,
) -> list[PartErasure]:
    """Rewrites every part that holds erased sessions; one that cannot be read is told of and left.

    The new files are whole, and known, before the old ones are removed. A killed run is run again.

    Args:
        engine: Our database.
        company: Slug of one company; None: all.
        version: That of this program.
        dry_run: Count, and change nothing.
        clock: The time of a transaction.

    Raises:
        SettingsError: pyarrow is not installed.
        LivedashError: Another archive command works on a company.
    """
    load_pyarrow()
    held = [part for part in find_parts(engine, company=company) if part.holds_erased and part.written_at is not None]
    return [_erase_part(engine, part, version, dry_run, clock) for part in held]


def _erase_part(engine: Engine, part: Part, version: str, dry_run: bool, clock: Clock) -> PartErasure:
    with engine.connect() as connection:
        company = get_company(connection, part.company)
    with parts.archive_lock(engine, company):
        try:
            manifest, reader = open_part(part)
        except SettingsError:
            raise
        except LivedashError as error:
            return PartErasure(part, 0, part.folder, error.message)
        with reader:
            if dry_run:
                erased = sum(len(_erased_in(engine, reader, group)) for group in range(reader.groups))
                return PartErasure(part, erased, part.folder)
            done = _rewrite(engine, part, manifest, reader, version, clock)
        folders.remove_part(part.folder)
    log.info("part rewritten", company=part.company, path=str(done.folder), erased=done.erased)
    return done


def _rewrite(
    engine: Engine, part: Part, manifest: Manifest, reader: PartReader, version: str, clock: Clock
) -> PartErasure:
    """Writes the part anew beside its old folder, and has the database know the new one."""
    folder = folders.rewritten_folder(part.folder)
    writer = PartWriter(folder)
    gone: list[UUID] = []
    try:
        for number in range(reader.groups):
            erased = _erased_in(engine, reader, number)
            gone += erased.values()
            kept = _without(reader.read_group(number), set(erased))
            if kept[FILES[0]]:
                writer.add(kept)
        files = writer.finish()
    except BaseException:
        writer.stop()
        raise
    rewritten = new_manifest(
        part=part.id,
        number=part.number,
        company=manifest.company,
        month=month_of_manifest(manifest),
        created_at=manifest.created_at,
        versions=manifest.versions.model_copy(update={"livedash": version, "pyarrow": str(load_pyarrow().__version__)}),
        left=manifest.left,
        files=files,
    )
    sha256 = folders.write_manifest(folder, rewritten)

    def work(connection: Connection) -> None:
        parts.rewrite_part(connection, part.id, gone)
        parts.finish_part(
            connection,
            part.id,
            folder=folder,
            sessions=rewritten.sessions,
            size=rewritten.bytes,
            manifest_sha256=sha256,
            now=clock(connection),
        )

    in_transaction(engine, work)
    return PartErasure(part, len(gone), folder)


def _erased_in(engine: Engine, reader: PartReader, group: int) -> dict[str, UUID]:
    """Of one group, the import ids of sessions that were erased, by session id as the files have it."""
    sessions = reader.read("sessions.parquet", group, ("session_id", "import_id"))
    with engine.connect() as connection:
        erased = parts.erased_imports(connection, [UUID(import_id) for _, import_id in sessions])
    return {session_id: UUID(import_id) for session_id, import_id in sessions if UUID(import_id) in erased}


def _without(group: Group, session_ids: set[str]) -> Group:
    places = {file: list(COLUMNS[file]).index("session_id") for file in FILES}
    return {file: [row for row in rows if row[places[file]] not in session_ids] for file, rows in group.items()}


def erase_document(done: Sequence[PartErasure], dry_run: bool) -> Document:
    """The document of an erasure or of its dry run; false `ok` where a part could not be rewritten."""
    return {
        "ok": all(each.fault is None for each in done),
        "dryRun": dry_run,
        "parts": [
            {
                "company": each.part.company,
                "month": str(month_of(each.part.month)),
                "erased": each.erased,
                "path": str(each.folder),
                "fault": each.fault,
            }
            for each in done
        ],
    }
