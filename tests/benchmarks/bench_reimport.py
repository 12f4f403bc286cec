"""The same CSV a second time, which changes nothing, against its first import."""

from __future__ import annotations

from tests.benchmarks.bench_import import prepare, run_import
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, require, settle_down


def measure(site: Site, size: int) -> list[Figure]:
    """The source tells no version, so the file is read and compared whole."""
    first, again = Stopwatch(), Stopwatch()
    rejected = prepare(site, size)
    with first.running():
        run_import(site)
    settle_down(site)
    with again.running():
        report = run_import(site)
    require((report.unchanged, report.rejected) == (size - rejected, rejected), str(report))
    return [Figure("reimport", size, size, again.seconds, again.peak_mb, yardstick=first.seconds, goal=0.5)]
