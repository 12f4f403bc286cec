"""Files and directories that only their owner may read, whatever the umask says: the stand-in keeps chats and answers in them.

Add a way of making one. The modules that use them decide what the files hold.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Literal

OWNER_ONLY = 0o600
OWNER_ONLY_DIRECTORY = 0o700


def make_private_directory(path: Path) -> None:
    """Makes a directory, and shuts it to others also where it was there."""
    path.mkdir(mode=OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
    path.chmod(OWNER_ONLY_DIRECTORY)


def open_private(path: Path, mode: Literal["wb", "ab"]) -> BinaryIO:
    """Opens a file for writing that others cannot read at any moment, also where it was there."""
    stream: BinaryIO = open(path, mode, opener=_for_owner)  # noqa: SIM115 -- closed by the caller
    return stream


def _for_owner(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, OWNER_ONLY)
    # A umask can take the owner's rights as well, and a file that was there keeps those that it had.
    os.fchmod(descriptor, OWNER_ONLY)
    return descriptor
