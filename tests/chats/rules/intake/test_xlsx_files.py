"""An XLSX file of questions: cells as text, and workbooks that are refused before they are parsed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_pipeline.base.rules.workbooks.cells import Cell, cell_text, unless_damaged
from livedash_pipeline.base.rules.workbooks.opened import OpenSheet, SheetLostError
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault
from livedash_pipeline.base.rules.workbooks.sheets import open_sheet
from livedash_pipeline.chats.rules.intake.read import read_chat_file
from livedash_pipeline.chats.rules.intake.rows import ChatFile, IntakeLimits, UnusableFile
from tests.support.workbook_traps import REFUSED, trap

SHEET, STRINGS, WORKBOOK = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"


def workbook(write: Callable[[Any], None]) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    write(book)
    book.close()
    return content.getvalue()


def with_rows(*rows: Sequence[object], start: tuple[int, int] = (0, 0)) -> bytes:
    def write(book: Any) -> None:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows, start[0]):
            sheet.write_row(number, start[1], row)

    return workbook(write)


def changed(content: bytes, parts: Mapping[str, Callable[[bytes], bytes]]) -> bytes:
    """The workbook with some parts changed, and new ones added."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name, bytes)(old.read(name)))
        for name in set(parts) - set(old.namelist()):
            new.writestr(name, parts[name](b""))
    return written.getvalue()


def sheet_of(cells: str) -> bytes:
    """A workbook whose only sheet has these rows, written by hand."""
    simple = with_rows(["question"])
    return changed(
        simple,
        {SHEET: lambda old: re.sub(b"<sheetData>.*</sheetData>", f"<sheetData>{cells}</sheetData>".encode(), old)},
    )


def read(content: bytes, **limits: int) -> ChatFile:
    return read_chat_file(content, "a.xlsx", limits=IntakeLimits(**limits))


def error(content: bytes, **limits: int) -> tuple[str, str]:
    with pytest.raises(UnusableFile) as caught:
        read(content, **limits)
    assert caught.value.total == 1
    return caught.value.errors[0].code, caught.value.errors[0].message


def test_rows_have_the_number_that_a_person_sees() -> None:
    file = read(with_rows(["question", "chatId"], [" A?\n", "c"], [], ["B?"], start=(2, 1)))
    assert [(row.source_line, row.cells) for row in file.rows] == [(4, (" A?\n", "c")), (6, ("B?", ""))]
    assert {note.code: note.count for note in file.notes} == {"empty_rows_ignored": 1}
    assert file.file_format == "xlsx"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (4500000000000001.0, "4500000000000001"),
        (123456789012345678.0, "1.23456789012346e+17"),
        (" text ", " text "),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (3.0, "3"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (0.1 + 0.2, "0.3"),
        (1e20, "1e+20"),
        (123456789012345.0, "123456789012345"),
        (date(2025, 1, 2), "2025-01-02"),
        (datetime(2025, 1, 2, 3, 4, 5), "2025-01-02T03:04:05"),  # noqa: DTZ001 - sheets have no zones
        (time(3, 4, 5), "03:04:05"),
        (timedelta(days=1, hours=6, seconds=7), "30:00:07"),
        (timedelta(minutes=-1), "-0:01:00"),
    ],
)
def test_a_cell_is_the_text_that_a_person_sees(cell: Cell, expected: str) -> None:
    assert cell_text(cell) == expected


