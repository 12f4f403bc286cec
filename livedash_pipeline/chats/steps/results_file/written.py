"""What a writer of results reports. Add what a person must know about a file that has been written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WrittenResults:
    """A results file.

    Attributes:
        rows: How many rows it has, without the header.
        cut_cells: How many cells hold less than their whole text; only XLSX has a limit.
    """

    rows: int
    cut_cells: int = 0
