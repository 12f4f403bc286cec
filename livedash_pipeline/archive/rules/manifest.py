"""The manifest of an archive part: what its files are, written last and read before anything else.

Add a field with a new schema version. Nothing here opens a file; a manifest that comes from outside is a claim, and names no
file but those of `FILES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from livedash_pipeline.archive.rules.months import Month, read_month

FORMAT: Literal["livedash-archive"] = "livedash-archive"
SCHEMA_VERSION = 1
"""Version of the columns in `archive.store.columns`: files of another one are not read."""

MANIFEST_NAME = "manifest.json"

FileName = Literal["sessions.parquet", "messages.parquet", "requests.parquet", "attempts.parquet", "questions.parquet"]
FILES: tuple[FileName, ...] = get_args(FileName)
"""The files of a part, in the order in which its manifest names them. The n-th row group of each is about the same sessions."""

_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class ArchivedFile(_Model):
    """One file: its rows, in all and by row group, its size, and the hash of its bytes."""

    name: FileName
    rows: _Count
    bytes: _Count
    sha256: _Sha256
    row_groups: tuple[_Count, ...]


class ArchivedCompany(_Model):
    """Whose sessions; the id decides, the slug is for people."""

    id: UUID
    slug: str


class Versions(_Model):
    """What wrote the files: this package, pyarrow, and the revision of the database."""

    livedash: str
    pyarrow: str
    database: str


class Manifest(_Model):
    """A whole part, as `manifest.json` has it."""

    format: Literal["livedash-archive"] = FORMAT
    schema_version: Literal[1] = 1
    part: UUID
    number: Annotated[int, Field(ge=1)]
    company: ArchivedCompany
    month: str
    created_at: AwareDatetime
    versions: Versions
    sessions: _Count
    left: dict[str, _Count]
    files: tuple[ArchivedFile, ...]

    def text(self) -> str:
        """The file's content."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"

    @property
    def bytes(self) -> int:
        """Size of its files together, in bytes."""
        return sum(file.bytes for file in self.files)


def read_manifest(text: bytes) -> Manifest | str:
    """Reads a manifest; returns what is wrong with it, as the end of a sentence, where it is none that this version can read."""
    version = _version_of(text)
    if version is not None and version != SCHEMA_VERSION:
        return f"has schema version {version}, and this program reads {SCHEMA_VERSION}"
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        places = [".".join(map(str, each["loc"])) for each in error.errors(include_input=False, include_url=False)]
        return f"is no manifest of an archive part (wrong: {', '.join(places[:3]) or 'all of it'})"
    if [file.name for file in manifest.files] != list(FILES):
        return f"does not name each of {', '.join(FILES)} once, in this order"
    if read_month(manifest.month) is None:
        return f"is about {manifest.month[:20]!r}, which is no month"
    if any(sum(file.row_groups) != file.rows for file in manifest.files):
        return "counts other rows in row groups than in all"
    if len({len(file.row_groups) for file in manifest.files}) > 1:
        return "has files with different numbers of row groups"
    if manifest.sessions != manifest.files[0].rows:
        return "counts other sessions than its file of sessions has rows"
    return manifest


def _version_of(text: bytes) -> int | None:
    """The schema version alone, so that a manifest of a later version is told from a broken one."""

    class Versioned(BaseModel):
        schemaVersion: int  # noqa: N815 - as the file has it

    try:
        return Versioned.model_validate_json(text).schemaVersion
    except ValidationError:
        return None


def month_of(manifest: Manifest) -> Month:
    """The month of a manifest that `read_manifest` has accepted."""
    month = read_month(manifest.month)
    if month is None:
        raise AssertionError("read_manifest accepts no other")
    return month


def new_manifest(
    *,
    part: UUID,
    number: int,
    company: ArchivedCompany,
    month: Month,
    created_at: datetime,
    versions: Versions,
    left: dict[str, int],
    files: Sequence[ArchivedFile],
) -> Manifest:
    """The manifest of files that have just been written."""
    return Manifest(
        part=part,
        number=number,
        company=company,
        month=str(month),
        created_at=created_at,
        versions=versions,
        sessions=files[0].rows,
        left=left,
        files=tuple(files),
    )
