"""Puts texts back from parts of the archive, into rows that still are what the archive says.

Add nothing that decides: what comes back is `archive.rules.restoring`. Nothing is fetched or bought because of a restore.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine

from livedash_pipeline.archive.rules.restoring import Restoration, decide
from livedash_pipeline.archive.steps.open import known_part, open_part
from livedash_pipeline.archive.store import parts, texts
from livedash_pipeline.archive.store.parquet import PartReader
from livedash_pipeline.archive.store.parts import Part
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

Clock = Callable[[Connection], datetime]


@dataclass
class RestoreReport:
    """What came back from one part.

    Attributes:
        company: Its slug.
        path: The part's folder.
        sessions: Sessions of which something came back.
        texts: How many had their transcript, row, messages or answers put back.
        left: Sessions of which something, or all, was left out, by reason.
    """

    company: str
    path: str
    sessions: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def add(self, decided: Sequence[Restoration]) -> None:
        """Counts what was decided of a group."""
        self.sessions += sum(each.restores for each in decided)
        for kind in ("transcript", "row", "messages", "answers"):
            self.texts[kind] += sum(getattr(each, kind) for each in decided)
        self.left.update(each.left.value for each in decided if each.left is not None)


def restore(
    engine: Engine,
    folders: Sequence[Path],
    *,
    despite_retention: bool = False,
    dry_run: bool = True,
    clock: Clock = database_now,
) -> list[RestoreReport]:
    """Puts back what the parts in some folders hold; running it again finds everything present.

    Args:
        engine: Our database.
        folders: Folders of parts, wherever they lie by now.
        despite_retention: Also what its company keeps for a shorter time, or what was deleted by age.
        dry_run: Count, and change nothing.
        clock: The time of a transaction.

    Raises:
        UsageError: A folder holds a part of another database.
        LivedashError: A part is not what was written, or another archive command works on its company.
    """
    # All of them are looked at before anything is put back from one.
    known = [known_part(engine, folder) for folder in folders]
    return [_restore_part(engine, part, despite_retention, dry_run, clock) for part in known]


def _restore_part(engine: Engine, part: Part, despite_retention: bool, dry_run: bool, clock: Clock) -> RestoreReport:
    with engine.connect() as connection:
        company = get_company(connection, part.company)
    report = RestoreReport(part.company, part.path)
    with parts.archive_lock(engine, company):
        _, reader = open_part(part)
        with reader:
            restoring = _Restoring(engine, part, company, reader, despite_retention, dry_run, clock)
            for group in range(reader.groups):
                report.add(restoring.step(group))
        if report.sessions and not dry_run:
            in_transaction(engine, lambda connection: parts.note_restored(connection, part.id, clock(connection)))
    log.info(
        "part restored",
        company=report.company,
        path=report.path,
        dry_run=dry_run,
        sessions=report.sessions,
        left=report.left.total(),
    )
    return report


@dataclass(frozen=True)
class _Restoring:
    engine: Engine
    part: Part
    company: Company
    reader: PartReader
    despite_retention: bool
    dry_run: bool
    clock: Clock

    def step(self, group: int) -> list[Restoration]:
        if not self.dry_run:
            return in_transaction(self.engine, partial(self._restore, group))
        with self.engine.connect() as connection:
            decided = self._restore(group, connection)
            connection.rollback()
        return decided

    def _restore(self, group: int, connection: Connection) -> list[Restoration]:
        now = self.clock(connection)
        imports = texts.stage_copies(connection, self.reader, group)
        if not self.dry_run:
            texts.lock_group(connection, self.part.company_id, imports)
        cutoffs = self.company.retention.cutoffs(now)
        copies = texts.session_copies(connection, self.part.company_id, self.part.id, list(imports))
        decided = {
            session_id: decide(copy, cutoffs, despite_retention=self.despite_retention)
            for session_id, copy in copies.items()
        }
        if not self.dry_run:
            texts.restore_texts(connection, decided, now=now)
            whole = [imports[session_id] for session_id, each in decided.items() if each.restores and each.left is None]
            parts.forget_deletions(connection, self.part.id, whole)
        return list(decided.values())


def restore_document(reports: Sequence[RestoreReport], *, dry_run: bool) -> Document:
    """The document of a restore or of its dry run."""
    return {
        "ok": True,
        "dryRun": dry_run,
        "parts": [
            {
                "company": report.company,
                "path": report.path,
                "sessions": report.sessions,
                "texts": dict(report.texts),
                "left": dict(report.left),
            }
            for report in reports
        ],
    }
