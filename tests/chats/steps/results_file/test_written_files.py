"""Results in all three formats, read back with what programs read them with."""

from __future__ import annotations

import csv
import gc
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from livedash_pipeline.chats.rules.results.rows import RESULT_COLUMNS, Originals, ResultRow, header
from livedash_pipeline.chats.steps.results_file import xlsx_file
from livedash_pipeline.chats.steps.results_file.csv_file import write_csv
from livedash_pipeline.chats.steps.results_file.json_file import write_json
from livedash_pipeline.chats.steps.results_file.written import WrittenResults
from livedash_pipeline.chats.steps.results_file.xlsx_file import MOST_COLUMNS, MOST_ROWS, write_xlsx
from livedash_pipeline.errors import StorageError, UsageError
from tests.support.result_rows import IN_UTC, empty_row, result_row

AT = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
COLUMNS = ["nr", "Question"]
SCRIPTS = [
    "  مرحبا، كيف أجدد جواز السفر؟ ",
    "\u00a0שלום, איך מחדשים דרכון?\u00a0",
    " पासपोर्ट कैसे नवीनीकृत करें? १२३ ",
    " จะต่ออายุหนังสือเดินทางได้อย่างไร ",
    "\u3000パスポートの更新方法は?\u3000",
    " 如何更新护照? 價格 ",
    " 여권을 어떻게 갱신하나요? ",
    " როგორ განვაახლო პასპორტი? ",
    " Πώς ανανεώνω το διαβατήριό μου; ",
    " Как продлить паспорт? ",
    " 👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 ",
    " e\u0301te\u0301 a\u0308 n\u0303 ",
    " two\nlines\n\nand\ttab  ",
    ' "quoted", it\'s <b>bold</b> & more ',
    "_x0041_ and _x005F_",
    "</t></is></c><c>",
    "007",
    "1e5",
    "-12.50",
    "https://a.example/?q=1&b=2",
    "TRUE",
]


def csv_table(rows: Iterator[ResultRow], columns: list[str], originals: Originals) -> list[list[Any]]:
    output = io.BytesIO()
    write_csv(rows, columns, output, originals=originals)
    return list(csv.reader(io.StringIO(output.getvalue().decode("utf-8"), newline="")))


def xlsx_bytes(rows: Iterator[ResultRow], columns: list[str], originals: Originals = "first") -> bytes:
    output = io.BytesIO()
    write_xlsx(rows, columns, output, created_at=AT, originals=originals)
    return output.getvalue()


def sheet(workbook: bytes) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_name("Results").to_python()


def xlsx_table(rows: Iterator[ResultRow], columns: list[str], originals: Originals) -> list[list[Any]]:
    return sheet(xlsx_bytes(rows, columns, originals))


def document(rows: Iterator[ResultRow], columns: list[str], originals: Originals = "first") -> dict[str, Any]:
    output = io.BytesIO()
    write_json(rows, columns, output, batch_id="0196-b", originals=originals)
    found: dict[str, Any] = json.loads(output.getvalue().decode("utf-8"))
    return found


Table = Callable[[Iterator[ResultRow], list[str], Originals], list[list[Any]]]
TABLES = pytest.mark.parametrize("table", [csv_table, xlsx_table])


@TABLES
@pytest.mark.parametrize("originals", ["first", "last"])
def test_texts_of_all_scripts_come_back_as_they_were(table: Table, originals: Originals) -> None:
    rows = [result_row(cells=[text, text], question=text, answer=text, error=text) for text in SCRIPTS]
    names, *found = table(iter(rows), COLUMNS, originals)
    assert names == header(COLUMNS, originals=originals)
    for text, cells in zip(SCRIPTS, found, strict=True):
        by_name = dict(zip(names, cells, strict=True))
        assert {by_name[name] for name in (*COLUMNS, "resultQuestion", "answer", "error")} == {text}


