"""Reads worksheets in a process of its own, whose memory and processor time are bounded.

A parser of workbooks is native code: what it cannot allocate ends its process, and what it does allocate is never given back. So
neither happens to the process that serves requests or imports a company. Add another bound to `base.steps.workbook_child`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator
from typing import IO, Any, cast

from livedash_pipeline.base.rules.workbooks.opened import NumberedRow, OpenSheet, SheetLostError, too_many_bytes
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault, WorkbookLimits

_COMMAND = ("-m", "livedash_pipeline.base.steps.workbook_child")
# What an interpreter is found by. Keys and addresses of databases are nothing that a parser of strangers' files should see.
_PASSED_ON = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
    "TMPDIR",
)
MOST_SECONDS = 600
"""Of processor time for one workbook."""


def open_sheet_apart(
    pieces: Iterable[bytes], limits: WorkbookLimits, wanted: str | None = None
) -> OpenSheet | WorkbookFault:
    """A `SheetOpener` whose reader is another process; it ends with the last row, or when the rows are given up."""
    with tempfile.TemporaryFile() as file:
        written = 0
        for piece in pieces:
            written += len(piece)
            if written > limits.max_bytes:
                return too_many_bytes(limits)
            file.write(piece)
        file.seek(0)
        # Nothing that the parser says of a file is shown: it may be text of the file.
        child = subprocess.Popen(
            [sys.executable, *_COMMAND, _order(limits, wanted)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
    lines = _lines(child, limits)
    try:
        first = next(lines)
    except SheetLostError as lost:
        return lost.fault
    if "fault" in first:
        lines.close()
        return WorkbookFault(*first["fault"])
    return OpenSheet(tuple(first["names"]), _rows(lines))


def _order(limits: WorkbookLimits, wanted: str | None) -> str:
    names = ("max_bytes", "max_unpacked_bytes", "max_tags", "max_sheet_area", "max_memory")
    return json.dumps({"limits": {name: getattr(limits, name) for name in names}, "wanted": wanted})


def _lines(child: subprocess.Popen[bytes], limits: WorkbookLimits) -> Generator[Any]:
    """What the child says, up to its last word."""
    try:
        for line in cast(IO[bytes], child.stdout):
            document = json.loads(line)
            if document is None:
                return
            yield document
        raise SheetLostError(_exhausted(limits))
    finally:
        child.kill()
        cast(IO[bytes], child.stdout).close()
        child.wait()


def _rows(lines: Iterator[Any]) -> Iterator[NumberedRow]:
    for rows in lines:
        yield from rows


def _exhausted(limits: WorkbookLimits) -> WorkbookFault:
    most = f"{limits.max_memory // 1_000_000:,} MB of memory or {MOST_SECONDS} s of processor time"
    return WorkbookFault(
        "unsafe_xlsx", f"The workbook needs over {most} to be read. Save fewer rows in a file, or save it as CSV."
    )
