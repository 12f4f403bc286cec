"""Workbooks are read in a process of their own: whatever they hold, this one's memory and that one's are bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from livedash_pipeline.base.rules.workbooks.opened import OpenSheet, SheetLostError
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault
from livedash_pipeline.base.steps.workbooks import open_sheet_apart
from tests.support.workbook_traps import READ, REFUSED, plain_workbook, trap

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    max_bytes: int = 50 * MEGABYTE
    max_unpacked_bytes: int = 200 * MEGABYTE
    max_tags: int = 10 * MEGABYTE
    max_sheet_area: int = 10 * MEGABYTE
    max_memory: int = 1_000 * MEGABYTE


# Reads one workbook as an upload does and prints the peaks of both processes, in megabytes.
_PEAKS = """
import json, resource, sys
from livedash_pipeline.chats.rules.intake.read import read_chat_file
from livedash_pipeline.chats.rules.intake.rows import UnusableFile
from livedash_pipeline.base.steps.workbooks import open_sheet_apart
content = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    code = str(len(read_chat_file(content, "a.xlsx", opener=open_sheet_apart).rows))
except UnusableFile as unusable:
    code = unusable.errors[0].code
peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([code, peaks[0] - before // 1024, peaks[1]]))
"""


def peaks(name: str) -> tuple[str, int, int]:
    done = subprocess.run([sys.executable, "-c", _PEAKS], input=trap(name), capture_output=True, check=True)
    code, here, there = json.loads(done.stdout)
    return code, here, there


@pytest.mark.parametrize("name", REFUSED)
def test_a_trap_is_refused_in_little_memory(name: str) -> None:
    code, here, there = peaks(name)
    assert code in ("unsafe_xlsx", "not_an_xlsx")
    assert (here < 30, there < 120) == (True, True), (here, there)


@pytest.mark.parametrize("name", READ)
def test_what_only_looks_like_a_trap_is_read_in_little_memory(name: str) -> None:
    code, here, there = peaks(name)
    assert code in ("1", "no_rows")
    assert (here < 30, there < 120) == (True, True), (here, there)


def test_rows_are_those_of_the_workbook() -> None:
    rows = [[f"row {number}", number, "=1+1"] for number in range(30_000)]
    opened = open_sheet_apart([plain_workbook(["a", "b", "c"], *rows)], Limits())
    assert isinstance(opened, OpenSheet)
    found = list(opened.rows)
    assert (opened.names, len(found)) == (("Sheet1",), 30_001)
    assert [list(row) for row in found[:2]] == [[1, ["a", "b", "c"]], [2, ["row 0", "0", "0"]]]


def test_a_sheet_that_is_not_there_has_no_rows() -> None:
    opened = open_sheet_apart([plain_workbook(["a"])], Limits(), "Other")
    assert isinstance(opened, OpenSheet)
    assert (opened.names, list(opened.rows)) == (("Sheet1",), [])


def test_more_memory_than_allowed_is_a_fault_that_says_so() -> None:
    content = plain_workbook(*[[f"row {number}", *range(30)] for number in range(20_000)])
    fault = open_sheet_apart([content], replace(Limits(), max_memory=60 * MEGABYTE))
    assert isinstance(fault, WorkbookFault)
    assert (fault.code, "60 MB of memory" in fault.message) == ("unsafe_xlsx", True)


def test_too_many_bytes_are_not_even_written_down() -> None:
    fault = open_sheet_apart(iter([b"x" * 60, b"x" * 60]), replace(Limits(), max_bytes=100))
    assert fault == WorkbookFault("file_too_large", "The workbook has over 100 bytes; save fewer rows in a file.")


def test_rows_that_are_given_up_end_the_process() -> None:
    opened = open_sheet_apart([plain_workbook(*[[number] * 10 for number in range(30_000)])], Limits())
    assert isinstance(opened, OpenSheet)
    assert list(next(opened.rows)) == [1, ["0"] * 10]
    opened.rows.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(opened.rows)


def test_a_reader_that_is_lost_between_rows_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/sh")
    monkeypatch.setattr(
        "livedash_pipeline.base.steps.workbooks._COMMAND", ("-c", """printf '{"names":["a"]}\\n[[1,["b"]]]\\n'""")
    )
    opened = open_sheet_apart([b"anything"], Limits())
    assert isinstance(opened, OpenSheet)
    with pytest.raises(SheetLostError, match="needs over 1,000 MB"):
        list(opened.rows)


def test_the_reader_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(sys, "executable", "/bin/sh")
    script = """printf '{"names":["%s"]}\\nnull\\n' "$OPENAI_API_KEY" """
    monkeypatch.setattr("livedash_pipeline.base.steps.workbooks._COMMAND", ("-c", script))
    opened = open_sheet_apart([b"anything"], Limits())
    assert isinstance(opened, OpenSheet)
    assert (opened.names, list(opened.rows)) == (("",), [])
