"""What a bench found: one figure a line, its goal, and the table of all of them.

Add a kind of figure here. What is measured, and against what, belongs to the benches; the goals are explained in
docs/performance.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

MEMORY_GOAL_MB = 400.0
"""The most that any step may need, whatever the size."""
GROWTH_GOAL = 1.1
"""Time for one row and peak memory may grow by so much when there are ten times as many rows."""

LARGER_GOAL = 2.0
"""So many times as long may take what goes through the same rows of a larger database."""
_LEAST_SECONDS = 0.1

_HEADINGS = ("bench", "size", "seconds", "yardstick", "measured", "goal", "met", "peak MB")


@dataclass(frozen=True)
class Figure:
    """One line of the result.

    Attributes:
        name: The bench, and behind it what of it, where it has several figures.
        size: Sessions that the bench was asked for.
        rows: What the step went through, of which there may be fewer than sessions.
        seconds: Of the step, or of the one part of it that this line is about.
        peak_mb: Resident memory at most of the process that ran the step, up to the end of the step.
        yardstick: Seconds of what it is compared with.
        value: What the goal is about; without one, the ratio of the two, or the seconds.
        unit: Of the value.
        goal: What the value is to be; None where it is only told.
        at_least: The goal is a least value; otherwise a greatest.
        note: Why nothing was measured; in place of everything else.
        whole: It goes through the same rows whatever the size: with ten times as many it may take `LARGER_GOAL` times as long.
    """

    name: str
    size: int
    rows: int
    seconds: float
    peak_mb: float
    yardstick: float | None = None
    value: float | None = None
    unit: str = "×"
    goal: float | None = None
    at_least: bool = False
    note: str = ""
    whole: bool = False

    @property
    def ratio(self) -> float | None:
        """Seconds of the step for each second of the yardstick."""
        return self.seconds / self.yardstick if self.yardstick else None

    @property
    def measured(self) -> float:
        """What the goal is about."""
        if self.value is not None:
            return self.value
        return self.seconds if self.ratio is None else self.ratio

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal

    def cells(self) -> tuple[str, ...]:
        """One line of the table."""
        if self.note:
            return (self.name, shown_size(self.size), "–", "–", self.note, "–", "–", "–")
        sign = "≥" if self.at_least else "≤"
        return (
            self.name,
            shown_size(self.size),
            _number(self.seconds),
            "–" if self.yardstick is None else _number(self.yardstick),
            f"{_number(self.measured)} {self.unit}",
            "–" if self.goal is None else f"{sign} {self.goal:,g} {self.unit}",
            {True: "yes", False: "NO", None: "–"}[self.met],
            f"{self.peak_mb:.0f}" + (" !" if self.peak_mb > MEMORY_GOAL_MB else ""),
        )

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "ratio": self.ratio, "value": self.measured, "met": self.met}


def line(figure: Figure) -> str:
    """A figure by itself, as it is printed when its bench ends."""
    name, size, seconds, yardstick, measured, goal, _, peak = figure.cells()
    if figure.note:
        return f"{name}, {size}: {figure.note}"
    measured = "" if figure.ratio is None and figure.value is None else f", {measured}"
    compared = "" if figure.yardstick is None else f", yardstick {yardstick} s"
    judged = "" if figure.goal is None else f", goal {goal}: {'met' if figure.met else 'NOT met'}"
    return f"{name}, {size}: {seconds} s{compared}{measured}{judged}, peak {peak} MB"


def table(figures: Iterable[Figure]) -> str:
    """All figures, in columns."""
    rows = [_HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


@dataclass(frozen=True)
class Growth:
    """How a figure grows between two sizes, as factors: time for one row, or of the whole step, and peak memory.

    Below a tenth of a second a step counts as a tenth: plans, and whatever else the machine does, weigh more there than rows.
    """

    name: str
    smaller: int
    larger: int
    time: float
    memory: float
    whole: bool = False

    @property
    def met(self) -> bool:
        """Whether both goals are met: of growth, and of memory at the larger size is told by its figure."""
        return self.time <= (LARGER_GOAL if self.whole else GROWTH_GOAL) and (self.whole or self.memory <= GROWTH_GOAL)

    def __str__(self) -> str:
        sizes, verdict = (
            f"from {shown_size(self.smaller)} to {shown_size(self.larger)}",
            "met" if self.met else "NOT met",
        )
        if self.whole:
            return f"{self.name}: {sizes} time × {self.time:.2f}, goal ≤ × {LARGER_GOAL:g}: {verdict}"
        return (
            f"{self.name}: {sizes} time for one row × {self.time:.2f}, peak memory × {self.memory:.2f}, "
            f"goal ≤ × {GROWTH_GOAL}: {verdict}"
        )


def growths(figures: Sequence[Figure]) -> list[Growth]:
    """Of every figure with a duration that was measured at several sizes, from each size to the next."""
    found = []
    for name in dict.fromkeys(figure.name for figure in figures):
        same = sorted((figure for figure in figures if figure.name == name), key=lambda figure: figure.size)
        for small, large in pairwise(same):
            if small.note or large.note:
                continue
            memory = large.peak_mb / small.peak_mb
            if small.whole:
                time = max(large.seconds, _LEAST_SECONDS) / max(small.seconds, _LEAST_SECONDS)
                found.append(Growth(name, small.size, large.size, time, memory, whole=True))
            elif small.rows < large.rows and small.unit in ("×", "s"):
                time = (large.seconds / large.rows) / (small.seconds / small.rows)
                found.append(Growth(name, small.size, large.size, time, memory))
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so great a share of all values does not exceed."""
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]


def shown_size(size: int) -> str:
    """1000000 as 1m, 50000 as 50k."""
    if size and size % 1_000_000 == 0:
        return f"{size // 1_000_000}m"
    return f"{size // 1000}k" if size and size % 1000 == 0 else str(size)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
