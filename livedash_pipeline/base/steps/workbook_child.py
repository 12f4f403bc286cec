"""The process that reads one workbook for `base.steps.workbooks`: standard input is the file, standard output its rows.

The first line has the names of the worksheets, or the fault; the following ones are lists of numbered rows; the last is null.
Whoever gets no null knows that the process was ended. Add another bound to `_bound`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from livedash_pipeline.base.rules.workbooks.opened import NumberedRow
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault
from livedash_pipeline.base.rules.workbooks.sheets import open_sheet

# A line of rows is at most so many cells long, and one row more.
_CELLS_A_LINE = 20_000


@dataclass(frozen=True)
class _Limits:
    max_bytes: int
    max_unpacked_bytes: int
    max_tags: int
    max_sheet_area: int
    max_memory: int


def main(order: str, most_seconds: int) -> None:
    """Reads the workbook; ended by the operating system where it exceeds a bound."""
    asked = json.loads(order)
    limits = _Limits(**asked["limits"])
    _bound(limits.max_memory, most_seconds)
    opened = open_sheet([sys.stdin.buffer.read()], limits, asked["wanted"])
    if isinstance(opened, WorkbookFault):
        _say({"fault": [opened.code, opened.message]})
    else:
        _say({"names": opened.names})
        rows: list[NumberedRow] = []
        for row in opened.rows:
            rows.append(row)
            if len(rows) * len(row[1]) >= _CELLS_A_LINE:
                _say(rows)
                rows = []
        _say(rows)
    _say(None)


def _bound(memory: int, seconds: int) -> None:
    """Bounds this process's memory and processor time, where the operating system can."""
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        _, highest = resource.getrlimit(kind)
        allowed = most if highest == resource.RLIM_INFINITY else min(most, highest)
        resource.setrlimit(kind, (allowed, allowed))


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    from livedash_pipeline.base.steps.workbooks import MOST_SECONDS

    main(sys.argv[1], MOST_SECONDS)
