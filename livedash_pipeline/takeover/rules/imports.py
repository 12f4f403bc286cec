"""Turns a row of `SessionImport` into our import, with the hash of the CSV's row, and its transcript.

The hash is that of `csv_fields`, over the texts that the CSV had, so that a later import of the same CSV finds the row
unchanged. Add what a row of the CSV keeps; `takeover.rules.chats` has the rows of the session.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.csv_fields import content_hash, read_number
from livedash_pipeline.intake.rules.csv_layout import COLUMNS
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH
from livedash_pipeline.intake.rules.vocabulary import country_code, sentiment_score, source_language, yes_or_no
from livedash_pipeline.takeover.rules.values import Note, Row, decimal_text, kept_id, made_id, moment, text

NO_TIME = "it has no readable time, and no session that has one"
END_FIRST = "its end lies before its start, and it has no session with other times"
NO_ROW = "it hangs on no row of the CSV: one was made for it"
# The CSV writes seconds with three decimals and euro with four.
_SECONDS_PLACES, _EURO_PLACES = 3, 4
_TEXT_COLUMNS = {
    "ip_address": "ipAddress",
    "country_code": "countryCode",
    "language": "language",
    "sentiment_raw": "sentimentRaw",
    "escalated_raw": "escalatedRaw",
    "forwarded_hr_raw": "forwardedHrRaw",
    "full_transcript_url": "fullTranscriptUrl",
    "category": "category",
    "initial_message": "initialMessage",
}
_NUMBER_COLUMNS = {
    "messages_sent": ("messagesSent", 0),
    "avg_response_time_seconds": ("avgResponseTimeSeconds", _SECONDS_PLACES),
    "tokens": ("tokens", 0),
    "tokens_eur": ("tokensEur", _EURO_PLACES),
}
# Columns of our CSV that the other system knows, in their order; it leaves the others empty.
KNOWN_COLUMNS = tuple(
    name
    for name in COLUMNS
    if name in {"external_session_id", "start_time_raw", "end_time_raw", *_TEXT_COLUMNS, *_NUMBER_COLUMNS}
)


@dataclass(frozen=True, slots=True)
class TakenTranscript:
    """The transcript of an import: its text, or that it was fetched once and is not kept (PRUNED: never fetched again)."""

    status: Literal["FETCHED", "PRUNED"]
    content: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class TakenImport:
    """A row of the CSV. `fields` are its texts as the CSV had them, trimmed, and empty where there is no value."""

    import_id: UUID
    legacy_id: str | None
    external_session_id: str
    fields: tuple[str, ...]
    start_time: datetime
    end_time: datetime
    content_hash: str
    imported_at: datetime | None

    def field(self, name: str) -> str:
        """Returns one of the fields, by our name of the column."""
        return self.fields[COLUMNS.index(name)]

    @property
    def country(self) -> str | None:
        """The country's ISO code; this and the following meanings are None where the vocabulary does not know the word."""
        return country_code(self.field("country_code"))

    @property
    def language_code(self) -> str | None:
        """ISO 639-1."""
        return source_language(self.field("language"))

    @property
    def sentiment_score(self) -> Decimal | None:
        """Score of the sentiment's word."""
        score = sentiment_score(self.field("sentiment_raw"))
        return None if score is None else Decimal(score)

    @property
    def escalated(self) -> bool | None:
        """Yes or no."""
        return yes_or_no(self.field("escalated_raw"))

    @property
    def forwarded_hr(self) -> bool | None:
        """Yes or no."""
        return yes_or_no(self.field("forwarded_hr_raw"))


def session_times(session: Row | None) -> tuple[datetime, datetime] | None:
    """Start and end of a row of `Session`; None unless they are times in that order."""
    if session is None:
        return None
    start = moment(session.get("startTime"))
    end = moment(session.get("endTime")) or start
    return None if start is None or end is None or end < start else (start, end)


