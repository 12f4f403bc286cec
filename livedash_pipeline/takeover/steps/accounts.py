"""Counts the results of taking over chats, so that every row of the source is accounted for.

A row is written, updated, unchanged because it was here, or skipped with a reason. Add a kind of row of a chat to both functions
below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from livedash_pipeline.takeover.rules.chats import SourceChat, TakenChat
from livedash_pipeline.takeover.rules.values import Note
from livedash_pipeline.takeover.steps.report import MoveReport
from livedash_pipeline.takeover.store.chats import StoredChats, Target

ERASED = "its texts were deleted here on request"
ID_TAKEN = "its id belongs to another row here"
_STAGES_OF_ANALYSIS = 2


@dataclass(frozen=True, slots=True)
class JudgedChat:
    """A chat in the source, the chat as it is written, and the notes about it."""

    source: SourceChat
    chat: TakenChat
    notes: Sequence[Note]


def count_read(report: MoveReport, source: SourceChat) -> None:
    """Counts the rows of a chat as read; its stages are derived, so they count where they were derived."""
    report.of("SessionImport").add(read=int(source.imported is not None))
    report.of("Session").add(read=int(source.session is not None))
    report.of("Message").add(read=len(source.messages))
    report.of("SessionQuestion").add(read=len(source.questions))
    report.of("AIProcessingRequest").add(read=len(source.requests))


def count_stored(report: MoveReport, judged: Sequence[JudgedChat], stored: StoredChats) -> None:
    """Counts the results of a chunk of chats, as the database returned them."""
    asked = 0
    for target, each in zip(stored.targets, judged, strict=True):
        # A change in a row is worth a note only if the row was written.
        came = target.import_is_new or target.session_is_new or target.takes_analysis
        report.note(note for note in each.notes if note.skipped or came)
        report.note(_refused(target, each))
        if target.import_id is not None:
            _count_rows(report, target, each)
            _count_stages(report, target, each.chat)
            asked += len(each.chat.requests) if target.session_id is not None else 0
    report.of("Message").add(written=stored.messages)
    report.of("Question").add(written=stored.questions)
    report.of("SessionQuestion").add(written=stored.question_links)
    report.of("AIProcessingRequest").add(written=stored.requests, unchanged=asked - stored.requests)
    report.stored_stages.update(stored.stages)
    report.given_eur += stored.given_eur
    report.stored_eur += stored.stored_eur


def _count_rows(report: MoveReport, target: Target, each: JudgedChat) -> None:
    if each.source.imported is not None:
        report.of("SessionImport").add(written=int(target.import_is_new), unchanged=int(not target.import_is_new))
    if each.source.session is None or target.session_id is None:
        return
    updated = target.takes_analysis and not target.session_is_new
    report.of("Session").add(
        written=int(target.session_is_new),
        updated=int(updated),
        unchanged=int(not target.session_is_new and not updated),
    )
    if not target.session_is_new:
        report.of("Message").add(unchanged=len(each.chat.messages))
    if not target.takes_analysis:
        report.of("SessionQuestion").add(unchanged=len(each.chat.questions))


def _count_stages(report: MoveReport, target: Target, chat: TakenChat) -> None:
    stages = report.of("SessionProcessingStatus")
    count = len(chat.stages)
    if target.import_is_new or target.session_is_new:
        stages.add(read=count, written=count)
    else:
        updated = _STAGES_OF_ANALYSIS if target.takes_analysis else 0
        stages.add(read=count, updated=updated, unchanged=count - updated)
    if target.import_is_new and (target.session_is_new or chat.session is None):
        report.expected_stages.update((stage.stage.value, stage.status.value) for stage in chat.stages)


def _refused(target: Target, each: JudgedChat) -> Iterator[Note]:
    """Counts rows that the database did not take, with all rows that refer to them."""
    if target.import_id is not None and (each.chat.session is None or target.session_id is not None):
        return
    reason = ERASED if target.is_erased else ID_TAKEN
    source, chat = each.source, each.chat
    if source.imported is not None and target.import_id is None:
        yield Note("SessionImport", str(source.imported["id"]), reason, skipped=True)
    if source.session is None:
        return
    session_id = str(source.session["id"])
    hanging = {
        "Session": 1,
        "Message": len(chat.messages),
        "SessionQuestion": len(chat.questions),
        "AIProcessingRequest": len(chat.requests),
    }
    for table, count in hanging.items():
        if count:
            yield Note(table, session_id, reason, skipped=True, count=count)
