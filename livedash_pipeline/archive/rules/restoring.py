"""Which texts a restore puts back: those that the archive deleted, of rows that still are what it says.

Add a reason to leave a text out. The statement `archive/find_restorable` reads what is judged here; an erasure on request always
wins, and a company's retention unless somebody asks otherwise in so many words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from livedash_pipeline.base.rules.retention_periods import Cutoffs


class Left(StrEnum):
    """Why a text that the archive has is not put back."""

    NOT_FOUND = "not_found"
    """No such session of this company."""
    ERASED = "erased"
    """It was erased on request, which is for good."""
    PRESENT = "present"
    """Every text that the archive has of it is where it belongs."""
    DELETED_BY_AGE = "deleted_by_age"
    """The archive has not deleted it, or the company does not keep it for so long."""
    CHANGED = "changed"
    """Its row has another hash than the archive says, or other rows than it has."""


class Place(StrEnum):
    """Where the texts of one kind stand."""

    NONE = "none"
    """The archive has none."""
    PRESENT = "present"
    """They are in the database."""
    GONE = "gone"
    """They were deleted, and their rows are what the archive says."""
    CHANGED = "changed"
    """Their rows are not what the archive says."""


@dataclass(frozen=True, slots=True)
class SessionCopy:
    """What the database says of a session in the archive.

    Attributes:
        is_known: There is this session of this import and company.
        is_erased: It was erased on request.
        is_same_row: Its CSV row is the one that the archive has. Of another one, with its texts back, the next import would fetch
            the transcript, and might have an analysis bought.
        is_deleted_by_archive: The archive deleted its texts after it had written this part.
        end_time: When its chat ended; None if it is not known.
        transcript: Its transcript.
        row: Its first message and other texts of the CSV row.
        messages: Words of its messages, and the first message as the session quotes it.
        answers: The model's answers.
    """

    is_known: bool
    is_erased: bool
    is_same_row: bool
    is_deleted_by_archive: bool
    end_time: datetime | None
    transcript: Place
    row: Place
    messages: Place
    answers: Place


@dataclass(frozen=True, slots=True)
class Restoration:
    """Which kinds of text come back, and why another one or the whole session does not."""

    transcript: bool = False
    row: bool = False
    messages: bool = False
    answers: bool = False
    left: Left | None = None

    @property
    def restores(self) -> bool:
        """Whether anything comes back."""
        return self.transcript or self.row or self.messages or self.answers


def decide(copy: SessionCopy, cutoffs: Cutoffs, *, despite_retention: bool = False) -> Restoration:
    """Decides what comes back of one session.

    Args:
        copy: What the database says of it.
        cutoffs: The moments before which its company keeps no texts.
        despite_retention: Bring back what is older, or was deleted by age, as well.
    """
    if not copy.is_known or copy.end_time is None:
        return Restoration(left=Left.NOT_FOUND)
    if copy.is_erased:
        return Restoration(left=Left.ERASED)
    places = (copy.transcript, copy.row, copy.messages, copy.answers)
    if Place.GONE in places and not copy.is_same_row:
        return Restoration(left=Left.CHANGED)
    if Place.GONE not in places:
        return Restoration(left=Left.CHANGED if Place.CHANGED in places else Left.PRESENT)
    if not copy.is_deleted_by_archive and not despite_retention:
        return Restoration(left=Left.DELETED_BY_AGE)
    limits = (cutoffs.transcripts, cutoffs.messages, cutoffs.messages, cutoffs.answers)
    old = [not despite_retention and limit is not None and copy.end_time < limit for limit in limits]
    gone = [place is Place.GONE for place in places]
    transcript, row, messages, answers = (is_gone and not is_old for is_gone, is_old in zip(gone, old, strict=True))
    left = None
    if Place.CHANGED in places:
        left = Left.CHANGED
    elif gone != [transcript, row, messages, answers]:
        left = Left.DELETED_BY_AGE
    return Restoration(transcript, row, messages, answers, left)
