"""Where root keeps what an unprivileged server must reach, and the note in HOME that leads there.

Postgres refuses to run as root, so root starts it as an unprivileged user (`postgres` if there is one, else
`nobody`), who may be unable to reach HOME or the wheel. Opening those directories is out of the question: they are
not ours. Instead, everything lives below `/var/lib/livedash-postgres` (`/var/tmp/livedash-postgres` where `/var/lib`
cannot be written; both survive a restart of the machine), a directory of root's with mode 0755 in which nobody else
can plant anything: `cluster-*/data` (0700, the server user's) and, shared by all homes, one copy of the binaries per
version of the wheel. `HOME/postgres.location` names the cluster, `cluster-*/home` names the home.

Add here what concerns those directories. What holds for every user is in `files`.
"""

import contextlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from livedash_pipeline.embedded_postgres.errors import EmbeddedPostgresError

ROOT_BASES = (Path("/var/lib/livedash-postgres"), Path("/var/tmp/livedash-postgres"))  # noqa: S108 - owner is verified
LOCATION_FILE = "postgres.location"
_HOME_FILE = "home"
_INITIALISED = "initialised"


@dataclass(frozen=True)
class Account:
    """The unprivileged user that root runs the server as."""

    uid: int
    gid: int


def root_base() -> Path:
    """The directory that holds what root keeps for the server's user; made if need be, and verified to be root's."""
    for base in ROOT_BASES:
        if base.is_dir() or (_reachable_by_all(base.parent) and os.access(base.parent, os.W_OK)):
            _ensure_root_directory(base)
            return base
    raise EmbeddedPostgresError(
        f"None of {', '.join(map(str, ROOT_BASES))} can be made: make one (owner root, mode 0755), or run as an"
        " ordinary user, or set DATABASE_URL."
    )


def _ensure_root_directory(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o755)
        path.chmod(0o755)  # whatever the umask says
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"{path} is not a directory that only root can write: move it away, or run as an ordinary user."
        )


def _reachable_by_all(path: Path) -> bool:
    return path.is_dir() and all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def server_account() -> Account:
    """The user that root runs a new cluster as; no user is made for it."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "Postgres refuses to run as root and there is neither a user postgres nor a user nobody to run it as:"
        " run as an ordinary user, or set DATABASE_URL."
    )


def place_outside(home: Path) -> Path:
    """Makes a directory for the cluster of `home` and notes it there."""
    directory = Path(tempfile.mkdtemp(prefix="cluster-", dir=root_base()))
    directory.chmod(0o755)
    _write_atomically(home / LOCATION_FILE, f"{directory}\n")
    return directory


def outside_directory(home: Path) -> Path | None:
    """The directory that HOME/postgres.location names; None without that file.

    Only a cluster directory below one of root's bases is believed, and only if it is not that of another home (which
    this one is a copy of).
    """
    location = home / LOCATION_FILE
    if not location.exists():
        return None
    if os.geteuid() != 0:
        raise EmbeddedPostgresError(
            f"The embedded Postgres of {home} was made by root: run as root, or set LIVEDASH_HOME to another directory."
        )
    directory = Path(_first_line(location))
    if directory.parent not in ROOT_BASES or not directory.name.startswith("cluster-"):
        raise EmbeddedPostgresError(f"{location} names {directory}, which is no cluster of ours: delete the file.")
    if directory.exists():
        _ensure_root_directory(directory.parent)
        _ensure_root_directory(directory)
    note = directory / _HOME_FILE
    owner = Path(note.read_text().rstrip("\n")) if note.exists() else home
    other = owner / LOCATION_FILE
    if owner != home and other.exists() and _first_line(other) == str(directory):
        raise EmbeddedPostgresError(
            f"The cluster {directory} belongs to {owner}, of which {home} seems to be a copy: delete {location} to"
            " begin with an empty database."
        )
    return directory


def home_of(directory: Path) -> Path | None:
    """The home that a cluster directory of root's notes; None where it notes none."""
    note = directory / _HOME_FILE
    return Path(note.read_text().rstrip("\n")) if note.exists() else None


def names_directory(home: Path, directory: Path) -> bool:
    """Whether a home is there and names a cluster directory as its own."""
    location = home / LOCATION_FILE
    return location.exists() and _first_line(location) == str(directory)


def claim_outside(home: Path, directory: Path, *, initialised: bool) -> None:
    """Ties root's cluster directory to its home: a moved home keeps its cluster, a copied home does not share it.

    Args:
        home: the home.
        directory: its cluster directory.
        initialised: whether the cluster is there.

    Raises:
        EmbeddedPostgresError: the cluster has been there and is gone.
    """
    location = home / LOCATION_FILE
    if not initialised and _marked(location):
        raise EmbeddedPostgresError(
            f"The database of {home} is gone: {directory / 'data'} does not exist. Bring it back, or delete"
            f" {location} to begin with an empty one."
        )
    _ensure_root_directory(directory.parent)
    _ensure_root_directory(directory)
    _write_atomically(directory / _HOME_FILE, f"{home}\n")


def mark_initialised(home: Path) -> None:
    """Notes in HOME that root's cluster exists, so that its loss is an error and not an empty database."""
    location = home / LOCATION_FILE
    if location.exists() and not _marked(location):
        _write_atomically(location, f"{_first_line(location)}\n{_INITIALISED}\n")


def _marked(location: Path) -> bool:
    return location.read_text().splitlines()[1:] == [_INITIALISED]


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0]


def _write_atomically(path: Path, text: str) -> None:
    # An unpredictable name that must be new: HOME may belong to somebody whom root should not follow.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}-", delete=False) as temporary:
        temporary.write(text)
    Path(temporary.name).chmod(0o644)
    Path(temporary.name).replace(path)
