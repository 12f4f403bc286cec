"""Deletes texts by age, a page of imports at a time, and audit entries; keeps the record of every deletion as counts.

Add a kind of text here and to the statements `create_scratch_prunable_sessions` and `count_prunable_texts`; the archive deletes
by `delete_texts` what it holds, so that it needs the kind as well (`archive.store.texts`).
`retention.rules.retention` says how long a company keeps texts; `retention.store.erasure` erases on request. Every function runs
on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, text, update

from livedash_pipeline.base.rules.retention_periods import Cutoffs
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import audit_log, prune_runs
from livedash_pipeline.intake.store.sessions import lock_derivation
from livedash_pipeline.intake.store.transcripts import ImportPage

PruneKind = Literal["retention", "erasure", "dagster", "audit", "archive"]
TEXTS_DELETED = "texts_deleted: the texts that this stage needs are older than the company keeps them"


@dataclass(frozen=True, slots=True)
class TextCounts:
    """Numbers of deleted texts, or of those that would be."""

    transcripts: int = 0
    messages: int = 0
    answers: int = 0
    rejects: int = 0

    def __add__(self, other: TextCounts) -> TextCounts:
        return TextCounts(
            self.transcripts + other.transcripts,
            self.messages + other.messages,
            self.answers + other.answers,
            self.rejects + other.rejects,
        )


def prune_page(
    connection: Connection, page: ImportPage, cutoffs: Cutoffs, *, now: datetime, dry_run: bool
) -> TextCounts:
    """Deletes the texts of one page of imports that are old enough; a dry run counts them, and its caller rolls back."""
    if not dry_run:
        # Waits for a session that is being derived; one that would be derived next finds its texts gone.
        lock_derivation(connection, page.company_id)
    values = {
        "company_id": page.company_id,
        "after": page.after,
        "until": page.until,
        "transcripts_before": cutoffs.transcripts,
        "messages_before": cutoffs.messages,
        "answers_before": cutoffs.answers,
    }
    connection.execute(statement("retention/create_scratch_prunable_sessions"), values)
    counts = _count_prunable(connection)
    if not dry_run:
        _delete_prunable(connection, now)
        place = {"company_id": page.company_id, "after": page.after, "until": page.until}
        connection.execute(statement("retention/skip_pruned_stages"), place | {"reason": TEXTS_DELETED, "now": now})
    connection.execute(text("DROP TABLE scratch_prunable_sessions"))
    return counts


def delete_texts(connection: Connection, session_ids: Sequence[UUID], *, now: datetime) -> TextCounts:
    """Deletes all texts of some sessions, whatever their age; the caller has locked them and has a copy."""
    connection.execute(statement("retention/create_scratch_named_sessions"), {"session_ids": list(session_ids)})
    counts = _count_prunable(connection)
    _delete_prunable(connection, now)
    connection.execute(text("DROP TABLE scratch_prunable_sessions"))
    return counts


def _count_prunable(connection: Connection) -> TextCounts:
    return TextCounts(**connection.execute(statement("retention/count_prunable_texts")).mappings().one())


def _delete_prunable(connection: Connection, now: datetime) -> None:
    for name in ("retention/prune_transcripts", "retention/prune_initial_messages", "retention/prune_answers"):
        connection.execute(statement(name), {"now": now})
    connection.execute(statement("retention/prune_messages"))


def prune_rejects(connection: Connection, company_id: UUID, *, before: datetime, dry_run: bool) -> TextCounts:
    """Deletes the texts of records that imports before a moment rejected."""
    values = {"company_id": company_id, "before": before, "dry_run": dry_run}
    return TextCounts(rejects=connection.execute(statement("retention/prune_rejects"), values).scalar_one())


def count_audit_entries(connection: Connection, *, before: datetime) -> int:
    """Counts entries of the audit log from before a moment."""
    counted = select(func.count()).select_from(audit_log).where(audit_log.c.at < before)
    count: int = connection.execute(counted).scalar_one()
    return count


def prune_audit_entries(connection: Connection, *, before: datetime, most: int) -> int:
    """Deletes at most so many entries of the audit log from before a moment, oldest first; returns how many."""
    return connection.execute(statement("retention/prune_audit_entries"), {"before": before, "most": most}).rowcount


def record_deletion(
    connection: Connection,
    run_id: UUID | None,
    kind: PruneKind,
    counts: TextCounts | Mapping[str, int],
    *,
    company_id: UUID | None,
    started_at: datetime,
    finished_at: datetime | None = None,
) -> UUID:
    """Writes the counts of a deletion so far, in the transaction that deletes; returns the record's id.

    Args:
        connection: In that transaction.
        run_id: The record, if there is one already.
        kind: By age, on request, as archived, of Dagster's records, or of audit entries.
        counts: All that was deleted since `started_at`.
        company_id: Whose texts; None for what is no company's.
        started_at: When the deletion began.
        finished_at: When it was over; None while it goes on.
    """
    known = asdict(counts) if isinstance(counts, TextCounts) else dict(counts)
    if run_id is not None:
        connection.execute(
            update(prune_runs).where(prune_runs.c.id == run_id).values(counts=known, finished_at=finished_at)
        )
        return run_id
    made: UUID = connection.execute(
        insert(prune_runs)
        .values(kind=kind, company_id=company_id, counts=known, started_at=started_at, finished_at=finished_at)
        .returning(prune_runs.c.id)
    ).scalar_one()
    return made
