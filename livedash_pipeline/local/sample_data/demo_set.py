"""The demo's set: three companies, 600 CSV records altogether, with every oddity that the pipeline must survive.

Put an oddity from `demo_oddities` at a free position of a company, and let `DemoExpectation` say what it leads to.
Ordinary sessions come from `generate`; positions count the records of a company's CSV from 0.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from livedash_pipeline.local.sample_data import demo_oddities as odd
from livedash_pipeline.local.sample_data.files import PUBLISHED_AT, csv_text
from livedash_pipeline.local.sample_data.generate import SampleCompany, SampleSession, generate_sessions

DEMO_SEED = 2025
RECORDS_PER_COMPANY = 200

_RETAIL, _LOGISTICS, _HOTELS = "noorderlicht-retail", "alpental-logistik", "bosporus-hotels"

_RECORDS: Mapping[str, Mapping[int, odd.OddRecord]] = {
    _RETAIL: {17: odd.TOO_FEW_COLUMNS, 58: odd.IMPOSSIBLE_DATE, 101: odd.NO_ID},
    _LOGISTICS: {23: odd.END_BEFORE_START, 77: odd.UNCLOSED_QUOTE, 120: odd.NUL},
    _HOTELS: {31: odd.STRAY_QUOTE, 90: odd.TOO_MANY_COLUMNS, 150: odd.NOT_UTF_8},
}
_FILES: Mapping[str, Mapping[int, odd.OddTranscript]] = {
    _RETAIL: {12: odd.GIVING_ORDERS, 44: odd.MISSING},
    _LOGISTICS: {52: odd.EMPTY},
    _HOTELS: {9: odd.MULTI_LINE, 66: odd.WITHOUT_MESSAGES},
}
_REPEATED: Mapping[str, Mapping[int, int]] = {_RETAIL: {162: 164}}
"""Position of an earlier record, and of the later one with the same id, which counts."""


@dataclass(frozen=True, slots=True)
class DemoReject:
    """A record that an import must reject."""

    slug: str
    line: int
    """Physical line, from 1, on which the record starts."""
    reason: str


@dataclass(frozen=True, slots=True)
class DemoSession:
    """Names one session of the set."""

    slug: str
    external_id: str


@dataclass(frozen=True, slots=True)
class DemoExpectation:
    """What a correct import of the demo's set finds.

    `csv_records` counts every record of the three CSVs, good or bad, a broken one of two lines once. Each is either
    imported or rejected, so `imported` is 600 minus the rejects. Of a repeated id the last record counts and is
    imported; the earlier one is the reject `duplicate_id`, and both are among the 600.
    """

    csv_records: int
    rejects: tuple[DemoReject, ...]
    missing_transcripts: tuple[DemoSession, ...]
    """The source answers 404."""
    empty_transcripts: tuple[DemoSession, ...]
    without_messages: tuple[DemoSession, ...]
    """The transcript has text and no message."""
    multi_line: tuple[DemoSession, ...]
    """Planted ones, with messages of several lines and an empty line; ordinary sessions have some too."""
    giving_orders: tuple[DemoSession, ...]
    """The user demands another category and another session's id of the model."""

    @property
    def imported(self) -> int:
        """How many sessions the import leaves behind."""
        return self.csv_records - len(self.rejects)

    @property
    def rejects_by_reason(self) -> dict[str, int]:
        """How many records are rejected for each reason."""
        return dict(Counter(reject.reason for reject in self.rejects))


