"""Writes sample sessions as files: the text of a CSV, and everything that a company publishes.

Add formats of output here. The rows come from `generate` or `demo_set`; serving them is `source_server`'s part.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import StringIO
from itertools import islice
from typing import Protocol

from livedash_pipeline.local.sample_data.generate import (
    FIRST_DAY,
    SampleCompany,
    SampleSession,
    generate_sessions,
    session_at,
    session_index,
)

PUBLISHED_AT = datetime(2025, 7, 1, tzinfo=UTC)
"""When a CSV was last modified where nothing else is said."""
_ROWS_PER_CHUNK = 500


class SampleSource(Protocol):
    """The published files of one company: a CSV and transcripts."""

    @property
    def company(self) -> SampleCompany:
        """The company."""

    @property
    def last_modified(self) -> datetime:
        """When the CSV last changed, with a zone."""

    @property
    def version(self) -> str:
        """A text that differs whenever the content differs."""

    def csv_chunks(self, transcript_base_url: str) -> Iterator[bytes]:
        """Yields the CSV in pieces of whole records."""

    def transcripts(self) -> Iterator[tuple[str, str]]:
        """Yields id and text of every transcript that exists."""

    def transcript(self, external_id: str) -> str | None:
        """Returns the transcript of a session, or None where there is none."""


@dataclass(frozen=True, slots=True)
class GeneratedSource:
    """The first `count` sessions of a company, made when asked for and never kept."""

    company: SampleCompany
    count: int
    seed: int
    start: date = FIRST_DAY
    last_modified: datetime = PUBLISHED_AT

    @property
    def version(self) -> str:
        """A text that differs whenever the content differs."""
        return repr((self.company, self.count, self.seed, self.start, self.last_modified))

    def csv_chunks(self, transcript_base_url: str) -> Iterator[bytes]:
        """Yields the CSV in pieces of whole records."""
        sessions = self._sessions(transcript_base_url)
        return (chunk.encode() for chunk in csv_chunks(sessions))

    def transcripts(self) -> Iterator[tuple[str, str]]:
        """Yields id and text of every transcript."""
        for session in self._sessions(""):
            if (text := session.transcript) is not None:
                yield session.external_id, text

    def transcript(self, external_id: str) -> str | None:
        """Makes the one transcript again from its session's id."""
        index = session_index(self.company, self.seed, external_id)
        if index is None or index >= self.count:
            return None
        return session_at(self.company, index, self.seed, transcript_base_url="", start=self.start).transcript

    def _sessions(self, base_url: str) -> Iterator[SampleSession]:
        return generate_sessions(self.company, self.count, self.seed, transcript_base_url=base_url, start=self.start)


def csv_text(sessions: Iterable[SampleSession]) -> str:
    """Returns sessions as a CSV in the vendor's dialect: no header, quotes only where needed."""
    return "".join(csv_chunks(sessions))


def csv_chunks(sessions: Iterable[SampleSession]) -> Iterator[str]:
    """Yields the same text in pieces of 500 whole records, for CSVs that do not fit into memory."""
    rows = (session.fields for session in sessions)
    while chunk := list(islice(rows, _ROWS_PER_CHUNK)):
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerows(chunk)
        yield text.getvalue()
