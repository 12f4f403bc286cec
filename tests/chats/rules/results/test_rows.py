"""Columns that can be told apart, and rows in their order."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.results.rows import (
    RESULT_COLUMNS,
    ResultRow,
    deletion_note,
    distinct_names,
    header,
    original_cells,
    row_values,
)
from tests.support.result_rows import result_row

NAMES = st.lists(
    st.sampled_from(["", "a", "a (2)", "A", "question", " Question ", "resultQuestion", "column 1"]), max_size=8
)


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_a_row_has_a_field_for_each_result_column_in_the_same_order() -> None:
    assert [field.name for field in fields(ResultRow)] == ["cells", *map(snake, RESULT_COLUMNS)]


def test_the_uploaded_columns_come_first_or_last_under_their_own_names() -> None:
    columns = ["Nr.", "vraag", "vraag", ""]
    assert header(columns, originals="first") == [*columns, *RESULT_COLUMNS]
    assert header(columns, originals="last") == [*RESULT_COLUMNS, *columns]


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (["question"], "resultQuestion"),
        ([" QUESTION "], "resultQuestion"),
        (["Question", "resultQuestion"], "resultQuestion2"),
        (["Question", "ResultQuestion", "resultquestion2"], "resultQuestion3"),
    ],
)
def test_a_result_column_whose_name_is_taken_gets_another(columns: list[str], name: str) -> None:
    names = header(columns, originals="first")
    assert names[: len(columns)] == columns
    assert names[len(columns) + RESULT_COLUMNS.index("question")] == name


@given(NAMES)
def test_every_result_column_is_found_by_a_name_of_its_own(columns: list[str]) -> None:
    names = [name.strip().casefold() for name in header(columns, originals="last")]
    for name in names[: len(RESULT_COLUMNS)]:
        assert names.count(name) == 1


def test_a_row_holds_its_cells_and_its_result_in_the_order_of_the_header() -> None:
    row = result_row(cells=["1", "Hoe?"], status="COMPLETED_X", question="Hoe?")
    first = row_values(row, width=3, originals="first")
    assert first[:3] == ["1", "Hoe?", ""]
    assert dict(zip(RESULT_COLUMNS, first[3:], strict=True))["status"] == "completed_x"
    assert dict(zip(RESULT_COLUMNS, first[3:], strict=True)) == {
        name: row.status.lower() if name == "status" else getattr(row, snake(name)) for name in RESULT_COLUMNS
    }
    assert row_values(row, width=3, originals="last") == [*first[3:], *first[:3]]


def test_empty_cells_beyond_the_columns_are_dropped_and_text_there_is_refused() -> None:
    assert original_cells(("a", "b", "", ""), 2) == ["a", "b"]
    assert original_cells(("a", "b"), 2) == ["a", "b"]
    with pytest.raises(ValueError, match=r"^A row has 3 cells in a file of 2 columns\.$"):
        original_cells(["a", "b", "c"], 2)


@pytest.mark.parametrize(
    ("columns", "keys"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
        (["a", "a", "a (2)", "a"], ["a", "a (3)", "a (2)", "a (4)"]),
        (["", "x", ""], ["column 1", "x", "column 3"]),
        (["column 2", ""], ["column 2", "column 2 (2)"]),
        (["a", "A"], ["a", "A"]),
    ],
)
def test_keys_of_an_object_are_distinct(columns: list[str], keys: list[str]) -> None:
    assert distinct_names(columns) == keys


@given(NAMES)
def test_every_column_has_a_key_and_a_name_that_is_there_once_is_kept(columns: list[str]) -> None:
    keys = distinct_names(columns)
    assert len(set(keys)) == len(keys) == len(columns)
    assert {name for name in columns if name} <= set(keys)


@pytest.mark.parametrize(
    ("erased", "questions", "answers", "note"),
    [
        (False, False, False, None),
        (False, False, True, "The answer was deleted by age."),
        (False, True, False, "The question was deleted by age."),
        (False, True, True, "Question and answer were deleted by age."),
        (True, True, False, "Question and answer were erased on request."),
    ],
)
def test_a_row_says_which_texts_are_gone(erased: bool, questions: bool, answers: bool, note: str | None) -> None:
    assert deletion_note(erased=erased, questions=questions, answers=answers) == note
