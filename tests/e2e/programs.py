"""Programs of the pipeline as users start them: in a process of their own, with an environment of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from livedash_pipeline.embedded_postgres.server import running_postgres
from livedash_pipeline.settings import Settings
from tests.support.patience import Patience

# Seconds that a command and its processes compute at most until they are where a test wants them.
_MOST_WORK = 900.0


def clean_environ(home: Path, **values: str) -> dict[str, str]:
    """This process's environment without any setting of ours, and with the given values."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields and not name.startswith("DAGSTER_")
    }
    return {**kept, "LIVEDASH_HOME": str(home), **values}


@dataclass
class Program:
    """A running command, what it writes, and every process that it was seen to have started."""

    process: subprocess.Popen[bytes]
    home: Path
    stdout: Path
    stderr: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    _worked: dict[int, float] = field(default_factory=dict)

    def look(self) -> list[str]:
        """Notes the processes below this one, and how much all have computed; returns their command lines."""
        lines = []
        try:
            own = psutil.Process(self.process.pid)
            below = own.children(recursive=True)
            self._note_work(own)
        except psutil.NoSuchProcess:
            return []
        for process in below:
            try:
                lines.append(" ".join(process.cmdline()))
                self._note_work(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            self.seen[process.pid] = process
        return lines

    def _note_work(self, process: psutil.Process) -> None:
        times = process.cpu_times()
        self._worked[process.pid] = times.user + times.system

    def work(self) -> float:
        """Seconds that it and its processes have computed, those that have ended included."""
        self.look()
        return sum(self._worked.values())

    def _patience(self) -> Patience:
        return Patience(self.work, most=self.work() + _MOST_WORK)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Looks once a second until something holds."""
        patience = self._patience()
        while not condition():
            self.look()
            assert self.process.poll() is None, f"ended while waiting until {what}: {self.said()}"
            assert not patience.is_over, f"not so for all its work: {what}: {self.said()}"
            time.sleep(1)

    def finish(self, number: signal.Signals | None = None) -> int:
        """Waits for its end, after a signal if one is given; returns the status."""
        if number is not None:
            self.look()
            self.process.send_signal(number)
        patience = self._patience()
        while self.process.poll() is None:
            self.look()
            assert not patience.is_over, f"has not ended: {self.said()}"
            time.sleep(1)
        return self.process.returncode

    def said(self) -> str:
        """All it wrote, and the ends of its logs."""
        logs = sorted((self.home / "logs").glob("*.log"))
        tails = [f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in logs]
        return "\n".join([self.stdout.read_text(), self.stderr.read_text(), *tails])

    def assert_all_gone(self) -> None:
        """Nothing that it started is left, the database's server included."""
        _, alive = psutil.wait_procs(list(self.seen.values()), timeout=120)
        left = [f"{process.pid} {process.cmdline()}" for process in alive if process.status() != psutil.STATUS_ZOMBIE]
        assert not left, f"still there: {left}"
        assert running_postgres(self.home) is None, "the database's server is still there"


@contextmanager
def livedash(*arguments: str, home: Path, environ: Mapping[str, str], directory: Path) -> Iterator[Program]:
    """Runs `livedash ARGUMENTS`; whatever is left of it afterwards is killed."""
    number = len(list(directory.glob("*.out")))
    stdout, stderr = directory / f"{number}.out", directory / f"{number}.err"
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "livedash_pipeline.cli", *arguments],
            env=dict(environ),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    program = Program(process, home, stdout, stderr)
    try:
        yield program
    finally:
        program.look()
        process.kill()
        for left in program.seen.values():
            with suppress(psutil.NoSuchProcess):
                left.kill()
        process.wait()
