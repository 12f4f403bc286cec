"""A manifest is read whole or refused with a reason, whoever wrote it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from livedash_pipeline.archive.rules.manifest import (
    FILES,
    SCHEMA_VERSION,
    ArchivedCompany,
    ArchivedFile,
    Manifest,
    Versions,
    month_of,
    new_manifest,
    read_manifest,
)
from livedash_pipeline.archive.rules.months import Month

MANIFEST = new_manifest(
    part=UUID(int=1),
    number=1,
    company=ArchivedCompany(id=UUID(int=2), slug="acme"),
    month=Month(2026, 3),
    created_at=datetime(2026, 4, 2, tzinfo=UTC),
    versions=Versions(livedash="1", pyarrow="2", database="3"),
    left={"stale": 1},
    files=[ArchivedFile(name=name, rows=3, bytes=10, sha256="a" * 64, row_groups=(2, 1)) for name in FILES],
)


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(MANIFEST.text()) | fields).encode()


def files(**fields: Any) -> list[dict[str, Any]]:
    """Its files, the first of which is another one."""
    first, *rest = json.loads(MANIFEST.text())["files"]
    return [first | fields, *rest]


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert read_manifest(MANIFEST.text().encode()) == MANIFEST
    assert MANIFEST.schema_version == SCHEMA_VERSION
    assert (MANIFEST.sessions, MANIFEST.bytes, month_of(MANIFEST)) == (3, 50, Month(2026, 3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no manifest"),
        (b"[]", "no manifest"),
        (b"\xff", "no manifest"),
        (changed(schemaVersion=2), "schema version 2"),
        (changed(schemaVersion="x"), "wrong: schemaVersion"),
        (changed(format="other"), "wrong: format"),
        (changed(further=1), "wrong: further"),
        (changed(month="2026-13"), "which is no month"),
        (changed(sessions=4), "counts other sessions"),
        (changed(number=0), "wrong: number"),
        (changed(createdAt="2026-04-02T00:00:00"), "wrong: createdAt"),
        (changed(files=files(name="../sessions.parquet")), "wrong: files.0.name"),
        (changed(files=files(name="/etc/passwd")), "wrong: files.0.name"),
        (changed(files=files(name="messages.parquet")), "once, in this order"),
        (changed(files=files(sha256="A" * 64)), "wrong: files.0.sha256"),
        (changed(files=files(sha256="a" * 64 + "\n")), "wrong: files.0.sha256"),
        (changed(files=files(rows=-1)), "wrong: files.0.rows"),
        (changed(files=files(rows=4)), "counts other rows"),
        (changed(files=files(rowGroups=[1, 1, 1])), "different numbers of row groups"),
        (changed(files=files()[:4]), "once, in this order"),
    ],
)
def test_what_is_no_manifest_is_refused_with_a_reason(text: bytes, said: str) -> None:
    read = read_manifest(text)
    assert not isinstance(read, Manifest)
    assert said in read
