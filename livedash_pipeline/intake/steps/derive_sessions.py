"""Makes sessions and their messages from imports and transcripts, one transaction a chunk.

What is made follows from row and messages alone (`intake.rules.transcripts`, `intake.rules.session_facts`); this module decides
which sessions may be written now. A session whose request is in flight keeps everything until that is settled, so that the
answer still meets the messages it is about. What a model says about a session is written by `ledger.steps.results.ingest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.base.store.statistics import refresh_statistics
from livedash_pipeline.behind import working_behind
from livedash_pipeline.intake.rules.messages import ParsedTranscript, RefusedTranscript, transcript_hash, words_hash
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.intake.rules.profiles.transcript_reading import read_transcript
from livedash_pipeline.intake.rules.session_facts import derive_facts
from livedash_pipeline.intake.rules.submitted_messages import SUBMITTED, read_messages
from livedash_pipeline.intake.steps.company_profiles import transcript_profile_of
from livedash_pipeline.intake.store import sessions
from livedash_pipeline.intake.store.sessions import (
    DueSession,
    MadeSession,
    RefusedSession,
    SessionSource,
    StoredSession,
    messages_by_session,
)
from livedash_pipeline.intake.store.transcripts import import_pages
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class DeriveReport:
    """What a run did.

    Attributes:
        created: New sessions.
        updated: Sessions whose row or messages changed.
        unchanged: Sessions that were due and came out the same.
        failed: Transcripts that were refused; their stage SESSION_CREATION says which line.
        deferred: Sessions that wait for their request in flight.
        messages: Messages that were stored.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    deferred: int = 0
    messages: int = 0

    def __add__(self, other: DeriveReport) -> DeriveReport:
        return DeriveReport(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def derive_sessions(
    engine: Engine,
    company: Company,
    *,
    chunk_size: int = 1000,
    chunk_bytes: int = 16_000_000,
    clock: Callable[[Connection], datetime] = database_now,
) -> DeriveReport:
    """Makes all sessions of a company that are due; running it again changes nothing.

    Args:
        engine: Our database.
        company: Whose sessions.
        chunk_size: Most sessions of one transaction.
        chunk_bytes: Most transcript text of one transaction, unless a single one is larger; this bounds the memory.
        clock: The time of a transaction.

    Raises:
        DBAPIError: The database refused or is gone; chunks that were committed stay.
        UsageError: The company's profile is none that this version knows.
    """
    report = DeriveReport()
    refresh_statistics(engine)
    nothing = DeriveReport()
    with working_behind(DeriveReport) as writing:
        for chunk in _due_chunks(engine, company.id, chunk_size, chunk_bytes):
            read = _read_chunk(engine, company, chunk)
            write = partial(_derive_chunk, company, chunk, read, clock)
            report += writing.begin(partial(in_transaction, engine, write)) or nothing
            log.info("sessions derived", company=company.slug, **asdict(report))
        report += writing.end() or nothing
    return report


@dataclass(frozen=True)
class _Reading:
    """What became of one import's transcript, and the row and transcript that it was read from, without the text."""

    source: SessionSource
    outcome: MadeSession | RefusedSession


def _read_chunk(engine: Engine, company: Company, import_ids: Sequence[UUID]) -> dict[UUID, _Reading]:
    """Reads transcripts before anything is locked, while Postgres still writes the chunk before; by import id.

    What has changed until the locks are held is read again then.
    """
    with engine.connect() as connection:
        sources = sessions.find_session_sources(connection, import_ids)
    return {each.source.import_id: each for each in _readings(sources, company)}


def _due_chunks(engine: Engine, company_id: UUID, most: int, most_bytes: int) -> Iterator[list[UUID]]:
    for page in import_pages(engine, company_id):
        with engine.connect() as connection:
            due = sessions.find_due_sessions(connection, page)
        yield from _chunks(due, most, most_bytes)


def _chunks(due: Iterable[DueSession], most: int, most_bytes: int) -> Iterator[list[UUID]]:
    chunk: list[UUID] = []
    size = 0
    for each in due:
        if chunk and (len(chunk) >= most or size + each.size > most_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append(each.import_id)
        size += each.size
    if chunk:
        yield chunk


def _derive_chunk(
    company: Company,
    import_ids: Sequence[UUID],
    read: Mapping[UUID, _Reading],
    clock: Callable[[Connection], datetime],
    connection: Connection,
) -> DeriveReport:
    # Locks first, in this order, and only then the sources: what is written is what is current while the locks are held.
    sessions.lock_derivation(connection, company.id)
    stored = {each.import_id: each for each in sessions.lock_sessions(connection, import_ids)}
    in_flight = sessions.lock_requests_in_flight(connection, [each.session_id for each in stored.values()])
    now = clock(connection)
    if in_flight:
        sessions.mark_stale(connection, in_flight, now)
    deferred = {each.import_id for each in stored.values() if each.session_id in in_flight}
    free = [import_id for import_id in import_ids if import_id not in deferred]
    outcomes = _current(connection, company, free, read)
    made = [each for each in outcomes if isinstance(each, MadeSession)]
    refused = [each for each in outcomes if isinstance(each, RefusedSession)]
    if outcomes:
        sessions.add_scratch_sessions(connection, made, refused)
        sessions.store_creation(connection, now)
    written = _write(connection, company.id, made, stored, now)
    return written + DeriveReport(failed=len(refused), deferred=len(deferred))


def _current(
    connection: Connection, company: Company, import_ids: Sequence[UUID], read: Mapping[UUID, _Reading]
) -> list[MadeSession | RefusedSession]:
    """What the present rows and transcripts of some imports come to; read again where another one was read before."""
    found = sessions.find_session_sources(connection, import_ids, with_content=False)
    known = {each.import_id: read.get(each.import_id) for each in found}
    changed = [each.import_id for each in found if (was := known[each.import_id]) is None or was.source != each]
    again = _readings(sessions.find_session_sources(connection, changed), company) if changed else ()
    return [each.outcome for each in (known | {each.source.import_id: each for each in again}).values() if each]


def _readings(sources: Iterable[SessionSource], company: Company) -> Iterator[_Reading]:
    zone, profile = ZoneInfo(company.time_zone), transcript_profile_of(company)
    for source in sources:
        parsed = _read(source, company, zone, profile)
        known = replace(source, content=None)
        if isinstance(parsed, RefusedTranscript):
            yield _Reading(known, _refused(source, parsed))
        else:
            yield _Reading(known, _made(known, parsed))


def _read(
    source: SessionSource, company: Company, zone: ZoneInfo, profile: TranscriptProfile | None
) -> ParsedTranscript | RefusedTranscript:
    if source.transcript_url == SUBMITTED and source.content is not None:
        return read_messages(source.content)
    content = source.content or ""
    return read_transcript(
        content, bot_names=company.bot_names, zone=zone, profile=profile, starts_at=source.start_time
    )


def _made(source: SessionSource, parsed: ParsedTranscript) -> MadeSession:
    metadata: dict[str, object] = {
        "messages": len(parsed.messages),
        "events": len(parsed.events),
        "dropped": parsed.dropped,
        "untimed": parsed.untimed,
    }
    if parsed.odd_times:
        metadata["oddTimes"] = parsed.odd_times
    facts = derive_facts(source.row_facts(), parsed.messages)
    return MadeSession(source, facts, transcript_hash(parsed.messages), parsed.messages, metadata)


_REFUSALS = {
    "text_before_first_message": "line {line} of the transcript belongs to no message.",
    "not_json": "line {line} of the transcript is not the JSON that its company's profile names.",
    "no_messages": "the transcript has no messages with a text where its company's profile says (json).",
}


def _refused(source: SessionSource, refusal: RefusedTranscript) -> RefusedSession:
    return RefusedSession(
        source.import_id,
        f"{refusal.reason}: {_REFUSALS[refusal.reason].format(line=refusal.line_number)}",
        {
            "line": refusal.line_number,
            "reason": refusal.reason,
            # The same row with the same transcript is not read again.
            "rowHash": source.row_hash,
            "transcriptSha256": source.transcript_sha256,
        },
    )


def _write(
    connection: Connection,
    company_id: UUID,
    made: Sequence[MadeSession],
    stored: dict[UUID, StoredSession],
    now: datetime,
) -> DeriveReport:
    if not made:
        return DeriveReport()
    before = {each.source.import_id: stored.get(each.source.import_id) for each in made}
    ids = sessions.upsert_sessions(connection, company_id, now)
    spoken = [each for each in made if _says_something_else(each, before[each.source.import_id])]
    known = {ids[each.source.import_id]: each for each in spoken if before[each.source.import_id] is not None}
    reworded = _reworded(connection, known)
    count = sessions.replace_messages(
        connection, {ids[each.source.import_id]: each.messages for each in spoken}, existing=list(known)
    )
    if reworded:
        sessions.reset_analysis(connection, {each.source.import_id: words_hash(each.messages) for each in reworded})
    created = sum(each is None for each in before.values())
    same = sum(_is_same(each, before[each.source.import_id]) for each in made)
    return DeriveReport(created=created, updated=len(made) - created - same, unchanged=same, messages=count)


def _says_something_else(made: MadeSession, before: StoredSession | None) -> bool:
    return before is None or before.transcript_hash != made.transcript_hash


def _reworded(connection: Connection, known: Mapping[UUID, MadeSession]) -> list[MadeSession]:
    """Those of some sessions, by id, whose messages differ from the stored ones in more than their times.

    Another time zone moves every message of a company. Its analyses hold all the same: buying them again is for a person to ask.
    """
    if not known:
        return []
    stored = messages_by_session(connection, list(known))
    return [
        made
        for session_id, made in known.items()
        if words_hash(stored.get(session_id, ())) != words_hash(made.messages)
    ]


def _is_same(made: MadeSession, before: StoredSession | None) -> bool:
    return before is not None and (before.row_hash, before.transcript_hash) == (
        made.source.row_hash,
        made.transcript_hash,
    )
