"""A JSON file of questions: arrays, wrapped arrays and lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.intake.read import read_chat_file
from livedash_pipeline.chats.rules.intake.rows import ChatFile, IntakeLimits, UnusableFile


def read(text: str, name: str = "a.json", **limits: int) -> ChatFile:
    return read_chat_file(text.encode("utf-8", "surrogatepass"), name, limits=IntakeLimits(**limits))


def errors(text: str, name: str = "a.json", **limits: int) -> list[tuple[int | None, str]]:
    with pytest.raises(UnusableFile) as caught:
        read(text, name, **limits)
    return [(error.line, error.code) for error in caught.value.errors]


ITEMS = '{"question": " A? ", "chatId": "c", "n": 1}', '{"extra": {"é": [true, 1.5]}, "question": "B?", "n": null}'


@pytest.mark.parametrize(
    "text",
    [
        f"[{','.join(ITEMS)}]",
        f'{{"items": [{",".join(ITEMS)}]}}',
        f'{{"v": 1, "rows": [{",".join(ITEMS)}]}}',
        "\n".join(ITEMS),
    ],
)
def test_an_array_a_wrapped_array_and_lines_are_read_alike(text: str) -> None:
    file = read(text)
    assert file.columns == ("question", "chatId", "n", "extra")
    assert [row.cells for row in file.rows] == [(" A? ", "c", "1", ""), ("B?", "", "", '{"é": [true, 1.5]}')]
    assert [(row.source_line, row.chat_id) for row in file.rows] == [(1, "c"), (2, None)]
    assert (file.file_format, file.notes) == ("json", ())


def test_texts_are_questions() -> None:
    assert [row.question for row in read('["A?", " B?"]').rows] == ["A?", " B?"]
    assert [row.question for row in read('{"questions": ["A?"]}').rows] == ["A?"]
    assert [row.source_line for row in read('"A?"\r\n\r\n"B?"\n', "a.jsonl").rows] == [1, 3]


def test_a_single_object_is_one_item() -> None:
    assert [row.question for row in read('{"question": "A?", "items": 3}').rows] == ["A?"]
    assert [row.question for row in read('"Only this?"').rows] == ["Only this?"]


def test_items_without_text_are_ignored_and_keys_without_a_name_are_called_by_place() -> None:
    file = read('[{}, {"question": "A?", "": 1}, {"question": null}]')
    assert file.columns == ("question", "column 2")
    assert [(row.index, row.source_line) for row in file.rows] == [(0, 2)]
    assert {note.code: note.count for note in file.notes} == {"unnamed_columns": 1, "empty_rows_ignored": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  \n", [(None, "empty_file")]),
        ("[]", [(None, "no_rows")]),
        ("[{}]", [(None, "no_question_column")]),
        ('{"items": []}', [(None, "no_rows")]),
        ('[{"question": "A?"}, {"question": " ", "a": 1}]', [(2, "empty_question")]),
        ('[{"text": "A?"}]', [(None, "no_question_column")]),
        ('[{"question": "A?"}, {"Question": "B?"}]', [(None, "several_question_columns"), (2, "empty_question")]),
        ('[1, null, true, [], "A?"]', [(1, "bad_json"), (2, "bad_json"), (3, "bad_json"), (4, "bad_json")]),
        ('[{"question": "A?", "question": "B?"}, {"question": "C?"}]', [(1, "duplicate_column")]),
        ('["A?", {"question": "A?", "b": [1, {"c": {"": 1, "": 2}}]}]', [(2, "duplicate_column")]),
        ('{"question": "A?"}\n{"question" "B?"}\n{"question": NaN}\n', [(2, "bad_json"), (3, "bad_json")]),
        ('{"question": "A?"', [(None, "bad_json")]),
        ('[{"question": "A?"}\n,', [(None, "bad_json")]),
        ('[{"question": -Infinity}]', [(None, "bad_json")]),
        ('[{"question": 1e999}]', [(None, "bad_json")]),
        (f'[{{"question": {"9" * 5000}}}]', [(None, "bad_json")]),
        ("[" * 100_000, [(None, "bad_json")]),
        (f'{{"question": "A?"}}\n{{"question": {"[" * 60}{"]" * 60}}}\n', None),
        ('["\\u0000"]', [(1, "nul_character")]),
        ('["\\ud800"]', [(1, "bad_encoding")]),
        ('["\\udc80"]', [(1, "bad_encoding")]),
        ('["\udc80"]', [(1, "bad_encoding")]),
    ],
)
def test_an_unusable_file_names_the_items(text: str, expected: list[tuple[int | None, str]] | None) -> None:
    if expected is None:
        assert read(text).rows
    else:
        assert errors(text) == expected


def test_the_limits_hold() -> None:
    assert errors('[{"question": "A?", "a": 1}, {"b": 1}]', max_columns=2) == [(2, "too_many_columns")]
    assert errors('["A?", "B?"]', max_rows=1) == [(None, "too_many_rows")]
    assert errors('"A?"\n"B?"', max_rows=1) == [(None, "too_many_rows")]
    assert errors('["A?", ["B?"]]', max_depth=1) == [(None, "bad_json")]
    with pytest.raises(UnusableFile) as caught:
        read("x\n" * 10_100)
    assert caught.value.total == 10_000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["question", "a", "b", ""]), VALUES), max_size=4) | VALUES, st.booleans()
)
@settings(deadline=None)
def test_no_document_makes_it_crash(document: object, lines: bool) -> None:
    text = "\n".join(map(json.dumps, document)) if lines and isinstance(document, list) else json.dumps(document)
    try:
        file = read(text)
    except UnusableFile as unusable:
        assert unusable.errors
    else:
        assert all(len(row.cells) == len(file.columns) and row.question.strip() for row in file.rows)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_text_makes_it_crash(text: str) -> None:
    try:
        read(text, "a.jsonl")
    except UnusableFile as unusable:
        assert unusable.errors
