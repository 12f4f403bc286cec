"""Looks at parts of the archive: which there are, and whether their files are what was written.

Add what is read of parts and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from livedash_pipeline.archive.rules.months import Month, month_of
from livedash_pipeline.archive.steps.open import known_part, open_part
from livedash_pipeline.archive.store.parquet import load_pyarrow
from livedash_pipeline.archive.store.parts import Part, list_parts
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.errors import LivedashError, SettingsError, UsageError


def find_parts(engine: Engine, *, company: str | None = None, month: Month | None = None) -> list[Part]:
    """The parts that this database knows, the oldest month first.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        return list_parts(connection, company_id=optional_company_id(connection, company), month=month)


def list_document(found: Sequence[Part]) -> Document:
    """The document of a list of parts."""
    return {"ok": True, "parts": [_values(part) for part in found]}


def verify(engine: Engine, folders: Sequence[Path], found: Sequence[Part]) -> Document:
    """Compares files of parts with their manifests, and these with what was noted when they were written.

    Args:
        engine: Our database.
        folders: Folders of parts; where there are none, those of `found`.
        found: Parts that this database knows.

    Raises:
        SettingsError: pyarrow is not installed.
    """
    load_pyarrow()
    if folders:
        looked = [_verified(engine, folder) for folder in folders]
    else:
        looked = [_verified_part(part) for part in found if part.written_at is not None]
    return {"ok": all(each["fault"] is None for each in looked), "parts": looked}


def _verified(engine: Engine, folder: Path) -> Document:
    try:
        part = known_part(engine, folder)
    except (UsageError, LivedashError) as error:
        return {"path": str(folder), "company": None, "month": None, "sessions": 0, "fault": error.message}
    return _verified_part(part)


def _verified_part(part: Part) -> Document:
    seen = {"path": part.path, "company": part.company, "month": str(month_of(part.month)), "sessions": part.sessions}
    try:
        _, reader = open_part(part)
    except SettingsError:
        raise
    except LivedashError as error:
        return seen | {"fault": error.message}
    with reader:
        return seen | {"fault": None}


def _values(part: Part) -> Document:
    return {
        "id": str(part.id),
        "company": part.company,
        "month": str(month_of(part.month)),
        "number": part.number,
        "path": part.path,
        "sessions": part.sessions,
        "bytes": part.bytes,
        "startedAt": moment(part.started_at),
        "writtenAt": moment(part.written_at),
        "textsDeletedAt": moment(part.texts_deleted_at),
        "restoredAt": moment(part.restored_at),
        "holdsErased": part.holds_erased,
    }