def test_dates_booleans_and_formulas_are_read_from_a_workbook() -> None:
    def write(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["question", "day", "yes", "sum", "wrong"])
        sheet.write(1, 0, 7)
        sheet.write_datetime(1, 1, date(2025, 1, 2), book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_boolean(1, 2, True)
        sheet.write_formula(1, 3, "=1+1", None, 2)
        sheet.write_formula(1, 4, "=1/0", None, "#DIV/0!")

    assert read(workbook(write)).rows[0].cells == ("7", "2025-01-02", "true", "2", "")


def test_only_the_first_worksheet_is_read() -> None:
    def write(book: Any) -> None:
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Sheet1!$A$1:$A$2"})
        book.add_chartsheet().set_chart(chart)
        first = book.add_worksheet()
        first.write_column(0, 0, ["question", "A?"])
        book.add_worksheet().write_column(0, 0, ["question", "B?"])

    file = read(workbook(write))
    assert [row.question for row in file.rows] == ["A?"]
    assert file.notes[0].message == "Only the first sheet is read; 1 other is ignored."


def test_a_workbook_without_text_is_empty() -> None:
    assert error(with_rows([]))[0] == "empty_file"


def test_a_workbook_without_a_worksheet_is_empty() -> None:
    def remove(old: bytes) -> bytes:
        return re.sub(b"<sheets>.*</sheets>", b"<sheets/>", old)

    assert error(changed(with_rows(["question"]), {WORKBOOK: remove}))[0] == "empty_file"


def test_a_zip_archive_without_a_workbook_is_none() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("questions.csv", "question")
    assert error(content.getvalue()) == ("not_an_xlsx", "The zip archive holds no workbook; save it as .xlsx.")
    assert error(b"PK\x03\x04 and nothing more")[0] == "not_an_xlsx"


def test_a_workbook_with_macros_is_refused() -> None:
    assert error(changed(with_rows(["question"]), {"xl/vbaProject.bin": lambda _: b"code"}))[0] == "unsafe_xlsx"


def test_a_damaged_workbook_is_refused() -> None:
    simple = with_rows(["question"], ["A?"])
    assert error(changed(simple, {SHEET: lambda old: old[:200]}))[0] == "not_an_xlsx"
    assert error(changed(simple, {WORKBOOK: lambda _: b"<no"})) == (
        "not_an_xlsx",
        "The workbook is damaged; save it again.",
    )


def test_a_panic_of_the_parser_is_a_damaged_workbook_and_an_interrupt_is_not() -> None:
    class PanicException(BaseException):
        pass

    def fail(error: BaseException) -> None:
        raise error

    assert unless_damaged(lambda: fail(PanicException())) is None
    with pytest.raises(KeyboardInterrupt):
        unless_damaged(lambda: fail(KeyboardInterrupt()))


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    bomb = changed(with_rows(["question"], ["A?"]), {"docProps/core.xml": lambda _: b" " * 5_000_000})
    assert len(bomb) < 20_000
    assert error(bomb, max_unpacked_bytes=4_000_000)[0] == "unsafe_xlsx"
    assert read(bomb).rows


def test_an_archive_of_very_many_repetitions_is_refused() -> None:
    bomb = changed(with_rows(["question"], ["A?"]), {"docProps/core.xml": lambda _: b" " * 21_000_000})
    code, message = error(bomb)
    assert (code, message.startswith("The workbook unpacks to 21,0")) == ("unsafe_xlsx", True)


def test_an_archive_that_lies_about_its_size_is_refused() -> None:
    content = changed(with_rows(["question"], ["A?"]), {SHEET: lambda old: old + b" " * 100_000})
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(SHEET.encode()))
    lie = content[: place + 24] + (500).to_bytes(4, "little") + content[place + 28 :]
    assert error(lie) == ("not_an_xlsx", "The file is a damaged zip archive; save the workbook again.")


def test_two_cells_far_apart_are_refused() -> None:
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    code, message = error(sheet_of(far))
    assert (code, "17,179,869,184 cells" in message) == ("unsafe_xlsx", True)


def test_cells_that_do_not_say_their_place_are_read_and_bounded() -> None:
    row = "<row><c t='inlineStr'><is><t>{}</t></is></c><c><v>1</v></c></row>"
    file = read(sheet_of(row.format("question") + row.format("A?")))
    assert [r.cells for r in file.rows] == [("A?", "1")]
    wide = f"<row>{'<c/>' * 2_000}</row>{'<row><c/></row>' * 20_000}"
    assert error(sheet_of(wide))[0] == "unsafe_xlsx"


