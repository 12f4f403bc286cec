"""The processes of a round: commands that run to their end or are killed, and the local Batch API server.

Add what concerns one process. Everything is started in a session of its own and ended by its own process id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

LIVEDASH = str(Path(sys.executable).with_name("livedash"))
_START_SECONDS = 600.0


@dataclass
class Worker:
    """One `livedash` command."""

    name: str
    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path
    started: float = field(default_factory=time.monotonic)
    killed: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def look(self) -> None:
        """Reads what it has logged since the last look; a line that is not whole yet is left for the next one."""
        with self.stderr.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new.rfind(b"\n") + 1
        self._read += whole
        self.events += list(_events(new[:whole]))

    def said(self, event: str) -> int:
        """How often it has logged an event."""
        return sum(each["event"] == event for each in self.events)

    def cpu(self) -> float:
        """Seconds that it has computed: unlike the wall's, they do not depend on what else the machine does."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def kill(self) -> bool:
        """SIGKILL; False if it had ended before."""
        if not self.alive:
            return False
        self.process.kill()
        self.process.wait()
        # What had ended by itself just before was not killed, whatever was sent.
        self.killed = self.process.returncode == -signal.SIGKILL
        return self.killed

    def document(self) -> dict[str, Any] | None:
        """Its answer; None where stdout is not exactly one document."""
        try:
            document = json.loads(self.stdout.read_bytes())
        except ValueError:
            return None
        return document if isinstance(document, dict) else None


def start_command(directory: Path, environ: Mapping[str, str], number: int, arguments: tuple[str, ...]) -> Worker:
    """Runs `livedash ARGUMENTS --json` below a directory, with its output in files named after the command and its number."""
    stdout, stderr = (directory / f"{number:03}-{arguments[0]}.{kind}" for kind in ("out", "err"))
    return Worker(
        arguments[0], _popen(["--verbose", *arguments, "--json"], directory, environ, stdout, stderr), stdout, stderr
    )


def _popen(
    arguments: list[str], directory: Path, environ: Mapping[str, str], stdout: Path, stderr: Path
) -> subprocess.Popen[bytes]:
    with stdout.open("ab") as out, stderr.open("ab") as err:
        return subprocess.Popen(
            [LIVEDASH, *arguments],
            env=dict(environ),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            # Ctrl-C reaches the harness alone, which ends the rest.
            start_new_session=True,
        )


def _events(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


@dataclass
class BatchApi:
    """The local Batch API server as a process: always the same port and the same state, however often it is killed."""

    directory: Path
    environ: Mapping[str, str]
    port: int
    speed: float
    faults: tuple[dict[str, Any], ...]
    seed: int
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def origin(self) -> str:
        """Its address, without /v1."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, unless it runs, and waits until it answers.

        Raises:
            RuntimeError: It does not come up.
        """
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            # Whoever mends the world may not be alone; two servers would be one too many.
            with self._starting:
                if self._process is None or self._process.poll() is not None:
                    self._launch()
            if time.monotonic() > end:
                raise RuntimeError(f"The Batch API server does not answer at {self.origin}; see {self.directory}.")
            time.sleep(0.03)

    def _launch(self) -> None:
        script = self.directory / "faults.json"
        script.write_text(json.dumps({"seed": self.seed, "faults": self.faults}), encoding="utf-8")
        log = self.directory / "batch-api.log"
        arguments = ["batch-api", "--port", str(self.port), "--speed", str(self.speed), "--faults", str(script)]
        arguments += ["--state", str(self.directory / "batch-api")]
        self._process = _popen(arguments, self.directory, self.environ, log, log)
        self.starts += 1

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return False
        try:
            httpx2.get(f"{self.origin}/", timeout=5, trust_env=False)
        except httpx2.HTTPError:
            return False
        return True

    def kill(self) -> bool:
        """SIGKILL; False if it was down."""
        if self._process is None or self._process.poll() is not None:
            return False
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return True

    def stop_misbehaving(self) -> None:
        """From now on it does nothing wrong, not after another start either; delayed calls still come."""
        self.faults = ()
        httpx2.delete(f"{self.origin}/_faults", timeout=30, trust_env=False).raise_for_status()

    def delayed(self) -> int:
        """How many calls have not taken effect yet."""
        return int(self.get("/_faults").json()["delayed"])

    def release_delayed(self) -> None:
        """Lets the calls come that were to be delayed until now."""
        httpx2.post(f"{self.origin}/_faults/release", timeout=30, trust_env=False).raise_for_status()

    def batches(self) -> int:
        """How many batches it has made; none while it does not answer."""
        try:
            return len(self.get("/v1/batches").json()["data"])
        except httpx2.HTTPError:
            return 0

    def get(self, path: str, **query: str | int) -> httpx2.Response:
        """Asks it for something.

        Raises:
            httpx2.HTTPError: It did not answer, or refused.
        """
        headers = {"Authorization": "Bearer oracle"}
        answer = httpx2.get(f"{self.origin}{path}", params=query, headers=headers, timeout=30, trust_env=False)
        return answer.raise_for_status()


def count_events(workers: list[Worker]) -> Counter[str]:
    """What all of them have logged, by event; recoveries also by their step."""
    tally: Counter[str] = Counter()
    for worker in workers:
        for event in worker.events:
            tally[str(event["event"])] += 1
            if event["event"] == "recovery":
                tally[f"recovery: {event['step']}"] += 1
    return tally
