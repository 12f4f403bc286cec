"""For how long a company's texts are kept: the values and how somebody writes them.

What may be asked of a deletion is decided in `retention.rules.retention`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

FOREVER: Literal["forever"] = "forever"


# A hundred years: more is a slip of the pen, and dates before the year 1 do not exist.
LONGEST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after the end of a chat for which each kind of text is kept; None: for good."""

    transcripts: int | None = None
    messages: int | None = None
    answers: int | None = None

    @property
    def keeps_everything(self) -> bool:
        """Whether nothing is ever deleted by age."""
        return self == Retention()

    def cutoffs(self, now: datetime) -> Cutoffs:
        """The moments before which a chat must have ended for its texts to be deleted at `now`."""
        return Cutoffs(_before(self.transcripts, now), _before(self.messages, now), _before(self.answers, now))


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What ended before is deleted; None: nothing is."""

    transcripts: datetime | None
    messages: datetime | None
    answers: datetime | None


def _before(days: int | None, now: datetime) -> datetime | None:
    return None if days is None else now - timedelta(days=days)


def read_days(text: str) -> int | Literal["forever"] | None:
    """A number of days as somebody writes it, an empty text or `forever` for no limit; None for anything else."""
    word = text.strip().lower()
    if word in {"", FOREVER}:
        return FOREVER
    # Not `isdigit`, which is true of superscripts and of digits of other scripts.
    if not re.fullmatch(r"[0-9]{1,6}", word) or int(word) > LONGEST_DAYS:
        return None
    return int(word)
