"""Parquet: writes and reads the files of a part, one row group per group of sessions.

Add nothing that knows what a row means. pyarrow is an optional extra and is imported here alone, when files are opened.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from livedash_pipeline.archive.rules.manifest import FILES, ArchivedFile, FileName, Manifest
from livedash_pipeline.archive.store.columns import COLUMNS, Kind
from livedash_pipeline.errors import LivedashError, SettingsError
from livedash_pipeline.storage import writing

Row = Sequence[Any]
Group = Mapping[FileName, Sequence[Row]]
"""Rows about some sessions, by file, as the statements `archive/read_*` give them."""

_CHUNK = 1 << 20


def load_pyarrow(module: str = "pyarrow") -> Any:
    """pyarrow, or a module of it.

    Raises:
        SettingsError: It is not installed; the remedy names the command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        raise SettingsError(
            "The archive is written and read with the package pyarrow, which is not installed.",
            remedy="Run `pip install 'livedash-pipeline[archive]'`.",
            code="missing_library",
        ) from None


def schema_of(file: FileName) -> Any:
    """The Arrow schema of a file."""
    arrow = load_pyarrow()
    kinds = {
        Kind.TEXT: arrow.string(),
        Kind.WORD: arrow.string(),
        Kind.WORDS: arrow.list_(arrow.string()),
        Kind.NUMBER: arrow.int64(),
        Kind.TRUTH: arrow.bool_(),
        Kind.MOMENT: arrow.timestamp("us", tz="UTC"),
        Kind.SECONDS: arrow.decimal128(12, 3),
        Kind.MONEY: arrow.decimal128(20, 12),
        Kind.RATE: arrow.decimal128(18, 9),
    }
    return arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS[file].items()])


class PartWriter:
    """Writes the files of a part into a folder that must not be there yet; a group of sessions at a time.

    The files are for the owner alone: they hold what people said.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._row_groups: dict[FileName, list[int]] = {file: [] for file in FILES}
        self._schemas = {file: schema_of(file) for file in FILES}
        self._open = ExitStack()
        with writing("The archive", folder, setting="--to"):
            folder.mkdir(parents=True, mode=0o700)
            self._files = {file: self._open.enter_context(_create(folder / file)) for file in FILES}
        self._writers = {file: self._open.enter_context(self._writer(file)) for file in FILES}

    def add(self, group: Group) -> None:
        """Writes one row group to each file, an empty one where a group has no rows of a kind."""
        arrow = load_pyarrow()
        with writing("The archive", self._folder, setting="--to"):
            for file in FILES:
                rows, schema = group[file], self._schemas[file]
                columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
                arrays = [arrow.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
                table = arrow.Table.from_arrays(arrays, schema=schema)
                self._writers[file].write_table(table, row_group_size=max(1, len(rows)))
                self._row_groups[file].append(len(rows))

    def finish(self) -> list[ArchivedFile]:
        """Ends the files, has them on disk, and returns what they are."""
        with writing("The archive", self._folder, setting="--to"):
            for file in FILES:
                self._writers[file].close()
                self._files[file].flush()
                os.fsync(self._files[file].fileno())
            self._open.close()
            return [self._described(file) for file in FILES]

    def stop(self) -> None:
        """Closes what is open, whatever state it is in."""
        self._open.close()

    def _described(self, file: FileName) -> ArchivedFile:
        with (self._folder / file).open("rb") as stream:
            size, sha256 = measure(stream)
        counts = self._row_groups[file]
        return ArchivedFile(name=file, rows=sum(counts), bytes=size, sha256=sha256, row_groups=tuple(counts))

    def _writer(self, file: FileName) -> Any:
        # A dictionary of texts that are all different would be built for nothing.
        words = [name for name, kind in COLUMNS[file].items() if kind is Kind.WORD]
        return load_pyarrow("pyarrow.parquet").ParquetWriter(
            self._files[file], self._schemas[file], compression="zstd", use_dictionary=words
        )


class PartReader:
    """The files of a part, compared with its manifest when they are opened and read through the same handles.

    Raises:
        LivedashError: A file is missing, or is not what the manifest says (`bad_archive`).
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        parquet = load_pyarrow("pyarrow.parquet")
        self._open = ExitStack()
        self._files: dict[FileName, Any] = {}
        self.groups = len(manifest.files[0].row_groups)
        try:
            for file in manifest.files:
                stream = self._open.enter_context(open_regular(folder / file.name))
                size, sha256 = measure(stream)
                if (size, sha256) != (file.bytes, file.sha256):
                    raise bad_archive(folder / file.name, "is not the file that the manifest describes: other bytes")
                self._files[file.name] = self._open.enter_context(_parquet_file(parquet, stream, folder / file.name))
                self._compare(folder, file)
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> PartReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self, file: FileName, group: int, columns: Collection[str]) -> list[Row]:
        """Rows of one group, with some columns in the order in which they are given."""
        table = self._files[file].read_row_group(group, columns=list(columns))
        return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))

    def read_group(self, group: int) -> Group:
        """All rows of one group."""
        return {file: self.read(file, group, COLUMNS[file]) for file in FILES}

    def _compare(self, folder: Path, file: ArchivedFile) -> None:
        found = self._files[file.name].metadata
        counts = tuple(found.row_group(number).num_rows for number in range(found.num_row_groups))
        if counts != file.row_groups:
            raise bad_archive(folder / file.name, "has other rows than the manifest says")
        if not self._files[file.name].schema_arrow.equals(schema_of(file.name)):
            raise bad_archive(folder / file.name, "has other columns than this schema version")


def bad_archive(path: Path, fault: str) -> LivedashError:
    """The error for a file of the archive that is not what it should be."""
    return LivedashError(
        f"{path} {fault}.",
        remedy="Nothing was done with it. Bring the part back from its backup; `livedash archive verify` looks at all of them.",
        code="bad_archive",
    )


def open_regular(path: Path) -> BinaryIO:
    """Opens a file of a part for reading.

    Raises:
        LivedashError: There is none, or it is a link or no file (`bad_archive`).
    """
    try:
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise bad_archive(path, f"cannot be read: {(error.strerror or 'no reason given').lower()}") from error
    if not path.is_file():
        stream.close()
        raise bad_archive(path, "is no file")
    return stream


def measure(stream: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of an open file, which is at its beginning before and after."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    stream.seek(0)
    return size, digest.hexdigest()


def _parquet_file(parquet: Any, stream: BinaryIO, path: Path) -> Any:
    try:
        return parquet.ParquetFile(stream)
    except (OSError, ValueError) as error:
        raise bad_archive(path, "is no Parquet file") from error


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
