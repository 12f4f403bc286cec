"""Directories for files on their way: gone with their process, and swept up where the process was killed.

What lies in them can hold transcripts and answers, so nothing may stay behind. Add nothing that is to be kept.
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

# The clock of a file system can lag behind the one that says when a process began.
_CLOCK_SLACK = 2.0


@contextmanager
def scratch_directory(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A directory of this process alone, removed at the end; those of killed processes of the same kind are removed first.

    Args:
        kind: What it is for, such as `spool`.
        parent: Where it is made; None: the system's directory for temporary files.
    """
    place = parent or Path(tempfile.gettempdir())
    ours = f"livedash-{kind}-{socket.gethostname()}-"
    for left in place.glob(f"{ours}*"):
        if not _in_use(left, left.name.removeprefix(ours).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-", dir=place) as made:
        yield Path(made)


def _in_use(directory: Path, pid: str) -> bool:
    """Whether the process that made it lives; a process that began after it was made has only got the same number."""
    try:
        return psutil.Process(int(pid)).create_time() <= directory.stat().st_mtime + _CLOCK_SLACK
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError, OSError):
        return False