@dataclass(frozen=True, slots=True)
class DemoSource:
    """The published files of one demo company; a `SampleSource`."""

    company: SampleCompany
    seed: int = DEMO_SEED
    last_modified: datetime = PUBLISHED_AT

    @property
    def version(self) -> str:
        """A text that differs whenever the content differs."""
        return repr((self.company, self.seed, self.last_modified))

    def sessions(self, transcript_base_url: str) -> list[SampleSession]:
        """Returns all sessions behind the records, those to be rejected included, with odd transcripts in place."""
        plain = generate_sessions(self.company, RECORDS_PER_COMPANY, self.seed, transcript_base_url=transcript_base_url)
        sessions = list(plain)
        for position, oddity in _FILES[self.company.slug].items():
            sessions[position] = oddity.change(sessions[position], sessions[position + 1])
        for earlier, later in _REPEATED.get(self.company.slug, {}).items():
            sessions[earlier] = odd.first_state_of(sessions[later])
        return sessions

    def records(self, transcript_base_url: str) -> Iterator[str]:
        """Yields the text of each record with its line feed; a surrogate stands for a byte that is not UTF-8."""
        unreadable = _RECORDS[self.company.slug]
        for position, session in enumerate(self.sessions(transcript_base_url)):
            yield unreadable[position].text(session) if position in unreadable else csv_text([session])

    def csv_chunks(self, transcript_base_url: str) -> Iterator[bytes]:
        """Yields the CSV in pieces of whole records."""
        return (record.encode("utf-8", "surrogateescape") for record in self.records(transcript_base_url))

    def transcripts(self) -> Iterator[tuple[str, str]]:
        """Yields id and text of every transcript that exists."""
        return iter(_transcripts(self).items())

    def transcript(self, external_id: str) -> str | None:
        """Returns the transcript of a session, or None where there is none."""
        return _transcripts(self).get(external_id)


@lru_cache(maxsize=8)
def _transcripts(source: DemoSource) -> dict[str, str]:
    # Kept, because making the set anew takes ten milliseconds and the demo asks 600 times.
    texts = {session.external_id: session.transcript for session in source.sessions("")}
    return {external_id: text for external_id, text in texts.items() if text is not None}


def demo_companies() -> tuple[SampleCompany, SampleCompany, SampleCompany]:
    """Returns the demo's companies: three time zones, five languages, one without password, one with a bot name."""
    return (
        SampleCompany(
            _RETAIL, "Noorderlicht Retail", "Europe/Amsterdam", (("nl", 6), ("en", 3), ("tr", 1)), sessions_per_day=8
        ),
        SampleCompany(
            _LOGISTICS,
            "Alpental Logistik",
            "Europe/Berlin",
            (("de", 6), ("fr", 2), ("en", 2)),
            bot_name="Robin",
            username="alpental",
            password="sample-password-alpental",  # noqa: S106 - guards nothing but sample data
            sessions_per_day=8,
        ),
        SampleCompany(
            _HOTELS,
            "Bosporus Hotels",
            "Europe/Istanbul",
            (("tr", 6), ("en", 2), ("fr", 2)),
            username="bosporus",
            password="sample-password-bosporus",  # noqa: S106 - guards nothing but sample data
            sessions_per_day=8,
        ),
    )


def demo_sources() -> tuple[DemoSource, ...]:
    """Returns what the demo's companies publish."""
    return tuple(DemoSource(company) for company in demo_companies())


def demo_expectation() -> DemoExpectation:
    """Returns what a correct import of `demo_sources` finds."""
    rejects: list[DemoReject] = []
    files: list[tuple[str, DemoSession]] = []
    records = 0
    for source in demo_sources():
        slug, line = source.company.slug, 1
        reasons = {position: record.reason for position, record in _RECORDS[slug].items()}
        reasons |= dict.fromkeys(_REPEATED.get(slug, {}), "duplicate_id")
        for position, (session, text) in enumerate(zip(source.sessions(""), source.records(""), strict=True)):
            if position in reasons:
                rejects.append(DemoReject(slug, line, reasons[position]))
            if position in _FILES[slug]:
                files.append((_FILES[slug][position].kind, DemoSession(slug, session.external_id)))
            records += 1
            line += text.count("\n")
    named = {kind: tuple(session for its_kind, session in files if its_kind == kind) for kind, _ in files}
    return DemoExpectation(csv_records=records, rejects=tuple(rejects), **named)
