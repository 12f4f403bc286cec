"""Directories for temporary files: removed with their process, or by a later process if it was killed.

The files can hold transcripts and answers, so nothing may stay behind. Add nothing that is to be kept.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from livedash_pipeline.errors import StorageError
from livedash_pipeline.storage import writing

# The clock of a file system can lag behind the clock of process start times.
_CLOCK_SLACK = 2.0


@contextmanager
def scratch_directory(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A directory of this process alone, removed at the end; those of killed processes of the same kind are removed first.

    Args:
        kind: Its purpose, such as `spool`.
        parent: The directory to make it in; None: the system's directory for temporary files.

    Raises:
        StorageError: It cannot be made.
    """
    place = parent or temporary_directory()
    ours = f"livedash-{kind}-{socket.gethostname()}-"
    with writing(f"The {kind} directory", place, setting="" if parent else "TMPDIR"):
        for left in place.glob(f"{ours}*"):
            if not _in_use(left, left.name.removeprefix(ours).partition("-")[0]):
                shutil.rmtree(left, ignore_errors=True)
        made = tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-", dir=place)
    with made as directory:
        yield Path(directory)


def temporary_directory() -> Path:
    """Returns the directory of temporary files.

    Raises:
        StorageError: None of the system's directories for them can be written to.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        # Python tries to write to TMPDIR and to the system's own places, and does not say why it failed.
        raise StorageError(
            "No directory for temporary files can be written to.",
            remedy="Free some space in /tmp, or set TMPDIR to a directory that can be written to.",
        ) from None


def _in_use(directory: Path, pid: str) -> bool:
    """Whether the process that made it lives; a process that began later has only got the same number."""
    try:
        return psutil.Process(int(pid)).create_time() <= directory.stat().st_mtime + _CLOCK_SLACK
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError, OSError):
        return False