def test_json_holds_every_text_exactly_and_in_the_files_order() -> None:
    texts = [*SCRIPTS, "=1+1", "a\r\nb\rc", "\x00\x07", "\ufeff", "half \ud83d", "x" * 40_000]
    rows = [result_row(cells=[text, text], question=text, answer=text) for text in texts]
    found = document(iter(rows), ["a", "a"])
    assert list(found) == ["ok", "batchId", "columns", "rows"]
    assert (found["ok"], found["batchId"], found["columns"]) == (True, "0196-b", ["a", "a (2)"])
    for text, row in zip(texts, found["rows"], strict=True):
        assert row["original"] == {"a": text, "a (2)": text}
        assert (row["question"], row["answer"]) == (text, text)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "@x", "-x", "-1", "\t=1+1", "\r=1+1", "\n@x", "\x01=1", "\x00-1", "{=1+1}"]
)
def test_no_text_becomes_a_formula_in_a_workbook(text: str) -> None:
    written = xlsx_bytes(iter([result_row(cells=[text, text], question=text, answer=text)]), [text, "b"])
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        parts = b"".join(archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/"))
    assert b"<f>" not in parts
    assert b"<f " not in parts
    cells = [cell for row in sheet(written) for cell in row if isinstance(cell, str)]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "@"))]
    assert not any(sign < " " and sign not in "\t\n\r" for cell in cells for sign in cell)


@TABLES
def test_text_that_begins_like_a_formula_gets_an_apostrophe(table: Table) -> None:
    _, found = table(iter([result_row(cells=["=1+1", "@cmd"], answer="+31 6")]), ["=a", "b"], "first")
    assert (found[0], found[1], found[2 + RESULT_COLUMNS.index("answer")]) == ("'=1+1", "'@cmd", "'+31 6")


def test_numbers_are_numbers_in_a_workbook_and_plain_in_a_csv() -> None:
    row = result_row()
    _, cells = csv_table(iter([row]), COLUMNS, "last")
    _, typed = xlsx_table(iter([row]), COLUMNS, "last")
    written = dict(zip(RESULT_COLUMNS, zip(cells, typed, strict=True), strict=False))
    assert written["inputTokens"] == ("120", 120)
    assert written["costUsd"] == ("0.0000123", float(Decimal("0.0000123")))
    assert written["costEur"] == ("", "")
    assert written["appliedOverrides"] == ("true", True)
    assert written["startedAt"] == (IN_UTC, IN_UTC)
    assert written["status"] == ("completed", "completed")
    assert written["citations"] == ("https://a.example/1\nhttps://a.example/2",) * 2


@TABLES
def test_every_row_has_all_columns_whatever_became_of_it(table: Table) -> None:
    names, first, second = table(iter([empty_row(["1"]), result_row(cells=["2", "x", "", ""])]), COLUMNS, "first")
    assert len(names) == len(first) == len(second) == len(COLUMNS) + len(RESULT_COLUMNS)
    assert (first[:2], second[:2]) == (["1", ""], ["2", "x"])


def test_a_file_without_rows_has_its_header() -> None:
    assert csv_table(iter([]), COLUMNS, "first") == [header(COLUMNS, originals="first")]
    assert xlsx_table(iter([]), COLUMNS, "first") == [header(COLUMNS, originals="first")]
    assert document(iter([]), COLUMNS)["rows"] == []


def test_writers_report_their_rows_and_leave_the_output_open() -> None:
    output = io.BytesIO()
    assert write_csv([result_row()], COLUMNS, output, byte_order_mark=True) == WrittenResults(rows=1)
    assert output.getvalue().startswith(b"\xef\xbb\xbfnr,Question,chatId,")
    assert write_json([result_row()] * 2, COLUMNS, output, batch_id="b") == WrittenResults(rows=2)
    assert write_xlsx([result_row()] * 3, COLUMNS, output, created_at=AT) == WrittenResults(rows=3)
    assert not output.closed


