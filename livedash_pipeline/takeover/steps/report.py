"""The report of a takeover: rows per table, skipped and changed rows with reasons, and counts that must agree.

It holds only reasons, ids and counts, never anybody's words. Add a table to `TABLES`; `takeover.steps.run` counts its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.takeover.rules.values import Note

# Our name of each table in the report, by the source's.
TABLES = {
    "Company": "companies",
    "SessionImport": "sessionImports",
    "Session": "sessions",
    "Message": "messages",
    "SessionProcessingStatus": "stages",
    "Question": "questions",
    "SessionQuestion": "sessionQuestions",
    "AIModel": "models",
    "AIModelPricing": "prices",
    "AIProcessingRequest": "requests",
}
NOT_TAKEN_OVER = {"User": "users", "PlatformUser": "platformUsers", "SecurityAuditLog": "auditLog"}
LISTED = 100


@dataclass
class TableCounts:
    """Rows of one table; `read` is the sum of the others."""

    read: int = 0
    written: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0

    @property
    def accounted(self) -> int:
        """The number of rows whose result is known."""
        return self.written + self.updated + self.unchanged + self.skipped

    def add(self, **counts: int) -> None:
        """Adds to some of the counts."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two counts that must be the same."""

    what: str
    source: int | Decimal
    target: int | Decimal

    def document(self) -> Document:
        """Returns the agreement as JSON; money as text."""
        source, target = (money(value) if isinstance(value, Decimal) else value for value in (self.source, self.target))
        return {"what": self.what, "source": source, "target": target, "agrees": self.source == self.target}


class NoteBook:
    """Notes: the first hundred in full, all of them counted by table and reason."""

    def __init__(self) -> None:
        self.listed: list[Note] = []
        self.counted: Counter[tuple[str, str]] = Counter()

    def add(self, note: Note) -> None:
        """Adds a note."""
        self.counted[TABLES[note.table], note.reason] += note.count
        if note.listed and len(self.listed) < LISTED:
            self.listed.append(note)

    def rows(self) -> list[Document]:
        """The notes in full."""
        return [{"table": TABLES[note.table], "id": note.id, "reason": note.reason} for note in self.listed]

    def reasons(self) -> list[Document]:
        """Counts the notes per reason, the most frequent first."""
        ordered = sorted(self.counted.items(), key=lambda item: (-item[1], item[0]))
        return [{"table": table, "reason": reason, "rows": count} for (table, reason), count in ordered]


@dataclass
class MoveReport:
    """The report of a run or of its dry run."""

    dry_run: bool
    tables: dict[str, TableCounts] = field(default_factory=lambda: {name: TableCounts() for name in TABLES.values()})
    skipped: NoteBook = field(default_factory=NoteBook)
    adjusted: NoteBook = field(default_factory=NoteBook)
    open_batches: list[Document] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    hosts: Counter[tuple[str, str]] = field(default_factory=Counter)
    source_counts: Mapping[str, int] = field(default_factory=dict)
    expected_stages: Counter[tuple[str, str]] = field(default_factory=Counter)
    stored_stages: Counter[tuple[str, str]] = field(default_factory=Counter)
    given_eur: Decimal = Decimal(0)
    stored_eur: Decimal = Decimal(0)

    def of(self, table: str) -> TableCounts:
        """Returns the counts of a table, by the source's name of it."""
        return self.tables[TABLES[table]]

    def note(self, notes: Iterable[Note]) -> None:
        """Adds notes, and counts skipped rows."""
        for note in notes:
            (self.skipped if note.skipped else self.adjusted).add(note)
            if note.skipped and note.table != "SessionProcessingStatus":
                self.of(note.table).add(skipped=note.count)

    def agreements(self) -> list[Agreement]:
        """Compares each table's rows in the source with those accounted for; and stages and cost as derived and as stored."""
        rows = [
            Agreement(ours, self.source_counts[theirs], self.tables[ours].accounted)
            for theirs, ours in TABLES.items()
            # A question is written once per company, and stages are derived, so their numbers of rows may differ.
            if theirs in self.source_counts and theirs not in {"Question", "SessionProcessingStatus"}
        ]
        stages = [
            Agreement(
                f"{stage.lower()} {status.lower()} (new sessions)",
                self.expected_stages[stage, status],
                self.stored_stages[stage, status],
            )
            for stage, status in sorted(self.expected_stages | self.stored_stages, key=_in_order)
        ]
        return [*rows, *stages, Agreement("totalCostEur (new requests)", self.given_eur, self.stored_eur)]

    def document(self) -> Document:
        """As JSON, with an error where counts that must agree do not."""
        agreements = self.agreements()
        differing = [agreement for agreement in agreements if agreement.source != agreement.target]
        companies = self.of("Company")
        document: Document = {
            "ok": not differing,
            "dryRun": self.dry_run,
            "companies": companies.written + companies.unchanged,
            "tables": {name: {**vars(counts)} for name, counts in self.tables.items()},
            "skipped": self.skipped.rows(),
            "skippedReasons": self.skipped.reasons(),
            "adjusted": self.adjusted.rows(),
            "adjustedReasons": self.adjusted.reasons(),
            "openBatches": self.open_batches,
            "environmentVariables": sorted(self.variables),
            "transcriptHosts": [
                {"company": company, "host": host, "sessions": count}
                for (company, host), count in sorted(self.hosts.items())
            ],
            "notTakenOver": {ours: self.source_counts.get(theirs, 0) for theirs, ours in NOT_TAKEN_OVER.items()},
            "agree": [agreement.document() for agreement in agreements],
        }
        if differing:
            document["error"] = {
                "code": "counts_differ",
                "message": f"{len(differing)} counts that must agree do not, first of all {differing[0].what}: "
                f"{differing[0].source} in the source, {differing[0].target} here.",
                "remedy": "Look at skippedReasons and at the log, and run import-livedash again: it takes what is missing.",
            }
        return document


_ORDER = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")


def _in_order(counted: tuple[str, str]) -> tuple[int, str]:
    return _ORDER.index(counted[0]), counted[1]
