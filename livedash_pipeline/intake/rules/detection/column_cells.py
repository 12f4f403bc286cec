"""What the columns of a table hold: their cells, and the forms of times among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.csv_fields import trimmed
from livedash_pipeline.intake.rules.detection.column_names import plain_name, ranked_columns
from livedash_pipeline.intake.rules.detection.times import DateOrder, FoundForms, find_forms
from livedash_pipeline.intake.rules.profiles.documents import normal_word
from livedash_pipeline.intake.rules.profiles.time_forms import UNIX, UNIX_MS

NOTHING_WORDS = (
    "null", "nan", "nat", "none", "nil", "\\n", "n/a", "#n/a", "na", "-", "--", "(null)", "(none)", "<null>", "undefined",
)  # fmt: skip
# More than half of its cells make a column one of times: files have slips of the pen.
MOSTLY = 0.5


@dataclass
class Columns:
    """The columns of a table.

    Attributes:
        rows: Its records, without a header.
        names: Of the columns, or dotted paths of JSON; None where it has no header.
        zone: Of times that do not say theirs.
        now: No session begins later.
        order: Whether day or month comes first, where a person says so.
    """

    rows: Sequence[Sequence[str]]
    names: Sequence[str] | None
    zone: ZoneInfo
    now: datetime
    order: DateOrder | None

    @cached_property
    def cells(self) -> list[list[str]]:
        """Trimmed cells by column."""
        return [[trimmed(cell) for cell in column] for column in zip(*self.rows, strict=True)]

    @cached_property
    def times(self) -> list[FoundForms]:
        """The forms of times of each column; none where most of its cells are no times."""
        return [self._times_of(place) for place in range(len(self.cells))]

    def values(self, place: int) -> list[str]:
        """The cells of a column that hold something."""
        return [cell for cell in self.cells[place] if cell and normal_word(cell) not in NOTHING_WORDS]

    def joined(self, where: Sequence[int]) -> list[str]:
        """The cells of some columns, joined with blanks as a profile joins them."""
        parts = zip(*(self.cells[place] for place in where), strict=True)
        texts = (" ".join(filter(None, part)) for part in parts)
        return [text for text in texts if text and normal_word(text) not in NOTHING_WORDS]

    def forms(self, where: Sequence[int], order: DateOrder | None = None) -> FoundForms:
        """The forms of times that some columns, joined, have; `order` is what other columns show."""
        return find_forms(self.joined(where), self.zone, now=self.now, order=self.order or order)

    def says_utc(self, where: Sequence[int]) -> bool:
        """Whether the name of one of some columns says that its times are those of UTC."""
        names = [] if self.names is None else [plain_name(self.names[place]).split() for place in where]
        return any({"utc", "gmt"} & set(words) for words in names)

    def ranked(self, column: str) -> list[int]:
        """Which columns may be one of ours by their names."""
        return ranked_columns(column, list(self.names)) if self.names is not None else []

    def shown(self, where: Sequence[int]) -> object:
        """A place as a profile has it."""
        sources = [place + 1 if self.names is None else self.names[place] for place in where]
        return sources[0] if len(sources) == 1 else sources

    def title(self, where: Sequence[int]) -> str:
        """A place as a person reads it."""
        return " and ".join(f"column {place + 1}" if self.names is None else repr(self.names[place]) for place in where)

    def is_unambiguous(self, place: int) -> bool:
        """Whether a header has the name of a column once."""
        if self.names is None:
            return True
        name = normal_word(self.names[place])
        return bool(name) and self._counted[name] == 1

    @cached_property
    def _counted(self) -> Counter[str]:
        return Counter(map(normal_word, self.names or ()))

    def _times_of(self, place: int) -> FoundForms:
        values = self.values(place)
        if not values or not any(any(map(str.isdigit, value)) for value in values[:20]):
            return FoundForms((), 0)
        found = self.forms((place,))
        counts_seconds = bool({UNIX, UNIX_MS} & set(found.names))
        named = place in self.ranked("start_time") or place in self.ranked("end_time")
        return found if found.read >= len(values) * MOSTLY and (named or not counts_seconds) else FoundForms((), 0)
