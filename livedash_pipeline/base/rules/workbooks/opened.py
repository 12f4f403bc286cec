"""A worksheet that was opened, and the form of whatever opens one: in this process, or in one of its own.

It loads no parser. Add what everybody who reads workbooks has to know of a sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault, WorkbookLimits

NumberedRow = tuple[int, list[str]]


@dataclass(frozen=True)
class OpenSheet:
    """A worksheet.

    Attributes:
        names: All worksheets of its workbook, in order.
        rows: Its rows, each with its number from 1; none if the workbook has not the sheet. They can be read once.
    """

    names: tuple[str, ...]
    rows: Iterator[NumberedRow]


class SheetLostError(Exception):
    """The rows of a sheet ended early; `fault` says why."""

    def __init__(self, fault: WorkbookFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


SheetOpener = Callable[[Iterable[bytes], WorkbookLimits, str | None], OpenSheet | WorkbookFault]
"""Opens the sheet of a name, or the first, of the workbook whose bytes it is given; or says why it cannot be read.

Its rows may raise `SheetLostError`.
"""


def too_many_bytes(limits: WorkbookLimits) -> WorkbookFault:
    """The fault of a file that is too large to be looked at."""
    return WorkbookFault(
        "file_too_large", f"The workbook has over {limits.max_bytes:,} bytes; save fewer rows in a file."
    )
