"""What an import is bound by, and what it did.

Add a number of an import here, and to the document that commands and Dagster show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.intake.rules.import_files import FileReport, files_document
from livedash_pipeline.settings import Settings

# However often the sensor looks, nobody's server is asked for the same CSV more than once a minute.
SHORTEST_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ImportRules:
    """What of the settings concerns an import."""

    max_reject_ratio: float = 0.2
    interval: timedelta = timedelta(minutes=15)

    @classmethod
    def of(cls, settings: Settings) -> ImportRules:
        """`LIVEDASH_MAX_REJECT_RATIO` and `LIVEDASH_IMPORT_INTERVAL`."""
        interval = timedelta(seconds=settings.livedash_import_interval)
        return cls(settings.livedash_max_reject_ratio, max(interval, SHORTEST_INTERVAL))


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; `rows` is the sum of the four after it, and `unread` says how many have a value that could not be read.

    For a CSV that is not modified the rows are those of the import that read it, all of them unchanged or rejected. A company
    without a CSV, whose sessions are submitted, has no run and no rows. Of a folder of CSVs, the numbers are the sums over the
    files that were imported, the run is that of the last one, and `files` says what was done with each.
    """

    company: str
    import_run_id: UUID | None
    rows: int
    new: int
    changed: int
    unchanged: int
    rejected: int
    not_modified: bool = False
    unread: int = 0
    files: tuple[FileReport, ...] = ()

    def __post_init__(self) -> None:
        if self.rows != self.new + self.changed + self.unchanged + self.rejected:
            raise ValueError(f"an import lost count of its rows: {self}")


def import_document(report: ImportReport) -> Document:
    """What an import of one company did."""
    return {
        "ok": True,
        "company": report.company,
        "rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "unread": report.unread,
        **files_document(report.files),
    }
