"""Real ways in which a machine refuses a write, for tests: no mounts and no root are needed.

A way is set in a child process before it becomes a command. Add a way when one errno more is to be met.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# Room for what a program needs to get as far as the write.
_FILES = 40


def no_large_files(size: int) -> Callable[[], None]:
    """EFBIG for whoever writes a file beyond so many bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def few_open_files(most: int = _FILES) -> Callable[[], None]:
    """EMFILE for whoever has so many files open."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def closed_streams(*numbers: int) -> Callable[[], None]:
    """Closes standard streams, as `>&-` (1) and `2>&-` (2) of a shell do."""

    def limit() -> None:
        for number in numbers:
            os.close(number)

    return limit


def run_limited(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: Path,
    limit: Callable[[], None] | None = None,
    stdout: int | None = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; one that hangs fails the test, and nothing of it is left."""
    return subprocess.run(
        command,
        env=dict(environ),
        cwd=directory,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=limit,
        timeout=600,
        check=False,
    )


def full_device() -> int:
    """A descriptor on which every write fails with ENOSPC."""
    return os.open("/dev/full", os.O_WRONLY)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """EFBIG for this process, whoever in it writes a file beyond so many bytes; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def as_nobody(uid: int = 65_534) -> Iterator[None]:
    """EACCES where only the owner may write: for root, who is refused nothing, as an unprivileged user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def unwritable(parent: Path) -> dict[str, Path]:
    """Places below a directory that cannot be made, by the words that say why: those that no user may write to."""
    file = parent / "a-file"
    file.write_text("in the way", encoding="utf-8")
    circle = parent / "circle"
    circle.symlink_to(circle)
    return {
        "part of the path is a file": file / "below",
        "the name is too long": parent / ("n" * 300),
        "go round in a circle": circle / "below",
    }
