"""Which names of a listing are files to import, and their order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.places.names import ListedFile, fits, is_hidden, oldest_first
from tests.conftest import NOW


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        ".x.csv",
        ".x.csv.9Zk2",
        "_SUCCESS",
        "_committed_4711",
        "x.csv.tmp",
        "x.TMP",
        "x.part",
        "x.filepart",
        "x~",
    ],
)
def test_hidden_and_unfinished_names(name: str) -> None:
    assert is_hidden(name)
    assert not fits(name, "*")


@pytest.mark.parametrize("name", ["x.csv", "_x.csv", "x", "x.csv.gz", "tmp", "part.csv"])
def test_other_names_are_files(name: str) -> None:
    assert not is_hidden(name)
    assert fits(name, "*")


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("x1.csv", "x*.csv", True),
        ("x.csv", "x?.csv", False),
        ("x1.csv", "x?.csv", True),
        ("X1.csv", "x*.csv", False),
        ("x1.csv.gz", "x*.csv", False),
        ("a[1].csv", "a[1]*", True),
        ("a1.csv", "a[1]*", False),
        (".hidden", ".hidden", True),
        (".hidden", ".h*", False),
        ("x\n.csv", "x*.csv", True),
    ],
)
def test_patterns(name: str, pattern: str, expected: bool) -> None:
    assert fits(name, pattern) is expected


def file(address: str, minutes: int | None, version: str | None = None) -> ListedFile:
    moment = None if minutes is None else NOW + timedelta(minutes=minutes)
    return ListedFile(address, address, 1, version, moment)


def test_the_oldest_comes_first_and_names_decide_between_equals() -> None:
    files = [file("c", 2), file("b", 1), file("a", 2), file("d", None)]
    assert [each.address for each in oldest_first(files)] == ["d", "b", "a", "c"]


def test_a_version_is_known_by_the_stores_word_or_else_by_its_time() -> None:
    assert file("a", 1, "v").is_same_as(1, "v", None)
    assert not file("a", 1, "v").is_same_as(1, "w", NOW + timedelta(minutes=1))
    assert not file("a", 1).is_same_as(2, None, NOW + timedelta(minutes=1))
    assert not file("a", 1).is_same_as(1, None, NOW)
    assert file("a", 1).is_same_as(1, None, NOW + timedelta(minutes=1))


@given(st.text(), st.text())
def test_no_name_breaks_a_pattern(name: str, pattern: str) -> None:
    assert fits(name, pattern) in {True, False}
