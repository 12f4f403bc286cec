"""Lets faults happen: ends hosts and processes, cuts links, takes Postgres and Redis away, and brings everything back in time.

Add what a kind of fault does to `_strikes`. When it happens is `moments`; what was drawn is `plan`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.hosts.network import Cut, Host
from tests.hosts.plan import Fault
from tests.hosts.roles import Role
from tests.hosts.services import SharedPostgres, SharedRedis

if TYPE_CHECKING:
    from tests.hosts.world import World


@dataclass(frozen=True)
class Struck:
    """A fault that has happened: on which host, and when, in seconds of the monotonic clock."""

    fault: Fault
    host: str
    at: float

    def describe(self) -> str:
        """One phrase."""
        quietly = ", silently" if self.fault.silent and self.fault.kind == "host killed" else ""
        return f"{self.fault.kind} at {self.fault.step} ({self.host}, {self.fault.seconds:g} s{quietly})"


class Strikes:
    """Faults that strike, and what is to be mended later."""

    def __init__(self, world: World) -> None:
        self.struck: list[Struck] = []
        self.ended: dict[str, float] = {}
        """When a host, or everything that ran on it, was killed, by the host's name."""
        self._world = world
        self._lock = threading.RLock()
        self._repairs: list[tuple[float, Callable[[], None]]] = []

    @property
    def mended(self) -> bool:
        """Whether everything is as it should be again."""
        with self._lock:
            return not self._repairs

    def strike(self, fault: Fault, address: str | None) -> None:
        """Lets a fault happen now, to the host at an address where it concerns one."""
        with self._lock:
            host = self._strike(fault, address)
            if host is not None:
                self.struck.append(Struck(fault, host.name, time.monotonic()))

    def mend_due(self) -> None:
        """Mends what has been broken for long enough, and starts programs again that have ended by themselves."""
        with self._lock:
            now = time.monotonic()
            for due in [each for each in self._repairs if each[0] <= now]:
                self._repairs.remove(due)
                due[1]()
            for role in self._world.roles:
                role.look()

    def _strike(self, fault: Fault, address: str | None) -> Host | None:
        world = self._world
        daemon = next(role for role in world.roles if role.duty == "daemon")
        redis = None if world.redis is None else world.redis.host
        strikes: dict[str, Callable[[], Host | None]] = {
            "host killed": lambda: self._kill_host(world.role_at(address, fault.number), fault),
            "processes killed": lambda: self._kill_processes(world.role_at(address, fault.number)),
            "link cut": lambda: self._cut(world.role_at(address, fault.number).host, fault),
            "Postgres cut off": lambda: self._cut(world.postgres.host, fault),
            "Postgres killed": lambda: self._kill_service(world.postgres, fault),
            "service cut off": lambda: self._cut(world.services.api_host, fault),
            "daemon killed": lambda: self._kill_host(daemon, fault),
            "Redis cut off": lambda: self._cut(redis, fault),
            "Redis killed": lambda: self._kill_service(world.redis, fault),
        }
        return strikes[fault.kind]()

    def _kill_host(self, role: Role, fault: Fault) -> Host | None:
        host = role.host
        if host is None or not host.up:
            return None
        if fault.silent:
            self._world.network.cut(host, "deaf")
        host.crash()
        self.ended[host.name] = time.monotonic()
        self._later(fault.seconds, role.start)
        return host

    def _kill_processes(self, role: Role) -> Host | None:
        """Its program is started again on the same host by the next look."""
        host = role.host
        if host is None or not host.up:
            return None
        host.kill_processes()
        self.ended[host.name] = time.monotonic()
        return host

    def _cut(self, host: Host | None, fault: Fault) -> Host | None:
        if host is None or not host.up:
            return None
        how: Cut = "deaf" if fault.silent else "unplugged"
        self._world.network.cut(host, how)
        self._later(fault.seconds, lambda: self._world.network.mend(host))
        return host

    def _kill_service(self, service: SharedPostgres | SharedRedis | None, fault: Fault) -> Host | None:
        if service is None:
            return None
        service.kill()
        self._later(fault.seconds, service.start)
        return service.host

    def _later(self, seconds: float, repair: Callable[[], None]) -> None:
        self._repairs.append((time.monotonic() + seconds, repair))
