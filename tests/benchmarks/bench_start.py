"""What it takes to start: a command that only reads, and the definitions that every Dagster process loads.

CPU seconds of a process, since nothing but imports is measured; the smallest of a few, since the first one also reads files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site
from tests.e2e.programs import clean_environ

_TIMES = 5
_YARDSTICK = ("-c", "import sqlalchemy, psycopg, click")
_READING = ("-m", "livedash_pipeline.cli", "summary", "--json")
_DEFINITIONS = ("-c", "from livedash_pipeline.definitions import defs; defs()")


def measure(site: Site, size: int) -> list[Figure]:
    """Both, against a process that loads what any program with a database and a command line would."""
    # Dagster's database is another one, and neither of the two asks it.
    dagster = "postgresql+psycopg2://nobody@127.0.0.1:9/dagster"
    environ = clean_environ(site.scratch, DATABASE_URL=site.url, LIVEDASH_DAGSTER_URL=dagster)
    times = _TIMES if site.apart else 1
    yardstick, _ = _least(_YARDSTICK, environ, times)
    figures = []
    for name, arguments, goal in (("start", _READING, 1.5), ("start: definitions", _DEFINITIONS, 5.0)):
        seconds, peak = _least(arguments, environ, times)
        figures.append(Figure(name, size, times, seconds, peak, yardstick=yardstick, goal=goal))
    return figures


def _least(arguments: Sequence[str], environ: Mapping[str, str], times: int) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a Python process, the least of a few."""
    return min(_run(arguments, environ) for _ in range(times))


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    quiet = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_WRONLY, 0) for descriptor in (1, 2)]
    pid = os.posix_spawn(sys.executable, [sys.executable, *arguments], dict(environ), file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {code}")
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return used.ru_utime + used.ru_stime, used.ru_maxrss / unit
