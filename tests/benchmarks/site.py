"""Where a bench works: a migrated database, a directory, a company, and a clock for the parts that count.

Add what several benches need around the step that they measure. Data comes from `data`, servers from `servers`.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company, add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.embedded_postgres.server import ensure_database, start_postgres
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.money.store.seeding import seed_prices

_NOWHERE = "http://127.0.0.1:9/x.csv"


@dataclass(frozen=True)
class Site:
    """What a bench is given.

    Attributes:
        engine: A migrated database of its own.
        scratch: An empty directory.
        apart: Servers run in processes of their own, so that their memory is not the step's; in threads otherwise.
    """

    engine: Engine
    scratch: Path
    apart: bool = True

    @property
    def url(self) -> str:
        """Address of the database."""
        return self.engine.url.render_as_string(hide_password=False)


@contextmanager
def prepared_site(home: Path, name: str) -> Iterator[Site]:
    """A site on the server of `home`, which is started if need be; its database is removed at the end."""
    server = start_postgres(home)
    ensure_database(server, name)
    engine = make_engine(server.url(name))
    scratch = home / "scratch" / name
    scratch.mkdir(parents=True)
    try:
        upgrade(engine)
        yield Site(engine, scratch)
    finally:
        engine.dispose()
        admin = make_engine(server.url("postgres"))
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


def make_company(site: Site, csv_url: str = _NOWHERE) -> Company:
    """A working company, in a database that knows prices and a rate."""
    with site.engine.begin() as connection:
        now = database_now(connection)
        seed_prices(connection, now=now)
        set_rate(connection, now.date(), Decimal("0.9"), "bench", now)
        return add_company(connection, "acme", CompanyChanges(csv_url=csv_url), now=now)


def settle_down(site: Site) -> None:
    """What autovacuum and the checkpointer would have done in the meantime, so that neither falls into a measurement.

    Empty tables are left alone, as autovacuum leaves them: one that was vacuumed is planned for as if it stayed empty.
    """
    with site.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in metadata.tables:
            if connection.execute(text(f"SELECT EXISTS (SELECT FROM {table})")).scalar_one():
                connection.execute(text(f"VACUUM (ANALYZE) {table}"))
        connection.execute(text("CHECKPOINT"))


@dataclass
class Stopwatch:
    """Adds up the parts that count, and knows the most memory up to the end of the last one."""

    seconds: float = 0.0
    peak_mb: float = 0.0
    parts: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts the time within."""
        begun = time.perf_counter()
        yield
        self.parts.append(time.perf_counter() - begun)
        self.seconds += self.parts[-1]
        self.peak_mb = peak_mb()


def peak_mb() -> float:
    """Resident memory of this process at most so far, in megabytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere (getrusage(2)).
    return most / 1e6 if sys.platform == "darwin" else most / 1e3


def require(condition: bool, what: str) -> None:
    """A bench that did not do its work has nothing to tell.

    Raises:
        RuntimeError: The condition does not hold.
    """
    if not condition:
        raise RuntimeError(f"the step did not do what is measured: {what}")
