"""What can be removed of embedded clusters: the one of a home, and root's clusters whose homes are gone.

Nothing is deleted before somebody has seen what it would be. Add nothing that decides where a cluster is: that is `files`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from livedash_pipeline.embedded_postgres.files import cluster_at, find_cluster, remove_socket_dir
from livedash_pipeline.embedded_postgres.process import postmaster_alive, shut_down
from livedash_pipeline.embedded_postgres.root import ROOT_BASES, home_of, names_directory
from livedash_pipeline.embedded_postgres.server import remove_postgres


@dataclass(frozen=True)
class Removable:
    """A cluster: where it is, whose it is, and how large."""

    path: Path
    home: Path
    bytes: int


def cluster_of(home: Path) -> list[Removable]:
    """The cluster of a home, if it has one."""
    cluster = find_cluster(home) if home.is_dir() else None
    if cluster is None or not cluster.initialised:
        return []
    return [Removable(cluster.data_dir, cluster.home, _size(cluster.data_dir))]


def orphans(bases: Sequence[Path] = ROOT_BASES) -> list[Removable]:
    """Root's clusters whose home does not exist any more, or does not name them any more.

    One that notes no home is being made just now and is left alone.
    """
    return [Removable(path, home, _size(path)) for path, home in _orphaned(bases)]


def remove_orphans(found: Sequence[Removable], bases: Sequence[Path] = ROOT_BASES) -> list[Removable]:
    """Deletes those of some clusters that are still orphans, and returns them; their servers are stopped first."""
    still = {path for path, _ in _orphaned(bases)}
    removed = [each for each in found if each.path in still]
    for each in removed:
        cluster = cluster_at(each.home, each.path / "data")
        if cluster.initialised and postmaster_alive(cluster):
            shut_down(cluster)
        remove_socket_dir(cluster)
        # Not its home's note, which may name another cluster by now.
        shutil.rmtree(each.path)
    return removed


def remove_cluster_of(home: Path) -> list[Removable]:
    """Stops the server of a home and deletes its cluster; returns what was deleted."""
    found = cluster_of(home)
    remove_postgres(home)
    return found


def _orphaned(bases: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    for base in bases:
        for path in sorted(base.glob("cluster-*")) if base.is_dir() else ():
            home = home_of(path)
            if home is not None and not names_directory(home, path):
                yield path, home


def _size(path: Path) -> int:
    """Bytes of all files below; what goes away meanwhile counts nothing."""
    total = 0
    for each in path.rglob("*"):
        try:
            total += 0 if each.is_symlink() or each.is_dir() else each.stat().st_size
        except FileNotFoundError:
            continue
    return total
