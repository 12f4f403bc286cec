"""Moves batches of the old system in, from its exported documents: each batch whole or not at all, and each only once.

What the old system had answered, refused or failed at stays so; nothing is asked. Add what somebody wants to know of a move to
`_Report`; how documents are read is `chats.rules.documents`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.chats.rules.documents.moved import DocumentProblem, Moved, MovedBatch
from livedash_pipeline.chats.rules.documents.plan import LONGEST_QUESTION, PlannedBatch, own_ids, plan_batch
from livedash_pipeline.chats.rules.documents.read import read_documents
from livedash_pipeline.chats.store import moving_in as store
from livedash_pipeline.chats.store.moving_in import LegacyIds
from livedash_pipeline.errors import UsageError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

MOST_PROBLEMS = 100
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def move_in(engine: Engine, company: str, files: Sequence[Path], *, dry_run: bool = True) -> Document:
    """Moves what files hold to a company, and reports.

    Args:
        engine: Our database.
        company: Slug of the company.
        files: Exported documents, in any order.
        dry_run: Write each batch and take it back.

    Raises:
        UsageError: There is no such company, or a file cannot be read.
    """
    with engine.connect() as connection:
        company_id = get_company(connection, company).id
    moved = read_documents(_read(files))
    move = _Move(engine, company_id, dry_run)
    # The oldest first, as lists show what was made last at the top.
    for batch in sorted(moved.batches, key=lambda each: each.created_at or _LONG_AGO):
        move.take(batch)
    document = _document(moved, move.report, company=company, dry_run=dry_run)
    log.info("chat batches moved in", company=company, dry_run=dry_run, batches=document["batches"])
    return document


def _read(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"{file} cannot be read: {error.strerror}.",
                remedy="Name a file that can be read.",
                code="unreadable_file",
            ) from None
        yield str(file), content


@dataclass
class _Report:
    """What was moved; `problems` are those that showed only when batches were written."""

    batches: int = 0
    turns: int = 0
    already_there: int = 0
    counts: dict[ChatState, int] = field(default_factory=lambda: dict.fromkeys(ChatState, 0))
    problems: list[DocumentProblem] = field(default_factory=list)

    def add(self, planned: PlannedBatch) -> None:
        """Counts a batch that was written."""
        self.batches += 1
        self.turns += sum(1 for _ in planned.turns)
        for state, number in planned.counts.items():
            self.counts[state] += number


@dataclass
class _Move:
    """One run; the ids are those that it has given away, which in a dry run the database forgets."""

    engine: Engine
    company_id: UUID
    dry_run: bool
    report: _Report = field(default_factory=_Report)
    chat_ids: set[str] = field(default_factory=set)
    turn_ids: set[str] = field(default_factory=set)

    def take(self, batch: MovedBatch) -> None:
        """Writes a batch, unless it is there or has nothing in it."""
        planned = plan_batch(batch)
        if planned is None:
            self._problem(batch, "empty_batch", "has no turn and is left out")
            return

        def work(connection: Connection) -> LegacyIds | UUID:
            store.lock_moves(connection)
            owner = store.owner_of(connection, batch.legacy_id)
            return owner or self._write(connection, planned)

        done = in_transaction(self.engine, work)
        if isinstance(done, UUID):
            self._leave(batch, done)
        else:
            self._note(planned, done)

    def _write(self, connection: Connection, planned: PlannedBatch) -> LegacyIds:
        chats = [each.chat.legacy_id for each in planned.chats]
        turns = [turn.legacy_id for turn in planned.turns]
        ids = LegacyIds(
            own_ids(chats, self.chat_ids | store.known_chats(connection, filter(None, chats))),
            own_ids(turns, self.turn_ids | store.known_turns(connection, filter(None, turns))),
        )
        part = connection.begin_nested()
        store.insert_moved(connection, planned, self.company_id, ids, now=database_now(connection))
        if self.dry_run:
            part.rollback()
        else:
            part.commit()
        return ids

    def _leave(self, batch: MovedBatch, owner: UUID) -> None:
        self.report.already_there += 1
        if owner != self.company_id:
            self._problem(batch, "other_company", "is there already, as one of another company, and stays so")

    def _note(self, planned: PlannedBatch, ids: LegacyIds) -> None:
        self.report.add(planned)
        self.chat_ids.update(filter(None, ids.chats))
        self.turn_ids.update(filter(None, ids.turns))
        shared = _lost((each.chat.legacy_id for each in planned.chats), ids.chats)
        again = _lost((turn.legacy_id for turn in planned.turns), ids.turns)
        long = sum(len(turn.question) > LONGEST_QUESTION for turn in planned.turns)
        for number, code, message in (
            (shared, "shared_chats", f"shares {plural(shared, 'chat')} with another batch; both have them"),
            (again, "repeated_interactions", f"has {plural(again, 'turn')} that came before; both places have them"),
            (long, "long_questions", f"has {plural(long, 'question')} cut to {LONGEST_QUESTION:,} characters"),
            (planned.left_out, "too_many_columns", f"has {plural(planned.left_out, 'field')} too many for its columns"),
        ):
            if number:
                self._problem(planned.batch, code, message)

    def _problem(self, batch: MovedBatch, code: str, predicate: str) -> None:
        message = f'The batch "{batch.legacy_id}" {predicate}.'
        self.report.problems.append(DocumentProblem(batch.file, batch.line, code, message))


def _lost(ids: Iterable[str | None], kept: Sequence[str | None]) -> int:
    """How many old ids are not kept, as another row has them."""
    return sum(had is not None and has is None for had, has in zip(ids, kept, strict=True))


def _document(moved: Moved, report: _Report, *, company: str, dry_run: bool) -> Document:
    listed = [*report.problems, *moved.problems][:MOST_PROBLEMS]
    return {
        "ok": True,
        "dryRun": dry_run,
        "company": company,
        "batches": report.batches,
        "chats": sum(report.counts.values()),
        "turns": report.turns,
        "finished": report.counts[ChatState.COMPLETED],
        "failed": report.counts[ChatState.FAILED],
        "skipped": report.counts[ChatState.SKIPPED],
        "cancelled": report.counts[ChatState.CANCELLED],
        "alreadyThere": report.already_there,
        "repeated": moved.counts.repeated,
        "unused": moved.counts.unused,
        "problemCount": len(report.problems) + moved.counts.problems,
        "problems": [
            {"file": each.file, "line": each.line, "code": each.code, "message": each.message} for each in listed
        ],
    }
