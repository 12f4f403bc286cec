"""Workbooks that are small on the wire and large, or endless, for whoever reads them; and the parts that they are built of."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise

import xlsxwriter

SHEET, STRINGS, WORKBOOK = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"
_HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>question</t></is></c></row>'


def plain_workbook(*rows: Sequence[object]) -> bytes:
    """A workbook of one sheet."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return content.getvalue()


def with_parts(content: bytes, parts: Mapping[str, Callable[[bytes], bytes]]) -> bytes:
    """The workbook with some parts changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name, bytes)(old.read(name)))
    return written.getvalue()


def with_cells(rows: Iterable[str]) -> bytes:
    """A workbook whose sheet has a header and these rows, written by hand."""
    data = f"<sheetData>{_HEADER}{''.join(rows)}</sheetData>".encode()
    return with_parts(
        plain_workbook(["question"]), {SHEET: lambda old: re.sub(b"<sheetData>.*</sheetData>", lambda _: data, old)}
    )


def _far_cell(row: int) -> bytes:
    return with_cells([f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row>'])


def _styled_cells() -> bytes:
    """Two million cells with a style and no value, as spreadsheets write them for coloured columns."""
    return with_cells(f'<row r="{row}"><c r="A{row}" s="1"/><c r="B{row}" s="1"/></row>' for row in range(2, 1_000_001))


def _entities(old: bytes) -> bytes:
    names = "abcdefghij"
    nested = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names))
    declared = f'<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">{nested}]>\n<worksheet'.encode()
    cell = b'<sheetData><row r="5"><c r="A5" t="inlineStr"><is><t>&j;</t></is></c></row>'
    return old.replace(b"<worksheet", declared, 1).replace(b"<sheetData>", cell)


def _strings(filling: bytes) -> bytes:
    return with_parts(
        plain_workbook(["question"], ["A?"]), {STRINGS: lambda old: old.replace(b"</sst>", filling + b"</sst>")}
    )


def _dimension(old: bytes) -> bytes:
    return re.sub(b'<dimension ref="[^"]*"/>', b'<dimension ref="A1:XFD1048576"/>', old)


@cache
def trap(name: str) -> bytes:
    """The workbook of a name in `REFUSED` or `READ`."""
    return (REFUSED | READ)[name]()


_SIMPLE = plain_workbook(["question"], ["A?"])

REFUSED: dict[str, Callable[[], bytes]] = {
    "one cell in the last corner": lambda: _far_cell(1_048_576),
    "a cell that makes twenty million empty ones": lambda: _far_cell(1_200),
    "a million columns in one row": lambda: with_cells([f'<row r="2">{"<c/>" * 1_000_000}</row>']),
    "two million shared strings in 55 kB": lambda: _strings(b"<si><t/></si>" * 2_000_000),
    "a shared string of 143 MB in 350 kB": lambda: _strings(b"<si><t>" + b"abcdefghijklm" * 11_000_000 + b"</t></si>"),
    "a cell of 6 MB": lambda: with_cells([f'<row r="2"><c r="A2" t="inlineStr"><is><t>{"x" * 6_000_000}</t></is></c></row>']),
    "a part of zeros": lambda: with_parts(_SIMPLE, {"docProps/core.xml": lambda _: bytes(30_000_000)}),
    "nested entities": lambda: with_parts(_SIMPLE, {SHEET: _entities}),
    "a file cut short": lambda: _SIMPLE[:-200],
    "another archive": lambda: with_parts(_SIMPLE, {}).replace(b"xl/workbook.xml", b"xl/wordbook.xml"),
}  # fmt: skip
READ: dict[str, Callable[[], bytes]] = {
    "a dimension that is not the sheet's": lambda: with_parts(_SIMPLE, {SHEET: _dimension}),
    "two million empty cells with a style": _styled_cells,
}
