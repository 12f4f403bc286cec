"""Which files of a listing are imported, in which order, and what is told of each.

A listing is a claim: what it shows is compared with what is known of each file, and a file that may still be written to waits.
Files are taken oldest first, since a later file holds the newer rows of a session. Add a reason for a file to wait or to be
passed over here; reading is the business of `sources.places`, writing that of `intake.steps.import_files`.

Two decisions about files that cannot be imported:

- A file that was read and is not usable (too many rejects, not a CSV, too large, not ours to read) is passed over, and so is that
  version ever after. Waiting for it would keep all later files out; reading it later, after those, would put its old rows over
  newer ones. A new version of it counts by its new time, as the last word of its publisher.
- A file that cannot be read now (a time-out, a connection that breaks, an end before its time) stops the import there. The later
  ones wait, since nothing is wrong with it that the next try may not mend, and going on would lose the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from livedash_pipeline.base.rules.places.names import ListedFile, oldest_first
from livedash_pipeline.base.rules.states import ImportFileState
from livedash_pipeline.base.rules.values import Document

# A program that writes a file piece by piece, or a slow upload, changes it more often than that.
QUIET = timedelta(seconds=60)
# So many files are told of in one answer; all of them are in `import_files`.
MOST_REPORTS = 200
_DONE = frozenset({ImportFileState.IMPORTED, ImportFileState.SAME, ImportFileState.REFUSED})


class FileOutcome(StrEnum):
    """What an import did with one file."""

    IMPORTED = "imported"
    # Its bytes had been imported before, under this name or another one.
    SAME = "same"
    # It may still be written to.
    WAITING = "waiting"
    # It was read and cannot be used; this version is not tried again.
    REFUSED = "refused"
    # It could not be read to its end; it is tried again, and later files wait behind it.
    FAILED = "failed"
    # It was known or listed, and is gone; its sessions stay.
    VANISHED = "vanished"
    # It is due, and stands behind one that failed.
    POSTPONED = "postponed"


_WELL = frozenset({FileOutcome.IMPORTED, FileOutcome.SAME})


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is known of a file: the version that its state is about, since when that is known, and whether it is gone."""

    state: ImportFileState
    size: int
    version: str | None
    modified_at: datetime | None
    seen_at: datetime
    is_gone: bool
    sha256: str | None = None

    def is_at(self, listed: ListedFile) -> bool:
        """Whether the listing shows the version that is known."""
        return listed.is_same_as(self.size, self.version, self.modified_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from a listing.

    Attributes:
        due: Files to read, in this order.
        waiting: Files to look at again later.
        vanished: Addresses of known files that the listing does not show, each told of once.
        returned: Addresses of files that were gone, and are as they were known.
        unchanged: How many files are as they were read.
    """

    due: tuple[ListedFile, ...]
    waiting: tuple[ListedFile, ...]
    vanished: tuple[str, ...]
    returned: tuple[str, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """What an import did with one file; `rows` is the sum of the four after it. The error is one sentence."""

    address: str
    outcome: FileOutcome
    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    unread: int = 0
    error: str | None = None


def plan_files(
    listed: Iterable[ListedFile],
    known: Mapping[str, KnownFile],
    *,
    now: datetime,
    quiet: timedelta | None,
) -> Plan:
    """Decides what is done with each file.

    Args:
        listed: What the listing shows.
        known: What is known of files of the same place, by address.
        now: By our clock.
        quiet: How long a file has to be left alone before it is read; None where a store shows complete files only.
    """
    due, waiting, returned, seen = [], [], [], set()
    unchanged = 0
    for file in listed:
        seen.add(file.address)
        before = known.get(file.address)
        if before is not None and before.state in _DONE and before.is_at(file):
            unchanged += 1
            returned += [file.address] if before.is_gone else []
        elif quiet is None or _is_settled(file, before, now, quiet):
            due.append(file)
        else:
            waiting.append(file)
    vanished = tuple(sorted(name for name, file in known.items() if name not in seen and not file.is_gone))
    return Plan(tuple(oldest_first(due)), tuple(oldest_first(waiting)), vanished, tuple(returned), unchanged)


def counts_as_imported(before: KnownFile | None, sha256: str, *, known_bytes: bool) -> bool:
    """Whether the bytes of a file that was just read need not be imported.

    They do not where the file itself was imported with them, and only its time changed; nor where it is a new name for bytes that
    were imported for the company before. A known file that goes back to older bytes is imported: its rows are its newest ones.

    Args:
        before: What was known of the file.
        sha256: Of what was read.
        known_bytes: Whether these bytes were imported for the company, under any name.
    """
    if before is not None and before.sha256 is not None:
        return before.sha256 == sha256
    return known_bytes


def files_document(files: Sequence[FileReport]) -> Document:
    """What was done with the files of a folder, as JSON: those that need somebody first, and no more than a reader can use."""
    shown = sorted(files, key=lambda report: report.outcome in _WELL)[:MOST_REPORTS]
    return {"files": [_file_document(report) for report in shown], "filesLeftOut": len(files) - len(shown)}


def _file_document(report: FileReport) -> Document:
    return {
        "name": report.address,
        "outcome": report.outcome,
        "rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
        "unread": report.unread,
        "error": report.error,
    }


def _is_settled(file: ListedFile, before: KnownFile | None, now: datetime, quiet: timedelta) -> bool:
    """Whether nothing speaks for a file's still being written: by two looks, or else by its own time."""
    old_enough = file.modified_at is not None and file.modified_at <= now - quiet
    if before is None or before.state is not ImportFileState.WAITING:
        return old_enough
    if not before.is_at(file):  # It grew, or was replaced, between two looks.
        return False
    # A server whose clock is ahead would have its files wait for as long.
    return old_enough or before.seen_at <= now - quiet
