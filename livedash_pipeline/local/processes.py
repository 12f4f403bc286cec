"""Processes that demo and dev start and stop: Dagster's daemon and webserver, each in a group of its own.

Everything that is started here is stopped here, by its own process id, also when the caller is interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from livedash_pipeline.errors import LivedashError
from livedash_pipeline.storage import writing

# How long a process may take to end by itself after each signal (seconds).
_PATIENCE = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
_LOG_TAIL = 15


@dataclass(frozen=True)
class StartedProcess:
    """A process in a group of its own, with its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check_alive(self) -> None:
        """Raises LivedashError with the end of the log once the process has ended."""
        status = self.process.poll()
        if status is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL:]
            raise LivedashError(
                f"{self.name} ended with status {status}.",
                remedy=f"The end of {self.log}:\n" + "\n".join(tail),
                code="process_ended",
            )


@contextmanager
def started(
    name: str, arguments: Sequence[str], *, environ: Mapping[str, str], directory: Path, log: Path
) -> Iterator[StartedProcess]:
    """Runs `python -m ARGUMENTS` until the block ends.

    Args:
        name: For messages.
        arguments: Module and its arguments.
        environ: The whole environment of the process.
        directory: Where it runs; a `.env` there would be read.
        log: Where its output goes, appended.
    """
    with writing(f"The log of {name}", log, setting="LIVEDASH_HOME"):
        log.parent.mkdir(parents=True, exist_ok=True)
        opened = log.open("ab")
    with opened as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=dict(environ),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal reaches the caller alone, which then stops everything in order.
            start_new_session=True,
        )
    try:
        yield StartedProcess(name, process, log)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        for number, patience in _PATIENCE:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
    finally:
        # Runs and code servers are descendants in the same group; whoever is left of it ends now, also if the caller is
        # interrupted once more while it waits.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Within the block, SIGTERM and a closed terminal interrupt as Ctrl-C does, so that what was started is stopped.

    Only the main thread can take signals; in any other, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Under nohup a closed terminal is to be ignored, and stays so.
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