def test_texts_too_long_for_a_cell_are_cut_and_counted() -> None:
    output = io.BytesIO()
    rows = [result_row(answer="x" * 40_000, cells=["y" * 32_767, "z" * 32_768])]
    assert write_xlsx(rows, COLUMNS, output, created_at=AT) == WrittenResults(rows=1, cut_cells=2)
    _, cells = sheet(output.getvalue())
    assert cells[0] == "y" * 32_767
    assert cells[1].endswith("z … [cut from 32768 characters]")
    assert cells[2 + RESULT_COLUMNS.index("answer")].endswith("x … [cut from 40000 characters]")


@pytest.mark.parametrize("text", ["<r><t>1</t></r>", "<r></t></is></c></row></r>"])
def test_an_answer_cannot_write_markup_into_the_sheet(text: str) -> None:
    _, cells = xlsx_table(iter([result_row(answer=text)]), COLUMNS, "last")
    assert cells[RESULT_COLUMNS.index("answer")] == f"'{text}"


def test_a_workbook_has_a_bold_frozen_header_that_filters() -> None:
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(iter([result_row()] * 3), COLUMNS))) as parts:
        xml = parts.read("xl/worksheets/sheet1.xml").decode()
        styles = parts.read("xl/styles.xml").decode()
        properties = parts.read("docProps/core.xml").decode()
    assert '<autoFilter ref="A1:S4"/>' in xml
    assert 'topLeftCell="A2"' in xml
    assert 'state="frozen"' in xml
    assert "<b/>" in styles
    assert "<f>" not in xml
    assert "2025-05-01T12:00:00Z" in properties


def test_too_many_rows_are_refused_before_any_is_read() -> None:
    output = io.BytesIO()
    with pytest.raises(UsageError, match=r"holds 1048575 rows below its header; the results have 1048576\. Take"):
        write_xlsx(unread(), COLUMNS, output, created_at=AT, count=MOST_ROWS)
    with pytest.raises(UsageError, match="holds 16384 columns; the results have 16385"):
        write_xlsx(unread(), ["a"] * (MOST_COLUMNS - len(RESULT_COLUMNS) + 1), output, created_at=AT)
    assert output.getvalue() == b""


def unread() -> Iterator[ResultRow]:
    raise AssertionError("a row was read")
    yield result_row()


def test_rows_beyond_the_sheet_are_refused_although_nobody_counted_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "MOST_ROWS", 3)
    output = io.BytesIO()
    assert write_xlsx([result_row()] * 2, COLUMNS, output, created_at=AT).rows == 2
    output = io.BytesIO()
    with pytest.raises(UsageError, match="holds 2 rows below its header; the results have more"):
        write_xlsx([result_row()] * 3, COLUMNS, output, created_at=AT)
    assert output.getvalue() == b""


def test_nothing_of_a_workbook_is_written_or_left_behind_after_an_error(tmp_path: Path) -> None:
    def failing() -> Iterator[ResultRow]:
        yield result_row()
        raise StorageError("gone")

    output = io.BytesIO()
    with pytest.raises(StorageError, match="gone"):
        write_xlsx(failing(), COLUMNS, output, created_at=AT, scratch=tmp_path)
    assert output.getvalue() == b""
    assert list(tmp_path.iterdir()) == []


# The library leaves its file of rows to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_workbook_that_cannot_be_made_says_what_the_system_refused(tmp_path: Path) -> None:
    def losing_the_directory() -> Iterator[ResultRow]:
        yield result_row()
        for directory in tmp_path.iterdir():
            shutil.rmtree(directory)

    with pytest.raises(FileNotFoundError):
        write_xlsx(losing_the_directory(), COLUMNS, io.BytesIO(), created_at=AT, scratch=tmp_path)
    gc.collect()


def test_a_row_with_text_beyond_its_columns_is_refused_in_every_format() -> None:
    rows = [result_row(cells=["1", "2", "3"])]
    for table in (csv_table, xlsx_table, lambda rows, columns, _: document(rows, columns)):
        with pytest.raises(ValueError, match="3 cells in a file of 2 columns"):
            table(iter(rows), COLUMNS, "first")


def test_a_csv_that_cannot_be_written_says_so() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        write_csv([result_row()], COLUMNS, full)
