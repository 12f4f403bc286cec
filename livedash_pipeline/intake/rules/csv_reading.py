"""How the cells of one company's CSV are read: its zone, its forms of times, and its words.

The seed's reading is that of a company without a profile; `intake.rules.profiles.cells` makes the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.profiles.documents import normal_word
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForms


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read cells.

    Attributes:
        zone: Of times that do not say theirs.
        times: Their forms; None for `DD.MM.YYYY HH:MM:SS`, which is read by whole columns.
        end_is_needed: Whether a record without a readable end is rejected; else its end is its start.
        yes_or_no: Further words for yes and no, as `profiles.documents.normal_word` writes them.
        digest: Of the profiles; a record that was read by others is read again.
    """

    zone: ZoneInfo
    times: TimeForms | None = None
    end_is_needed: bool = True
    yes_or_no: Mapping[str, bool] = field(default_factory=dict)
    digest: str = ""

    @property
    def key(self) -> str:
        """What a record's hash holds beside its fields."""
        return f"{self.zone.key} {self.digest}" if self.digest else self.zone.key

    def moment(self, text: str, *, second_showing: bool = False) -> datetime | None:
        """The moment in UTC that a cell means; None where it is none."""
        if self.times is None:
            return parse_local_time(text, self.zone, second_showing=second_showing)
        return self.times.read(text, self.zone, second_showing=second_showing)

    def meaning(self, name: str, known: Callable[[str], object]) -> Callable[[str], object]:
        """What the words of a column mean: `known`, and this reading's words before it."""
        if not self.yes_or_no or name not in {"escalated_raw", "forwarded_hr_raw"}:
            return known
        return lambda word: known(word) if (said := self.yes_or_no.get(normal_word(word))) is None else said