@pytest.mark.parametrize("part", [SHEET, STRINGS])
def test_a_part_of_very_many_tags_is_refused(part: str) -> None:
    content = changed(with_rows(["question"], ["A?"]), {part: lambda old: old + b"<c/>" * 2_000})
    code, message = error(content, max_tags=1_000)
    assert (code, "tags" in message) == ("unsafe_xlsx", True)


def test_a_long_text_that_many_cells_share_is_refused() -> None:
    content = with_rows(["question"], *[["x" * 30_000] for _ in range(200)])
    assert error(content, max_unpacked_bytes=5_000_000)[0] == "unsafe_xlsx"
    unusual = changed(content, {SHEET: lambda old: old.replace(b't="s"', b"t='s'")})
    assert error(unusual, max_unpacked_bytes=5_000_000)[0] == "unsafe_xlsx"
    assert len(read(content).rows) == 200


def test_a_sheet_in_another_encoding_is_refused() -> None:
    content = changed(with_rows(["question"]), {SHEET: lambda old: old.decode().encode("utf-16")})
    assert error(content) == ("unsafe_xlsx", "A part of the workbook is not written in UTF-8; save it again.")


def test_pieces_of_a_large_sheet_are_added_up() -> None:
    rows = [[f"question {place}", "x" * 30, place, place / 7] for place in range(30_000)]
    file = read(with_rows(["question", "a", "b", "c"], *rows))
    assert (len(file.rows), file.rows[-1].cells[0], file.rows[-1].source_line) == (30_000, "question 29999", 30_001)


@pytest.mark.parametrize("name", REFUSED)
def test_a_trap_is_refused_with_a_remedy(name: str) -> None:
    code, message = error(trap(name))
    assert code in ("unsafe_xlsx", "not_an_xlsx")
    assert re.search(r"(Save|Delete|save).*\.$", message), message


def test_rows_that_are_lost_on_the_way_make_the_file_unusable() -> None:
    def rows() -> Iterator[tuple[int, list[str]]]:
        yield 1, ["question"]
        yield 2, ["A?"]
        raise SheetLostError(WorkbookFault("unsafe_xlsx", "It is too large."))

    with pytest.raises(UnusableFile) as caught:
        read_chat_file(b"PK\x03\x04", "a.xlsx", opener=lambda *_: OpenSheet(("a",), rows()))
    assert [(each.code, each.message) for each in caught.value.errors] == [("unsafe_xlsx", "It is too large.")]


def test_a_workbook_of_too_many_bytes_is_refused_by_its_reader() -> None:
    fault = open_sheet([b"x" * 11], IntakeLimits(max_bytes=10))
    assert isinstance(fault, WorkbookFault)
    assert fault.code == "file_too_large"


def test_shared_texts_of_any_case_of_name_are_counted() -> None:
    content = with_rows(["question"], *[["x" * 30_000] for _ in range(200)])
    renamed = content.replace(b"xl/sharedStrings.xml", b"xl/SharedStrings.xml")
    assert error(renamed, max_unpacked_bytes=5_000_000)[0] == "unsafe_xlsx"


@cache
def _simple() -> bytes:
    return changed(with_rows(["question", "a"], ["A?", 1.5], ["B?", True]), {})


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_no_damage_makes_it_crash(data: st.DataObject) -> None:
    """Bytes of the archive, and then bytes of an unpacked part, which the checksum would otherwise guard."""
    content = bytearray(_simple())
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(4, len(content) - 1), st.integers(0, 255)), max_size=3)
    ):
        content[place] = byte
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from([SHEET, STRINGS, WORKBOOK, "xl/styles.xml"]))
        cut = data.draw(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)))
        filling = data.draw(st.binary(max_size=4))
        content = bytearray(changed(_simple(), {name: lambda old: old[: cut[0]] + filling + old[cut[1] :]}))
    try:
        read(bytes(content), max_unpacked_bytes=1_000_000)
    except UnusableFile as unusable:
        assert unusable.errors
