"""Charts of a run of benches, as SVG files: time against size, and how many times as long reads of a larger database take.

Add a chart with its file's name to `_CHARTS`. How a chart is drawn is the business of `livedash_pipeline.overview.rules.charts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from livedash_pipeline.overview.rules.charts import NUMBER, Chart, Kind, Marker, Series, Unit, fold, stand_alone
from tests.benchmarks.figures import LARGER_GOAL, Figure, growths, shown_size

_SECONDS = Unit(suffix=" s", places=2)
# More names than this do not fit below a chart.
_MOST_READS = 12


def time_against_size(figures: Sequence[Figure]) -> Chart:
    """Seconds of each step at each size; steps by their bench, without parts of them and without single reads."""
    steps = [figure for figure in figures if not figure.whole and ":" not in figure.name]
    sizes = sorted({figure.size for figure in steps})
    seconds = {(figure.name, figure.size): figure.seconds for figure in steps}
    series = [
        Series(name, [seconds.get((name, size)) for size in sizes])
        for name in dict.fromkeys(figure.name for figure in steps)
    ]
    return Chart(
        Kind.LINES,
        "Time against size",
        "Seconds of each step, by the number of sessions.",
        [shown_size(size) for size in sizes],
        fold(series),
        _SECONDS,
        label_name="Sessions",
    )


def ratios_of_reads(figures: Sequence[Figure]) -> Chart:
    """How many times as long a read takes on the largest database as on the one before: those that grow most."""
    largest = {growth.name: growth for growth in growths(figures) if growth.whole}
    grown = sorted(largest.values(), key=lambda growth: growth.time, reverse=True)[:_MOST_READS]
    sizes = f"{shown_size(grown[0].smaller)} to {shown_size(grown[0].larger)}" if grown else "one size to another"
    return Chart(
        Kind.BARS,
        f"Reads of a large database, from {sizes} sessions",
        f"How many times as long each of the {len(grown)} reads takes that grow most.",
        [growth.name.removeprefix("large: ") for growth in grown],
        (Series("Times as long", [growth.time for growth in grown]),),
        NUMBER,
        marker=Marker("Goal", LARGER_GOAL),
        label_name="Read",
    )


_CHARTS: Mapping[str, Callable[[Sequence[Figure]], Chart]] = {
    "bench-time-against-size.svg": time_against_size,
    "bench-ratios-of-reads.svg": ratios_of_reads,
}


def write_charts(figures: Sequence[Figure], directory: Path) -> list[Path]:
    """Writes the charts that have something to show, and returns their files."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw in _CHARTS.items():
        chart = draw(figures)
        if not chart.is_empty:
            path = directory / name
            path.write_text(stand_alone(chart), encoding="utf-8")
            written.append(path)
    return written
