"""Clusters that can be removed: that of a home, and those of root whose homes are gone."""

from __future__ import annotations

import os
from pathlib import Path

from livedash_pipeline.embedded_postgres.removal import cluster_of, orphans, remove_cluster_of, remove_orphans
from livedash_pipeline.embedded_postgres.root import LOCATION_FILE
from livedash_pipeline.embedded_postgres.server import running_postgres, start_postgres

NOBODY = 65_534


def cluster(base: Path, name: str, home: Path | None) -> Path:
    path = base / f"cluster-{name}"
    (path / "data").mkdir(parents=True)
    (path / "data" / "file").write_bytes(b"x" * 100)
    if os.geteuid() == 0:
        # The server's user owns the data; root never does.
        os.chown(path / "data", NOBODY, NOBODY)
    if home is not None:
        (path / "home").write_text(f"{home}\n")
    return path


def home_with(place: Path, named: Path) -> Path:
    place.mkdir()
    (place / LOCATION_FILE).write_text(f"{named}\ninitialised\n")
    return place


def test_only_clusters_whose_home_is_gone_are_orphans(tmp_path: Path) -> None:
    base, gone = tmp_path / "base", tmp_path / "gone"
    kept = cluster(base, "kept", tmp_path / "kept")
    home_with(tmp_path / "kept", kept)
    lost = cluster(base, "lost", gone)
    replaced = cluster(base, "replaced", tmp_path / "replaced")
    home_with(tmp_path / "replaced", base / "cluster-another")
    in_making = cluster(base, "made", None)
    found = orphans([base])
    assert [(each.path, each.home) for each in found] == [(lost, gone), (replaced, tmp_path / "replaced")]
    assert all(each.bytes >= 100 for each in found)

    # Its home came back meanwhile.
    home_with(gone, lost)
    assert [each.path for each in remove_orphans(found, [base])] == [replaced]
    assert kept.is_dir() and lost.is_dir() and in_making.is_dir() and not replaced.exists()
    # The home that names another cluster keeps its note.
    assert (tmp_path / "replaced" / LOCATION_FILE).exists()


def test_the_cluster_of_a_home_is_stopped_and_removed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert cluster_of(home) == []
    start_postgres(home)
    (found,) = cluster_of(home)
    assert found.bytes > 1_000_000
    assert [each.path for each in remove_cluster_of(home)] == [found.path]
    assert running_postgres(home) is None and not found.path.exists() and cluster_of(home) == []
