"""Turns the operating system's refusals to write a file into one sentence: what could not be written, where, and why.

Add an errno that a writer can meet to `_REASONS`. `sources` reads what others have published.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from livedash_pipeline.errors import StorageError

_SPACE = "Free some space there, or name another place"
_PLACE = "Correct the place or its permissions, or name another one"
# Errno: the reason in words, the remedy, and whether it passes without a change of the place.
_REASONS: Mapping[int, tuple[str, str, bool]] = MappingProxyType(
    {
        errno.ENOSPC: ("no space is left there", _SPACE, True),
        errno.EDQUOT: ("the disk quota is used up", _SPACE, True),
        errno.EFBIG: ("the file would be larger than the limit for files allows", "Raise `ulimit -f`", True),
        errno.EIO: ("the device reports an error", "Look at the disk and the system's log", True),
        errno.EMFILE: ("this process has too many files open", "Raise `ulimit -n`", True),
        errno.ENFILE: ("this machine has too many files open", "Close some, or raise fs.file-max", True),
        errno.EBADF: ("it is not open for writing", "Name a place that can be written to", False),
        errno.EROFS: ("the file system is read-only", _PLACE, False),
        errno.EACCES: ("permission is denied", _PLACE, False),
        errno.EPERM: ("permission is denied", _PLACE, False),
        errno.ENAMETOOLONG: ("the name is too long", _PLACE, False),
        errno.ENOTDIR: ("part of the path is a file", _PLACE, False),
        errno.EISDIR: ("it is a directory", _PLACE, False),
        errno.EEXIST: ("a file is in the way", _PLACE, False),
        errno.ENOENT: ("there is no such directory", _PLACE, False),
        errno.ELOOP: ("its symbolic links go round in a circle", _PLACE, False),
        errno.ESTALE: ("the network file system has lost it", "Mount it again", True),
    }
)
# Any call may fail with these; they mean a failed write only where something was being written.
_AMBIGUOUS = frozenset({errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.EPERM, errno.EIO, errno.EBADF})

# These occur only in writes; reads may fail with any other one.
_OF_WRITES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


@contextmanager
def writing(what: str, place: Path | str, *, setting: str = "") -> Iterator[None]:
    """Turns refusals of the operating system within the block into a `StorageError`.

    Args:
        what: The thing that is written, as the beginning of a sentence: `The spool of a CSV`.
        place: Its path.
        setting: The variable or option that names the place, where a person chose it.

    Raises:
        StorageError: It could not be written.
    """
    try:
        yield
    except BrokenPipeError:
        # A closed pipe is not a full disk.
        raise
    except OSError as error:
        raise storage_error(error, what, place, setting=setting) from error


def storage_error(error: OSError, what: str, place: Path | str, *, setting: str = "") -> StorageError:
    """Returns the error of a write that is known to have been refused."""
    return _refusal(error, f"{what} could not be written to {place}", setting)


def failed_write(error: BaseException) -> StorageError | None:
    """Explains an unexplained error about a file; None where it may concern something else, such as a connection.

    The sentence speaks of a write only if the errno does.
    """
    if not isinstance(error, OSError) or error.errno not in _REASONS or error.errno in _AMBIGUOUS:
        return None
    if error.errno in _OF_WRITES:
        return storage_error(error, "A file", error.filename or "where it belongs")
    return _refusal(error, f"{error.filename or 'A file'} could not be opened")


def _refusal(error: OSError, beginning: str, setting: str = "") -> StorageError:
    default = ((error.strerror or type(error).__name__).lower(), _PLACE, False)
    reason, remedy, passes = _REASONS.get(error.errno or 0, default)
    name = f" ({setting})" if setting else ""
    failed = StorageError(f"{beginning}: {reason}.", remedy=f"{remedy}{name}.")
    failed.errno = error.errno
    if setting and not passes:
        failed.exit_status = 2
    return failed
