"""A CSV file of questions: what is read back cell by cell, and what makes it unusable."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.intake.read import read_chat_file
from livedash_pipeline.chats.rules.intake.rows import ChatFile, IntakeLimits, UnusableFile

SCRIPTS = {
    "Arabic": "متى تبدأ مناوبتي؟ ",
    "Hebrew": "‏מתי מתחילה המשמרת שלי?",
    "Hindi": "मेरी पाली कब शुरू होती है?",
    "Thai": "กะของฉันเริ่มเมื่อไหร่",
    "Japanese": "　私のシフトはいつ始まりますか？",
    "Chinese": "我的班次什么时候开始？𠮷",
    "Korean": "제 근무는 언제 시작하나요?",
    "Georgian": "როდის იწყება ჩემი ცვლა?",
    "Greek": "Πότε αρχίζει η βάρδιά μου;",
    "Russian": "Когда начинается моя смена?",
    "Ukrainian": "Коли починається моя зміна, «будь ласка»?",
    "Tamil": "என் பணி எப்போது தொடங்கும்?",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇳🇱",
    "accents": "Zoe\u0308 cafe\u0301 \u1e9b\u0323 \tend\n second line \r\n third ",
}


def read(text: str | bytes, name: str = "questions.csv", **limits: int) -> ChatFile:
    content = text.encode() if isinstance(text, str) else text
    return read_chat_file(content, name, limits=IntakeLimits(**limits))


def errors(text: str | bytes, name: str = "questions.csv", **limits: int) -> list[tuple[int | None, str]]:
    with pytest.raises(UnusableFile) as caught:
        read(text, name, **limits)
    assert caught.value.total >= len(caught.value.errors)
    return [(error.line, error.code) for error in caught.value.errors]


def notes(file: ChatFile) -> dict[str, int]:
    return {note.code: note.count for note in file.notes}


def test_a_row_has_its_cells_its_line_and_what_its_columns_mean() -> None:
    file = read(
        'id,Question,Chat ID,URL,Expected answer,context\n7," Hi? ", c1 , https://a.example , Yes ,\n8,B?,,,,x\n'
    )
    first, second = file.rows
    assert (first.index, first.source_line, first.question) == (0, 2, " Hi? ")
    assert (first.chat_id, first.url, first.reference, first.context) == ("c1", "https://a.example", " Yes ", None)
    assert first.cells == ("7", " Hi? ", " c1 ", " https://a.example ", " Yes ", "")
    assert (second.index, second.chat_id, second.url, second.reference, second.context) == (1, None, None, None, "x")
    assert (file.question_column, file.chat_id_column, file.url_column) == ("Question", "Chat ID", "URL")
    assert (file.reference_column, file.context_column, file.file_format) == ("Expected answer", "context", "csv")
    assert (file.notes, len(file.sha256)) == ((), 64)


def test_a_missing_column_is_none() -> None:
    file = read("prompt\nA?\n")
    assert file.rows[0].chat_id is file.rows[0].url is file.rows[0].reference is file.rows[0].context is None
    assert file.chat_id_column is file.url_column is file.reference_column is file.context_column is None


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_with_cr_lf_or_both(end: str) -> None:
    file = read(end.join(["question,a", '"one', 'two",x', 'B?,"y"', ""]))
    assert [(row.source_line, row.cells) for row in file.rows] == [(2, (f"one{end}two", "x")), (4, ("B?", "y"))]


def test_the_last_line_needs_no_end_and_the_header_may_come_late() -> None:
    file = read('\n\n"question",a\n"A?",""')
    assert [(row.source_line, row.cells) for row in file.rows] == [(4, ("A?", ""))]
    assert notes(file) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_comes_back_identical(text: str, encoding: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["question", "answer"], [text, text[::-1]]])
    row = read(written.getvalue().encode(encoding)).rows[0]
    assert (row.question, row.cells) == (text, (text, text[::-1]))


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("question;a,b;c", "A, or B?;1;2"),
        ("question\ta;b\tc", "A; or B?\t1\t2"),
        ('question,"a;b;c",d', "A; or B?,1,2"),
    ],
)
def test_the_header_decides_the_delimiter(header: str, cells: str) -> None:
    assert read(f"{header}\n{cells}\n").rows[0].cells[1:] == ("1", "2")


def test_a_header_without_a_delimiter_is_one_of_commas_or_of_tabs_in_a_tsv() -> None:
    assert read("question\nA, B?\n", "q.tsv").rows[0].question == "A, B?"
    assert errors("question\nA, B?\n", "q.txt") == [(2, "too_many_columns")]


def test_without_a_question_column_the_most_frequent_delimiter_counts() -> None:
    with pytest.raises(UnusableFile, match='the header has "a", "b,c", "d"'):
        read("a;b,c;d\n1;2;3\n")


def test_an_unclosed_quote_names_the_line_where_it_opens() -> None:
    assert errors('question,a\nA?,1\nB?,"two\nthree\n') == [(3, "unclosed_quote")]
    assert errors('question,a\n"multi\nline",x\n"B?,2\nC?,3\n"D?",4') == [(4, "unclosed_quote")]
    assert errors('"question') == [(1, "unclosed_quote")]


def test_reading_goes_on_after_a_misplaced_quote() -> None:
    assert errors('question,a\n5" pipe,1\nA?,2\n"B" ?,3\n ,4\nC?,x"\n') == [
        (2, "stray_quote"),
        (4, "stray_quote"),
        (5, "empty_question"),
        (6, "stray_quote"),
    ]
    assert errors('question,a\n"multi\nline","x"y\nA?,z"') == [(3, "stray_quote"), (4, "stray_quote")]
    assert errors('question\nA?\nb"') == [(3, "stray_quote")]


def test_after_very_many_misplaced_quotes_reading_ends() -> None:
    with pytest.raises(UnusableFile) as caught:
        read("question\n" + 'a"\n' * 10_100)
    assert (caught.value.total, len(caught.value.errors)) == (10_000, 100)
    assert [error.line for error in caught.value.errors] == list(range(2, 102))
    assert str(caught.value).startswith("10000 errors, the first: A quotation mark")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [(None, "empty_file")]),
        (b"\xef\xbb\xbf", [(None, "empty_file")]),
        (b"\n ,\n\n", [(None, "empty_file")]),
        (b"question,a\n", [(None, "no_rows")]),
        (b"question,a\n,\n , \n", [(None, "no_rows")]),
        (b"name,text\nA,B\n", [(1, "no_question_column")]),
        (b"name,text\nA,B,C\n", [(1, "no_question_column"), (2, "too_many_columns")]),
        (b"question,Question\nA,B\n", [(1, "several_question_columns")]),
        (b"Problem Details,problem_details,x\nA,B,C\n", [(1, "several_question_columns")]),
        (
            b"question,a\nA?,b\n,c\nB?,d,e\n \t,f\n",
            [(3, "empty_question"), (4, "too_many_columns"), (5, "empty_question")],
        ),
        (b"question,a\nA\x00?,b\nB?,\x00\n", [(2, "nul_character"), (3, "nul_character")]),
        (b"question,\x00\nA?,b\n", [(1, "nul_character")]),
        (b"question,a\nA?,\xe9t\xe9\nB?,x\n\xff,", [(2, "bad_encoding"), (4, "bad_encoding")]),
        (b"question,a\n\xed\xa0\x80,b\n", [(2, "bad_encoding")]),
        ("question\nA?\n".encode("utf-16") + b"x", [(3, "bad_encoding")]),
    ],
)
def test_an_unusable_file_has_an_error_for_each_line(content: bytes, expected: list[tuple[int | None, str]]) -> None:
    assert errors(content) == expected


def test_a_file_of_an_unknown_format_has_one_error() -> None:
    assert errors("question\nA?\n", "questions.doc") == [(None, "unknown_format")]
    assert errors("<html><body>no such page") == [(None, "content_mismatch")]


def test_very_many_undecodable_lines_are_not_all_counted() -> None:
    with pytest.raises(UnusableFile) as caught:
        read(b"question\n" + b"\xff\n" * 2_000)
    assert caught.value.total == 1_000


def test_900_empty_trailing_records_are_ignored_with_a_note() -> None:
    file = read("question,a\nA?,1\n,\n\nB?,2\n" + ",\n" * 900)
    assert [(row.index, row.source_line) for row in file.rows] == [(0, 2), (1, 5)]
    assert notes(file) == {"empty_rows_ignored": 902}
    assert file.notes[0].message == "902 rows without any text are ignored."


def test_short_rows_are_padded_and_empty_extra_cells_dropped() -> None:
    file = read("question,a,b\nA?\nB?,1,2,, \n")
    assert [row.cells for row in file.rows] == [("A?", "", ""), ("B?", "1", "2")]
    assert notes(file) == {"short_rows_padded": 1, "empty_extra_cells_dropped": 1}


def test_unnamed_and_repeated_columns_are_kept_with_notes() -> None:
    file = read("question,,team,Team, ,\nA?,1,2,3,4,5\n")
    assert file.columns == ("question", "column 2", "team", "Team", "column 5", "column 6")
    assert file.rows[0].cells == ("A?", "1", "2", "3", "4", "5")
    assert notes(file) == {"unnamed_columns": 3, "duplicate_columns": 1}


def test_the_preferred_name_of_a_column_is_taken_with_a_note() -> None:
    file = read("answer,redacted-question,QUESTION,reference_answer,url,referringUrl,chatId,chat id\na,b,c,d,e,f,g,h\n")
    row = file.rows[0]
    assert (row.question, row.reference, row.url, row.chat_id) == ("c", "d", "f", "g")
    assert notes(file) == {
        "duplicate_columns": 1,
        "question_column_chosen": 2,
        "url_column_chosen": 2,
        "reference_column_chosen": 2,
    }
    assert file.notes[0].message == '"QUESTION" is read as the question column, not "redacted-question".'


def test_the_limits_hold_and_what_reaches_them_is_accepted() -> None:
    megabyte = "x" * 1_000_000
    assert read(f"question,a\nA?,{megabyte}\n").rows[0].cells[1] == megabyte
    assert errors(f"question,a\nA?,{megabyte}x\n") == [(2, "cell_too_large")]
    assert errors(f"question,{megabyte}x\nA?,b\n") == [(1, "cell_too_large")]
    assert errors(f"question\n{megabyte}\n") == [(2, "question_too_long")]
    assert read(f"question\n{'x' * 100_000}\n").rows
    assert len(read("question\n" + "A?\n" * 3, max_rows=3).rows) == 3
    assert errors("question\n" + "A?\n" * 4, max_rows=3) == [(None, "too_many_rows")]
    assert errors("question\n" + "\n" * 4, max_empty_rows=3) == [(None, "too_many_rows")]
    assert errors("question,a\n" + "A?\n" * 4, max_cells=7) == [(None, "too_many_cells")]
    assert errors("question,a,b\nA?\n", max_columns=2) == [(1, "too_many_columns")]
    assert errors("question\nA?\n", max_bytes=11) == [(None, "file_too_large")]
    assert errors("question\nA?" + "," * 20_000) == [(2, "too_many_columns")]
    assert errors('question\n"A"' + "," * 20_000) == [(2, "too_many_columns")]


def test_a_hostile_file_does_not_fill_the_memory_with_errors() -> None:
    content = b"question,a\n" + b",x\n" * 30_000
    tracemalloc.start()
    try:
        with pytest.raises(UnusableFile) as caught:
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert (caught.value.total, caught.value.errors[-1].line) == (30_000, 101)


# Text without NUL and halves of characters, in which what matters to a CSV file is frequent.
CELLS = st.text(st.one_of(st.sampled_from('",;\t\r\n \u00a0'), st.characters(exclude_categories=["Cs"])), max_size=12)
CELLS = CELLS.map(lambda text: text.replace("\0", "?"))


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from((csv.QUOTE_ALL, csv.QUOTE_MINIMAL)),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
@settings(deadline=None)
def test_any_table_is_read_back_cell_by_cell(
    table: list[tuple[str, str, str]], delimiter: str, quoting: Literal[0, 1], encoding: str, end: str
) -> None:
    rows = [(f"Q{cells[0]}", *cells[1:]) for cells in table]
    written = io.StringIO(newline="")
    # The writer quotes line ends of its own kind alone; it is given all kinds, and they are cut down afterwards.
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    sizes = [writer.writerow(row) for row in [("question", "b", "c"), *rows]]
    text, place, lines = written.getvalue(), 0, []
    for size in sizes:
        lines.append(text[place : place + size].removesuffix("\r\n"))
        place += size
    file = read(end.join([*lines, ""]).encode(encoding))
    assert [row.cells for row in file.rows] == rows
    assert file.notes == ()


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.tsv", "a.txt"]))
@settings(deadline=None)
def test_no_bytes_make_it_crash(content: bytes, name: str) -> None:
    try:
        read_chat_file(b"question,a\n" + content, name)
    except UnusableFile as unusable:
        assert unusable.errors and unusable.total
