"""Processes that are started and stopped with a block, whatever ends it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from livedash_pipeline.errors import LivedashError
from livedash_pipeline.local.processes import StartedProcess, interrupted_by_signals, started

# Starts a process of its own, notes both, and waits.
PARENT = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
part = pathlib.Path("pids.part")
part.write_text(f"{os.getpid()} {child.pid}")
part.rename("pids")
time.sleep(600)
"""


@contextmanager
def _parent(directory: Path) -> Iterator[tuple[StartedProcess, list[psutil.Process]]]:
    (directory / "parent.py").write_text(PARENT)
    with started(
        "The parent", ["parent"], environ=dict(os.environ), directory=directory, log=directory / "logs" / "parent.log"
    ) as process:
        while not (directory / "pids").exists():
            process.check_alive()
            time.sleep(0.02)
        yield process, [psutil.Process(int(pid)) for pid in (directory / "pids").read_text().split()]


def _gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=120)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


def test_a_process_and_those_it_started_end_with_the_block(tmp_path: Path) -> None:
    with _parent(tmp_path) as (process, family):
        process.check_alive()
        assert all(member.is_running() for member in family)
    assert _gone(family)


def test_they_end_also_if_the_block_is_interrupted(tmp_path: Path) -> None:
    family: list[psutil.Process] = []
    with pytest.raises(KeyboardInterrupt), _parent(tmp_path) as (_, found):
        family += found
        raise KeyboardInterrupt
    assert len(family) == 2 and _gone(family)


def test_what_a_dead_process_left_behind_is_stopped_as_well(tmp_path: Path) -> None:
    with _parent(tmp_path) as (process, family):
        process.process.kill()
        process.process.wait()
        with pytest.raises(LivedashError, match="The parent ended with status -9"):
            process.check_alive()
        assert family[1].is_running()
    assert _gone(family)


def test_a_process_that_ends_by_itself_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with started(
        "The reader", ["json.tool"], environ=dict(os.environ), directory=tmp_path, log=tmp_path / "logs" / "reader.log"
    ) as process:
        process.process.wait()
        with pytest.raises(LivedashError) as raised:
            process.check_alive()
    assert raised.value.message == "The reader ended with status 1."
    assert "Expecting value" in raised.value.remedy and str(process.log) in raised.value.remedy


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_interrupts_like_ctrl_c(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupted_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_modules_run_with_this_interpreter(tmp_path: Path) -> None:
    with _parent(tmp_path) as (_, family):
        assert family[0].cmdline()[:2] == [sys.executable, "-m"]
