"""What a database waits for while a step runs: `pg_stat_activity`, looked at again and again.

Add what is learned from such looks. They are samples: what is rare or short is not in them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import text

from livedash_pipeline.base.store.connect import make_engine
from tests.benchmarks.site import Site

CPU = "no wait: computing"
_EVERY_SECONDS = 0.02
# A connection within a transaction that runs no statement waits for our process (`Client:ClientRead`).
_LOOK = text("""
    SELECT wait_event_type || ':' || wait_event AS waited_for, count(*) AS connections
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        AND state IN ('active', 'idle in transaction')
    GROUP BY 1
""")


@dataclass
class Waits:
    """How often a connection was seen to wait for something."""

    seen: Counter[str] = field(default_factory=Counter)

    def top(self, count: int) -> list[tuple[str, float]]:
        """The most frequent ones, each with its share of all in percent."""
        whole = self.seen.total()
        return [(name, 100 * times / whole) for name, times in self.seen.most_common(count)]


@contextmanager
def watched_waits(site: Site) -> Iterator[Waits]:
    """Looks until the block ends."""
    waits, done = Waits(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(site.url, waits, done))
    watcher.start()
    try:
        yield waits
    finally:
        done.set()
        watcher.join()


def _watch(url: str, waits: Waits, done: threading.Event) -> None:
    engine = make_engine(url, pool_size=1, application_name="bench: waits")
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not done.wait(_EVERY_SECONDS):
                for waited_for, connections in connection.execute(_LOOK):
                    waits.seen[waited_for or CPU] += connections
    finally:
        engine.dispose()
