"""Which files of a listing are due, which wait, and what is told of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.base.rules.states import ImportFileState
from livedash_pipeline.intake.rules.import_files import (
    MOST_REPORTS,
    QUIET,
    FileOutcome,
    FileReport,
    KnownFile,
    Plan,
    counts_as_imported,
    files_document,
    plan_files,
)
from tests.conftest import NOW

OLD = NOW - timedelta(hours=1)
State = ImportFileState


def listed(name: str, at: datetime | None = OLD, size: int = 1) -> ListedFile:
    return ListedFile(name, name, size, None, at)


def known(
    state: State, at: datetime | None = OLD, size: int = 1, *, seen: datetime = OLD, gone: bool = False
) -> KnownFile:
    return KnownFile(state, size, None, at, seen, gone)


def plan(files: list[ListedFile], before: dict[str, KnownFile], quiet: timedelta | None = QUIET) -> Plan:
    return plan_files(files, before, now=NOW, quiet=quiet)


def due(*args: object, **options: object) -> list[str]:
    return [file.address for file in plan(*args, **options).due]  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [State.IMPORTED, State.SAME, State.REFUSED])
def test_a_version_that_was_dealt_with_is_left_alone(state: State) -> None:
    found = plan([listed("a")], {"a": known(state)})
    assert (found.due, found.waiting, found.unchanged, found.returned) == ((), (), 1, ())
    assert due([listed("a", size=2)], {"a": known(state)}) == ["a"]
    assert plan([listed("a")], {"a": known(state, gone=True)}).returned == ("a",)


def test_a_file_that_failed_is_due_again() -> None:
    assert due([listed("a")], {"a": known(State.FAILED)}) == ["a"]


def test_due_files_come_oldest_first() -> None:
    assert due([listed("a", OLD), listed("b", OLD - QUIET)], {}) == ["b", "a"]


@pytest.mark.parametrize(
    ("at", "before", "expected"),
    [
        (OLD, None, True),
        (NOW - QUIET, None, True),
        (NOW - QUIET / 2, None, False),
        (NOW + QUIET, None, False),
        (None, None, False),
        (NOW, known(State.WAITING, NOW, seen=NOW - QUIET), True),
        (NOW, known(State.WAITING, NOW, seen=NOW - QUIET / 2), False),
        (OLD, known(State.WAITING, seen=NOW), True),
        (OLD, known(State.WAITING, size=7), False),
        (NOW, known(State.IMPORTED, size=7), False),
    ],
)
def test_a_file_that_may_still_be_written_to_waits(
    at: datetime | None, before: KnownFile | None, expected: bool
) -> None:
    found = plan([listed("a", at)], {} if before is None else {"a": before})
    assert (len(found.due), len(found.waiting)) == ((1, 0) if expected else (0, 1))


def test_nothing_waits_where_a_store_shows_complete_files_only() -> None:
    assert due([listed("a", NOW), listed("b", None)], {}, None) == ["b", "a"]


def test_a_known_file_that_is_not_listed_vanished_once() -> None:
    before = {"a": known(State.IMPORTED), "b": known(State.IMPORTED, gone=True), "c": known(State.IMPORTED)}
    assert plan([listed("c")], before).vanished == ("a",)


@pytest.mark.parametrize(
    ("own", "known_bytes", "expected"),
    [(None, False, False), (None, True, True), ("x", False, True), ("x", True, True), ("y", True, False)],
)
def test_bytes_count_as_imported_under_a_new_name_or_the_files_own(
    own: str | None, known_bytes: bool, expected: bool
) -> None:
    before = KnownFile(State.IMPORTED, 1, None, OLD, OLD, False, own)
    assert counts_as_imported(before, "x", known_bytes=known_bytes) is expected
    if own is None:
        assert counts_as_imported(None, "x", known_bytes=known_bytes) is expected


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(list(State))),
    st.sets(st.sampled_from("abcdef")),
    st.booleans(),
)
def test_every_file_has_one_place_in_the_plan(states: dict[str, State], names: set[str], is_quiet: bool) -> None:
    before = {name: known(state) for name, state in states.items()}
    found = plan([listed(name) for name in names], before, QUIET if is_quiet else None)
    placed = [file.address for file in (*found.due, *found.waiting)]
    assert len(placed) + found.unchanged == len(names)
    assert set(found.vanished) == set(states) - names
    assert not set(placed) & set(found.vanished)


def test_what_needs_somebody_is_told_first_and_not_everything_is_told() -> None:
    well = [FileReport(str(number), FileOutcome.IMPORTED) for number in range(MOST_REPORTS)]
    document = files_document([*well, FileReport("x", FileOutcome.REFUSED, error="It is no CSV.")])
    assert (len(document["files"]), document["filesLeftOut"]) == (MOST_REPORTS, 1)
    assert (document["files"][0]["name"], document["files"][0]["error"]) == ("x", "It is no CSV.")
    assert files_document([]) == {"files": [], "filesLeftOut": 0}
