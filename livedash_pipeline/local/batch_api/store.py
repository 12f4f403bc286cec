"""The stand-in's state below one directory: records in SQLite, contents of files as plain files.

Add statements here. A record is written after the content that it names, so that a process killed at any moment leaves at
worst a file that nothing names; those are removed at the next start. Rules of the service do not belong here.
"""

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from livedash_pipeline.errors import LivedashError
from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord, FileRecord
from livedash_pipeline.local.private_files import OWNER_ONLY, make_private_directory, open_private

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS files (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, purpose TEXT NOT NULL,
        expires_at REAL, record TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS batches (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, ended INTEGER NOT NULL, record TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS files_by_expiry ON files (expires_at);
    CREATE INDEX IF NOT EXISTS live_batches ON batches (seq) WHERE NOT ended;
"""


class StateInUseError(LivedashError):
    """Another process works on this state directory."""

    code = "state_in_use"
    exit_status = 2


class Store:
    """Records and contents; every method is a transaction of its own unless called inside `transaction()`.

    Safe to share between threads. One process at a time: a second one gets `StateInUseError`.
    """

    def __init__(self, state_dir: Path) -> None:
        self._files = state_dir / "files"
        self._work = state_dir / "work"
        database = state_dir / "state.sqlite3"
        if database.exists() or not (state_dir.exists() and any(state_dir.iterdir())):
            # A directory that holds other things as well is somebody else's to open or shut.
            make_private_directory(state_dir)
        for directory in (self._files, self._work):
            make_private_directory(directory)
        # SQLite gives its journals the rights of the database that they belong to. One that is there is not opened: to close
        # it would end the locks that this process may hold on it.
        if not database.exists():
            open_private(database, "wb").close()
        for path in state_dir.glob(f"{database.name}*"):
            path.chmod(OWNER_ONLY)
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(database, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._open(state_dir)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, state_dir: Path) -> None:
        try:
            # Exclusive: the lock taken by the first statement is kept until the process ends, however it ends.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            raise StateInUseError(
                f"The state directory {state_dir} cannot be used ({error}).",
                remedy="Stop the demo, the `livedash dev` or the server that uses it, or name another directory.",
            ) from error
        self._sweep()

    def close(self) -> None:
        """Releases the state directory."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes several calls one transaction; other threads wait."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def content_path(self, file_id: str) -> Path:
        """Returns where a file's content lies (or is to be written); the id must be one of ours."""
        return self._files / file_id

    def work_path(self, batch_id: str, kind: str) -> Path:
        """Returns where a running batch keeps its `input` or its `order`."""
        return self._work / f"{batch_id}.{kind}"

    def keep_input(self, batch: BatchRecord) -> Path:
        """Gives a batch its own name for its input file, which then survives the file's deletion."""
        kept = self.work_path(batch.id, "input")
        kept.unlink(missing_ok=True)
        source = self.content_path(batch.input_file_id)
        try:
            kept.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without hard links
            with source.open("rb") as original, open_private(kept, "wb") as copy:
                shutil.copyfileobj(original, copy)
        return kept

    def drop_work(self, batch_id: str) -> None:
        """Removes what a batch needed only while it ran."""
        for kind in ("input", "order"):
            self.work_path(batch_id, kind).unlink(missing_ok=True)

    def add_file(self, record: FileRecord) -> None:
        """Remembers a file whose content is in place."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO files (id, purpose, expires_at, record) VALUES (?, ?, ?, ?)",
                (record.id, record.purpose, _gone_at(record), json.dumps(asdict(record))),
            )

    def save_file(self, record: FileRecord) -> None:
        """Writes a file's record anew."""
        with self.transaction():
            self._connection.execute(
                "UPDATE files SET expires_at = ?, record = ? WHERE id = ?",
                (_gone_at(record), json.dumps(asdict(record)), record.id),
            )

    def file(self, file_id: str) -> FileRecord | None:
        """Returns a file's record, or None."""
        with self._lock:
            row = self._select("SELECT record FROM files WHERE id = ?", file_id)
        return FileRecord(**json.loads(row[0])) if row else None

    def files(
        self, *, purpose: str | None, after: str | None, limit: int, ascending: bool, now: float
    ) -> list[FileRecord]:
        """Returns up to `limit` files listed at `now`, in order of creation, those behind the file `after`."""
        ascending_page = """
            SELECT record FROM files
            WHERE (:purpose IS NULL OR purpose = :purpose) AND COALESCE(json_extract(record, '$.listed_at'), 0) <= :now
              AND (:after IS NULL OR seq > (SELECT seq FROM files WHERE id = :after)) ORDER BY seq LIMIT :limit"""
        descending_page = """
            SELECT record FROM files
            WHERE (:purpose IS NULL OR purpose = :purpose) AND COALESCE(json_extract(record, '$.listed_at'), 0) <= :now
              AND (:after IS NULL OR seq < (SELECT seq FROM files WHERE id = :after)) ORDER BY seq DESC LIMIT :limit"""
        page = {"purpose": purpose, "after": after, "limit": limit, "now": now}
        with self._lock:
            rows = self._connection.execute(ascending_page if ascending else descending_page, page).fetchall()
        return [FileRecord(**json.loads(row[0])) for row in rows]

    def expired_files(self, now: float) -> list[str]:
        """Returns the ids of files whose time is over."""
        with self._lock:
            rows = self._connection.execute("SELECT id FROM files WHERE expires_at <= ?", (now,)).fetchall()
        return [row[0] for row in rows]

    def remove_file(self, file_id: str) -> None:
        """Forgets a file and removes its content."""
        with self.transaction():
            self._connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
        self.content_path(file_id).unlink(missing_ok=True)

    def add_batch(self, record: BatchRecord) -> None:
        """Remembers a new batch."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO batches (id, ended, record) VALUES (?, 0, ?)",
                (record.id, json.dumps(asdict(record))),
            )

    def save_batch(self, record: BatchRecord) -> None:
        """Writes a batch's record anew."""
        with self.transaction():
            self._connection.execute(
                "UPDATE batches SET ended = ?, record = ? WHERE id = ?",
                (record.status in ENDED, json.dumps(asdict(record)), record.id),
            )

    def change_batch(self, batch_id: str, changes: Mapping[str, Any], *, while_in: str | None = None) -> bool:
        """Writes changes to a batch unless it has left the state `while_in`; returns whether they were written."""
        with self.transaction():
            current = self.batch(batch_id)
            if current is None or while_in not in (None, current.status):
                return False
            for name, value in changes.items():
                setattr(current, name, value)
            self.save_batch(current)
            return True

    def batch(self, batch_id: str) -> BatchRecord | None:
        """Returns a batch's record, or None."""
        with self._lock:
            row = self._select("SELECT record FROM batches WHERE id = ?", batch_id)
        return BatchRecord(**json.loads(row[0])) if row else None

    def batch_called(self, alias: str) -> BatchRecord | None:
        """Returns the record of the batch with this other name, or None."""
        with self._lock:
            row = self._select("SELECT record FROM batches WHERE json_extract(record, '$.alias') = ?", alias)
        return BatchRecord(**json.loads(row[0])) if row else None

    def batches(self, *, after: str | None, limit: int, now: float) -> list[BatchRecord]:
        """Returns up to `limit` batches listed at `now`, newest first, those older than the batch `after`."""
        page = """
            SELECT record FROM batches
            WHERE (:after IS NULL OR seq < (SELECT seq FROM batches WHERE id = :after))
              AND COALESCE(json_extract(record, '$.listed_at'), 0) <= :now
              AND COALESCE(json_extract(record, '$.vanishes_at'), 1e18) > :now
            ORDER BY seq DESC LIMIT :limit"""
        with self._lock:
            rows = self._connection.execute(page, {"after": after, "limit": limit, "now": now}).fetchall()
        return [BatchRecord(**json.loads(row[0])) for row in rows]

    def live_batches(self) -> list[str]:
        """Returns the ids of the batches that have not ended, oldest first."""
        with self._lock:
            rows = self._connection.execute("SELECT id FROM batches WHERE NOT ended ORDER BY seq").fetchall()
        return [row[0] for row in rows]

    def add_tables(self, schema: str) -> None:
        """Creates the tables of another module, if they are not there."""
        with self._lock:
            self._connection.executescript(schema)

    def execute(self, statement: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        """Runs a statement on another module's tables and returns its rows."""
        with self._lock:
            cursor = self._connection.cursor()
            cursor.row_factory = sqlite3.Row
            return cursor.execute(statement, values).fetchall()

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs a statement on another module's tables for all rows, in one transaction."""
        with self.transaction():
            self._connection.executemany(statement, rows)

    def _select(self, statement: str, record_id: str) -> tuple[str] | None:
        # An id from outside may hold anything, lone surrogates too, which SQLite cannot be asked for; ours are ASCII.
        if not record_id.isascii():
            return None
        row: tuple[str] | None = self._connection.execute(statement, (record_id,)).fetchone()
        return row

    def _sweep(self) -> None:
        """Removes contents that no record names: left by a process that was killed while it wrote."""
        live = [self.batch(batch_id) for batch_id in self.live_batches()]
        known = {row[0] for row in self._connection.execute("SELECT id FROM files")}
        known |= {name for batch in live if batch for name in (batch.output_file, batch.error_file)}
        running = {batch.id for batch in live if batch}
        left = [path for path in self._files.iterdir() if path.name not in known]
        left += [path for path in self._work.iterdir() if path.stem not in running]
        for path in left:
            path.unlink()
        for path in (*self._files.iterdir(), *self._work.iterdir()):
            path.chmod(OWNER_ONLY)


def _gone_at(record: FileRecord) -> float | None:
    """Returns when a file is removed: when it expires, or when a fault lets it vanish before."""
    times = [at for at in (record.expires_at, record.vanishes_at) if at is not None]
    return min(times, default=None)
