"""Deletes texts that a part of the archive holds: file and database are compared to the letter, under lock, before each deletion.

Add nothing that deletes without that evidence. The deletion itself is `retention.store.retention.delete_texts`, which everything
else in this house knows how to meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.archive.rules.manifest import Manifest, month_of
from livedash_pipeline.archive.rules.settled import why_unsettled
from livedash_pipeline.archive.steps.open import open_part
from livedash_pipeline.archive.store import parts, texts
from livedash_pipeline.archive.store.parquet import PartReader
from livedash_pipeline.archive.store.parts import Part
from livedash_pipeline.archive.store.sessions import sessions_now
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.logs import get_logger
from livedash_pipeline.retention.store.retention import TextCounts, delete_texts, record_deletion

log = get_logger(__name__)

Clock = Callable[[Connection], datetime]


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted because a part holds it.

    Attributes:
        sessions: Sessions whose texts were deleted.
        texts: The texts, by kind.
        changed: Sessions that are not any more what the part says; a further part takes them as they are.
        unsettled: Sessions that are not settled any more.
    """

    sessions: int = 0
    texts: TextCounts = field(default_factory=TextCounts)
    changed: int = 0
    unsettled: int = 0

    def __add__(self, other: Deletion) -> Deletion:
        return Deletion(
            self.sessions + other.sessions,
            self.texts + other.texts,
            self.changed + other.changed,
            self.unsettled + other.unsettled,
        )

    def values(self) -> Document:
        """Its counts, for documents and records."""
        counts = {name: count for name, count in asdict(self.texts).items() if name != "rejects"}
        return {"sessions": self.sessions, **counts, "changed": self.changed, "unsettled": self.unsettled}


def delete_part_texts(engine: Engine, part: Part, *, clock: Clock) -> Deletion:
    """Deletes the texts of a part's sessions, group by group, each in a transaction with its part of the record.

    Raises:
        LivedashError: The part's files are not what was written.
    """
    manifest, reader = open_part(part)
    with reader:
        deleting = _Deleting(engine, part, manifest, reader, clock)
        for group in range(reader.groups):
            deleting.step(group)
    return deleting.finish()


@dataclass
class _Deleting:
    engine: Engine
    part: Part
    manifest: Manifest
    reader: PartReader
    clock: Clock
    done: Deletion = field(default_factory=Deletion)
    record: UUID | None = None
    started_at: datetime | None = None

    def step(self, group: int) -> None:
        # Counted after the commit, since a transaction that is run again must not count twice.
        self.done, self.record, self.started_at = in_transaction(self.engine, partial(self._delete, group))
        log.info("archived texts deleted", company=self.part.company, path=self.part.path, **self.done.values())

    def finish(self) -> Deletion:
        def work(connection: Connection) -> None:
            now = self.clock(connection)
            if not self.done.unsettled:
                parts.note_texts_deleted(connection, self.part.id, now)
            if self.record is not None:
                self._write(connection, self.done, now, finished=True)

        in_transaction(self.engine, work)
        return self.done

    def _delete(self, group: int, connection: Connection) -> tuple[Deletion, UUID | None, datetime]:
        now = self.clock(connection)
        imports = texts.stage_copies(connection, self.reader, group)
        texts.lock_group(connection, self.part.company_id, imports)
        deletable = parts.deletable_imports(connection, self.part.id, list(imports.values()))
        changed = texts.changed_sessions(connection, list(imports))
        month = month_of(self.manifest)
        now_there = sessions_now(connection, imports)
        gone, outdated, unsettled = [], [], 0
        for session_id, import_id in imports.items():
            if import_id not in deletable:
                continue
            if session_id not in now_there or session_id in changed:
                outdated.append(import_id)
            elif why_unsettled(now_there[session_id].state, month) is not None:
                unsettled += 1
            else:
                gone.append(session_id)
        counts = delete_texts(connection, gone, now=now) if gone else TextCounts()
        deleted = [imports[session_id] for session_id in gone]
        parts.mark_sessions(connection, self.part.id, deleted=deleted, changed=outdated, now=now)
        done = self.done + Deletion(len(gone), counts, len(outdated), unsettled)
        started_at = self.started_at or now
        record = self.record
        if gone:
            record = self._write(connection, done, started_at)
        return done, record, started_at

    def _write(self, connection: Connection, done: Deletion, now: datetime, *, finished: bool = False) -> UUID:
        return record_deletion(
            connection,
            self.record,
            "archive",
            done.values(),
            company_id=self.part.company_id,
            started_at=self.started_at or now,
            finished_at=now if finished else None,
        )
