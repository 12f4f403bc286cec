"""The world of the rounds: a network, what there is one of, and hosts for all roles of an engine. Rounds follow each other in it.

Add what the world consists of. What goes wrong is `strikes`, what a round does `rounds`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.hosts.moments import Moments
from tests.hosts.network import Network
from tests.hosts.plan import Engine
from tests.hosts.roles import Duty, Role, Surroundings, make_roles
from tests.hosts.services import SharedPostgres, SharedRedis, SharedServices
from tests.hosts.strikes import Strikes

_NUMBERS = {"postgres": 2, "redis": 3, "batch-api": 4, "source": 5}
_SPEED = 4.0
# Sensors of a code server that look soon after the start, and how long all of that may take.
_SENSORS = 5
_START_SECONDS = 900.0
_TICKS = "SELECT count(DISTINCT selector_id) FROM job_ticks WHERE status IN ('SKIPPED', 'SUCCESS')"


class StoppedError(Exception):
    """Somebody wants the whole run to end."""


class World:
    """What rounds play in; made by `opened_world`."""

    def __init__(
        self,
        directory: Path,
        engine: Engine,
        seed: int,
        stack: ExitStack,
        stopping: threading.Event,
        *,
        gives_up: bool,
    ) -> None:
        self.directory = directory
        self.engine = engine
        self._stopping = stopping
        self.strikes = Strikes(self)
        self.moments = Moments(self.strikes.strike)
        self.network = Network()
        stack.callback(self.network.close)
        hosts = {name: self.network.add(name, number) for name, number in _NUMBERS.items()}
        self.postgres = SharedPostgres(directory, hosts["postgres"])
        stack.callback(self.postgres.close)
        self.services = SharedServices(
            directory, hosts["batch-api"], hosts["source"], self.moments, stack, seed=seed, speed=_SPEED
        )
        self.redis = SharedRedis(directory, hosts["redis"]) if engine == "celery" else None
        addresses = {
            "DATABASE_URL": self.postgres.url,
            "LIVEDASH_DAGSTER_URL": self.postgres.dagster_url,
            "OPENAI_BASE_URL": self.services.api_url,
        }
        redis_url = None if self.redis is None else self.redis.url
        around = Surroundings(self.network, directory, engine, seed, addresses, redis_url, gives_up)
        self.roles = make_roles(around)

    def start(self) -> None:
        """Starts everything."""
        self.postgres.start()
        self.services.enrol(self.postgres.engine)
        if self.redis is not None:
            self.redis.start()
        for role in self.roles:
            role.start()

    def wait_until_up(self) -> None:
        """Waits until sensors of all code servers have looked for work.

        Raises:
            RuntimeError: They do not in time, however busy the machine is.
            StoppedError: The whole run is to end.
        """
        wanted = _SENSORS * sum(role.duty == "code" for role in self.roles)
        end = time.monotonic() + _START_SECONDS
        while self._sensors_seen() < wanted:
            self.check_not_stopped()
            if time.monotonic() > end:
                raise RuntimeError(f"The sensors do not run; see the logs below {self.directory}.")
            self.strikes.mend_due()
            time.sleep(1)

    def _sensors_seen(self) -> int:
        with self.postgres.dagster() as connection:
            row = connection.execute(_TICKS).fetchone()
        return int(str(row[0])) if row else 0

    def check_not_stopped(self) -> None:
        """Raises `StoppedError` once the whole run is to end."""
        if self._stopping.is_set():
            raise StoppedError

    def role_at(self, address: str | None, number: int) -> Role:
        """The role whose host has an address; where nobody knows one, a host that runs runs, chosen by a number."""
        for role in self.roles:
            if role.host is not None and role.host.up and role.host.address == address:
                return role
        running = [role for role in self.roles if role.duty == self._runs]
        return running[number % len(running)]

    def runs_runs(self, address: str) -> bool:
        """Whether a host that runs runs has this address."""
        return any(role.duty == self._runs and role.host and role.host.address == address for role in self.roles)

    @property
    def _runs(self) -> Duty:
        return "code" if self.engine == "code-servers" else "worker"


@contextmanager
def opened_world(
    directory: Path, engine: Engine, seed: int, stopping: threading.Event, *, gives_up: bool = True
) -> Iterator[World]:
    """A world in an empty directory; afterwards its hosts, processes and links are gone, and its files are left."""
    with ExitStack() as stack:
        world = World(directory, engine, seed, stack, stopping, gives_up=gives_up)
        world.start()
        world.wait_until_up()
        yield world
