"""Where the embedded Postgres of a home keeps its cluster and its socket, and whose they are.

An ordinary user's cluster is `HOME/postgres`; root's is elsewhere (`root`), unless an ordinary user has
made one in HOME before: that one root runs as its owner.

Add here what decides a path or an owner. Nothing here starts, stops or talks to a server: that is
`process`; the public functions are in `server`.
"""

import hashlib
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from livedash_pipeline.embedded_postgres.errors import EmbeddedPostgresError
from livedash_pipeline.embedded_postgres.root import (
    LOCATION_FILE,
    Account,
    claim_outside,
    outside_directory,
    place_outside,
    server_account,
)

PORT = "5432"  # names the socket file; nothing listens on TCP

# sun_path holds 108 bytes with the closing NUL on Linux and 104 on macOS.
_SOCKET_PATH_LIMIT = 103
# A comma separates hosts in a connection string and directories in unix_socket_directories.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/@+-]*")


@dataclass(frozen=True)
class Cluster:
    """A cluster's place. `account` is None when the calling user runs the server itself."""

    home: Path
    data_dir: Path
    account: Account | None

    @property
    def log(self) -> Path:
        """The server's log; nobody but the server's user and root can read it."""
        return self.data_dir / "postgres.log"

    @property
    def outside_home(self) -> bool:
        """Whether this is a cluster of root's, away from HOME."""
        return self.data_dir.parent != self.home

    @property
    def initialised(self) -> bool:
        """Whether there is a complete cluster: it gets its name only when initdb is done."""
        return self.data_dir.is_dir()

    @property
    def socket_dir(self) -> Path:
        """The data directory, which is 0700; below `/tmp` where its path is too long or too odd for a socket.

        Every process must come to the same answer, so neither TMPDIR nor XDG_RUNTIME_DIR is asked.
        """
        direct = str(self.data_dir)
        length = len(os.fsencode(f"{direct}/.s.PGSQL.{PORT}"))
        if length <= _SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(direct):
            return self.data_dir
        digest = hashlib.sha256(os.fsencode(direct)).hexdigest()[:16]
        return Path("/tmp") / f"livedash-{self.server_uid}-{digest}"  # noqa: S108 - owner is verified

    @property
    def server_uid(self) -> int:
        """The user id that the server runs with."""
        return os.geteuid() if self.account is None else self.account.uid


def find_cluster(home: Path) -> Cluster | None:
    """The cluster that belongs to `home`, initialised or not; None if none was ever placed. Changes nothing."""
    home = Path(os.path.realpath(home))
    inside = home / "postgres"
    if inside.is_dir():
        return Cluster(home, inside, _owner_account(inside))
    directory = outside_directory(home)
    if directory is None:
        return None
    data_dir = directory / "data"
    return Cluster(home, data_dir, _owner_account(data_dir) if data_dir.is_dir() else server_account())


def cluster_at(home: Path, data_dir: Path) -> Cluster:
    """The cluster of a home at a place that is known already."""
    return Cluster(home, data_dir, _owner_account(data_dir) if data_dir.is_dir() else None)


def place_cluster(home: Path) -> Cluster:
    """Decides where the cluster of `home` lives, and as root makes the directory around it; call with `home` locked.

    Raises:
        EmbeddedPostgresError: root's cluster of this home is gone, or belongs to another home.
    """
    home = Path(os.path.realpath(home))
    cluster = find_cluster(home)
    if cluster is None and os.geteuid() != 0:
        return Cluster(home, home / "postgres", None)
    if cluster is None:
        cluster = Cluster(home, place_outside(home) / "data", server_account())
    if cluster.outside_home:
        claim_outside(home, cluster.data_dir.parent, initialised=cluster.initialised)
    return cluster


def remove_cluster_files(cluster: Cluster) -> None:
    """Deletes a stopped cluster with all its data; the copied binaries stay, other homes use them."""
    target = cluster.data_dir.parent if cluster.outside_home else cluster.data_dir
    if target.is_dir():
        shutil.rmtree(target)
    (cluster.home / LOCATION_FILE).unlink(missing_ok=True)


def ensure_socket_dir(cluster: Cluster) -> None:
    """Makes the socket directory if it is not the data directory; refuses one that somebody else made."""
    path = cluster.socket_dir
    if path != cluster.data_dir and not private_socket_dir(cluster):
        path.mkdir(mode=0o700)
        give_to_server(cluster, path)


def remove_socket_dir(cluster: Cluster) -> None:
    """Removes the socket directory of a stopped server if it is not the data directory."""
    if cluster.socket_dir != cluster.data_dir and private_socket_dir(cluster):
        shutil.rmtree(cluster.socket_dir)


def private_socket_dir(cluster: Cluster) -> bool:
    """Whether there is a socket directory; an error if somebody else made it, whose server it could hold."""
    path = cluster.socket_dir
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    owners = {cluster.server_uid, os.geteuid()}  # root makes it before the server's user gets it
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or found.st_mode & 0o077:
        raise EmbeddedPostgresError(
            f"The socket directory {path} is not a private directory of user id {cluster.server_uid}: remove it, or"
            " set LIVEDASH_HOME to a short path of plain characters, which needs no directory below /tmp."
        )
    return True


def give_to_server(cluster: Cluster, path: Path) -> None:
    """Hands a directory that we have just made to the server's user."""
    if cluster.account is not None:
        os.chown(path, cluster.account.uid, cluster.account.gid, follow_symlinks=False)


def _owner_account(data_dir: Path) -> Account | None:
    """The account to run an existing cluster with: its owner's, whoever that was; None if that is the caller."""
    found = data_dir.stat()
    if found.st_uid == os.geteuid() != 0:
        return None
    if os.geteuid() == 0 and found.st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    raise EmbeddedPostgresError(
        f"The cluster {data_dir} belongs to user id {found.st_uid}, and this process runs as {os.geteuid()}: run as"
        " its owner (Postgres refuses root), or set LIVEDASH_HOME to another directory."
    )
