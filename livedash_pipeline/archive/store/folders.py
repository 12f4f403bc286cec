"""Folders of parts: where a part lies, its manifest, and what an interrupted one has left.

Add what is done with whole files. Their rows are written and read by `archive.store.parquet`.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from livedash_pipeline.archive.rules.manifest import FILES, MANIFEST_NAME, Manifest, read_manifest
from livedash_pipeline.archive.rules.months import Month
from livedash_pipeline.archive.store.parquet import bad_archive, open_regular
from livedash_pipeline.storage import writing

# Some ten thousand row groups a file; a part has five hundred.
_LARGEST_MANIFEST = 4 << 20
_TEMPORARY = f"{MANIFEST_NAME}.writing"


def part_folder(root: Path, company: str, month: Month, number: int) -> Path:
    """The folder of a part below the archive's directory: `acme/2026-03/part-0001`."""
    return root / company / str(month) / f"part-{number:04}"


def rewritten_folder(folder: Path) -> Path:
    """The folder for a part that is written anew beside its old one: `part-0001.2`, then `part-0001.3`.

    What a killed command has left there is removed: no manifest of it is known to the database.
    """
    stem, _, revision = folder.name.partition(".")
    beside = folder.with_name(f"{stem}.{int(revision) + 1 if revision.isdecimal() else 2}")
    if beside.exists():
        remove_part(beside)
    return beside


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Writes the manifest, whole or not at all, and returns its SHA-256."""
    text = manifest.text().encode()
    with writing("The manifest", folder, setting="--to"):
        temporary = folder / _TEMPORARY
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # What is in the folder is on disk before the manifest says so, and then the manifest, too.
        _sync(folder)
        temporary.rename(folder / MANIFEST_NAME)
        # Whatever was made of the path: month, company, the directory itself, whose own parent may be somebody else's.
        for made in (folder, *list(folder.parents)[:3]):
            _sync(made)
        for above in list(folder.parents)[3:4]:
            with suppress(PermissionError):
                _sync(above)
    return hashlib.sha256(text).hexdigest()


def load_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest in a folder, and its SHA-256.

    Raises:
        LivedashError: There is none, or none that this version reads (`bad_archive`).
    """
    path = folder / MANIFEST_NAME
    with open_regular(path) as stream:
        text = stream.read(_LARGEST_MANIFEST + 1)
    if len(text) > _LARGEST_MANIFEST:
        raise bad_archive(path, "is larger than any manifest")
    manifest = read_manifest(text)
    if isinstance(manifest, str):
        raise bad_archive(path, manifest)
    return manifest, hashlib.sha256(text).hexdigest()


def remove_part(folder: Path) -> None:
    """Removes the files of a part, the manifest first, and its folder if nothing else is in it."""
    with writing("The archive", folder):
        for name in (MANIFEST_NAME, _TEMPORARY, *FILES):
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
