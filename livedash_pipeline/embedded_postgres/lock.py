"""A lock between processes that needs no tidying up, whatever becomes of its holder.

It guards a home while a server is started or stopped, and the shared binaries while they are copied. What is done
under the lock stands where it is done.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Holds an exclusive lock on the file `path`, which is made if need be; gives its descriptor.

    The kernel drops the lock when the last process that holds the descriptor ends, however it ends. The file stays:
    deleting it would let two processes lock two different files.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