def take_import(row: Row, session: Row | None, zone: ZoneInfo, notes: list[Note]) -> TakenImport | None:
    """Reads a row of `SessionImport`; None, with a note, where neither it nor its session has a time."""
    source_id = str(row["id"])
    texts = {name: (text(row.get(column)) or "").strip() for name, column in _TEXT_COLUMNS.items()}
    texts |= _numbers(row, source_id, notes)
    texts["start_time_raw"] = (text(row.get("startTimeRaw")) or "").strip()
    texts["end_time_raw"] = (text(row.get("endTimeRaw")) or "").strip()
    times = _times(texts, session, zone, source_id, notes)
    if times is None:
        return None
    external_id = text(row.get("externalSessionId")) or ""
    if not external_id.strip() or len(external_id) > MAX_ID_LENGTH:
        notes.append(
            Note("SessionImport", source_id, f"its external id is empty or longer than {MAX_ID_LENGTH}: replaced")
        )
        external_id = f"livedash-{source_id}"
    import_id, legacy_id = kept_id("SessionImport", source_id)
    return _import(import_id, legacy_id, external_id, texts, times, zone, moment(row.get("createdAt")))


def make_import(session: Row, zone: ZoneInfo, notes: list[Note]) -> TakenImport | None:
    """Makes an import for a session without one, since every session of ours needs one."""
    source_id = str(session["id"])
    times = session_times(session)
    if times is None:
        notes.append(Note("Session", source_id, NO_TIME, skipped=True))
        return None
    notes.append(Note("Session", source_id, NO_ROW))
    start, end = (f"{time.astimezone(zone):%d.%m.%Y %H:%M:%S}" for time in times)
    url = (text(session.get("fullTranscriptUrl")) or "").strip()
    texts = {"start_time_raw": start, "end_time_raw": end, "full_transcript_url": url}
    made = made_id("import of session", source_id)
    created = moment(session.get("createdAt"))
    return _import(made, f"session {source_id}", f"livedash-{source_id}", texts, times, zone, created)


def _import(
    import_id: UUID,
    legacy_id: str | None,
    external_id: str,
    texts: dict[str, str],
    times: tuple[datetime, datetime],
    zone: ZoneInfo,
    imported_at: datetime | None,
) -> TakenImport:
    texts["external_session_id"] = external_id.strip()
    fields = tuple(texts.get(name, "") for name in COLUMNS)
    return TakenImport(
        import_id, legacy_id, external_id, fields, times[0], times[1], content_hash(fields, zone.key), imported_at
    )


def _numbers(row: Row, source_id: str, notes: list[Note]) -> dict[str, str]:
    found = {}
    for name, (column, places) in _NUMBER_COLUMNS.items():
        value = row.get(column)
        written = decimal_text(value, places)
        if (written == "" and value is not None) or read_number(name, written) is None:
            notes.append(Note("SessionImport", source_id, f"{column} is no number that can be: left out"))
            written = ""
        found[name] = written
    return found


def _times(
    texts: dict[str, str], session: Row | None, zone: ZoneInfo, source_id: str, notes: list[Note]
) -> tuple[datetime, datetime] | None:
    start, end = (parse_local_time(texts[name], zone) for name in ("start_time_raw", "end_time_raw"))
    if start is not None and end is not None and start <= end:
        return start, end
    times = session_times(session)
    unreadable = start is None or end is None
    if times is not None:
        why = "its times are not readable" if unreadable else "its end lies before its start"
        notes.append(Note("SessionImport", source_id, f"{why}: those of its session are taken"))
    else:
        notes.append(Note("SessionImport", source_id, NO_TIME if unreadable else END_FIRST, skipped=True))
    return times


def take_transcript(row: Row, *, was_fetched: bool) -> TakenTranscript | None:
    """Returns a row's transcript; without its text, one that is never fetched again, or None if it may be fetched."""
    content = text(row.get("rawTranscriptContent"))
    if content is not None:
        return TakenTranscript("FETCHED", content, hashlib.sha256(content.encode()).hexdigest())
    return TakenTranscript("PRUNED") if was_fetched else None
