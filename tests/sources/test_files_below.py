"""Files below a directory, whatever lies between: links, pipes, and names that lead nowhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from livedash_pipeline.sources.files_below import FilesBelow, NoFileError, OutsideError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "a.txt").write_bytes(b"secret")
    home = tmp_path / "home"
    (home / "in").mkdir(parents=True)
    (home / "in" / "a.txt").write_bytes(b"inside")
    return home


def _link(home: Path, name: str, target: str) -> None:
    (home / name).symlink_to(target)


@pytest.mark.parametrize(
    "path", ["in/a.txt", "in/../in/a.txt", "./in//a.txt", "link.txt", "over/a.txt", "out/../home/in/a.txt"]
)
def test_what_lies_inside_is_read_by_every_way(home: Path, path: str) -> None:
    _link(home, "link.txt", "in/a.txt")
    _link(home, "over", "in")
    _link(home, "out", "../secrets")
    for _ in range(2):
        assert FilesBelow(home).read(path, 100) == b"inside"
    assert FilesBelow(home).read(str(home / path), 100) == b"inside"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "link.txt",
        "out/a.txt",
        "chain.txt",
        "in/../../secret.txt",
        "/etc/passwd",
        "out/..",
        "../gone/..",
        "gone.txt",
    ],
)
def test_what_lies_outside_is_not_opened(home: Path, path: str) -> None:
    _link(home, "link.txt", "../secret.txt")
    _link(home, "chain.txt", "link.txt")
    _link(home, "gone.txt", "../gone/a.txt")
    _link(home, "out", "../secrets")
    with pytest.raises(OutsideError):
        FilesBelow(home).read(path, 100)


def test_a_directory_of_which_ours_is_the_beginning_lies_outside(home: Path) -> None:
    beside = home.with_name("home2")
    beside.mkdir()
    (beside / "a.txt").write_bytes(b"secret")
    with pytest.raises(OutsideError):
        FilesBelow(home).read("../home2/a.txt", 100)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(path.name),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to("in"),
        lambda path: os.mkfifo(path),
    ],
    ids=["absent", "directory", "loop", "dangling", "link to a directory", "pipe"],
)
def test_what_is_no_file_is_none(home: Path, make: Callable[[Path], None]) -> None:
    make(home / "x")
    for path in ("x", "x/", "in/a.txt/x"):
        with pytest.raises(NoFileError):
            FilesBelow(home).read(path, 100)


def test_a_name_that_cannot_be_is_an_error_of_the_system(home: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        FilesBelow(home).read("a" * 5000, 100)


@pytest.mark.parametrize(("most", "read"), [(0, 1), (5, 6), (6, 6), (10**12, 6)])
def test_no_more_is_read_than_is_wanted(home: Path, most: int, read: int) -> None:
    assert len(FilesBelow(home).read("in/a.txt", most)) == read


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="a file that is longer than it says needs Linux's /proc"
)
def test_a_file_that_is_longer_than_it_says_is_read_to_its_end() -> None:
    assert b"nonvoluntary_ctxt_switches" in FilesBelow(Path("/proc/self").resolve()).read("status", 10**6)
    assert len(FilesBelow(Path("/proc/self").resolve()).read("status", 100)) == 101


def test_a_link_that_takes_the_place_of_a_file_is_seen(home: Path) -> None:
    files = FilesBelow(home)
    assert files.read("in/a.txt", 100) == b"inside"
    (home / "in" / "a.txt").unlink()
    _link(home, "in/a.txt", "../../secret.txt")
    with pytest.raises(OutsideError):
        files.read("in/a.txt", 100)


def test_a_link_that_takes_the_place_of_a_directory_is_seen(home: Path) -> None:
    files = FilesBelow(home)
    assert files.read("in/a.txt", 100) == b"inside"
    (home / "in").rename(home / "moved")
    _link(home, "in", "../secrets")
    with pytest.raises(OutsideError):
        files.read("in/a.txt", 100)
    (home / "in").unlink()
    _link(home, "in", "moved")
    assert files.read("in/a.txt", 100) == b"inside"
