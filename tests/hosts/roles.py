"""What hosts are for: Dagster's daemon, a code server, a Celery worker. When a host dies, another one takes its role.

Each host has a home, a clock and a name of its own; a code server keeps the address that the workspace names, as a service of a
cluster does. Add a role, or what programs of a role are started with. When hosts die is `strikes`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Literal

import yaml

from livedash_pipeline.paths import shipped
from tests.e2e.programs import clean_environ
from tests.hosts.definitions import WITHOUT_GIVING_UP
from tests.hosts.network import NETWORK, Host, HostProcess, Network
from tests.hosts.plan import Engine, draw_skew

Duty = Literal["daemon", "code", "worker"]

_ROOT = Path(__file__).parent.parent.parent
_BIN = Path(sys.executable).parent
_SITE = Path(__file__).parent / "site"
_CODE_PORT = 4000
_FIRST_WORKER = 100
# Sensors look every few seconds and creates end soon, so that a round is short; a killed submitter keeps its batch for the lease.
SETTINGS = {
    "LIVEDASH_IMPORT_INTERVAL": "10",
    "LIVEDASH_SUBMIT_INTERVAL": "10",
    "LIVEDASH_POLL_INTERVAL": "10",
    "LIVEDASH_CHAT_INTERVAL": "300",
    "LIVEDASH_MIN_BATCH": "1",
    "LIVEDASH_MAX_WAIT": "0",
    "LIVEDASH_CREATE_DEADLINE": "5",
    "LIVEDASH_LEASE": "36",
    "LIVEDASH_VISIBILITY_LAG": "2",
    "LIVEDASH_USD_EUR": "0.9",
    "LIVEDASH_LOG_FORMAT": "json",
    "OPENAI_API_KEY": "stand-in",
    "DAGSTER_DISABLE_TELEMETRY": "1",
}
_WORKER_PROCESSES = 4


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all hosts of a world."""

    network: Network
    directory: Path
    engine: Engine
    seed: int
    addresses: dict[str, str]
    """Variables that name the databases and the Batch API."""
    redis_url: str | None
    gives_up: bool
    """Whether runs of hosts that are gone are given up, as they should be."""


class Role:
    """A role, and the host that has it at the moment.

    Args:
        surroundings: The world.
        duty: What its host runs.
        number: Of several hosts with one duty, and the last part of a fixed address.
        numbers: New addresses, for a duty that has no fixed one.
    """

    def __init__(self, surroundings: Surroundings, duty: Duty, number: int, numbers: Iterator[int]) -> None:
        self.name = f"{duty}-{number}"
        self.duty = duty
        self.restarts = 0
        self.host: Host | None = None
        self._around = surroundings
        self._number = number
        self._numbers = numbers
        self._generation = 0
        self._process: HostProcess | None = None
        self._home = surroundings.directory

    def start(self) -> None:
        """A host under a name that no host has had takes the role."""
        self._generation += 1
        fixed = {"daemon": 10, "code": 10 + self._number}
        number = fixed[self.duty] if self.duty in fixed else next(self._numbers)
        # Letters differ from one host to the next, so that no name is a beginning of another.
        name = f"{self.name}-{ascii_lowercase[self._generation % 26]}{self._generation}"
        self.host = self._around.network.add(name, number)
        self._home = self._around.directory / self.host.name
        _write_home(self._home, self._around)
        self._run()

    def look(self) -> None:
        """Starts its program again if that has ended by itself, as an init system would."""
        if self.host is not None and self.host.up and self._process is not None and not self._process.alive:
            self.restarts += 1
            self.host.kill_processes()
            self._run()

    def _run(self) -> None:
        if self.host is None:
            raise AssertionError(f"{self.name} has no host")
        log = self._home / f"{self.duty}.log"
        self._process = self.host.run(self._command(self.host), self._environ(self.host), self._home, log)

    def _command(self, host: Host) -> list[str]:
        if self.duty == "daemon":
            workspace = str(self._home / "workspace.yaml")
            return [sys.executable, "-m", "livedash_pipeline.defs.daemon", "run", "--workspace", workspace]
        if self.duty == "code":
            where = [
                "--host",
                host.address,
                "--port",
                str(_CODE_PORT),
                "--location-name",
                _location(self._number, self._around),
            ]
            what = [
                "--module-name",
                "tests.hosts.definitions",
                "--attribute",
                "defs",
                "--working-directory",
                str(_ROOT),
            ]
            return [str(_BIN / "dagster"), "code-server", "start", *where, *what]
        config = ["--config-yaml", str(self._home / "celery.yaml"), "--app", "dagster_celery.app"]
        more = ["--", "--concurrency", str(_WORKER_PROCESSES)]
        return [str(_BIN / "dagster-celery"), "worker", "start", *config, "--name", "runs", *more]

    def _environ(self, host: Host) -> dict[str, str]:
        paths = [str(_SITE), str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environ = clean_environ(self._home, **SETTINGS, **self._around.addresses) | {
            "DAGSTER_HOME": str(self._home / "dagster"),
            "PATH": os.pathsep.join([str(_BIN), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
            # Spool files of killed processes stay with their host.
            "TMPDIR": str(self._home / "tmp"),
            "HOST_CLOCK_AHEAD": str(draw_skew(self._around.seed, host.name)),
        }
        return environ if self._around.gives_up else environ | {WITHOUT_GIVING_UP: "1"}


def make_roles(surroundings: Surroundings) -> list[Role]:
    """The roles of an engine: a daemon with two code servers, or with one and two Celery workers."""
    numbers = iter(range(_FIRST_WORKER, 250))
    code_servers = 2 if surroundings.engine == "code-servers" else 1
    workers = 0 if surroundings.engine == "code-servers" else 2
    wanted: list[tuple[Duty, int]] = [("code", number + 1) for number in range(code_servers)]
    wanted += [("worker", number + 1) for number in range(workers)]
    return [Role(surroundings, duty, number, numbers) for duty, number in [*wanted, ("daemon", 1)]]


def _location(number: int, around: Surroundings) -> str:
    return f"livedash_{number}" if around.engine == "code-servers" else "livedash_pipeline"


def _write_home(home: Path, around: Surroundings) -> None:
    """Dagster's instance as it ships, with the engine's launcher, and a workspace of code servers."""
    (home / "tmp").mkdir(parents=True)
    (home / "dagster").mkdir()
    instance: dict[str, Any] = yaml.safe_load(shipped("dagster.yaml").read_text(encoding="utf-8"))
    celery = {"broker": around.redis_url, "backend": around.redis_url}
    if around.redis_url is not None:
        launcher = {"module": "dagster_celery.launcher", "class": "CeleryRunLauncher", "config": celery}
        instance["run_launcher"] = launcher
        _write(home / "celery.yaml", {"execution": {"config": celery}})
    _write(home / "dagster" / "dagster.yaml", instance)
    count = 2 if around.engine == "code-servers" else 1
    servers = [
        {"host": f"{NETWORK}.{10 + number}", "port": _CODE_PORT, "location_name": _location(number, around)}
        for number in range(1, count + 1)
    ]
    _write(home / "workspace.yaml", {"load_from": [{"grpc_server": server} for server in servers]})


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
