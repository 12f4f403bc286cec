"""The course of a batch as its row tells it: what happened when, and what the row does not say.

Add a moment that the row of a batch keeps. Why a batch stands still is `ledger.rules.admission.standstill`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

NOT_STORED = (
    "The moments at which it went from one state to the next are not stored: of the states at the service, only the last change "
    "is known. Nor is the run that ingested its results."
)
"""What no column keeps."""

_MOMENTS: Mapping[str, str] = {
    "created_at": "Its requests were claimed",
    "input_file_created_at": "Its input file was uploaded, by the service's clock",
    "create_started_at": "The service was asked to make it",
    "submitted_at": "The service took it",
    "input_delete_requested_at": "The deletion of its input file was asked for, so that a late create fails",
    "input_deleted_at": "Its input file was deleted before anything was known to be bought",
    "absence_believed_at": "A person said that it was not bought",
    "cancel_requested_at": "A cancel was asked for",
    "not_found_since": "The service has not known it since",
    "status_changed_at": "Its state changed last",
    "completed_at": "It ended at the service",
    "expires_at": "The service ends it by then",
    "processed_at": "Its results were ingested",
    "files_deleted_at": "Its files were deleted at the service",
    "retrieved_at": "It was looked up last",
    "next_ingest_at": "Its results are looked at next",
}
# Of two moments that are equal, the one that stands first above happened first.
_ORDER = {name: place for place, name in enumerate(_MOMENTS)}


@dataclass(frozen=True, slots=True)
class CourseMoment:
    """Something that happened to a batch, or is due.

    Attributes:
        name: Its column.
        words: A sentence without an end.
        at: When.
        is_ahead: It has not come yet.
    """

    name: str
    words: str
    at: datetime
    is_ahead: bool


def course(row: Mapping[str, object], *, now: datetime) -> list[CourseMoment]:
    """Returns what happened to a batch in order of time.

    Args:
        row: The columns of its row; those that are no moment of its course are left out.
        now: The present.
    """
    is_over = row.get("processed_at") is not None
    found = [
        CourseMoment(name, words, at, at > now)
        for name, words in _MOMENTS.items()
        if isinstance(at := row.get(name), datetime) and not (name == "expires_at" and is_over)
    ]
    return sorted(found, key=lambda each: (each.at, _ORDER[each.name]))
