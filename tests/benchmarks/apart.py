"""One bench in a process of its own: `python -m tests.benchmarks.apart NAME SIZE HOME` prints its figures as JSON.

Started by `tests.benchmarks.runner`; nothing else is imported than what the bench needs, since its memory is measured.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from livedash_pipeline.logs import configure_logging
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, prepared_site

NAMES = (
    "start",
    "flow",
    "import",
    "reimport",
    "transcripts",
    "lines",
    "ingest",
    "poll",
    "requeue",
    "http",
    "submissions",
    "chats",
    "console",
    "sensors",
    "peers",
    "workers",
    "archive",
    "wide",
    "large",
)


def bench(name: str) -> Callable[[Site, int], list[Figure]]:
    """The function that measures: `measure` of the module named after it."""
    found: Callable[[Site, int], list[Figure]] = import_module(f"tests.benchmarks.bench_{name}").measure
    return found


def main() -> None:
    """Measures in a database of its own, which is gone at the end."""
    name, size, home = sys.argv[1:]
    configure_logging("text", logging.ERROR)
    # Servers and database go whatever ends the bench.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with prepared_site(Path(home), f"bench_{name}_{size}") as site:
        figures = bench(name)(site, int(size))
    sys.stdout.write(json.dumps([figure.document() for figure in figures]))


if __name__ == "__main__":
    main()
