"""Listing and reading under evidence: what was listed is what is read, whole, or nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.base.rules.places.stores import Place, Scheme, StoreRoot
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.sources.places.local import LocalStore
from livedash_pipeline.sources.places.reading import list_files, look_at, read_whole
from livedash_pipeline.sources.places.store import Entry, as_moment, load_library, not_found, wait_for
from tests.conftest import NOW

LIMITS = FetchLimits(max_bytes=1_000, total_seconds=30)
ROOT = StoreRoot(Scheme.S3, "bucket")


@dataclass
class Shelf:
    """A store in memory that changes while it is read."""

    files: dict[str, bytes]
    shows_unfinished: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    meddle: Callable[[Shelf], None] = lambda _: None

    def entries(self, folder: str, *, most: int, deadline: Deadline) -> list[Entry]:
        raise not_found(folder)

    def look(self, path: str, *, deadline: Deadline) -> Entry:
        if path not in self.files:
            raise not_found(path)
        return Entry(path, False, len(self.files[path]), self.versions.get(path), NOW)

    def pieces(self, path: str, size: int, *, deadline: Deadline) -> Iterator[bytes]:
        yield self.files[path][: size // 2]
        self.meddle(self)
        yield self.files.get(path, b"")[size // 2 : size]

    def close(self) -> None:
        """Nothing is open."""


def listed(size: int, version: str | None = None) -> ListedFile:
    return ListedFile("s3://bucket/x", "x", size, version, NOW)


def reason_of(store: Shelf, file: ListedFile, limits: FetchLimits = LIMITS) -> str:
    with pytest.raises(SourceError) as caught:
        read_whole(store, file, BytesIO(), limits)
    return caught.value.reason


def test_a_whole_file_is_read_into_an_emptied_sink() -> None:
    sink = BytesIO(b"left from a try before this one")
    received = read_whole(Shelf({"x": b"abcdef"}), listed(6), sink, LIMITS)
    assert (sink.getvalue(), received.size) == (b"abcdef", 6)
    assert received.sha256 == hashlib.sha256(b"abcdef").hexdigest()


def test_what_is_not_as_it_was_listed_is_not_read() -> None:
    assert reason_of(Shelf({"x": b"abcd"}), listed(6)) == "file_changed"
    assert reason_of(Shelf({"x": b"abcdef"}, versions={"x": "two"}), listed(6, "one")) == "file_changed"
    assert reason_of(Shelf({}), listed(6)) == "file_not_found"


def test_what_changes_while_it_is_read_is_cut_off() -> None:
    def replace(shelf: Shelf) -> None:
        shelf.files["x"], shelf.versions["x"] = b"ABCDEF", "two"

    def shorten(shelf: Shelf) -> None:
        shelf.files["x"] = b"abcd"

    assert reason_of(Shelf({"x": b"abcdef"}, versions={"x": "one"}, meddle=replace), listed(6, "one")) == "file_changed"
    assert reason_of(Shelf({"x": b"abcdef"}, meddle=shorten), listed(6)) == "cut_off"
    assert reason_of(Shelf({"x": b"abcdef"}, meddle=lambda shelf: shelf.files.clear()), listed(6)) == "cut_off"


def test_what_is_too_large_is_not_read() -> None:
    assert reason_of(Shelf({"x": b""}), listed(1_001)) == "too_large"


def test_a_base_that_is_not_there_names_the_command() -> None:
    with pytest.raises(SourceError) as caught:
        list_files(Shelf({}), Place(ROOT, "in/*.csv"))
    assert "--csv-url" in caught.value.remedy


# This machine


def test_local_files_are_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "nowhere.csv").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    found = {file.address: file for file in list_files(LocalStore(), Place(None, f"{tmp_path}/"))}
    assert set(found) == {f"{tmp_path}/a.csv"}, "a link would have any file of this machine read"
    sink = BytesIO()
    assert read_whole(LocalStore(), found[f"{tmp_path}/a.csv"], sink, LIMITS).size == 3
    with Deadline(30) as deadline:
        assert look_at(LocalStore(), Place(None, f"{tmp_path}/a.csv"), deadline) == found[f"{tmp_path}/a.csv"]


def test_a_local_file_that_was_replaced_by_one_of_its_size_and_time_is_another(tmp_path: Path) -> None:
    path, other = tmp_path / "a.csv", tmp_path / "b"
    for each, body in ((path, b"abc"), (other, b"xyz")):
        each.write_bytes(body)
        os.utime(each, (NOW.timestamp(), NOW.timestamp()))
    (file,) = list_files(LocalStore(), Place(None, f"{tmp_path}/*.csv"))
    other.replace(path)
    with pytest.raises(SourceError) as caught:
        read_whole(LocalStore(), file, BytesIO(), LIMITS)
    assert caught.value.reason == "file_changed"


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a.csv").symlink_to(tmp_path / "secret")
    path = str(tmp_path / "a.csv")
    with Deadline(30) as deadline:
        for ask in (
            lambda: LocalStore().look(path, deadline=deadline),
            lambda: list(LocalStore().pieces(path, 6, deadline=deadline)),
        ):
            with pytest.raises(SourceError) as caught:
                ask()
            assert caught.value.reason in {"file_not_found", "file_unreadable"}


def test_local_names_beyond_bounds_are_refused(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.csv").touch()
    (tmp_path / "hidden.tmp").touch()
    place = Place(None, f"{tmp_path}/")
    assert len(list_files(LocalStore(), place, most=5)) == 4
    with pytest.raises(SourceError) as caught:
        list_files(LocalStore(), place, most=4)
    assert caught.value.reason == "too_many_files"
    assert "more than 4 names" in caught.value.message


def test_a_local_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    Path(f"{tmp_path}/bad-\udcff.csv").touch()
    with pytest.raises(SourceError) as caught:
        list_files(LocalStore(), Place(None, f"{tmp_path}/"))
    assert caught.value.reason == "bad_name"


def test_local_places_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with Deadline(30) as deadline:
        for path in (tmp_path, tmp_path / "gone"):
            with pytest.raises(SourceError) as caught:
                LocalStore().look(str(path), deadline=deadline)
            assert caught.value.reason == "file_not_found"
        with pytest.raises(SourceError) as caught:
            LocalStore().entries("/proc/self/mem", most=1, deadline=deadline)
        assert caught.value.reason == "file_not_found"
        with pytest.raises(SourceError) as caught:
            list(LocalStore().pieces("/proc/self/mem", 10, deadline=deadline))
        assert caught.value.reason == "file_unreadable"


# Time


def test_nothing_is_asked_after_the_deadline(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    async def never() -> None:
        raise AssertionError("it was asked all the same")

    with Deadline(0) as deadline:
        for ask in (
            lambda: wait_for(never, deadline, "s3://bucket/x"),
            lambda: list(LocalStore().pieces(str(tmp_path / "a"), 3, deadline=deadline)),
            lambda: LocalStore().entries(str(tmp_path), most=9, deadline=deadline),
        ):
            with pytest.raises(SourceError) as caught:
                ask()
            assert caught.value.reason == "timeout"


def test_times_are_understood_in_both_forms() -> None:
    assert as_moment("2025-05-01T12:00:00Z") == NOW
    assert as_moment(NOW + timedelta(0)) == NOW
    assert (as_moment("yesterday"), as_moment(None), as_moment(NOW.replace(tzinfo=None))) == (None, None, None)


def test_a_library_that_lacks_one_of_its_own_is_no_missing_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_there.py").write_text("import livedash_no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="livedash_no_such_library"):
        load_library("half_there", "s3")
