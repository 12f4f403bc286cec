"""Directories of killed processes are swept up, and those of living ones are left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from livedash_pipeline.scratch import scratch_directory

_HOLD = """
import sys, time
from pathlib import Path
from livedash_pipeline.scratch import scratch_directory
with scratch_directory("test", Path(sys.argv[1])) as made:
    (made / "left.jsonl").write_text("words")
    print(made, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        theirs = Path(holder.stdout.readline().strip())
        with scratch_directory("test", tmp_path) as mine:
            assert (mine.is_dir(), (theirs / "left.jsonl").is_file()) == (True, True)
        assert not mine.exists()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with scratch_directory("other", tmp_path):
            assert theirs.is_dir()
        with scratch_directory("test", tmp_path):
            assert not theirs.exists()


def test_a_directory_that_names_no_process_is_removed(tmp_path: Path) -> None:
    with scratch_directory("test", tmp_path) as made:
        prefix = made.name.partition(f"-{os.getpid()}-")[0]
    stray = tmp_path / f"{prefix}-nobody-1"
    stray.mkdir()
    with scratch_directory("test", tmp_path):
        assert not stray.exists()
