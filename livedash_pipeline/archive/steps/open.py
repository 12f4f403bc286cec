"""Opens a part of the archive for reading, and says why one cannot be.

Add a comparison of what a folder claims with what this database knows of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, Engine

from livedash_pipeline.archive.rules.manifest import Manifest
from livedash_pipeline.archive.store.folders import load_manifest
from livedash_pipeline.archive.store.parquet import PartReader, bad_archive
from livedash_pipeline.archive.store.parts import Part, list_parts
from livedash_pipeline.errors import UsageError


def open_part(part: Part) -> tuple[Manifest, PartReader]:
    """The manifest and the files of a part, each compared with what was noted when it was written.

    Raises:
        LivedashError: Something is missing or was changed (`bad_archive`).
    """
    manifest = _manifest_of(part)
    return manifest, PartReader(part.folder, manifest)


def known_part(engine: Engine, folder: Path) -> Part:
    """What this database knows of the part in a folder, wherever that lies by now.

    Raises:
        UsageError: It is another database's.
        LivedashError: The folder holds no part that this version reads (`bad_archive`).
    """
    place = folder.absolute()
    manifest, _ = load_manifest(place)
    with engine.connect() as connection:
        part = _row_of(connection, manifest)
    if part is None:
        raise UsageError(
            f"{place} is no part of this database's archive: company {manifest.company.slug[:63]!r}, part {manifest.part}.",
            remedy="Use the database that wrote it: `livedash archive list` shows the parts of this one.",
            code="unknown_part",
        )
    moved = replace(part, path=str(place))
    _manifest_of(moved)
    return moved


def _row_of(connection: Connection, manifest: Manifest) -> Part | None:
    rows = list_parts(connection, company_id=manifest.company.id, part_id=manifest.part)
    return rows[0] if rows else None


def _manifest_of(part: Part) -> Manifest:
    manifest, sha256 = load_manifest(part.folder)
    if sha256 != part.manifest_sha256:
        raise bad_archive(part.folder, "has another manifest than the one that was written")
    return manifest
